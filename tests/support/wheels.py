"""Builds small, valid wheels and sdists in memory.

A wheel has a METADATA, WHEEL and RECORD that agree with each other, so that pip and uv install it.
All times in the archives are fixed: the same call gives the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_EPOCH = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Archive:
    """A wheel or an sdist: its file name, its bytes and its METADATA or PKG-INFO."""

    filename: str
    content: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder: Path) -> Path:
        """Writes it into ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


def make_metadata(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    requires_python: str | None = None,
    extras: Iterable[str] = (),
    metadata_version: str = "2.1",
    more: Iterable[str] = (),
    body: str = "",
) -> bytes:
    """The text of a METADATA or PKG-INFO file; ``more`` are whole header lines."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {line}" for line in requires]
    lines += list(more)
    return ("\n".join(lines) + f"\n\n{body}").encode()


def make_wheel(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    tag: str = "py3-none-any",
    build: str | None = None,
    requires_python: str | None = None,
    extras: Iterable[str] = (),
    members: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
) -> Archive:
    """A wheel.

    Args:
        tag: the three tags of the file name, compressed sets allowed.
        members: further files; without any the wheel holds one empty module of its name.
        metadata: the METADATA as it is to be, in place of the one made of the other arguments.
    """
    module = name.replace("-", "_").replace(".", "_")
    text = metadata or make_metadata(
        name, version, requires, requires_python=requires_python, extras=extras
    )
    info = f"{module}-{version}.dist-info"
    files = dict(members) if members is not None else {f"{module}/__init__.py": b""}
    files[f"{info}/METADATA"] = text
    files[f"{info}/WHEEL"] = _wheel_file(tag)
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    stem = "-".join([module, version, *([build] if build else []), tag])
    return Archive(f"{stem}.whl", _zip(files), text)


def make_sdist(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    metadata_version: str = "2.2",
    dynamic: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Iterable[str] = (),
    members: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
) -> Archive:
    """An sdist (``.tar.gz``) with a PKG-INFO; ``dynamic`` names fields that are not static."""
    text = metadata or make_metadata(
        name,
        version,
        requires,
        requires_python=requires_python,
        extras=extras,
        metadata_version=metadata_version,
        more=[f"Dynamic: {field}" for field in dynamic],
    )
    top = f"{name.replace('-', '_')}-{version}"
    files = {f"{top}/PKG-INFO": text}
    files |= {f"{top}/{path}": data for path, data in (members or {}).items()}
    return Archive(f"{top}.tar.gz", _tar(files), text)


def _wheel_file(tag: str) -> bytes:
    python, abi, platform = tag.split("-")
    lines = [
        "Wheel-Version: 1.0",
        "Generator: tests",
        f"Root-Is-Purelib: {str(abi == 'none').lower()}",
    ]
    lines += [
        f"Tag: {p}-{a}-{f}"
        for p in python.split(".")
        for a in abi.split(".")
        for f in platform.split(".")
    ]
    return ("\n".join(lines) + "\n").encode()


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    rows = []
    for path, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*rows, f"{own},,", ""]).encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)
