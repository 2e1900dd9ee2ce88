"""Core metadata of a file on an index, and its cache.

Tried in this order: the metadata file beside a wheel (PEP 658; also where the page does not
announce it), the archive by HTTP range, the whole archive. An sdist is read whole (``sdist``).
What is kept is what a solver needs, by the file's sha256, so that a later run parses no e-mail
headers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from torchsolve.digests import sha256
from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.credentials import redact
from torchsolve.index.freshness import offline_miss
from torchsolve.index.http import Http, raise_for_status
from torchsolve.index.settings import IndexSettings
from torchsolve.model.evidence import Strength
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.wheel.metadata import build_metadata, check_requires, parse_metadata, split_number

if TYPE_CHECKING:
    from torchsolve.model.builder import MetadataBuilder

METADATA_LIMIT = 8 * 1024 * 1024
BUILD_LIMIT = 256 * 1024 * 1024
ARCHIVE_LIMIT = 8 * 1024 * 1024 * 1024
# Of the cached entries; 1 is where it is not said: all declared, egg-infos were not read.
_FORM = 2


class MetadataReader:
    """Reads metadata of files; may be used by many threads."""

    def __init__(
        self,
        settings: IndexSettings,
        http: Http,
        cache: Cache,
        builder: MetadataBuilder | None = None,
    ) -> None:
        self._settings, self._http, self._cache = settings, http, cache
        self._builder = builder

    def read(self, file: IndexFile) -> DistMetadata:
        """The metadata of a wheel or sdist.

        Raises:
            UnknownError: ``no-static-metadata`` for an sdist that only a build could tell of;
                ``hash-mismatch``; ``bad-metadata`` and ``not-a-wheel`` for a defective file; and
                what ``Pages.read`` raises.
        """
        try:
            # An entry that another version of a parser wrote may not suit this one.
            with suppress(KeyError, ValueError):
                return self._read(file, self._kept)
            return self._read(file, self._fresh)
        except UnknownError as error:
            if error.reference != "no-static-metadata" or self._builder is None:
                raise
            return self._read_built(file, self._builder)

    def _read_built(self, file: IndexFile, builder: MetadataBuilder) -> DistMetadata:
        """What a build says; kept apart, for a run that builds nothing knows nothing of it."""
        key = f"{_key(file)}-{builder.key}"
        entry = self._cache.through("built", key, partial(self._built, file, builder, key))
        return _own(_decode(entry, file), file)

    def _built(self, file: IndexFile, builder: MetadataBuilder, key: str) -> Entry:
        kept = self._cache.read("built", key)
        if kept is not None:
            return kept
        url = file.url or ""
        if self._settings.offline and not url.startswith("file:"):
            raise offline_miss(f"a build of {file.filename}", file.name)
        with self._whole(file, url) as stream:
            content = stream.read(BUILD_LIMIT + 1)
        if len(content) > BUILD_LIMIT:
            message = f"{file.filename} is larger than {BUILD_LIMIT >> 20} MiB and not built"
            raise UnknownError("no-static-metadata", message, origin=redact(url))
        text = builder.metadata(file.filename, content)
        try:
            entry = _encode(parse_metadata(text, f"built METADATA of {file.filename}"))
        except UsageError as error:
            raise UnknownError(error.reference, error.message, origin=redact(url)) from None
        self._cache.write("built", key, entry)
        return entry

    def touch(self, file: IndexFile) -> None:
        """Tells a snapshot that the solve needs this file's metadata."""
        self._cache.touch("metadata", _key(file))

    def _read(self, file: IndexFile, source: Callable[[IndexFile], Entry]) -> DistMetadata:
        entry = self._cache.through("metadata", _key(file), partial(source, file))
        return _own(_decode(entry, file), file)

    def _kept(self, file: IndexFile) -> Entry:
        kept = self._cache.read("metadata", _key(file))
        if kept is not None and (self._settings.offline or not _is_outdated(kept, file)):
            return kept
        return self._fresh(file)

    def _fresh(self, file: IndexFile) -> Entry:
        if file.url is None:
            raise UnknownError(
                "no-address", "nothing is known of where it is", origin=file.filename
            )
        if self._settings.offline and not file.url.startswith("file:"):
            raise offline_miss(f"the metadata of {file.filename}", file.name)
        fetched = self._fetched(file, file.url)
        self._cache.write("metadata", _key(file), fetched)
        return fetched

    def _fetched(self, file: IndexFile, url: str) -> Entry:
        try:
            return _encode(self._ask(file, url))
        except UsageError as error:
            raise UnknownError(error.reference, error.message, origin=redact(url)) from None
        except UnknownError as error:
            if error.reference != "no-static-metadata":
                raise
            return Entry({"form": _FORM, "unknown": error.message, "hint": error.hint}, "")

    def _ask(self, file: IndexFile, url: str) -> DistMetadata:
        if not file.is_wheel:
            return self._read_sdist(file, url)
        found = None if url.startswith("file:") else self._read_beside(file, url)
        return found or self._read_archive(file, url)

    def _read_beside(self, file: IndexFile, url: str) -> DistMetadata | None:
        announced = file.metadata_sha256
        response = self._http.get(f"{url}.metadata", limit=METADATA_LIMIT)
        if response.status in (403, 404, 405, 410) or response.status >= 500:
            return None
        raise_for_status(response.status, response.url)
        digest = sha256(response.body).hexdigest()
        if announced is not None and digest != announced:
            if announced == file.sha256:
                # A known defect of an index: it announced the wheel's own hash.
                return None
            raise _mismatch(f"{url}.metadata", announced, digest)
        text = response.body.decode("utf-8", "replace")
        return parse_metadata(text, f"METADATA of {file.filename}")

    def _read_archive(self, file: IndexFile, url: str) -> DistMetadata:
        from torchsolve.index.ranges import RangeFile, RangesRefusedError
        from torchsolve.wheel.archive import read_wheel

        if not url.startswith("file:"):
            with suppress(RangesRefusedError):
                return read_wheel(io.BufferedReader(RangeFile(self._http, url)), file.filename)
        with self._whole(file, url) as stream:
            return read_wheel(stream, file.filename)

    def _read_sdist(self, file: IndexFile, url: str) -> DistMetadata:
        # Imported late: most runs read no sdist, and none that the cache answers.
        from torchsolve.index.sdist import read_sdist

        with self._whole(file, url) as stream:
            found = read_sdist(stream, file)
        if found is None:
            raise UnknownError(
                "no-static-metadata",
                f"{file.filename} says nothing of its requirements without being built",
                origin=redact(url),
                hint="--build-metadata builds it in a container to learn them",
            )
        return found

    def _whole(self, file: IndexFile, url: str) -> AbstractContextManager[IO[bytes]]:
        return whole_file(self._http, self._cache, file, url)


@contextmanager
def whole_file(http: Http, cache: Cache, file: IndexFile, url: str) -> Iterator[IO[bytes]]:
    """A file downloaded whole for as long as it is open, its hash checked.

    Raises:
        UnknownError: ``hash-mismatch``, ``cache-not-writable``, ``file-not-readable`` and what
            ``Http.download`` raises.
    """
    with _stream(http, cache, url) as stream:
        digest = _digest(stream)
        if file.sha256 is not None and digest != file.sha256:
            raise _mismatch(url, file.sha256, digest)
        stream.seek(0)
        yield stream


@contextmanager
def _stream(http: Http, cache: Cache, url: str) -> Iterator[IO[bytes]]:
    if url.startswith("file:"):
        with _open_local(url) as local:
            yield local
        return
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=cache.scratch()) as target:
            http.download(url, target, limit=ARCHIVE_LIMIT)
            yield target
    except OSError as error:
        message = f"a download cannot be kept: {error.strerror or error}"
        hint = "make room, or give another --cache-dir"
        raise UnknownError("cache-not-writable", message, origin=redact(url), hint=hint) from None


def _open_local(url: str) -> IO[bytes]:
    try:
        return Path(unquote(urlsplit(url).path)).open("rb")
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise UnknownError("file-not-readable", why, origin=url) from None


def _key(file: IndexFile) -> str:
    digest = file.sha256 or sha256((file.url or file.filename).encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}" if file.sha256 else f"url/{digest}"


def _encode(metadata: DistMetadata) -> Entry:
    body: dict[str, Any] = {
        "name": metadata.name,
        "version": str(metadata.version),
        "requires": [d.evidence.statement.removeprefix("needs ") for d in metadata.requires],
        "python": metadata.requires_python,
        "extras": sorted(metadata.extras),
        "notes": list(metadata.notes),
    }
    if metadata.requires:
        said = metadata.requires[0].evidence
        body |= {"source": said.origin.rpartition(" of ")[0], "strength": int(said.strength)}
        body["lines"] = [split_number(d.evidence.origin)[1] for d in metadata.requires]
    return Entry({"form": _FORM}, json.dumps(body, ensure_ascii=False))


def _is_outdated(entry: Entry, file: IndexFile) -> bool:
    """Whether it says that an sdist is unknown, and was written when less of an sdist was read."""
    return "unknown" in entry.head and entry.head.get("form", 1) < _FORM and not file.is_wheel


def _decode(entry: Entry, file: IndexFile) -> DistMetadata:
    if "unknown" in entry.head:
        raise UnknownError(
            "no-static-metadata",
            entry.head["unknown"],
            origin=file.filename,
            hint=entry.head["hint"],
        )
    body: dict[str, Any] = json.loads(entry.body)
    source = body.get("source", "METADATA" if file.is_wheel else "PKG-INFO")
    return build_metadata(
        body["name"],
        body["version"],
        body["requires"],
        origin=f"{source} of {file.filename}",
        requires_python=body["python"],
        extras=body["extras"],
        notes=body["notes"],
        strength=Strength(body.get("strength", Strength.DECLARED)),
        numbers=body.get("lines", ()),
    )


def _own(metadata: DistMetadata, file: IndexFile) -> DistMetadata:
    """Metadata that speaks of this file. Raises UnknownError ``bad-metadata`` where it does not, or
    where it asks for what is no requirement."""
    if metadata.name == file.name and metadata.version == file.version:
        try:
            check_requires(metadata, file.filename)
        except UsageError as error:
            raise UnknownError(
                error.reference, error.message, origin=error.origin, hint=error.hint
            ) from None
        return metadata
    raise UnknownError(
        "bad-metadata",
        f"its metadata says {metadata.name} {metadata.version}",
        origin=file.filename,
        hint="installers refuse such a file: choose another version",
    )


def _digest(stream: IO[bytes]) -> str:
    from hashlib import sha256  # of gigabytes OpenSSL's is made sooner

    stream.seek(0)
    digest = sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _mismatch(url: str, announced: str, found: str) -> UnknownError:
    return UnknownError(
        "hash-mismatch",
        f"sha256 is {found}, the index announced {announced}",
        origin=redact(url),
        hint="the file was changed on its way or on the index: do not use it",
    )
