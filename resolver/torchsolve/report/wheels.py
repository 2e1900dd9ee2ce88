"""``inspect``: what wheels claim and declare; ``torchsolve.wheel/1``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import SpecifierSet

from torchsolve.model.evidence import Disagreement, Evidence, Ledger
from torchsolve.model.package import Declared, DistMetadata
from torchsolve.report.plan_json import evidence_json
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Row, Screen, row
from torchsolve.wheel.claims import Claims


@dataclass(frozen=True, slots=True)
class WheelFindings:
    """One wheel, read.

    Attributes:
        file: name or place; sha256: None where neither bytes nor index gave one.
        tags: of the file name, sorted.
        extensions: shared objects in it; None where only its METADATA was fetched.
        notes: what was set aside, one line each.
    """

    file: str
    sha256: str | None
    metadata: DistMetadata
    tags: tuple[str, ...]
    claims: Claims
    extensions: tuple[str, ...] | None = None
    size: int | None = None
    notes: tuple[str, ...] = ()


def wheels_json(wheels: Iterable[WheelFindings]) -> dict[str, Any]:
    """``torchsolve.wheel/1``; what only a read of the binaries can tell is null."""
    book = Ledger()
    entries = [_entry(wheel, book) for wheel in wheels]
    return {"schema": "torchsolve.wheel/1", "wheels": entries, "evidence": evidence_json(book)}


def wheels_screen(wheels: Iterable[WheelFindings]) -> Screen:
    """A block a wheel: its identity, what names claim, what METADATA declares."""
    return tuple(block for wheel in wheels for block in _blocks(wheel))


def disagreements(wheel: WheelFindings) -> tuple[Disagreement, ...]:
    """Names that claim a torch that the METADATA excludes."""
    claimed = next((e for e in wheel.claims.evidence if "for torch" in e.statement), None)
    version = _example(wheel.claims.torch)
    if claimed is None or version is None:
        return ()
    return tuple(
        Disagreement(wheel.file, claimed, declared.evidence)
        for declared in _torch_requirements(wheel.metadata)
        if not declared.requirement.specifier.contains(version, prereleases=True)
    )


def _example(specifier: str | None) -> str | None:
    """A version inside ``==2.7.*`` or ``==2.7.0``; None for anything wider."""
    parts = list(SpecifierSet(specifier or ""))
    if len(parts) != 1 or parts[0].operator != "==":
        return None
    return parts[0].version.replace(".*", ".0")


def _torch_requirements(metadata: DistMetadata) -> tuple[Declared, ...]:
    return tuple(d for d in metadata.requires if d.requirement.name.lower() == "torch")


def _entry(wheel: WheelFindings, book: Ledger) -> dict[str, Any]:
    found = disagreements(wheel)
    return {
        "file": wheel.file,
        "sha256": wheel.sha256,
        "name": wheel.metadata.name,
        "version": str(wheel.metadata.version),
        "tags": list(wheel.tags),
        "requires": [str(declared.requirement) for declared in wheel.metadata.requires],
        "requires_python": wheel.metadata.requires_python,
        "claims": [book.id(evidence) for evidence in wheel.claims.evidence],
        "extensions": None
        if wheel.extensions is None
        else [{"member": member} for member in wheel.extensions],
        "torch": None,
        "built_with": None,
        "cuda_runtime": None,
        "disagreements": [
            {"subject": d.subject, "claim": book.id(d.claim), "fact": book.id(d.fact)}
            for d in found
        ],
        "bytes_total": wheel.size,
        "notes": [*wheel.metadata.notes, *wheel.notes],
    }


def _blocks(wheel: WheelFindings) -> list[Block]:
    metadata = wheel.metadata
    title = row(Cell(redact(wheel.file), "bold"), f"{metadata.name} {metadata.version}")
    rows: list[Row] = [
        row("sha256", wheel.sha256 or "not known"),
        row("tags", " ".join(wheel.tags)),
    ]
    rows += [row("claims", _said(evidence)) for evidence in wheel.claims.evidence]
    rows += [row("python", metadata.requires_python)] if metadata.requires_python else []
    rows += [row("requires", str(declared.requirement)) for declared in metadata.requires]
    rows += [row("extension", member) for member in wheel.extensions or ()]
    rows += [
        row(Cell("disagrees", "yellow"), f"{d.claim.statement}, but {d.fact.statement}")
        for d in disagreements(wheel)
    ]
    rows += [row("note", note) for note in (*metadata.notes, *wheel.notes)]
    return [Block((title,), indent=0), Block(tuple(rows))]


def _said(evidence: Evidence) -> str:
    return f"{evidence.statement} [{redact(evidence.origin)}]"
