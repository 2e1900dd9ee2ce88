"""A wheel at an address, downloaded once."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from torchsolve.errors import UnknownError, UsageError

_TIMEOUT = httpx.Timeout(30.0, connect=15.0)


def wheel(url: str, cache_dir: Path, *, offline: bool) -> Path:
    """The file, under its own name; ``#sha256=…`` in the address is checked.

    Raises:
        UsageError: ``hash-mismatch``, ``no-such-file`` (404).
        UnknownError: ``download-forbidden`` (401, 403), ``download-failed``, ``offline-miss``.
    """
    address, _, fragment = url.partition("#")
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    kept = cache_dir / "wheels" / sha256(address.encode()).hexdigest()[:16] / name
    if not kept.is_file():
        if offline:
            raise UnknownError(
                "offline-miss", f"{name} is not in the cache, and --offline is on", origin=address
            )
        _download(address, kept)
    _verify(kept, parse_qs(fragment).get("sha256", [""])[0], address)
    return kept


def _download(url: str, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as part:
        try:
            with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT) as answer:
                _check(answer, url)
                for block in answer.iter_bytes(1 << 20):
                    part.write(block)
            part.flush()
            Path(part.name).replace(kept)
        except httpx.HTTPError as error:
            raise UnknownError(
                "download-failed", f"{type(error).__name__}: {error}", origin=url
            ) from None
        finally:
            Path(part.name).unlink(missing_ok=True)


def _check(answer: httpx.Response, url: str) -> None:
    if answer.status_code in (404, 410):
        raise UsageError("no-such-file", "there is nothing at this address", origin=url)
    if answer.status_code in (401, 403):
        raise UnknownError("download-forbidden", "this address may not be read", origin=url)
    if answer.status_code != 200:
        raise UnknownError("download-failed", f"the server says {answer.status_code}", origin=url)


def _verify(path: Path, expected: str, url: str) -> None:
    if not expected:
        return
    with path.open("rb") as stream:
        found = sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            found.update(block)
    if found.hexdigest() != expected.lower():
        path.unlink()
        raise UsageError(
            "hash-mismatch",
            f"sha256 is {found.hexdigest()}, the address says {expected}",
            origin=url,
        )
