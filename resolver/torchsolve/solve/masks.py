"""Bit sets over the options of one package: which of them a specifier admits.

Bit ``i`` stands for option ``i``. Rules (PEP 440, PEP 592): stable, not withdrawn versions that the
specifier contains; withdrawn ones only for an exact ``==`` or ``===``; pre-releases only where the
specifier names one or the package has nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.specifiers import SpecifierSet

from torchsolve.solve.options import Option


def bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def is_exact(specifier: SpecifierSet) -> bool:
    """Whether it names one version: ``==1.2`` or ``===x``, without a wildcard."""
    return any(
        spec.operator in ("==", "===") and not spec.version.endswith(".*") for spec in specifier
    )


def specifier_mask(specifier: SpecifierSet, options: Sequence[Option]) -> int:
    """The options that ``specifier`` admits."""
    names_pre = bool(specifier.prereleases)
    only_pre = all(o.version.is_prerelease or o.yanked for o in options)
    exact = is_exact(specifier)
    mask = 0
    for i, option in enumerate(options):
        if option.yanked and not exact:
            continue
        if option.version.is_prerelease and not (names_pre or only_pre):
            continue
        if not specifier or specifier.contains(option.version, prereleases=True):
            mask |= 1 << i
    return mask
