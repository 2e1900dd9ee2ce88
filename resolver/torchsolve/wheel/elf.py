"""An ELF file of a wheel → ``ElfFile``.

In: bytes, or a ``Source`` of ranges. Out: facts; a file that is damaged, lies or is of a kind that
no torch wheel holds gives an ``ElfFile`` whose ``unread`` says why. Nothing is executed.
"""

from __future__ import annotations

from torchsolve.model.binary import ElfFile, GpuCode
from torchsolve.wheel.elf_image import Image, Tag, dynamic_entries, read_image, string_at
from torchsolve.wheel.elf_source import BytesSource, Source, Unreadable
from torchsolve.wheel.elf_strings import Strings, read_strings
from torchsolve.wheel.elf_tables import read_symbols, string_table, version_needs
from torchsolve.wheel.fatbin import read_gpu


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
        found = read_strings(source, ((0, source.reach),)) if strings else Strings((), ())
        return _elf_file(image, member, found, read_gpu(image) if gpu else None)
    except Unreadable as reason:
        return ElfFile(member, unread=str(reason))


def _elf_file(image: Image, member: str, found: Strings, gpu: GpuCode | None) -> ElfFile:
    entries = dynamic_entries(image)
    dynamic = dict(entries)
    names = string_table(image, dynamic)
    symbols = read_symbols(image, dynamic, names)

    def values(tag: Tag) -> list[str]:
        return [string_at(names, value) for key, value in entries if key == tag]

    return ElfFile(
        member,
        machine=image.machine,
        soname=next(iter(values(Tag.SONAME)), None),
        needed=tuple(values(Tag.NEEDED)),
        runpath=_paths(values(Tag.RUNPATH)),
        rpath=_paths(values(Tag.RPATH)),
        versions=version_needs(image, dynamic, names),
        undefined=symbols.undefined,
        defined=symbols.defined,
        weak_objects=symbols.weak_objects,
        checks=found.checks,
        toolkits=found.toolkits,
        python=None,
        gpu=gpu,
    )


def _paths(values: list[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.split(":") if part)
