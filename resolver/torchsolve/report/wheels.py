"""``inspect``: what wheels claim, declare and are; ``torchsolve.wheel/1``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import SpecifierSet

from torchsolve.abi.contradictions import contradictions
from torchsolve.abi.survey import FileSurvey, Survey
from torchsolve.facts import load_facts
from torchsolve.model.binary import GpuCode, Judgement, WheelBinary
from torchsolve.model.evidence import Disagreement, Ledger
from torchsolve.model.package import Declared, DistMetadata
from torchsolve.model.version import dotted_key
from torchsolve.report.plan_json import evidence_json
from torchsolve.wheel.claims import Claims


@dataclass(frozen=True, slots=True)
class WheelFindings:
    """One wheel, read.

    Attributes:
        file: name or place; sha256: None where neither bytes nor index gave one.
        tags: of the file name, sorted.
        binary: its compiled files; None where they could not be read: ``unread`` says why.
        survey: the verdicts over the atlas; None with ``binary``.
        notes: what was set aside, one line each.
    """

    file: str
    sha256: str | None
    metadata: DistMetadata
    tags: tuple[str, ...]
    claims: Claims
    binary: WheelBinary | None = None
    survey: Survey | None = None
    unread: str | None = None
    size: int | None = None
    notes: tuple[str, ...] = ()


def wheels_json(wheels: Iterable[WheelFindings]) -> dict[str, Any]:
    """``torchsolve.wheel/1``; what could not be read is null."""
    book = Ledger()
    entries = [_entry(wheel, book) for wheel in wheels]
    return {"schema": "torchsolve.wheel/1", "wheels": entries, "evidence": evidence_json(book)}


def disagreements(wheel: WheelFindings) -> tuple[Disagreement, ...]:
    """Names against METADATA, then both against the binaries."""
    claimed = next((e for e in wheel.claims.evidence if "for torch" in e.statement), None)
    version = _example(wheel.claims.torch)
    found = [
        Disagreement(wheel.file, claimed, declared.evidence)
        for declared in _torch_requirements(wheel.metadata)
        if claimed is not None
        and version is not None
        and not declared.requirement.specifier.contains(version, prereleases=True)
    ]
    if wheel.binary is not None and wheel.survey is not None:
        found += contradictions(
            wheel.file, wheel.binary, wheel.survey, wheel.claims, wheel.metadata
        )
    return tuple(found)


def _example(specifier: str | None) -> str | None:
    """A version inside ``==2.7.*`` or ``==2.7.0``; None for anything wider."""
    parts = list(SpecifierSet(specifier or ""))
    if len(parts) != 1 or parts[0].operator != "==":
        return None
    return parts[0].version.replace(".*", ".0")


def _torch_requirements(metadata: DistMetadata) -> tuple[Declared, ...]:
    return tuple(d for d in metadata.requires if d.requirement.name.lower() == "torch")


def _entry(wheel: WheelFindings, book: Ledger) -> dict[str, Any]:
    binary, found = wheel.binary, wheel.survey
    return {
        "file": wheel.file,
        "sha256": wheel.sha256,
        "name": wheel.metadata.name,
        "version": str(wheel.metadata.version),
        "tags": list(wheel.tags),
        "requires": [str(declared.requirement) for declared in wheel.metadata.requires],
        "requires_python": wheel.metadata.requires_python,
        "claims": [book.id(evidence) for evidence in wheel.claims.evidence],
        "extensions": [_extension(file) for file in found.files] if found else None,
        "torch": _torch(found) if found else None,
        "built_with": _built_with(found) if found else None,
        "glibc": found.glibc if found else None,
        "glibcxx": found.glibcxx if found else None,
        "images": list(carrying(found)) if found else None,
        "cuda_runtime": found.cuda_runtime if found else None,
        "disagreements": [
            {"subject": d.subject, "claim": book.id(d.claim), "fact": book.id(d.fact)}
            for d in disagreements(wheel)
        ],
        "unread": [*([wheel.unread] if wheel.unread else []), *_unread(binary)],
        "verified": binary.verified if binary else None,
        "bytes_read": binary.bytes_read if binary else None,
        "bytes_total": binary.bytes_total if binary else wheel.size,
        "notes": [*wheel.metadata.notes, *wheel.notes],
    }


def _unread(binary: WheelBinary | None) -> list[str]:
    return [f"{member}: {why}" for member, why in binary.unread] if binary else []


def _extension(found: FileSurvey) -> dict[str, Any]:
    file, gpu = found.file, found.file.gpu
    return {
        "member": file.member,
        "needed": list(file.needed),
        "runpath": list(file.runpath or file.rpath),
        "python": file.python,
        "cxx11_abi": found.cxx11_abi,
        "glibc": found.glibc,
        "glibcxx": found.glibcxx,
        "stable_abi": _stable(found) if found.stable else None,
        "sass": list(gpu.sass) if gpu else None,
        "ptx": [architecture for architecture, _ in gpu.ptx] if gpu else None,
        "fatbins": _fatbins(gpu) if gpu else None,
        "unread": file.unread,
        "torch": {str(v): _judgement(judgement) for v, judgement in found.torch.items()},
    }


def _fatbins(gpu: GpuCode) -> list[dict[str, Any]] | None:
    if gpu.fatbins is None:
        return None
    return [
        {"sass": list(one.sass), "ptx": list(one.ptx), "count": one.count} for one in gpu.fatbins
    ]


def _stable(found: FileSurvey) -> dict[str, Any] | None:
    kept = found.stable
    if kept is None or not kept.stable:
        return None
    return {
        "promise": str(kept.promise) if kept.promise else None,
        "fact": str(kept.fact) if kept.fact else None,
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict,
        "by": judgement.cause.value if judgement.cause else None,
        "missing": list(judgement.missing),
        "reason": judgement.reason,
    }


def _torch(found: Survey) -> dict[str, list[str]]:
    return {
        verdict: [str(version) for version in found.releases(verdict)]
        for verdict in ("loads", "links", "refuted", "unknown")
    }


def _built_with(found: Survey) -> dict[str, Any]:
    return {"torch": found.built.torch, "evidence": list(found.built.evidence)}


def carrying(found: Survey) -> tuple[str, ...]:
    """Operating systems whose glibc and libstdc++ are new enough, as ``matrices/`` knows them."""
    return tuple(
        row.name
        for row in load_facts().images.systems
        if _at_least(row.glibc, found.glibc) and _at_least(row.libstdcxx, found.glibcxx)
    )


def _at_least(has: str | None, needs: str | None) -> bool:
    return needs is None or (has is not None and dotted_key(has) >= dotted_key(needs))
