"""``inspect``: what wheels claim, declare and are; ``torchsolve.wheel/1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from packaging.specifiers import SpecifierSet

from torchsolve.abi.contradictions import contradictions
from torchsolve.abi.survey import FileSurvey, Survey
from torchsolve.inspection import EnvironmentFindings, WheelFindings
from torchsolve.model.binary import GpuCode, WheelBinary
from torchsolve.model.evidence import Disagreement, Ledger
from torchsolve.model.package import Declared, DistMetadata
from torchsolve.report.environment import environment_json
from torchsolve.report.judged import carrying, judgement_json
from torchsolve.report.plan_json import evidence_json
from torchsolve.report.together import Together, together_json


def wheels_json(
    wheels: Sequence[WheelFindings],
    *,
    together: Together | None = None,
    environment: EnvironmentFindings | None = None,
) -> dict[str, Any]:
    """``torchsolve.wheel/1``; what could not be read is null."""
    book = Ledger()
    entries = [_entry(wheel, book) for wheel in wheels]
    document: dict[str, Any] = {"schema": "torchsolve.wheel/1", "wheels": entries}
    if together is not None:
        document["together"] = together_json(together)
    if environment is not None:
        document["environment"] = environment_json(environment)
    return {**document, "evidence": evidence_json(book)}


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


def shipped(binary: WheelBinary) -> bool:
    """Whether it is known by the evidence that ships with torchsolve: no byte was asked for."""
    return binary.bytes_read == 0 < binary.bytes_total


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
        "images": list(carrying(found.glibc, found.glibcxx)) if found else None,
        "cuda_runtime": found.cuda_runtime if found else None,
        "disagreements": [
            {"subject": d.subject, "claim": book.id(d.claim), "fact": book.id(d.fact)}
            for d in disagreements(wheel)
        ],
        "unread": [*([wheel.unread] if wheel.unread else []), *_unread(binary)],
        "verified": binary.verified if binary else None,
        "shipped": shipped(binary) if binary else None,
        "bytes_read": binary.bytes_read if binary else None,
        "bytes_total": binary.bytes_total if binary else wheel.size,
        "notes": [*wheel.metadata.notes, *wheel.notes],
        "installed": judgement_json(wheel.here) if wheel.here else None,
        "altered": list(wheel.altered),
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
        "gpu_unread": gpu.unread if gpu else None,
        "unread": file.unread,
        "torch": {str(v): judgement_json(judgement) for v, judgement in found.torch.items()},
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


def _torch(found: Survey) -> dict[str, list[str]]:
    return {
        verdict: [str(version) for version in found.releases(verdict)]
        for verdict in ("loads", "links", "refuted", "unknown")
    }


def _built_with(found: Survey) -> dict[str, Any]:
    return {"torch": found.built.torch, "evidence": list(found.built.evidence)}
