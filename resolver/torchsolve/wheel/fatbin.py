"""GPU code in an ELF file: fatbins, their entries, machine code, PTX and LTO-IR.

A fatbin is a header (magic, version, header size, size of all entries) and entries, each with a
header that tells kind, architecture and flags even where its payload is compressed. Sources:
measured against ``cuobjdump`` on real wheels (``tests/bench/cuobjdump.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from torchsolve.model.binary import GpuCode
from torchsolve.wheel.elf_image import Image, read_sections
from torchsolve.wheel.elf_source import Source, Unreadable, chunks

_MAGIC = 0xBA55ED50.to_bytes(4, "little")
_FATBIN = struct.Struct("<IHHQ")
_ENTRY = struct.Struct("<HHIQ8xHHI")
_ENTRY_HEAD = 64
_SECTIONS = (".nv_fatbin", "__nv_relfatbin")
_MAX_ENTRIES = 1_000_000

PTX, ELF, LTO = 1, 2, 8


@dataclass(slots=True)
class _Found:
    sass: set[str] = field(default_factory=set)
    ptx: set[tuple[str, str]] = field(default_factory=set)
    lto: set[str] = field(default_factory=set)
    compressed: bool = False
    entries: int = 0


def read_gpu(image: Image) -> GpuCode:
    """GPU code of a file; what cannot be read is said in ``unread``."""
    found = _Found()
    unread: str | None = None
    try:
        for start, end in _ranges(image):
            _read_range(image.source, start, end, found)
    except Unreadable as reason:
        unread = str(reason)
    return GpuCode(
        tuple(sorted(found.sass, key=_order)),
        tuple(sorted(found.ptx, key=lambda pair: (_order(pair[0]), pair[1]))),
        tuple(sorted(found.lto, key=_order)),
        found.compressed,
        unread,
    )


def _order(name: str) -> tuple[int, str]:
    digits = "".join(c for c in name if c.isdigit())
    return (int(digits or 0), name)


def _ranges(image: Image) -> list[tuple[int, int]]:
    """Sections of GPU code; the whole file where section headers are stripped."""
    sections = read_sections(image)
    if not sections:
        return [(0, image.source.size)]
    return [(s.offset, s.offset + s.size) for s in sections if s.name in _SECTIONS and s.size]


def _read_range(source: Source, start: int, end: int, found: _Found) -> None:
    at = start
    while (at := _next_fatbin(source, at, end)) >= 0:
        at = _read_fatbin(source, at, end, found)


def _next_fatbin(source: Source, start: int, end: int) -> int:
    for offset, block in chunks(source, start, end, _FATBIN.size):
        at = block.find(_MAGIC)
        while at >= 0:
            if (offset + at) % 8 == 0 and block[at + 4 : at + 8] == b"\1\0\x10\0":
                return offset + at
            at = block.find(_MAGIC, at + 1)
    return -1


def _read_fatbin(source: Source, at: int, end: int, found: _Found) -> int:
    _, _, head, size = _FATBIN.unpack(source.read_at(at, _FATBIN.size))
    stop: int = at + head + size
    if stop > end:
        raise Unreadable(f"the fatbin at {at:#x} claims {size} bytes, past the end of its section")
    for kind, arch, flags, isa in _entries(source, at + head, stop, found):
        _note(found, kind, arch, flags, isa)
    return stop


def _entries(
    source: Source, at: int, stop: int, found: _Found
) -> Iterator[tuple[int, int, int, str]]:
    while at + _ENTRY_HEAD <= stop:
        raw = source.read_at(at, _ENTRY_HEAD)
        kind, _, head, size, minor, major, arch = _ENTRY.unpack_from(raw)
        flags = int.from_bytes(raw[40:48], "little")
        found.entries += 1
        if head < _ENTRY_HEAD or at + head + size > stop or found.entries > _MAX_ENTRIES:
            raise Unreadable(f"the fatbin entry at {at:#x} lies about its size")
        yield kind, arch, flags, f"{major}.{minor}"
        at += head + size


def _note(found: _Found, kind: int, arch: int, flags: int, isa: str) -> None:
    name = f"{arch}{'a' if flags & 0x100000 else ''}"
    if kind == PTX:
        found.ptx.add((f"compute_{name}", isa))
    elif kind == ELF:
        found.sass.add(f"sm_{name}")
    elif kind == LTO:
        found.lto.add(f"lto_{name}")
