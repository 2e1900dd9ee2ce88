"""Strings that compilers leave in a file: inlined checks of torch's headers, CUDA toolkits.

``TORCH_INTERNAL_ASSERT`` puts its whole message into read-only data:
``… INTERNAL ASSERT FAILED at "/…/torch/include/c10/core/TensorImpl.h":1300, please …``. A plain
``TORCH_CHECK`` passes its line as an immediate and leaves the header's name alone, which says
nothing of the release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchsolve.model.values import dataclass
from torchsolve.wheel.elf_source import Source, chunks

_CHECK = re.compile(rb'torch/include/([!-!#-~]{1,200}?\.(?:h|hpp|cuh|inl))":(\d{1,6})[,\0 ]')
_TOOLKIT = re.compile(rb"(?:release |V)(\d{1,2}\.\d{1,2})(?:, V|\.\d{1,3}\b)")
_TOOLS = b"Cuda compilation tools, "
_OVERLAP = 512
Ranges = tuple[tuple[int, int], ...]
# A library that is opened at run time is asked for these by name, as one that is linked is.
_COMPILERS = (
    (b"nvrtcCompileProgram\0", "nvrtc"),
    (b"nvJitLinkAddData\0", "nvjitlink"),
    (b"PyInit_libtriton\0", "triton"),
)


@dataclass(frozen=True, slots=True)
class Strings:
    """``checks``: (header below ``torch/include/``, line), sorted; the others as in ``ElfFile``."""

    checks: tuple[tuple[str, int], ...] = ()
    toolkits: tuple[str, ...] = ()
    compilers: tuple[str, ...] = ()


def read_strings(source: Source, ranges: Ranges, *, device_code: Ranges = ()) -> Strings:
    """What the given ``(start, end)`` ranges of a file say.

    ``device_code``: ranges where no host compiler put anything, most of a large file; they are
    asked for toolkits alone.
    """
    checks: set[tuple[str, int]] = set()
    toolkits: set[str] = set()
    compilers: set[str] = set()
    for block in _blocks(source, _outside(ranges, device_code)):
        if b"torch/include/" in block:
            checks |= {(m[1].decode(), int(m[2])) for m in _CHECK.finditer(block)}
        toolkits |= _toolkits(block)
        compilers |= {name for text, name in _COMPILERS if text in block}
    for block in _blocks(source, device_code):
        toolkits |= _toolkits(block)
    return Strings(
        tuple(sorted(checks)),
        tuple(sorted(toolkits, key=lambda text: tuple(map(int, text.split("."))))),
        tuple(sorted(compilers)),
    )


def _blocks(source: Source, ranges: Ranges) -> Iterator[bytes]:
    for start, end in ranges:
        for _, block in chunks(source, start, end, _OVERLAP):
            yield block


def _outside(ranges: Ranges, holes: Ranges) -> Ranges:
    for start, end in holes:
        ranges = tuple(
            part
            for a, b in ranges
            for part in ((a, min(b, start)), (max(a, end), b))
            if part[0] < part[1]
        )
    return ranges


def _toolkits(block: bytes) -> set[str]:
    found: set[str] = set()
    at = block.find(_TOOLS)
    while at >= 0:
        match = _TOOLKIT.match(block, at + len(_TOOLS))
        if match:
            found.add(match[1].decode())
        at = block.find(_TOOLS, at + len(_TOOLS))
    return found
