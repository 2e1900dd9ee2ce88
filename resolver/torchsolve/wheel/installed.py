"""An installed environment, read from its files alone: nothing of it is run or imported.

In: a Python executable, a virtual environment or a ``site-packages`` folder. Out: its
distributions (PEP 376, PEP 627), their compiled files, and what RECORD says they were.
"""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path

from torchsolve.errors import UsageError
from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.package import DistMetadata
from torchsolve.model.values import dataclass
from torchsolve.wheel.binary import HEAD, may_be_binary, not_elf
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.elf_source import FileSource
from torchsolve.wheel.metadata import parse_metadata

_LIMIT = 8 * 1024 * 1024
_THREADS = 2
_VERSION = re.compile(r"python(\d+\.\d+)")
_TAG = re.compile(r"^Tag:[ \t]*(\S+)", re.MULTILINE)
_FIELD = re.compile(r"^\s*([\w-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Installed:
    """One distribution.

    Attributes:
        folder: its ``*.dist-info``.
        metadata: its METADATA; None where it cannot be read: ``notes`` say why.
        tags: of its WHEEL.
        altered: what is on the disk and not as RECORD has it, one line each.
        members: path as in a wheel → file, of what may be compiled.
    """

    folder: Path
    metadata: DistMetadata | None
    tags: tuple[str, ...]
    altered: tuple[str, ...]
    members: tuple[tuple[str, Path], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """``python``: ``3.12``, None where no folder says; ``sites``: its site-packages, in order."""

    prefix: Path
    python: str | None
    sites: tuple[Path, ...]


def find_environment(target: Path) -> Environment:
    """Where an environment's packages lie, by its layout and ``pyvenv.cfg``.

    Raises UsageError ``no-such-environment``.
    """
    if target.is_dir() and (any(target.glob("*.dist-info")) or target.name.endswith("-packages")):
        found = _VERSION.fullmatch(target.parent.name)
        return Environment(target, found[1] if found else None, (target,))
    prefix = target if target.is_dir() else target.parent.parent
    if not target.exists() or (target.is_file() and target.parent.name not in ("bin", "Scripts")):
        raise _none(target, "there is no Python at that place")
    config = _config(prefix)
    folders = _folders(prefix, _named(target, config))
    if config.get("include-system-site-packages", "").lower() == "true" and config.get("home"):
        folders += _folders(Path(config["home"]).parent, _named(target, config))
    if not folders:
        raise _none(target, f"no site-packages lie below {prefix}")
    versions = [m[1] for path in folders if (m := _VERSION.fullmatch(path.parent.name))]
    python = _named(target, config) or next(iter(versions), None)
    return Environment(prefix, python, tuple(dict.fromkeys(folders)))


def _none(target: Path, why: str) -> UsageError:
    hint = "a Python executable, a virtual environment or a site-packages folder"
    return UsageError("no-such-environment", why, origin=str(target), hint=hint)


def _config(prefix: Path) -> dict[str, str]:
    try:
        text = (prefix / "pyvenv.cfg").read_text("utf-8", "replace")[:_LIMIT]
    except OSError:
        return {}
    return {match[1].lower(): match[2] for match in _FIELD.finditer(text)}


def _named(target: Path, config: dict[str, str]) -> str | None:
    """The version that ``pyvenv.cfg`` or the executable's own name tells."""
    told = config.get("version") or config.get("version_info") or ""
    if match := re.match(r"\d+\.\d+", told):
        return match[0]
    found = _VERSION.fullmatch(target.resolve().name) if target.is_file() else None
    return found[1] if found else None


def _folders(prefix: Path, python: str | None) -> list[Path]:
    version = python or "3*"
    patterns = [
        *(f"{lib}/python{version}/{kind}-packages" for lib in ("lib", "lib64", "local/lib")
          for kind in ("site", "dist")),
        "lib/python3/dist-packages",
        "Lib/site-packages",
    ]  # fmt: skip
    found = [path for pattern in patterns for path in sorted(prefix.glob(pattern))]
    return list({path.resolve(): path for path in reversed(found) if path.is_dir()}.values())[::-1]


def distributions(environment: Environment, *, check: bool = True) -> tuple[Installed, ...]:
    """All of them by name; of a name that lies in two folders the first is what Python takes.

    ``check``: hold every file against RECORD.
    """
    infos: dict[str, Path] = {}
    for site in environment.sites:
        for info in sorted(site.glob("*.dist-info")):
            infos.setdefault(info.name.rpartition("-")[0].lower().replace("_", "-"), info)
    with ThreadPoolExecutor(_THREADS, "installed") as pool:
        found = pool.map(lambda info: _installed(info, environment.prefix, check), infos.values())
        return tuple(sorted(found, key=lambda one: one.folder.name.lower()))


def _installed(info: Path, prefix: Path, check: bool) -> Installed:
    notes: list[str] = []
    metadata = _metadata(info, notes)
    rows = list(_rows(info, notes))
    site = info.parent
    members = [
        (path, site / path)
        for path, _, _ in rows
        if may_be_binary(path) and not path.startswith(("/", ".."))
    ]
    altered = [line for row in rows if (line := _altered(site, prefix, row))] if check else []
    return Installed(
        info,
        metadata,
        tuple(_TAG.findall(_text(info / "WHEEL") or "")),
        tuple(altered),
        tuple(sorted((path, file) for path, file in members if _is_plain(file))),
        tuple(notes),
    )


def _metadata(info: Path, notes: list[str]) -> DistMetadata | None:
    text = _text(info / "METADATA")
    if text is None:
        notes.append("METADATA is missing or too large")
        return None
    try:
        return parse_metadata(text, f"METADATA of {info.name}")
    except UsageError as error:
        notes.append(f"METADATA cannot be read: {error.message}")
        return None


def _text(path: Path) -> str | None:
    """None where it is no plain file, or too large to be what its name says."""
    if not _is_plain(path) or path.stat().st_size > _LIMIT:
        return None
    return path.read_text("utf-8", "replace")


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _rows(info: Path, notes: list[str]) -> Iterator[tuple[str, str, str]]:
    """Path, hash and size of each line of RECORD."""
    text = _text(info / "RECORD")
    if text is None:
        notes.append("RECORD is missing: its files are not known")
        return
    try:
        for row in csv.reader(io.StringIO(text)):
            if row and row[0]:
                path, digest, size, *_ = (*row, "", "")
                yield path, digest, size
    except csv.Error as error:
        notes.append(f"RECORD cannot be read: {error}")


def _altered(site: Path, prefix: Path, row: tuple[str, str, str]) -> str | None:
    """How one file differs from its line; bytecode and lines without a hash say nothing."""
    path, digest, size = row
    algorithm, _, wanted = digest.partition("=")
    if algorithm != "sha256" or path.endswith(".pyc"):
        return None
    file = Path(os.path.normpath(site / path))
    if not file.is_relative_to(prefix) and not file.is_relative_to(site):
        return f"{path}: it lies outside the environment, and was not read"
    if not _is_plain(file):
        return f"{path}: it is missing"
    try:
        found = file.stat().st_size
        if size.isdigit() and found != int(size):
            return f"{path}: it has {found} bytes, RECORD says {size}"
        with file.open("rb") as stream:
            actual = file_digest(stream, "sha256").digest()
    except OSError as error:
        return f"{path}: it cannot be read: {error.strerror}"
    if base64.urlsafe_b64encode(actual).rstrip(b"=").decode() == wanted.rstrip("="):
        return None
    return f"{path}: its sha256 is not the one of RECORD"


def read_installed(found: Installed) -> WheelBinary:
    """The compiled files of a distribution as those of a wheel. What cannot be read says why."""
    with ThreadPoolExecutor(_THREADS, "binaries") as pool:
        rows = list(pool.map(_elf, found.members))
    files = [elf for elf, _ in rows if elf is not None]
    read = sum(size for elf, size in rows if elf is not None)
    return WheelBinary(
        found.folder.name.removesuffix(".dist-info"),
        None,
        verified=not found.altered and not found.notes,
        files=tuple(files),
        unread=tuple((elf.member, elf.unread) for elf in files if elf.unread),
        bytes_read=read,
        bytes_total=read,
        variant=_text(found.folder / "variant.json"),
    )


def _elf(item: tuple[str, Path]) -> tuple[ElfFile | None, int]:
    member, path = item
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
            if not head.startswith(b"\x7fELF"):
                return not_elf(member, head), 0
            size = os.fstat(stream.fileno()).st_size
            return read_elf(FileSource(stream, size), member, gpu=True), size
    except OSError as error:
        return ElfFile(member, unread=error.strerror or "it cannot be read"), 0
