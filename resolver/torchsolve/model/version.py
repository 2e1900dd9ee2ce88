"""CUDA tags, torch minors and Python versions: parsing and order, each in one place."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import TYPE_CHECKING

from torchsolve.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.version import Version

_TAG = re.compile(r"cu(\d{2})(\d)")
_DIGITS = 4300
_ENDLESS = re.compile(rf"\d{{{_DIGITS}}}")


@total_ordering
@dataclass(frozen=True, slots=True)
class CudaTag:
    """The CUDA tag of a torch build: ``cpu``, ``cu118``, ``cu126``, ``cu130``.

    Ordered by CUDA version; ``cpu`` comes before all.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text != "cpu" and not _TAG.fullmatch(self.text):
            raise ValueError(f"not a CUDA tag: {self.text!r}")

    @classmethod
    def from_version(cls, version: str) -> CudaTag:
        """``12.6`` or ``12.6.3`` → ``cu126``. Raises ValueError for anything else."""
        parts = version.split(".")
        if len(parts) < 2 or not all(p.isdigit() for p in parts):
            raise ValueError(f"not a CUDA version: {version!r}")
        return cls(f"cu{parts[0]}{parts[1]}")

    @property
    def version(self) -> tuple[int, int] | None:
        """``(12, 6)`` for ``cu126``; None for ``cpu``."""
        match = _TAG.fullmatch(self.text)
        return (int(match[1]), int(match[2])) if match else None

    @property
    def major(self) -> int | None:
        """``12`` for ``cu126``; None for ``cpu``."""
        return self.version[0] if self.version else None

    @property
    def dotted(self) -> str | None:
        """``12.6`` for ``cu126``; None for ``cpu``."""
        return f"{self.version[0]}.{self.version[1]}" if self.version else None

    def __lt__(self, other: CudaTag) -> bool:
        return (self.version or (0, 0)) < (other.version or (0, 0))

    def __str__(self) -> str:
        return self.text


@total_ordering
@dataclass(frozen=True, slots=True)
class PythonVersion:
    """A CPython minor: ``3.12``, tag ``cp312``."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> PythonVersion:
        """``3.12`` or ``cp312`` or ``312``. Raises ValueError for anything else."""
        match = re.fullmatch(r"(\d)\.(\d{1,2})(?:\.\d+)?|(?:cp)?(\d)(\d{1,2})", text.strip())
        if not match:
            raise ValueError(f"not a Python version: {text!r}")
        return cls(int(match[1] or match[3]), int(match[2] or match[4]))

    @property
    def tag(self) -> str:
        """``cp312``."""
        return f"cp{self.major}{self.minor}"

    def __lt__(self, other: PythonVersion) -> bool:
        return (self.major, self.minor) < (other.major, other.minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def dotted_key(text: str) -> tuple[int, ...]:
    """Order of dotted numbers (glibc ``2.35``, driver ``570.26``, CUDA ``12.8.1``, SM ``8.6``)."""
    return tuple(int(part) for part in text.split("."))


def has_endless_number(text: str) -> bool:
    """Whether it holds a number that Python refuses to read: of more than 4,300 digits."""
    return len(text) > _DIGITS and bool(_ENDLESS.search(text))


def version_span(newest_first: Sequence[Version]) -> str:
    """``2.5.5``, or ``2.5.0 to 2.5.5 (6 versions)``."""
    newest, oldest = newest_first[0], newest_first[-1]
    count = f"({len(newest_first)} versions)"
    return str(newest) if newest == oldest else f"{oldest} to {newest} {count}"
