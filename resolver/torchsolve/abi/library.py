"""A shared library of a release, however large: what it exports and needs, never held whole."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import IO

from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass
from torchsolve.wheel.elf_image import Image, Tag, dynamic_entries, read_image, string_at
from torchsolve.wheel.elf_source import FileSource, Unreadable
from torchsolve.wheel.elf_tables import Dynamic, string_table, symbol_count, version_needs

_SYMBOL = struct.Struct("<IBBHQQ")
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
    versions: tuple[tuple[str, str], ...]
    exports: dict[str, int]


def read_library(stream: IO[bytes], origin: str) -> Library:
    """Reads an open file of the disk. Raises UnknownError ``unreadable-library``."""
    try:
        image = read_image(FileSource(stream, os.fstat(stream.fileno()).st_size))
        entries = dynamic_entries(image)
        dynamic = dict(entries)
        strings = string_table(image, dynamic)
        sonames = [string_at(strings, value) for tag, value in entries if tag == Tag.SONAME]
        return Library(
            sonames[0] if sonames else None,
            tuple(string_at(strings, value) for tag, value in entries if tag == Tag.NEEDED),
            tuple((n.library, n.version) for n in version_needs(image, dynamic, strings)),
            dict(_exports(image, dynamic, strings)),
        )
    except Unreadable as error:
        raise UnknownError("unreadable-library", str(error), origin=origin) from error


def _exports(image: Image, dynamic: Dynamic, strings: bytes) -> Iterator[tuple[str, int]]:
    if Tag.SYMTAB not in dynamic:
        return
    # No relocations: they count only what is undefined, and are a hundred megabytes.
    count = symbol_count(image, dynamic, frozenset())
    table = image.read_address(dynamic[Tag.SYMTAB], count * _SYMBOL.size)
    for at, info, _, section, _, size in _SYMBOL.iter_unpack(table):
        if section and at and info >> 4 in _BINDINGS:
            yield string_at(strings, at), size
