"""Bit sets over the options of one package: which of them a specifier admits.

Bit ``i`` stands for option ``i``. Rules (PEP 440, PEP 592): stable, not withdrawn versions that the
specifier contains; where there is none, pre-releases that it contains. Withdrawn ones only for an
exact ``==`` or ``===``. What the user asks for by name opts in for everyone: a pre-release that a
requirement of the project names lets all of that package in, an exact pin its withdrawn version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.model.values import dataclass
from torchsolve.solve.options import Option, outlines


def bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@lru_cache(maxsize=8192)
def is_pin(specifier: str) -> bool:
    """Whether ``specifier`` names one version: ``==1.2`` or ``===x``, without a wildcard."""
    return any(
        part.lstrip().startswith("==") and not part.rstrip().endswith(".*")
        for part in specifier.split(",")
    )


def is_exact(specifier: SpecifierSet) -> bool:
    """See ``is_pin``."""
    return is_pin(str(specifier))


@dataclass(frozen=True, slots=True)
class OptIn:
    """What the user lets in of one package beside stable versions.

    Attributes:
        pre: pre-releases, even where a stable version fits.
        exact: specifiers that pin one version: it may be withdrawn.
    """

    pre: bool = False
    exact: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: Iterable[Requirement], *, pre: bool = False) -> OptIn:
        """What requirements on one package let in. ``pre``: pre-releases in any case."""
        specifiers = [row.specifier for row in asked]
        exact = sorted({str(s) for s in specifiers if is_exact(s)})
        return cls(pre or any(s.prereleases for s in specifiers), tuple(exact))

    def __str__(self) -> str:
        return " ".join(["pre"] * self.pre + list(self.exact))

    def admits(self, withdrawn: Version) -> bool:
        """Whether a withdrawn version was pinned."""
        return any(SpecifierSet(text).contains(withdrawn, prereleases=True) for text in self.exact)


NOTHING = OptIn()


def specifier_mask(
    specifier: SpecifierSet, options: Sequence[Option], opted: OptIn = NOTHING
) -> int:
    """The options that ``specifier`` admits."""
    exact = is_exact(specifier)
    stable = pre = 0
    for i, (version, yanked) in enumerate(outlines(options)):
        if yanked and not exact and not opted.admits(version):
            continue
        if not specifier or specifier.contains(version, prereleases=True):
            if version.is_prerelease:
                pre |= 1 << i
            else:
                stable |= 1 << i
    return stable | pre if opted.pre else stable or pre
