"""The constants of a library, as far as they stand in front of its GPU code.

GNU ld (with ``-z separate-code``, its default since binutils 2.31) puts ``.rodata`` first into the
segment behind the code, and nvcc's ``.nv_fatbin`` next. Inlined checks of torch's headers are in
there: a megabyte or two into a file whose GPU code takes hundreds.
"""

from __future__ import annotations

import re

from torchsolve.wheel.elf_image import Image

_LOAD, _EXECUTABLE = 1, 1
# Libraries with more code than this have symbols enough to tell one torch from another.
_MOST_CODE = 8 * 1024 * 1024
_MOST_CONSTANTS = 4 * 1024 * 1024
_STEP = 256 * 1024
_FATBIN = b"\x50\xed\x55\xba"
_TORCH = re.compile(r"lib(?:torch|c10)(?:_\w+)?\.so")


def is_of_torch(soname: str) -> bool:
    """Whether a library of that name is torch's."""
    return bool(_TORCH.fullmatch(soname))


def read_constants(image: Image) -> None:
    """Makes ``Source.reach`` lead through the constants, where they are not too far."""
    loaded = sorted((s.offset, s.size, s.flags) for s in image.segments if s.kind == _LOAD)
    code = next((at for at, row in enumerate(loaded) if row[2] & _EXECUTABLE), None)
    if code is None or code + 1 == len(loaded):
        return
    start, size, _ = loaded[code + 1]
    end = min(start + min(size, _MOST_CONSTANTS), image.source.size)
    if start > _MOST_CODE:
        return
    for at in range(start, end, _STEP):
        if _FATBIN in image.source.read_at(at, min(_STEP, end - at)):
            return
