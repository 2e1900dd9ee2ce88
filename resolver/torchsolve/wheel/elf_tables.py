"""Symbol, version and relocation tables of an ELF file, read in bulk.

A library can export 100,000 symbols: no object is made for one that is only defined, and tables
are unpacked by C code. Sources: System V gABI; LSB, symbol versioning; the GNU hash section as
glibc's ``dl-lookup.c`` walks it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from torchsolve.model.binary import Binding, Undefined, VersionNeed
from torchsolve.model.values import dataclass
from torchsolve.wheel.elf_image import MACHINES, Image, Tag, string_at
from torchsolve.wheel.elf_source import Unreadable

_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = 24
_VERNEED = struct.Struct("<HHIII")
_VERNAUX = struct.Struct("<IHHII")
_VERDEF = struct.Struct("<HHHHIII")

# libtorch_cuda has 80,000 symbols and 1,100,000 relocations.
_MAX_SYMBOLS = 4_000_000
_MAX_RELOCATIONS = 32_000_000
_MAX_VERSIONS = 65_536
_MAX_STRINGS = 512 * 1024 * 1024

_WEAK = 2
_BINDINGS: Mapping[int, Binding] = {1: Binding.GLOBAL, 2: Binding.WEAK, 10: Binding.UNIQUE}
_PRINT = re.compile(rb"_ZT[VI]N?[KVRO]*(?:3c10|2at|5torch|6caffe2|4c10d)")


@dataclass(frozen=True, slots=True)
class Symbols:
    """The dynamic symbols of a file, split by what they are asked for."""

    undefined: tuple[Undefined, ...]
    defined: tuple[str, ...]
    weak_objects: tuple[tuple[str, int], ...]


Dynamic = Mapping[int, int]


def string_table(image: Image, dynamic: Dynamic) -> bytes:
    """The dynamic string table; b"" where there is none."""
    size = dynamic.get(Tag.STRSZ, 0)
    if Tag.STRTAB not in dynamic:
        return b""
    if size > _MAX_STRINGS:
        raise Unreadable(f"its string table claims {size} bytes")
    return image.read_address(dynamic[Tag.STRTAB], size)


def read_symbols(image: Image, dynamic: Dynamic, strings: bytes) -> Symbols:
    """All dynamic symbols. Raises ``Unreadable``."""
    if Tag.SYMTAB not in dynamic:
        return Symbols((), (), ())
    used = relocated_symbols(image, dynamic)
    count = symbol_count(image, dynamic, used)
    table = image.read_address(dynamic[Tag.SYMTAB], count * _SYMBOL.size)
    if any(table[: _SYMBOL.size]):
        raise Unreadable("its symbol table does not open with the null symbol")
    versions = _symbol_versions(image, dynamic, count)
    return _split(table, strings, versions, version_names(image, dynamic, strings), used)


def _split(
    table: bytes,
    strings: bytes,
    versions: memoryview | None,
    names: Mapping[int, str],
    used: frozenset[int],
) -> Symbols:
    undefined: list[Undefined] = []
    defined: list[bytes] = []
    prints: list[tuple[str, int]] = []
    find = strings.find
    for index, (at, info, other, section, _, size) in enumerate(_SYMBOL.iter_unpack(table)):
        binding = info >> 4
        if not binding or not at:
            continue
        end = find(b"\0", at)
        if end < 0:
            raise Unreadable(f"the name of symbol {index} is past the end of the string table")
        name = strings[at:end]
        if not name:
            continue
        if section:
            if other & 3 in (0, 3):
                defined.append(name)
                if binding != 1 and info & 15 == 1 and _PRINT.match(name):
                    prints.append((_text(name), size))
        elif binding in _BINDINGS:
            version = names.get(versions[index] & 0x7FFF) if versions is not None else None
            undefined.append(Undefined(_text(name), version, _BINDINGS[binding], index in used))
    undefined.sort(key=lambda symbol: (symbol.name, symbol.version or ""))
    return Symbols(tuple(undefined), tuple(map(_text, sorted(set(defined)))), tuple(sorted(prints)))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def symbol_count(image: Image, dynamic: Dynamic, used: frozenset[int]) -> int:
    """How many symbols the dynamic table has, which no tag says but the hash tables tell.

    ``DT_HASH`` says it; the last chain of ``DT_GNU_HASH`` ends with the last symbol. That of a file
    which defines none has no chain: there entries are counted for as long as they can be such.
    """
    count = 0
    if Tag.HASH in dynamic:
        count = int.from_bytes(image.read_address(dynamic[Tag.HASH] + 4, 4), "little")
    elif Tag.GNU_HASH in dynamic:
        count = _gnu_hash_count(image, dynamic[Tag.GNU_HASH])
    if not count:
        count = _count_undefined(image, dynamic)
    if count > _MAX_SYMBOLS:
        raise Unreadable(f"its symbol table claims {count} symbols")
    if used and max(used) >= count and image.header.machine in MACHINES:
        raise Unreadable(f"a relocation uses symbol {max(used)} of {count}")
    return count


def _count_undefined(image: Image, dynamic: Dynamic) -> int:
    """Symbols up to the next table (GNU ld, gold and lld put one behind them), all undefined."""
    start, names = dynamic[Tag.SYMTAB], dynamic.get(Tag.STRSZ, 0)
    tables = (Tag.STRTAB, Tag.VERSYM, Tag.GNU_HASH, Tag.HASH, Tag.VERNEED, Tag.RELA, Tag.JMPREL)
    after = [dynamic[tag] for tag in tables if dynamic.get(tag, 0) > start]
    if not after:
        return 0
    limit = min((min(after) - start) // _SYMBOL.size, _MAX_SYMBOLS)
    table = image.read_address(start, limit * _SYMBOL.size)
    for index, (name, info, _, section, value, _) in enumerate(_SYMBOL.iter_unpack(table)):
        undefined = 0 < name < names and info >> 4 in _BINDINGS and not value
        if index and (section or not undefined):
            return index
    return limit


def _gnu_hash_count(image: Image, address: int) -> int:
    head = memoryview(image.read_address(address, 16)).cast("I").tolist()
    buckets, first, bloom, _ = head
    if max(buckets, bloom, first) > _MAX_SYMBOLS:
        raise Unreadable(f"its hash table claims {max(buckets, bloom, first)} entries")
    at = address + 16 + bloom * 8
    words = memoryview(image.read_address(at, buckets * 4)).cast("I")
    last: int = max(words, default=0)
    if last < first:
        return 0
    if last > _MAX_SYMBOLS:
        raise Unreadable(f"its hash table names symbol {last}")
    return _chain_end(image, at + buckets * 4, last - first) + first


def _chain_end(image: Image, chains: int, index: int) -> int:
    """Index after the end of the chain that begins at ``index``: the first odd word ends it."""
    offset, limit = image.offset_of(chains), image.source.size
    while index < _MAX_SYMBOLS:
        at = offset + index * 4
        block = image.source.read_at(at, min(4096, (limit - at) // 4 * 4))
        if not block:
            break
        for word in memoryview(block).cast("I"):
            index += 1
            if word & 1:
                return index
    raise Unreadable("its hash table has a chain without an end")


def relocated_symbols(image: Image, dynamic: Dynamic) -> frozenset[int]:
    """Indexes of symbols that a relocation uses (``DT_RELR`` holds relative ones only)."""
    used: set[int] = set()
    for tag, size_tag in ((Tag.RELA, Tag.RELASZ), (Tag.JMPREL, Tag.PLTRELSZ)):
        size = dynamic.get(size_tag, 0) // _RELA * _RELA
        if size and tag in dynamic:
            if size > _MAX_RELOCATIONS * _RELA:
                raise Unreadable(f"it claims {size // _RELA} relocations")
            used.update(_symbol_indexes(image, dynamic[tag], size))
    return frozenset(used)


def _symbol_indexes(image: Image, address: int, size: int) -> set[int]:
    """The upper half of ``r_info`` of each entry: the fourth of its six 32-bit words."""
    offset, used, step = image.offset_of(address), set[int](), _RELA * 65_536
    for at in range(0, size, step):
        block = image.source.read_at(offset + at, min(step, size - at))
        used.update(memoryview(block).cast("I")[3::6])
    return used


def _symbol_versions(image: Image, dynamic: Dynamic, count: int) -> memoryview | None:
    if Tag.VERSYM not in dynamic:
        return None
    return memoryview(image.read_address(dynamic[Tag.VERSYM], count * 2)).cast("H")


def version_names(image: Image, dynamic: Dynamic, strings: bytes) -> dict[int, str]:
    """Version index → version name, of what is needed and what is defined."""
    names = {index: need.version for index, need, _ in _needs(image, dynamic, strings)}
    if Tag.VERDEF in dynamic:
        names |= _definitions(image, dynamic, strings)
    return names


def version_needs(image: Image, dynamic: Dynamic, strings: bytes) -> tuple[VersionNeed, ...]:
    """Entries of ``.gnu.version_r``, sorted, but for weak ones, which no linker insists on."""
    found = {need for _, need, weak in _needs(image, dynamic, strings) if not weak}
    return tuple(sorted(found, key=lambda need: (need.library, need.version)))


def _needs(image: Image, dynamic: Dynamic, strings: bytes) -> list[tuple[int, VersionNeed, bool]]:
    """``(version index, need, weak)``."""
    found: list[tuple[int, VersionNeed, bool]] = []
    if Tag.VERNEED not in dynamic:
        return found
    at = dynamic[Tag.VERNEED]
    for _ in range(min(dynamic.get(Tag.VERNEEDNUM, 0), _MAX_VERSIONS)):
        _, count, file, first, following = _VERNEED.unpack(image.read_address(at, _VERNEED.size))
        library, aux = string_at(strings, file), at + first
        for _ in range(count):
            row = _VERNAUX.unpack(image.read_address(aux, _VERNAUX.size))
            _, flags, index, name, step = row
            need = VersionNeed(library, string_at(strings, name))
            found.append((index & 0x7FFF, need, bool(flags & _WEAK)))
            if len(found) > _MAX_VERSIONS:
                raise Unreadable("its table of needed versions has no end")
            if not step:
                break
            aux += step
        if not following:
            break
        at += following
    return found


def _definitions(image: Image, dynamic: Dynamic, strings: bytes) -> dict[int, str]:
    names: dict[int, str] = {}
    at = dynamic[Tag.VERDEF]
    # Index 1 is the file itself: an undefined symbol that has it is unversioned.
    for _ in range(min(dynamic.get(Tag.VERDEFNUM, 0), _MAX_VERSIONS)):
        row = _VERDEF.unpack(image.read_address(at, _VERDEF.size))
        _, _, index, _, _, aux, following = row
        name = int.from_bytes(image.read_address(at + aux, 4), "little")
        if index & 0x7FFF > 1:
            names[index & 0x7FFF] = string_at(strings, name)
        if not following:
            break
        at += following
    return names
