"""GPU code in an ELF file: fatbins, their entries, machine code, PTX and LTO-IR.

A fatbin is a header (magic, version, header size, size of all entries) and entries, each with a
header that tells kind, architecture, flags and, for PTX, the ISA version, even where its payload
is compressed. ``fatbinary`` of CUDA 13.5 can pack entries of one kind into one (``--concat``): kind
256, whose header holds theirs. Kinds and flags were measured with ``ptxas`` and ``fatbinary`` of
CUDA 13.0 and 13.5, and held against ``cuobjdump -all`` on real wheels (tests/bench/cuobjdump.py).

A kernel lies in one fatbin, as a rule that of its source file: the sets are kept by fatbin too.

Two sections hold fatbins. ``.nv_fatbin`` is what the runtime is given. ``__nv_relfatbin`` holds the
objects of separate compilation before they were linked: the runtime links them when it loads, from
machine code or from PTX (both seen on an H100 with code linked for sm_80 alone; LTO-IR is not used
so), wherefore they count, though ``cuobjdump`` lists them with ``-all`` only.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence

from torchsolve.model.binary import Fatbin, GpuCode
from torchsolve.model.values import dataclass, field
from torchsolve.wheel.elf_image import Image, read_sections
from torchsolve.wheel.elf_source import Source, Unreadable

_OPENING = bytes.fromhex("50ed55ba01001000")
_FATBIN = struct.Struct("<IHHQ")
# kind, format version, header size (packed: offset), payload size, compressed size, offset of an
# extension, ISA minor and major, architecture, flags; the rest of the 64 bytes is not needed.
_ENTRY = struct.Struct("<HHIQIIHHI8xQ16x")
_PTX, _SASS, _LTO, _PACKED = 1, 2, 8, 256
_COMPRESSED = 0x1000 | 0x2000 | 0x8000
_SPECIFIC = 0x100000
_FAMILY = 0x200000

_OBJECTS = "__nv_relfatbin"
SECTIONS = (".nv_fatbin", _OBJECTS)
# libtorch_cuda has 40,000 entries.
_MAX_ENTRIES = 1_000_000
_MAX_HEADER = 1024 * 1024
# Of no function: 1,900 bytes for sm_75 of CUDA 12, 4,700 for sm_120 of CUDA 13.
_EMPTY = 16 * 1024
_FIRST_LOOK, _LARGEST_LOOK = 4096, 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    head: int
    size: int
    extension: int
    isa: str
    arch: int
    flags: int


@dataclass(slots=True)
class _Found:
    sass: set[str] = field(default_factory=set)
    ptx: set[tuple[str, str]] = field(default_factory=set)
    lto: set[str] = field(default_factory=set)
    fatbins: list[_Fatbin] = field(default_factory=list)
    compressed: bool = False
    entries: int = 0
    strange: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Fatbin:
    """``separate``: an object of separate compilation, before the device linker.

    ``empty``: some of its machine code, which ``sass`` leaves out, has no function.
    """

    separate: bool
    empty: bool = False
    sass: set[str] = field(default_factory=set)
    ptx: set[str] = field(default_factory=set)
    lto: set[str] = field(default_factory=set)


def read_gpu(image: Image) -> GpuCode:
    """GPU code of a file. What lies about its size or is of an unknown kind stands in ``unread``.

    Where section headers are stripped, the whole file is searched.
    """
    found = _Found()
    unread: list[str] = []
    for name, start, end in _ranges(image):
        try:
            _read_range(image.source, name, (start, min(end, image.source.size)), found)
        except Unreadable as reason:
            unread.append(str(reason))
    if found.strange:
        unread.append(f"entries of unknown kind {', '.join(map(str, sorted(found.strange)))}")
    return GpuCode(
        tuple(sorted(found.sass, key=_order)),
        tuple(sorted(found.ptx, key=lambda pair: (_order(pair[0]), pair[1]))),
        tuple(sorted(found.lto, key=_order)),
        found.compressed,
        "; ".join(unread) or None,
        _profiles(found.fatbins),
    )


def _profiles(fatbins: Sequence[_Fatbin]) -> tuple[Fatbin, ...]:
    """Fatbins with the same code as one; those without any are left out."""
    # The PTX beside machine code of nothing is of the same source: of nothing.
    fatbins = [one for one in fatbins if one.sass or not one.empty]
    plain = [one for one in fatbins if not one.separate]
    separate = [one for one in fatbins if one.separate]
    if separate:
        plain = _linked(plain, separate)
    counts = Counter(
        (tuple(sorted(one.sass, key=_order)), tuple(sorted(one.ptx, key=_order))) for one in plain
    )
    return tuple(Fatbin(*code, count) for code, count in sorted(counts.items()) if any(code))


def _linked(plain: list[_Fatbin], objects: list[_Fatbin]) -> list[_Fatbin]:
    """Objects of separate compilation and what the device linker made of them, as one.

    The linker's product (no PTX, architectures of the objects alone) serves a GPU, or all objects
    do when the runtime links them.
    """
    named = {_digits(name) for one in objects for name in (*one.sass, *one.lto)}
    products = [i for i, p in enumerate(plain) if not p.ptx and {*map(_digits, p.sass)} <= named]
    product = plain.pop(products[-1]) if products else _Fatbin(separate=False)
    product.sass |= set.intersection(*(one.sass for one in objects))
    product.ptx |= set.intersection(*(one.ptx for one in objects))
    return [*plain, product]


def _digits(name: str) -> str:
    return name.partition("_")[2]


def device_code(image: Image) -> tuple[tuple[int, int], ...]:
    """Where GPU code lies, ``(start, end)``, as far as there is a file to it.

    Nothing where the section headers are out of reach: then it may lie anywhere.
    """
    if image.source.reach < image.source.size or not read_sections(image):
        return ()
    size = image.source.size
    found = ((start, min(end, size)) for _, start, end in _ranges(image))
    return tuple(pair for pair in found if pair[0] < pair[1])


def _order(name: str) -> tuple[int, str]:
    digits = "".join(c for c in name if c.isdigit())
    return int(digits or 0), name


def _ranges(image: Image) -> list[tuple[str, int, int]]:
    sections = read_sections(image)
    if not sections:
        return [("", 0, image.source.size)]
    wanted = [s for s in sections if s.name in SECTIONS and s.size]
    return [(s.name, s.offset, s.offset + s.size) for s in wanted]


def _read_range(source: Source, section: str, place: tuple[int, int], found: _Found) -> None:
    start, end = place
    at = _next_fatbin(source, start, end)
    while at is not None:
        found.fatbins.append(_Fatbin(section == _OBJECTS))
        stop = _read_fatbin(source, at, end, found)
        at = _next_fatbin(source, stop, end)


def _next_fatbin(source: Source, start: int, end: int) -> int | None:
    """The next header, on a multiple of eight; mostly it is near, so the first looks are short."""
    at, size = -(-start // 8) * 8, _FIRST_LOOK
    while at + _FATBIN.size <= end:
        block = source.read_at(at, min(size, end - at))
        hit = block.find(_OPENING)
        while hit >= 0:
            if (at + hit) % 8 == 0:
                return at + hit
            hit = block.find(_OPENING, hit + 1)
        at += max(8, (len(block) - 8) // 8 * 8)
        size = min(size * 4, _LARGEST_LOOK)
    return None


def _read_fatbin(source: Source, at: int, end: int, found: _Found) -> int:
    """Notes the entries of the fatbin at an offset; returns the offset of its end."""
    _, _, head, size = _FATBIN.unpack(source.read_at(at, _FATBIN.size))
    stop: int = at + head + size
    if stop > end:
        raise Unreadable(f"the fatbin at {at:#x} claims {size} bytes, more than there are")
    entry_at: int = at + head
    while entry_at + _ENTRY.size <= stop:
        entry = _entry(source.read_at(entry_at, _ENTRY.size))
        after = entry_at + entry.head + entry.size
        if not _ENTRY.size <= entry.head <= _MAX_HEADER or after > stop:
            raise Unreadable(f"the fatbin entry at {entry_at:#x} lies about its size")
        if entry.kind == _PACKED:
            found.compressed |= bool(entry.flags & _COMPRESSED)
            for packed in _packed(source.read_at(entry_at, entry.head), entry.extension):
                _note(found, packed)
        else:
            _note(found, entry, empty=_is_empty(source, entry, entry_at))
        entry_at = after
    return stop


def _entry(raw: bytes) -> _Entry:
    kind, _, head, size, _, extension, minor, major, arch, flags = _ENTRY.unpack(raw)
    return _Entry(kind, head, size, extension, f"{major}.{minor}", arch, flags)


def _packed(head: bytes, at: int) -> Iterator[_Entry]:
    """Headers of the entries in a packed one: their number, the bytes of all, then each.

    A header has 64 bytes, and with an extension 12 more and the bytes that it says, rounded up.
    """
    if at + 8 > len(head):
        raise Unreadable("a packed fatbin entry has no room for its headers")
    count = int.from_bytes(head[at : at + 4], "little")
    at += 8
    for _ in range(count):
        if at + _ENTRY.size > len(head):
            raise Unreadable(f"a packed fatbin entry claims {count} entries")
        entry = _entry(head[at : at + _ENTRY.size])
        yield entry
        at += _ENTRY.size
        if entry.extension:
            at += -(-(12 + int.from_bytes(head[at + 4 : at + 8], "little")) // 8) * 8


def _is_empty(source: Source, entry: _Entry, at: int) -> bool:
    """Machine code of no function: what nvcc's last step adds to every library that it links.

    It and what ``__CUDA_ARCH__`` leaves nothing of are ELF files of 2 to 5 KB, not compressed.
    """
    if entry.kind != _SASS or entry.size > _EMPTY or entry.flags & _COMPRESSED:
        return False
    body = source.read_at(at + entry.head, entry.size)
    return body.startswith(b"\x7fELF") and b"\0.text." not in body


def _note(found: _Found, entry: _Entry, *, empty: bool = False) -> None:
    found.entries += 1
    if found.entries > _MAX_ENTRIES:
        raise Unreadable(f"it has more than {_MAX_ENTRIES} entries of GPU code")
    found.compressed |= bool(entry.flags & _COMPRESSED)
    variant = "a" if entry.flags & _SPECIFIC else "f" if entry.flags & _FAMILY else ""
    name, fatbin = f"{entry.arch}{variant}", found.fatbins[-1]
    if entry.kind == _PTX:
        found.ptx.add((f"compute_{name}", entry.isa))
        fatbin.ptx.add(f"compute_{name}")
    elif entry.kind == _SASS:
        found.sass.add(f"sm_{name}")
        fatbin.empty |= empty
        fatbin.sass |= set() if empty else {f"sm_{name}"}
    elif entry.kind == _LTO:
        found.lto.add(f"lto_{name}")
        fatbin.lto.add(f"lto_{name}")
    else:
        found.strange.add(entry.kind)
