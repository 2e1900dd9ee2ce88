"""Packages that move with torch, and xformers' builds (``companions.toml``, ``xformers.toml``)."""

from __future__ import annotations

from datetime import date

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from torchsolve.facts.table import Row, Table
from torchsolve.facts.torch import codes
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag


@dataclass(frozen=True, slots=True)
class CompanionRow:
    """What versions of a package need of torch and CUDA beyond their METADATA: a claim.

    Attributes:
        version: specifier of the versions that the row speaks of.
        torch: specifier of the torch they need; None when the row says nothing about it.
        cuda: what the default index's wheel was built for.
        cuda_of_torch: what that index's torch of the same pin was built for, where it differs.
        cuda_major: the CUDA major that they need, where the row bounds the cell by it.
    """

    package: NormalizedName
    version: str
    torch: str | None
    cuda: CudaTag | None
    cuda_of_torch: CudaTag | None
    why: str
    verified: bool
    source: str
    cuda_major: int | None = None


@dataclass(frozen=True, slots=True)
class XformersRow:
    """One xformers release: its pin, and what the default index's Linux wheel was built with.

    ``torch`` is the specifier of its METADATA; ``built_with`` and ``cuda`` come from cpp_lib.json;
    ``tags`` are ``cp39-abi3-manylinux_2_28_x86_64``.
    """

    version: Version
    uploaded: date | None
    torch: str
    built_with: Version
    cuda: CudaTag
    sms: tuple[str, ...]
    ptx: tuple[str, ...]
    tags: tuple[str, ...]
    verified: bool
    source: str


def parse_companions(table: Table) -> tuple[CompanionRow, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_companion(row) for row in table.rows("companion"))


def _companion(row: Row) -> CompanionRow:
    found = CompanionRow(
        canonicalize_name(row.text("package")),
        _specifier(row, row.text("version")),
        _specifier(row, torch) if (torch := row.maybe("torch")) else None,
        _tag(row, "cuda"),
        _tag(row, "cuda_of_torch"),
        row.text("why"),
        row.verified(),
        row.source(),
        row.number("cuda_major"),
    )
    row.done()
    if found.torch is None and found.cuda is None and found.cuda_major is None:
        raise row.error("bounds neither torch nor CUDA")
    return found


def _specifier(row: Row, text: str) -> str:
    row.parse(SpecifierSet, text)
    return text


def _tag(row: Row, key: str) -> CudaTag | None:
    text = row.maybe(key)
    return row.parse(CudaTag, text) if text else None


def parse_xformers(table: Table) -> tuple[XformersRow, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_xformers(row) for row in table.rows("release"))


def _xformers(row: Row) -> XformersRow:
    built_with = row.parse(Version, row.text("built_with"))
    sms, ptx = codes(row.words("sm"))
    found = XformersRow(
        row.parse(Version, row.text("version")),
        row.day("uploaded"),
        _specifier(row, row.text("torch")),
        built_with,
        row.parse(CudaTag, built_with.local or ""),
        sms,
        ptx,
        row.words("tags"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found
