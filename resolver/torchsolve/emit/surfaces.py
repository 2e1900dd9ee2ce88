"""What the README says of a project's install scripts and other surfaces."""

from __future__ import annotations

from collections.abc import Iterator

from torchsolve.emit.escape import code, markdown
from torchsolve.model.claim import Standing
from torchsolve.model.plan import NodeSource, Plan
from torchsolve.model.told import deed, state

_MOST = 40


def surface_lines(plan: Plan) -> list[str]:
    """List items, by project; none where there is nothing to say."""
    return [line for node in plan.nodes for line in _of(node, plan)]


def claim_rows(plan: Plan) -> list[str]:
    """Rows of a table: what notes say and the source does not."""
    rows = []
    for checked in plan.claims:
        if checked.standing is not Standing.AGREES:
            claim = checked.claim
            said = f"{claim.subject}: {claim.value}" if claim.subject else claim.value
            cells = (
                code(claim.origin),
                f"{claim.kind.value} {code(said)}",
                checked.standing.value,
                markdown(checked.fact),
                code(checked.fact_origin) if checked.fact_origin else "",
            )
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _of(node: NodeSource, plan: Plan) -> Iterator[str]:
    for step in node.steps[:_MOST]:
        what = f"{step.kind.value} {code(deed(step))}"
        yield f"- {code(step.origin)} {what}: {markdown(state(step, plan))}"
    if len(node.steps) > _MOST:
        yield f"- {len(node.steps) - _MOST} more steps of scripts"
    for surface in node.surfaces:
        yield f"- {code(surface.place)}: {markdown(surface.says)}"
    for tool in node.compiles:
        when = "when it is imported" if tool.at_import else "when a node runs"
        yield f"- {code(tool.origin)}: {code(tool.what)} compiles {when}; needs nvcc"
    for trial in node.tested:
        parts = (("torch", trial.torch), ("CUDA", trial.cuda), ("Python", trial.python))
        text = ", ".join(f"{label} {value}" for label, value in parts if value)
        yield f"- {code(trial.origin)} says that it was tried with {markdown(text)}"
    optional = {entry.name for entry in node.optional if entry.name and not plan.pin(entry.name)}
    if optional:
        names = ", ".join(map(code, sorted(optional)))
        yield f"- imports that may be missing, for a feature each: {names}"
    pins = [pin.name for pin in plan.pins]
    unnamed = (e for e in node.optional if not e.name and not e.is_among(pins))
    nameless = {entry.module.partition(".")[0]: entry.origin for entry in unnamed}
    if nameless:
        names = ", ".join(f"{code(name)} ({code(at)})" for name, at in sorted(nameless.items()))
        yield f"- the same, of no distribution that is known here: {names}"
