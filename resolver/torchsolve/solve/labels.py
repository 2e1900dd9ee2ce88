"""Where labels and binaries of a plan disagree."""

from __future__ import annotations

from collections.abc import Iterable

from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.plan import Pin, WheelVerdict
from torchsolve.solve.ask import place_of
from torchsolve.solve.cells import Cell
from torchsolve.solve.context import Context
from torchsolve.solve.sources import Prover


def disagreements(cell: Cell, pins: Iterable[Pin], context: Context) -> tuple[Disagreement, ...]:
    """Labels of the projects' own wheels that their binaries contradict, picked or not.

    Where labels are trusted also each pin that its binary would have refuted.
    """
    if context.labels is None or place_of(cell) is None:
        return ()
    # What could not be read with its project is not asked for again: it is told there.
    wheels = [w for project in context.projects for w in project.wheels if w.unread is None]
    found = [d for wheel in wheels for d in context.labels.contradictions(wheel)]
    if context.settings.trust_labels:
        found += [d for pin in pins if (d := _trusted(cell, pin, context.labels)) is not None]
    return tuple(found)


def _trusted(cell: Cell, pin: Pin, labels: Prover) -> Disagreement | None:
    place = place_of(cell)
    if not pin.torch_coupled or place is None:
        return None
    proof = labels.proof(pin.file, place, cell.target.python)
    if proof.verdict is not WheelVerdict.REFUTED:
        return None
    subject = f"{pin.name} {pin.version}"
    text = f"is taken by its label to load on torch {place.torch.public}"
    claim = Evidence(subject, text, Strength.CLAIMED, "--trust-labels")
    return Disagreement(subject, claim, proof.evidence)
