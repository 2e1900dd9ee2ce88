"""Which modules a wheel of an index brings: from its central directory, and kept."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from hashlib import sha256

from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.credentials import redact
from torchsolve.index.freshness import offline_miss
from torchsolve.index.http import Http
from torchsolve.index.metadata import whole_file
from torchsolve.index.ranges import RangeFile, RangesRefusedError
from torchsolve.index.settings import IndexSettings
from torchsolve.model.package import IndexFile
from torchsolve.wheel.modules import modules_of


class ModuleReader:
    """Reads names of members; nothing is unpacked."""

    def __init__(self, settings: IndexSettings, http: Http, cache: Cache) -> None:
        self._settings, self._http, self._cache = settings, http, cache

    def read(self, file: IndexFile) -> tuple[str, ...]:
        """Sorted names. Raises UnknownError ``offline-miss``, ``not-a-wheel``, ``no-address``."""
        key = _key(file)
        kept = self._cache.read("modules", key)
        if kept is not None:
            return tuple(kept.body.split())
        if file.url is None:
            raise UnknownError(
                "no-address", "nothing is known of where it is", origin=file.filename
            )
        if self._settings.offline and not file.url.startswith("file:"):
            raise offline_miss(f"the modules of {file.filename}", file.name)
        found = modules_of(self._members(file, file.url))
        self._cache.write("modules", key, Entry({}, "\n".join(found)))
        return found

    def _members(self, file: IndexFile, url: str) -> list[str]:
        try:
            if not url.startswith("file:"):
                with suppress(RangesRefusedError):
                    remote = io.BufferedReader(RangeFile(self._http, url))
                    return zipfile.ZipFile(remote).namelist()
            with whole_file(self._http, self._cache, file, url) as stream:
                return zipfile.ZipFile(stream).namelist()
        except zipfile.BadZipFile as error:
            raise UnknownError("not-a-wheel", str(error), origin=redact(url)) from None


def _key(file: IndexFile) -> str:
    digest = file.sha256 or sha256((file.url or file.filename).encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"
