"""Which GPU code runs on which GPU (CUDA C++ Programming Guide, binary and PTX compatibility).

A compute capability is written ``8.6``; code for it ``sm_86`` (SASS) or ``compute_86`` (PTX), with
an ``a`` (that capability alone) or ``f`` (its family from that minor up).
"""

from __future__ import annotations

import re

from torchsolve.model.binary import Fatbin, GpuCode
from torchsolve.model.values import dataclass

_CODE = re.compile(r"(?:sm_|compute_)?(\d+?)\.?(\d)([af]?)")
# Tegra parts share a major with desktop parts and are not covered by their code.
TEGRA = frozenset({"5.3", "6.2", "7.2", "8.7"})


@dataclass(frozen=True, slots=True, order=True)
class Sm:
    """One architecture that code was made for."""

    major: int
    minor: int
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Sm:
        """``8.6``, ``sm_86``, ``compute_90``, ``sm_100f``, ``9.0a``. Raises ValueError."""
        match = _CODE.fullmatch(text)
        if not match:
            raise ValueError(f"not a GPU architecture: {text!r}")
        return cls(int(match[1]), int(match[2]), match[3])

    @property
    def capability(self) -> str:
        """``8.6``, without the variant."""
        return f"{self.major}.{self.minor}"

    def sass_runs_on(self, capability: str) -> bool | None:
        """Whether machine code for this runs there; None where nobody can tell (Tegra)."""
        gpu = Sm.parse(capability)
        if self.variant == "a":
            return (self.major, self.minor) == (gpu.major, gpu.minor)
        if gpu.major != self.major or gpu.minor < self.minor:
            return False
        if capability in TEGRA and (self.major, self.minor) != (gpu.major, gpu.minor):
            return None
        return True

    def ptx_runs_on(self, capability: str) -> bool:
        """Whether a driver can compile this PTX for that GPU."""
        gpu = Sm.parse(capability)
        if self.variant == "a":
            return (self.major, self.minor) == (gpu.major, gpu.minor)
        if self.variant == "f":
            return gpu.major == self.major and gpu.minor >= self.minor
        return (gpu.major, gpu.minor) >= (self.major, self.minor)


def coverage(sass: tuple[str, ...], ptx: tuple[str, ...], capability: str) -> str:
    """``native``, ``ptx``, ``missing`` or ``unknown`` for one GPU."""
    answers = [Sm.parse(code).sass_runs_on(capability) for code in sass]
    if True in answers:
        return "native"
    if any(Sm.parse(code).ptx_runs_on(capability) for code in ptx):
        return "ptx"
    return "unknown" if None in answers else "missing"


@dataclass(frozen=True, slots=True)
class Covered:
    """What one GPU finds in a file.

    Attributes:
        how: ``native``, ``ptx`` (some kernel of each fatbin's only by PTX), ``partial`` (some
            fatbins have nothing for it), ``missing`` or ``unknown``.
        lacking: the fatbins that have nothing for it.
        of: how many there are; 0 where only the whole file's sets are known.
    """

    how: str
    lacking: tuple[Fatbin, ...] = ()
    of: int = 0

    @property
    def without(self) -> int:
        """How many fatbins have nothing for the GPU."""
        return sum(fatbin.count for fatbin in self.lacking)

    @property
    def gap(self) -> bool:
        """Whether general code lacks too, not only what was made for other architectures alone."""
        return any(not fatbin.specific for fatbin in self.lacking)


def covered(code: GpuCode, capability: str) -> Covered:
    """``coverage`` of a file, fatbin by fatbin where they are known.

    A kernel is in one fatbin only. Which of them a program calls cannot be told from the file:
    fatbins made for other GPUs (FlashAttention-3's ``sm_90a``) may never be, so that ``partial``
    is neither fine nor a defect, and never as good as ``native``.
    """
    if not code.fatbins:
        return Covered(coverage(code.sass, tuple(name for name, _ in code.ptx), capability))
    answers = [(one, coverage(one.sass, one.ptx, capability)) for one in code.fatbins]
    of = sum(one.count for one in code.fatbins)
    hows = {how for _, how in answers}
    lacking = tuple(one for one, how in answers if how == "missing")
    if "missing" in hows:
        return Covered("partial" if hows & {"native", "ptx"} else "missing", lacking, of)
    return Covered(next(how for how in ("unknown", "ptx", "native") if how in hows), (), of)
