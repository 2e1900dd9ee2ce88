"""Which step of the Dockerfile installs a pin, and so which requirements file names it."""

from __future__ import annotations

from enum import Enum

from torchsolve.emit.portable import is_cloned, is_local, owner
from torchsolve.model.plan import Layer, Pin, Plan


class Part(Enum):
    """One requirements file; installed in this order.

    The last three have no wheel, a builder stage makes one; ``COMPILED`` beside this plan's torch.
    """

    TORCH = "torch"
    PROJECT = "project"
    REST = "rest"
    SOURCE = "source"
    COMPILED = "compiled"
    GIT = "git"


def part_of(plan: Plan, pin: Pin) -> Part | None:
    """The part of a pin of a portable plan; None for what the base image already holds."""
    if pin.layer is Layer.BASE:
        return None
    if pin.vcs is not None:
        return Part.GIT
    if not pin.file.is_wheel:
        return Part.COMPILED if needs_torch(pin) else Part.SOURCE
    if pin.layer is Layer.TORCH:
        return Part.TORCH
    return Part.PROJECT if is_bundled(plan, pin) else Part.REST


def pins_of(plan: Plan, part: Part) -> tuple[Pin, ...]:
    """The pins of one part, in the plan's order."""
    return tuple(pin for pin in plan.pins if part_of(plan, pin) is part)


def is_bundled(plan: Plan, pin: Pin) -> bool:
    """Whether the wheel comes out of a clone or out of ``context/``, not from an index or a URL."""
    return is_local(pin.file.url) or clone_place(plan, pin) is not None


def clone_place(plan: Plan, pin: Pin) -> tuple[str, str] | None:
    """``(project, path in its tree)`` of a wheel that a cloned project brings."""
    home = owner(plan, pin)
    if home is None or pin.file.place is None or not is_cloned(home.source):
        return None
    return home.name, pin.file.place


def needs_torch(pin: Pin) -> bool:
    """Whether a package without a wheel is built beside torch, since it may compile against it."""
    return pin.torch_coupled or "torch" in pin.requires
