"""Libraries compiled on the spot by the system's compiler, with GPU code and with damage."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

COMPILER = shutil.which("c++") or shutil.which("g++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler on this machine")
needs_binutils = pytest.mark.skipif(
    shutil.which("nm") is None or shutil.which("readelf") is None, reason="no binutils here"
)

FATBINS = Path(__file__).parent.parent / "data" / "fatbins"


def library(path: Path, source: str, *flags: str, fatbin: bytes = b"", section: str = "") -> Path:
    """A shared object of C++ ``source``; ``fatbin`` goes into a section as nvcc puts it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code, blob = path.with_suffix(".cpp"), path.with_suffix(".blob")
    if fatbin:
        blob.write_bytes(fatbin)
        source += embedded(blob, section or ".nv_fatbin")
    code.write_text(source)
    command = [str(COMPILER), "-shared", "-fPIC", "-O1", "-o", str(path), str(code), *flags]
    subprocess.run(command, check=True, capture_output=True)
    return path


def embedded(blob: Path, section: str) -> str:
    return (
        f'\nasm(".section {section}, \\"a\\"\\n.align 8\\n.incbin \\"{blob}\\"\\n.previous\\n");\n'
    )


def without_sections(data: bytes) -> bytes:
    """The file as ``strip --strip-section-headers`` leaves it."""
    return data[:0x28] + bytes(8) + data[0x30:0x3A] + bytes(6) + data[0x40:]


@dataclass(frozen=True, slots=True)
class Code:
    """An entry of a fatbin: kind 1 PTX, 2 machine code, 8 LTO-IR; ``flags`` as in the header."""

    kind: int
    arch: int
    isa: tuple[int, int] = (0, 0)
    flags: int = 0x11
    payload: bytes = field(default=b"machine!")

    def header(self) -> bytes:
        minor, major = self.isa[1], self.isa[0]
        head = struct.pack("<HHIQ", self.kind, 0x101, 64, len(self.payload))
        head += struct.pack("<IIHHI8xQ16x", 0, 0, minor, major, self.arch, self.flags)
        return head + self.payload


def fatbin(entries: Sequence[Code]) -> bytes:
    body = b"".join(entry.header() for entry in entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


class Counted:
    """A source of bytes that counts what is read of it, so that a test may bound it."""

    def __init__(self, data: bytes) -> None:
        from torchsolve.wheel.elf_source import BytesSource

        self._inner = BytesSource(data)
        self.calls = self.bytes = 0

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def reach(self) -> int:
        return self._inner.reach

    def read_at(self, offset: int, size: int) -> bytes:
        self.calls += 1
        data = self._inner.read_at(offset, size)
        self.bytes += len(data)
        return data


def damaged(data: bytes, places: Sequence[tuple[int, int]], seed: int) -> bytes:
    """Up to eight bytes in the ``(start, end)`` ranges changed, the same ones for a seed."""
    random = Random(seed)  # noqa: S311 - damage, not secrets
    copy = bytearray(data)
    for _ in range(random.randint(1, 8)):
        start, end = random.choice(places)
        copy[random.randrange(start, min(end, len(data)))] = random.choice((0, 1, 2, 127, 128, 255))
    return bytes(copy)
