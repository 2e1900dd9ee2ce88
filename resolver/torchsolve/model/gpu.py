"""Which GPU code runs on which GPU (CUDA C++ Programming Guide, binary and PTX compatibility).

A compute capability is written ``8.6``; code for it ``sm_86`` (SASS) or ``compute_86`` (PTX), with
an ``a`` (that capability alone) or ``f`` (its family from that minor up).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
