"""Classes of a wheel's own (``torch::class_``) that one of its files registers and another names.

A kernel's schema with such a class is parsed when it is registered, in a static initializer: where
nobody has registered the class yet, torch throws "Unknown custom class type _core_C.ScalarType.
Please ensure it is registered" and the process aborts. Seen: ``_moe_C`` of vllm 0.6.3 on torch
2.4.1, which aborts alone and opens after ``_core_C``.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from torchsolve.model.binary import ElfFile

_POINTER = re.compile(r"_ZTIN3c1013intrusive_ptrI(?!N(?:3c10|2at|5torch|4c10d)[0-9])")
_LOOKS_UP = "22getCustomClassTypeImpl"
_REGISTERS = re.compile(r"_ZN5torch6detail10class_baseC")


def registered_by(opened: Collection[ElfFile], files: Collection[ElfFile]) -> str | None:
    """The file of the wheel that has to be opened before those of ``opened``; None where none."""
    if not any(_LOOKS_UP in symbol.name for file in opened for symbol in file.undefined):
        return None
    names = {name for file in opened for name in _pointers(file)}
    names -= {name for file in opened if _registers(file) for name in _pointers(file)}
    others = [file for file in files if file not in opened and _registers(file)]
    return next((file.member for file in others if names & _pointers(file)), None)


def _pointers(file: ElfFile) -> frozenset[str]:
    """Typeinfo of pointers to classes that are not torch's."""
    return frozenset(name for name, _ in file.weak_objects if _POINTER.match(name))


def _registers(file: ElfFile) -> bool:
    return any(_REGISTERS.match(symbol.name) for symbol in file.undefined)
