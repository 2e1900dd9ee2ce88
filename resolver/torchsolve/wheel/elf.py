"""An ELF file of a wheel → ``ElfFile``.

In: bytes, or a ``Source`` of ranges. Out: facts; a file that is damaged, lies or is of a kind that
no torch wheel holds gives an ``ElfFile`` whose ``unread`` says why. Nothing is executed.
"""

from __future__ import annotations

import re

from torchsolve.model.binary import ElfFile, GpuCode
from torchsolve.model.values import replace
from torchsolve.wheel.elf_constants import is_of_torch, read_constants
from torchsolve.wheel.elf_front import Entries, leading_entries
from torchsolve.wheel.elf_image import (
    Image,
    Tag,
    check_loadable,
    dynamic_entries,
    read_image,
    string_at,
)
from torchsolve.wheel.elf_python import python_abi
from torchsolve.wheel.elf_source import BytesSource, Source, Unreadable
from torchsolve.wheel.elf_strings import Strings, read_strings
from torchsolve.wheel.elf_tables import read_symbols, string_table, version_needs
from torchsolve.wheel.fatbin import device_code, read_gpu

# A program may be static; what is called a library is there to be opened.
_LIBRARY = re.compile(r"\.so(\.\d+)*$")


def read_elf(
    data: bytes | memoryview | Source, member: str, *, gpu: bool = False, strings: bool = True
) -> ElfFile:
    """The facts of one ELF file.

    Args:
        data: the file, or a source of its ranges (its own errors pass through).
        member: path in the wheel.
        gpu: read GPU code too.
        strings: look for inlined checks and toolkits, as far as ``Source.reach``.
    """
    source = BytesSource(data) if isinstance(data, bytes | memoryview) else data
    try:
        image = read_image(source)
        entries = dynamic_entries(image)
        if _LIBRARY.search(member):
            check_loadable(image, entries)
        # First what reaches farthest: strings are looked for in all that was inflated by then.
        code = read_gpu(image) if gpu else None
        found = _strings(source, image) if strings else Strings()
        return _elf_file(image, entries, member, found, code)
    except Unreadable as reason:
        return ElfFile(member, unread=str(reason))


def read_leading(source: Source, member: str) -> ElfFile | None:
    """The facts that the leading bytes tell, of a file that GNU ld left as it made it.

    No more is read than its tables and, where it needs torch, the constants in front of its GPU
    code, which hold the checks; None where the tables are not at the front (``elf_front``).
    """
    try:
        image = read_image(source)
        entries = leading_entries(image, member)
        if entries is None:
            return None
        names = string_table(image, dict(entries))
        if any(is_of_torch(soname) for soname in _named(entries, names).needed):
            read_constants(image)
        found = read_strings(source, ((0, source.reach),))
        return _elf_file(image, entries, member, found, None)
    except Unreadable as reason:
        return ElfFile(member, unread=str(reason))


def _elf_file(
    image: Image, entries: Entries, member: str, found: Strings, gpu: GpuCode | None
) -> ElfFile:
    dynamic = dict(entries)
    names = string_table(image, dynamic)
    symbols = read_symbols(image, dynamic, names)

    python, floor = python_abi(member, symbols.undefined, symbols.defined)

    return replace(
        _named(entries, names),
        member=member,
        machine=image.machine,
        versions=version_needs(image, dynamic, names),
        undefined=symbols.undefined,
        defined=symbols.defined,
        weak_objects=symbols.weak_objects,
        checks=found.checks,
        toolkits=found.toolkits,
        python=python,
        python_floor=floor,
        compilers=found.compilers,
        gpu=gpu,
    )


def _strings(source: Source, image: Image) -> Strings:
    return read_strings(source, ((0, source.reach),), device_code=device_code(image))


def _named(entries: Entries, names: bytes) -> ElfFile:
    """A file of which only the names in its dynamic section are known."""

    def values(tag: Tag) -> list[str]:
        return [string_at(names, value) for key, value in entries if key == tag]

    return ElfFile(
        "",
        soname=next(iter(values(Tag.SONAME)), None),
        needed=tuple(values(Tag.NEEDED)),
        runpath=_paths(values(Tag.RUNPATH)),
        rpath=_paths(values(Tag.RPATH)),
    )


def _paths(values: list[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.split(":") if part)
