"""The dynamic section of a library, told from its leading bytes.

In a library that nobody patched the linker's tables open the file, in GNU ld's order: hash,
symbols, strings, versions, relocations. The dynamic section, which says where they are, lies behind
the code and the GPU code: megabytes that a deflated member would have to be inflated through. Here
the tables are found one from the end of the one before, each held against what it must be; a file
whose tables are elsewhere (``patchelf`` moves strings to the end) gives None and is read whole.

What only the dynamic section says is told from the strings that no symbol uses: sonames needed, its
own soname, RUNPATH (which may be RPATH: nothing tells them apart).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from torchsolve.wheel.elf_image import Image, Tag, string_at
from torchsolve.wheel.elf_source import Unreadable
from torchsolve.wheel.elf_tables import symbol_count

_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QIIq")
_VERNEED = struct.Struct("<HHIII")
_VERNAUX = struct.Struct("<IHHII")
_STEP = 64 * 1024
# Names of C++ symbols have 90 bytes on average; nothing real has more than this many.
_LONGEST = 2000
_MOST_NOTES = 4096
_MOST = 1 << 22
_NOWHERE = 1 << 62
_LIBRARY = re.compile(r"[\w.+@-]+\.so(?:\.[\w.]+)?")
_HASHED = re.compile(r"[.-][0-9a-f]{6,10}$")
_RELOCATIONS = {
    62: frozenset({1, 5, 6, 7, 8, 16, 17, 18, 36, 37}),
    183: frozenset({257, 1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031, 1032}),
}


Entries = tuple[tuple[int, int], ...]


class _ElsewhereError(Exception):
    """A table is not where GNU ld puts it."""


def leading_entries(image: Image, member: str) -> Entries | None:
    """What ``dynamic_entries`` would say, from the leading bytes; None where they do not tell."""
    if image.header.machine not in _RELOCATIONS or not any(s.kind == 2 for s in image.segments):
        return None
    try:
        return _found(image, member)
    except (_ElsewhereError, Unreadable, struct.error):
        return None


def _found(image: Image, member: str) -> Entries:
    base = _base(image)
    hashes, symbols_at, count = _symbols(image, _after_notes(image))
    table = image.source.read_at(symbols_at, count * _SYMBOL.size)
    strings_at = symbols_at + count * _SYMBOL.size
    rows = list(_SYMBOL.iter_unpack(table))
    strings, versym, verneed, entries, after = _versions(image, rows, strings_at)
    tables = (
        (hashes[0], hashes[1] + base),
        (Tag.SYMTAB, symbols_at + base),
        (Tag.STRTAB, strings_at + base),
        (Tag.STRSZ, len(strings)),
        (Tag.VERSYM, versym + base),
        (Tag.VERNEED, verneed + base),
        (Tag.VERNEEDNUM, entries),
        (Tag.RELA, after + base),
        (Tag.RELASZ, _relocations(image, after, count)),
    )
    versioned = _versioned(image, strings, verneed, entries)
    return (*tables, *_named(strings, {row[0] for row in rows}, versioned, member))


def _base(image: Image) -> int:
    """What is to be added to an offset of the first segment to have its address."""
    first = next((s for s in image.segments if s.kind == 1), None)
    if first is None or first.offset != 0:
        raise _ElsewhereError
    return first.address


def _after_notes(image: Image) -> int:
    """Offset of the first table: behind the headers and the notes that stand in front."""
    header = image.header
    at = header.phoff + header.phnum * 56
    notes = sorted((s.offset, s.size) for s in image.segments if s.kind == 4)
    for offset, size in notes:
        if offset - at < _MOST_NOTES:
            at = max(at, offset + size)
    return at + 7 & ~7


def _symbols(image: Image, at: int) -> tuple[tuple[int, int], int, int]:
    """The hash table that counts symbols (tag, offset), the offset of ``.dynsym``, their number.

    ``.gnu.hash`` alone, ``.hash`` alone, or ``.hash`` before ``.gnu.hash``.
    """
    with suppress(_ElsewhereError, Unreadable):
        return (Tag.GNU_HASH, at), *_after_gnu_hash(image, at)
    buckets, count = struct.unpack("<II", image.source.read_at(at, 8))
    if not (0 < buckets < _MOST and 1 < count < _MOST):
        raise _ElsewhereError
    end = at + 8 + (buckets + count) * 4 + 7 & ~7
    if any(image.source.read_at(end, _SYMBOL.size)):
        end, known = _after_gnu_hash(image, end)
        if known != count:
            raise _ElsewhereError
    return (Tag.HASH, at), end, count


def _after_gnu_hash(image: Image, at: int) -> tuple[int, int]:
    """Offset of ``.dynsym`` and the number of symbols by the ``.gnu.hash`` in front of it."""
    buckets, first, bloom, _ = struct.unpack("<IIII", image.source.read_at(at, 16))
    if not (0 < buckets < _MOST and 0 < first < _MOST and 0 < bloom < _MOST):
        raise _ElsewhereError
    if bloom & bloom - 1:
        raise _ElsewhereError
    chains = at + 16 + bloom * 8 + buckets * 4
    filled = image.source.read_at(chains - buckets * 4, buckets * 4)
    # Where nothing is defined ld writes an empty bucket and no chain.
    tables = {int(Tag.GNU_HASH): at + _base(image), int(Tag.SYMTAB): _NOWHERE}
    count = symbol_count(image, tables, frozenset()) if any(filled) else first
    end = chains + (count - first) * 4 + 7 & ~7
    if any(image.source.read_at(end, _SYMBOL.size)):
        raise _ElsewhereError
    return end, count


Rows = list[tuple[int, int, int, int, int, int]]


def _versions(image: Image, rows: Rows, strings_at: int) -> tuple[bytes, int, int, int, int]:
    """Strings, offsets of ``.gnu.version`` and ``.gnu.version_r``, entries there, its end."""
    if image.source.read_at(strings_at, 1) != b"\0":
        raise _ElsewhereError
    least = max((row[0] for row in rows), default=0)
    limit = min(image.source.size, strings_at + len(rows) * _LONGEST + _STEP)
    end = strings_at + least + 2 * len(rows)
    data = b""
    searched = 0
    while end < limit:
        end = min(limit, max(end, strings_at + len(data)) + _STEP)
        data += image.source.read_at(strings_at + len(data), end - strings_at - len(data))
        for at in _needs_like(data, strings_at, max(searched, least + 2 * len(rows) - 8)):
            found = _held(rows, data, strings_at, at)
            if found is not None:
                return found
        searched = max(0, len(data) - 4096)
    raise _ElsewhereError


def _needs_like(data: bytes, base: int, start: int) -> Iterator[int]:
    """Offsets in ``data`` that may be the first entry of ``.gnu.version_r``."""
    at = data.find(b"\1\0", start)
    while at >= 0:
        if (base + at) % 8 == 0 and data[at + 8 : at + 12] == b"\x10\0\0\0":
            yield at
        at = data.find(b"\1\0", at + 1)


def _held(
    rows: Rows, data: bytes, base: int, needs: int
) -> tuple[bytes, int, int, int, int] | None:
    """The tables that end in ``.gnu.version_r`` at ``needs``, where they agree with the symbols."""
    walked = _walk(data, needs)
    if walked is None:
        return None
    indexes, entries, end = walked
    # It ends at most six bytes before: padding. Two that agree would leave a choice: none is made.
    size, latest = 2 * len(rows), needs - 2 * len(rows) & ~1
    found = [
        at
        for at in range(max(2, latest - 6), latest + 1, 2)
        if data[at - 1] == 0 and _agree(rows, data[at : at + size], indexes)
    ]
    if len(found) != 1:
        return None
    return data[: found[0]], base + found[0], base + needs, entries, base + end + 7 & ~7


def _walk(data: bytes, at: int) -> tuple[frozenset[int], int, int] | None:
    """Version indexes of ``.gnu.version_r``, how many libraries it names, and its end."""
    indexes: set[int] = set()
    entries, end = 0, at
    while entries < 256:
        if at + _VERNEED.size > len(data):
            return None
        version, count, file, first, following = _VERNEED.unpack_from(data, at)
        if version != 1 or not 0 < count < 512 or b".so" not in data[file : file + 200]:
            return None
        aux = at + first
        for _ in range(count):
            if aux + _VERNAUX.size > len(data):
                return None
            _, _, index, _, step = _VERNAUX.unpack_from(data, aux)
            indexes.add(index & 0x7FFF)
            end = max(end, aux + _VERNAUX.size)
            aux += step
        entries += 1
        if not following:
            return frozenset(indexes), entries, end
        at += following
    return None


def _agree(rows: Rows, raw: bytes, indexes: frozenset[int]) -> bool:
    """Whether ``.gnu.version`` says of each symbol what it can be."""
    for row, version in zip(rows, memoryview(raw).cast("H"), strict=True):
        binding, undefined = row[1] >> 4, row[3] == 0
        number = version & 0x7FFF
        if not binding or number == 0:
            agrees = number <= 1 and (undefined or not binding)
        else:
            agrees = number in indexes or number == 1 if undefined else number not in indexes
        if not agrees:
            return False
    return True


def _relocations(image: Image, at: int, symbols: int) -> int:
    """Bytes of ``.rela.dyn`` and ``.rela.plt``, which follow each other."""
    kinds = _RELOCATIONS[image.header.machine]
    size = 0
    top = max(s.address + s.size for s in image.segments if s.kind == 1) + (1 << 32)
    while at + size < image.source.size:
        step = min(_STEP // 24 * 24, (image.source.size - at - size) // 24 * 24)
        for offset, kind, symbol, _ in _RELA.iter_unpack(image.source.read_at(at + size, step)):
            if kind not in kinds or symbol >= symbols or not 0 < offset < top:
                if not size:
                    raise _ElsewhereError
                return size
            size += 24
        if not step:
            break
    return size


def _named(
    strings: bytes, used: set[int], versioned: set[str], member: str
) -> Iterator[tuple[int, int]]:
    """NEEDED, SONAME and RUNPATH by the strings that no symbol uses."""
    libraries: dict[str, int] = {}
    at = 1
    for raw in strings[1:].split(b"\0"):
        text = raw.decode("utf-8", "replace") if at not in used else ""
        if _LIBRARY.fullmatch(text):
            libraries[text] = at
        elif text.startswith(("$ORIGIN", "/")):
            yield Tag.RUNPATH, at
        at += len(raw) + 1
    own = _own(libraries.keys() - versioned, member)
    for name, offset in libraries.items():
        yield Tag.SONAME if name == own else Tag.NEEDED, offset


def _versioned(image: Image, strings: bytes, at: int, entries: int) -> set[str]:
    """Libraries that ``.gnu.version_r`` names: a file asks no version of itself."""
    found = set()
    for _ in range(entries):
        _, _, file, _, following = _VERNEED.unpack(image.source.read_at(at, _VERNEED.size))
        found.add(string_at(strings, file))
        at += following
    return found


def _own(sonames: set[str], member: str) -> str | None:
    """The soname that is its own: what its file is called, but for a hash that a tool put in."""
    name = PurePosixPath(member).name
    alike = [s for s in sonames if s == name or _stem(s) == _stem(name)]
    return min(alike, key=lambda s: (s != name, s), default=None)


def _stem(name: str) -> str:
    return _HASHED.sub("", name.split(".so")[0])
