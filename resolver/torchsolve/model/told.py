"""A step of an install script in words: what it does, where, and how far that is decided."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from torchsolve.model.install import InstallStep, Phase, StepKind
from torchsolve.model.plan import Plan

_PHASES = {
    Phase.INSTALL: "",
    Phase.START: "at ComfyUI's start",
    Phase.IMPORT: "when the node is imported",
    Phase.CALL: "when a node runs",
}


def deed(step: InstallStep) -> str:
    """``inswapper_128.onnx → models/insightface/…``."""
    text = " ".join((step.what, *step.options))
    return f"{text} → {step.place}" if step.place else text


def state(step: InstallStep, plan: Plan | None) -> str:
    """Whether the plan does it, when it happens, and what is not decided."""
    parts = [_PHASES[step.phase], _followed(step, plan) if plan else ""]
    parts += [f"if {condition}" for condition in step.when]
    parts += [f"unless {condition}" for condition in step.unless if not step.when]
    parts += [f"not decided: {step.why}"] if step.why else []
    return "; ".join(part for part in parts if part)


def _followed(step: InstallStep, plan: Plan) -> str:
    if step.kind is not StepKind.PIP:
        brought = any(weight.path == step.place for weight in plan.weights)
        return "among the weights" if brought else "not done in the image"
    if step.what.startswith("-r "):
        return "the project's own requirements"
    try:
        pin = plan.pin(canonicalize_name(Requirement(step.what).name))
    except InvalidRequirement:
        return "not in the plan"
    return f"pinned {pin.version}" if pin else "not in the plan"
