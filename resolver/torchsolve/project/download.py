"""Files at an address. How bytes travel is ``index/``'s business: the caller supplies it."""

from __future__ import annotations

import io
import tempfile
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from torchsolve.errors import UnknownError, UsageError


class Download(Protocol):
    """Writes what is at ``url`` into ``target``; raises TorchsolveError where it cannot."""

    def __call__(self, url: str, target: IO[bytes], /) -> object:
        """Download one file whole."""
        ...


def wheel(
    url: str, cache_dir: Path, download: Download | None, *, limit: int | None = None
) -> Path:
    """A wheel under its own name, downloaded once; ``#sha256=…`` in the address is checked.

    Raises UsageError ``hash-mismatch``, UnknownError ``offline-miss`` (nothing may be downloaded
    and the cache lacks it), ``file-too-large`` (more than ``limit`` bytes), and what ``download``
    raises.
    """
    address, _, fragment = url.partition("#")
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    kept = cache_dir / "wheels" / _key(address) / name
    if not kept.is_file():
        _fetch(address, kept, download, limit)
    expected = parse_qs(fragment).get("sha256", [""])[0].lower()
    if expected and expected != (found := _sha256(kept)):
        kept.unlink()
        raise UsageError(
            "hash-mismatch",
            f"its sha256 is {found}, the address says {expected}",
            origin=address,
            hint="mend the address where the file was meant to change; else do not trust it",
        )
    return kept


def small(url: str, download: Download | None) -> bytes:
    """A requirements file at an address. Raises as ``wheel`` does."""
    if download is None:
        raise _miss(url)
    target = io.BytesIO()
    download(url, target)
    return target.getvalue()


class _Bounded:
    """A target that takes ``limit`` bytes and no more."""

    def __init__(self, target: IO[bytes], url: str, limit: int) -> None:
        self._target, self._url, self._limit = target, url, limit

    def write(self, data: bytes) -> int:
        if self._target.tell() + len(data) > self._limit:
            raise _too_large(self._url)
        return self._target.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._target, name)


def _too_large(url: str) -> UnknownError:
    return UnknownError("file-too-large", "it is too large to be downloaded for this", origin=url)


def _fetch(url: str, kept: Path, download: Download | None, limit: int | None) -> None:
    if download is None:
        raise _miss(url)
    if limit is None:
        _whole(url, kept, download)
        return
    # Remembered: half a gigabyte must not travel in vain a second time.
    mark = kept.parent / f"larger-than-{limit}"
    if mark.exists():
        raise _too_large(url)

    def bounded(address: str, target: IO[bytes], /) -> object:
        return download(address, cast("IO[bytes]", _Bounded(target, address, limit)))

    try:
        _whole(url, kept, bounded)
    except UnknownError as error:
        if error.reference == "file-too-large":
            mark.touch()
        raise


def _whole(url: str, kept: Path, download: Download) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as part:
        try:
            download(url, part)
            part.flush()
            Path(part.name).replace(kept)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _key(text: str) -> str:
    return file_digest(io.BytesIO(text.encode()), "sha256").hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _miss(url: str) -> UnknownError:
    return UnknownError(
        "offline-miss",
        "it is not in the cache, and nothing may be downloaded",
        origin=url,
        hint="run once without --offline",
    )
