"""The frame of an ELF file: header, segments, dynamic section, section headers where there are any.

The dynamic linker reads segments alone and so do we; section headers, which ``strip`` may remove,
only help to find GPU code. Source of the structures: System V gABI, 64-bit little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum

from torchsolve.model.values import dataclass
from torchsolve.wheel.elf_source import Source, Unreadable

MACHINES: Mapping[int, str] = {62: "x86_64", 183: "aarch64"}

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_DYNAMIC = struct.Struct("<qQ")

# ET_EXEC, ET_DYN.
_SHARED = (2, 3)

# Real files have at most a few dozen segments, 70,000 sections and 60 dynamic entries.
_MAX_SEGMENTS = 4096
_MAX_DYNAMIC = 65536


class Tag(IntEnum):
    """``DT_*``."""

    NULL = 0
    NEEDED = 1
    PLTRELSZ = 2
    HASH = 4
    STRTAB = 5
    SYMTAB = 6
    RELA = 7
    RELASZ = 8
    STRSZ = 10
    SONAME = 14
    RPATH = 15
    JMPREL = 23
    RUNPATH = 29
    GNU_HASH = 0x6FFFFEF5
    VERSYM = 0x6FFFFFF0
    VERDEF = 0x6FFFFFFC
    VERDEFNUM = 0x6FFFFFFD
    VERNEED = 0x6FFFFFFE
    VERNEEDNUM = 0x6FFFFFFF


@dataclass(frozen=True, slots=True)
class Header:
    """What the ELF header says; ``kind`` (``e_type``) and ``machine`` are the ELF's numbers."""

    kind: int
    machine: int
    phoff: int
    phnum: int
    shoff: int
    shnum: int
    shstrndx: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header."""

    kind: int
    flags: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section header with its name; sections without bytes in the file have size 0."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """The frame of one file."""

    source: Source
    header: Header
    segments: tuple[Segment, ...]

    @property
    def machine(self) -> str:
        """``x86_64``, ``aarch64`` or the ELF number."""
        return MACHINES.get(self.header.machine, str(self.header.machine))

    def offset_of(self, address: int) -> int:
        """File offset of an address. Raises ``Unreadable`` where no segment maps it."""
        for segment in self.segments:
            if segment.kind == 1 and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        raise Unreadable(f"no segment holds address {address:#x}")

    def read_address(self, address: int, size: int) -> bytes:
        """Bytes at an address."""
        return self.source.read_at(self.offset_of(address), size)


def read_image(source: Source) -> Image:
    """The frame of a file. Raises ``Unreadable``."""
    header = _header(source)
    if header.phnum > _MAX_SEGMENTS:
        raise Unreadable(f"it claims {header.phnum} segments")
    table = source.read_at(header.phoff, header.phnum * _SEGMENT.size)
    segments = tuple(
        Segment(kind, flags, offset, address, size)
        for kind, flags, offset, address, _, size, _, _ in _SEGMENT.iter_unpack(table)
    )
    return Image(source, header, segments)


def _header(source: Source) -> Header:
    if source.size < _HEADER.size:
        raise Unreadable("it is too short for an ELF file")
    raw = source.read_at(0, _HEADER.size)
    if raw[:4] != b"\x7fELF":
        raise Unreadable("it is no ELF file")
    if raw[4] != 2:
        raise Unreadable("it is not a 64-bit ELF file")
    if raw[5] != 1:
        raise Unreadable("it is not a little-endian ELF file")
    fields = _HEADER.unpack(raw)
    _, kind, machine, _, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, shstrndx = (
        fields
    )
    if phnum and phentsize != _SEGMENT.size:
        raise Unreadable(f"its program headers have {phentsize} bytes each")
    if shentsize != _SECTION.size:
        shoff = shnum = 0
    return Header(kind, machine, phoff, phnum, shoff, shnum, shstrndx)


def check_loadable(image: Image, entries: Iterable[tuple[int, int]]) -> None:
    """Raises ``Unreadable`` where the dynamic linker would refuse a library as what it is none."""
    if image.header.kind not in _SHARED:
        raise Unreadable(f"it is no shared object, but an ELF file of type {image.header.kind}")
    if not any(segment.kind == 1 for segment in image.segments):
        raise Unreadable("it has no segment to load")
    if not {int(Tag.STRTAB), int(Tag.SYMTAB)} <= {tag for tag, _ in entries}:
        raise Unreadable("it has no dynamic section that names its symbols")


def dynamic_entries(image: Image) -> tuple[tuple[int, int], ...]:
    """``(tag, value)`` of the dynamic section in order; () for a static file."""
    found = next((s for s in image.segments if s.kind == 2), None)
    if found is None:
        return ()
    size = min(found.size, _MAX_DYNAMIC * _DYNAMIC.size) // _DYNAMIC.size * _DYNAMIC.size
    entries: list[tuple[int, int]] = []
    for tag, value in _DYNAMIC.iter_unpack(image.source.read_at(found.offset, size)):
        if tag == Tag.NULL:
            break
        entries.append((tag, value))
    return tuple(entries)


def read_sections(image: Image) -> tuple[Section, ...]:
    """Named sections; () where the headers are stripped or damaged."""
    header = image.header
    if not header.shoff or not header.shnum:
        return ()
    try:
        table = image.source.read_at(header.shoff, header.shnum * _SECTION.size)
        rows = list(_SECTION.iter_unpack(table))
        names_at, names_size = rows[header.shstrndx][4:6]
        names = image.source.read_at(names_at, names_size)
        return tuple(
            Section(string_at(names, row[0]), row[4], 0 if row[1] == 8 else row[5]) for row in rows
        )
    except (Unreadable, IndexError):
        return ()


def string_at(table: bytes, offset: int) -> str:
    """The NUL-terminated string at an offset of a string table. Raises ``Unreadable``."""
    end = table.find(b"\0", offset)
    if end < 0:
        raise Unreadable(f"the string at {offset:#x} of its string table has no end")
    return table[offset:end].decode("utf-8", "replace")
