"""``torchsolve.plan/1`` and ``torchsolve.matrix/1`` (DESIGN section 7). Keys may be added only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from torchsolve.errors import TorchsolveError
from torchsolve.model.evidence import Disagreement, Evidence, Ledger
from torchsolve.model.install import InstallStep
from torchsolve.model.outcome import Matrix, Resolution
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import CellOutcome, Conflict, DroppedEdge, Pin, Plan
from torchsolve.model.project import ModelFile, ProjectFacts, WeightFile
from torchsolve.report.claims import claims_list
from torchsolve.report.links import links_json
from torchsolve.report.redact import redact
from torchsolve.report.surfaces import claims_json, explained_cell, steps_of

Json = dict[str, Any]


def resolution_json(resolution: Resolution, checked: date | None = None) -> Json:
    """``resolve --json`` and ``why --json``; evidence gets its ids in the order of mention.

    ``checked``: when the oldest of the compatibility tables behind it was last looked over.
    """
    book = Ledger()
    plan = resolution.plan
    document: Json = {
        "schema": "torchsolve.plan/1",
        "status": resolution.status.value,
        "projects": [_resolved(project, resolution) for project in resolution.projects],
        "plan": plan_json(plan, book) if plan else None,
        "disagreements": _disagreements(plan.disagreements if plan else (), book),
        "conflict": _conflict(resolution.conflict, book) if resolution.conflict else None,
        "undecided": _ids(resolution.reasons, book),
        "tried": [_tried(outcome, book) for outcome in resolution.tried],
        "untried": resolution.untried,
        "claims": claims_list(resolution.claims),
        "indexes": [redact(line) for line in resolution.indexes],
        "kept": list(resolution.kept),
        "chosen_because": list(resolution.chosen_because),
        "facts_checked": str(checked) if checked else None,
    }
    return document | {"evidence": evidence_json(book)}


def matrix_json(matrix: Matrix, checked: date | None = None) -> Json:
    """``matrix --json``: the cells in their order, then what was mentioned."""
    book = Ledger()
    document: Json = {
        "schema": "torchsolve.matrix/1",
        "projects": [_project(project, ()) for project in matrix.projects],
        "cells": [_matrix_cell(outcome, book) for outcome in matrix.cells],
        "indexes": [redact(line) for line in matrix.indexes],
        "facts_checked": str(checked) if checked else None,
    }
    return document | {"evidence": evidence_json(book)}


def error_json(error: TorchsolveError) -> Json:
    """``torchsolve.error/1``."""
    return {
        "schema": "torchsolve.error/1",
        "reference": error.reference,
        "message": redact(error.message),
        "origin": redact(error.origin) or None,
        "facts": [redact(fact) for fact in error.facts],
        "hint": redact(error.hint) or None,
        "exit_code": error.exit_code,
    }


def plan_json(plan: Plan, ledger: Ledger) -> Json:
    """The ``plan`` object."""
    for evidence in plan.evidence:
        ledger.id(evidence)
    return {
        "cell": str(plan.cell),
        "strategy": plan.strategy.value,
        "image": {
            "ref": plan.image.ref,
            "digest": plan.image.digest,
            "os": plan.image.os,
            "glibc": plan.image.glibc,
            "libstdcxx": plan.image.libstdcxx,
        },
        "platform": plan.cell.platform.oci,
        "python": str(plan.cell.python),
        "cuda": str(plan.cell.cuda),
        "torch": plan.cell.torch.public if plan.cell.torch else None,
        "verdict": plan.verdict.value,
        "pins": [_pin(pin) for pin in plan.pins],
        "exceptions": [_exception(edge, ledger) for edge in plan.exceptions],
        "gpu": {
            "native": list(plan.gpu.native),
            "ptx": list(plan.gpu.ptx),
            "missing": {sm: list(wheels) for sm, wheels in plan.gpu.missing},
            "asked": list(plan.gpus_asked),
            "complete": plan.gpu.complete,
            "partial": {sm: list(wheels) for sm, wheels in plan.gpu.partial},
            "unread": list(plan.gpu.unread),
        },
        "driver_min": plan.driver_min,
        "system_packages": [p.name for p in plan.system_packages if p.name],
        "links": links_json(plan.links),
        "weights": [_weight(model) for model in plan.weights],
        "comfyui": plan.comfyui.version if plan.comfyui else None,
        "companions": _ids(plan.companions, ledger),
        "overrides": list(plan.overrides),
        "notes": list(plan.notes),
        "lockable": not plan.unlockable,
    }


def evidence_json(ledger: Ledger) -> list[Json]:
    """All that the ledger knows, with ids."""
    return [
        {
            "id": key,
            "subject": fact.subject,
            "statement": fact.statement,
            "strength": str(fact.strength),
            "origin": redact(fact.origin),
        }
        for key, fact in ledger.items()
    ]


def _ids(evidence: Iterable[Evidence], ledger: Ledger) -> list[str]:
    return [ledger.id(fact) for fact in evidence]


def _resolved(project: ProjectFacts, resolution: Resolution) -> Json:
    if resolution.plan is None:
        return _project(project, steps_of(project, explained_cell(resolution)))
    nodes = (node.steps for node in resolution.plan.nodes if node.name == project.name)
    return _project(project, next(nodes, ()))


def _project(project: ProjectFacts, steps: tuple[InstallStep, ...]) -> Json:
    return {
        "name": project.name,
        "reference": redact(project.reference),
        "kind": project.kind.value,
        "commit": project.source.commit,
        "requirements": [str(entry.requirement) for entry in project.requirements],
        "undeclared": [str(entry.requirement) for entry in project.undeclared],
        "wheels": [_place(wheel.file) for wheel in project.wheels],
        "foreign_wheels": list(project.foreign),
        "notes": list(project.notes),
        **claims_json(project, steps),
    }


def _pin(pin: Pin) -> Json:
    return {
        "name": pin.name,
        "version": pin.version,
        "file": _place(pin.file),
        "sha256": pin.file.sha256,
        "index": redact(pin.file.index),
        "no_deps": pin.no_deps,
        "requested_by": list(pin.requested_by),
        "verdict": pin.verdict.value,
        "layer": pin.layer.value,
        "unread": pin.unread,
    }


def _place(file: IndexFile) -> str:
    return file.place or file.filename


def _exception(edge: DroppedEdge, ledger: Ledger) -> Json:
    return {
        "package": edge.package,
        "dropped": edge.dropped,
        "reason": edge.reason,
        "evidence": _ids(edge.evidence, ledger),
    }


def _weight(model: ModelFile) -> Json:
    return {
        "repo": model.repo,
        "url": model.url,
        "path": model.path,
        "size": model.size,
        "sha256": model.sha256,
        "gated": model.gated,
        "site": model.site,
        "revision": model.revision,
        "licence": model.licence,
        "mirror": model.mirror,
        "mirror_commit": model.mirror_commit,
        "files": [_weight_file(file) for file in model.files],
    }


def _weight_file(file: WeightFile) -> Json:
    return {
        "name": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "blob": file.blob,
        "parameters": dict(file.parameters),
    }


def _disagreements(disagreements: Iterable[Disagreement], ledger: Ledger) -> list[Json]:
    return [
        {"subject": d.subject, "claim": ledger.id(d.claim), "fact": ledger.id(d.fact)}
        for d in disagreements
    ]


def _conflict(conflict: Conflict, ledger: Ledger) -> Json:
    return {
        "cell": conflict.cell,
        "reference": conflict.reference,
        "facts": _ids(conflict.facts, ledger),
        "advice": [{"change": advice.change, "then": advice.then} for advice in conflict.advice],
        "rejected": list(conflict.rejected),
    }


def _because(outcome: CellOutcome) -> tuple[Evidence, ...]:
    return outcome.because or (outcome.conflict.facts if outcome.conflict else ())


def _tried(outcome: CellOutcome, ledger: Ledger) -> Json:
    return {
        "cell": str(outcome.cell),
        "status": outcome.status.value,
        "because": _ids(_because(outcome), ledger),
    }


def _matrix_cell(outcome: CellOutcome, ledger: Ledger) -> Json:
    plan, cell = outcome.plan, outcome.cell
    return {
        "cell": str(cell),
        "python": str(cell.python),
        "cuda": str(cell.cuda),
        "torch": cell.torch.public if cell.torch else None,
        "image": outcome.image.ref,
        "status": outcome.status.value,
        "verdict": plan.verdict.value if plan else None,
        "pins": {pin.name: pin.version for pin in plan.pins} if plan else {},
        "gpu": list(plan.gpu.native) if plan else [],
        "because": _ids(_because(outcome), ledger),
    }
