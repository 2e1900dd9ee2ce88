"""Holds the partners of torch's releases (torchvision, torchaudio, triton) against each other.

No number of a partner follows from torch's own, but they go up together: what goes down, is left
out between two others or belongs to two releases without a reason is a slip.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from torchsolve.facts.load import Facts
from torchsolve.facts.torch import TorchRelease

_WHERE = "matrices/torch.toml"
Row = tuple[Version, list[Version]]


def partners(facts: Facts) -> Iterator[str]:
    """One line a problem."""
    releases = sorted(facts.torch.releases, key=lambda release: release.version)
    for name in ("torchvision", "torchaudio", "triton"):
        rows = []
        for release in releases:
            try:
                rows.append((release.version, _versions(release, name)))
            except InvalidVersion as error:
                yield f"{_WHERE} {release.version}: {name}: {error}"
        yield from _descents(name, rows)
        if name != "triton":  # torch passes releases of triton over; all of these are made for it
            yield from _gaps(name, rows)
            yield from _shared(facts, name, rows)


def _versions(release: TorchRelease, name: str) -> list[Version]:
    if name == "triton":
        return [Version(spec.version) for spec in SpecifierSet(release.triton or "")]
    return list(map(Version, release.torchvision if name == "torchvision" else release.torchaudio))


def _descents(name: str, rows: list[Row]) -> Iterator[str]:
    for torch, versions in rows:
        for older, newer in pairwise(versions):
            if newer <= older:
                yield f"{_WHERE} {torch}: {name} {newer} stands behind {older}; oldest first"
    told = [(torch, versions) for torch, versions in rows if versions]
    for (before, older_ones), (torch, newer_ones) in pairwise(told):
        if newer_ones[0] < older_ones[0] or newer_ones[-1] < older_ones[-1]:
            yield (
                f"{_WHERE} {torch}: {name} {newer_ones[-1]}, "
                f"but torch {before} has {older_ones[-1]} already"
            )


def _gaps(name: str, rows: list[Row]) -> Iterator[str]:
    """Of a minor that stands there every patch release does: one belongs to some torch."""
    known = {version for _, versions in rows for version in versions}
    for torch, versions in rows:
        for version in versions:
            if version.micro and _before(version) not in known:
                yield f"{_WHERE} {torch}: {name} {version}, but no torch has {_before(version)}"


def _before(version: Version) -> Version:
    return Version(f"{version.major}.{version.minor}.{version.micro - 1}")


def _shared(facts: Facts, name: str, rows: list[Row]) -> Iterator[str]:
    """A build against one torch serves no other, save where a companion row says that it does."""
    for (before, older_ones), (torch, newer_ones) in pairwise(rows):
        for version in set(older_ones) & set(newer_ones):
            if not _serves(facts, name, version, (before, torch)):
                yield (
                    f"{_WHERE} {torch}: {name} {version} is that of torch {before}, "
                    "and matrices/companions.toml does not say that it serves both"
                )


def _serves(facts: Facts, name: str, version: Version, torches: tuple[Version, ...]) -> bool:
    return any(
        row.package == name
        and row.torch is not None
        and SpecifierSet(row.version).contains(version)
        and all(SpecifierSet(row.torch).contains(torch) for torch in torches)
        for row in facts.companions
    )
