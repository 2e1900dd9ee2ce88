"""A shared library of a release, however large: what it exports and needs, never held whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from torchsolve.errors import UnknownError

_SYMBOL = struct.Struct("<IBBHQQ")
_PATHS = ("DT_RUNPATH", "DT_RPATH")
_TEXTS = ("DT_SONAME", "DT_NEEDED", *_PATHS)
_BINDINGS = frozenset({1, 2, 10})  # STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE


@dataclass(frozen=True, slots=True)
class Library:
    """What one library says of itself.

    Attributes:
        exports: name → size in bytes of each dynamic symbol that it defines, as
            ``nm -D --defined-only`` lists them.
        versions: ``(library, version)`` of ``.gnu.version_r``.
    """

    soname: str | None
    needed: tuple[str, ...]
    runpath: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    exports: dict[str, int]


def read_library(stream: IO[bytes], origin: str) -> Library:
    """Reads a library of a published torch or CUDA wheel, whose section headers are intact.

    ``stream`` can be sought in. Raises UnknownError ``unreadable-library``.
    """
    try:
        elf = ELFFile(stream)
        tags = list(_tags(elf))
        return Library(
            next((text for kind, text in tags if kind == "DT_SONAME"), None),
            tuple(text for kind, text in tags if kind == "DT_NEEDED"),
            tuple(part for kind, text in tags if kind in _PATHS for part in text.split(":")),
            tuple(_versions(elf)),
            dict(_exports(_section(elf, ".dynsym"), _section(elf, ".dynstr"))),
        )
    except (ELFError, struct.error, ValueError, LookupError) as error:
        raise UnknownError("unreadable-library", str(error), origin=origin) from error


def _tags(elf: ELFFile) -> Iterator[tuple[str, str]]:
    dynamic = elf.get_section_by_name(".dynamic")
    if elf.elfclass != 64 or not elf.little_endian or not isinstance(dynamic, DynamicSection):
        raise ELFError("not a 64-bit little-endian shared library")
    for tag in dynamic.iter_tags():
        kind = tag.entry.d_tag
        text = getattr(tag, kind.removeprefix("DT_").lower(), None) if kind in _TEXTS else None
        if text is not None:
            yield kind, str(text)


def _section(elf: ELFFile, name: str) -> bytes:
    section = elf.get_section_by_name(name)
    if section is None:
        raise ELFError(f"it has no {name}")
    elf.stream.seek(section["sh_offset"])
    return bytes(elf.stream.read(section["sh_size"]))


def _exports(symbols: bytes, strings: bytes) -> Iterator[tuple[str, int]]:
    for name, info, _, section, _, size in _SYMBOL.iter_unpack(symbols):
        if section and name and info >> 4 in _BINDINGS:
            yield strings[name : strings.index(b"\0", name)].decode(), size


def _versions(elf: ELFFile) -> Iterator[tuple[str, str]]:
    section = elf.get_section_by_name(".gnu.version_r")
    if isinstance(section, GNUVerNeedSection):
        for need, entries in section.iter_versions():
            for entry in entries:
                yield str(need.name), str(entry.name)
