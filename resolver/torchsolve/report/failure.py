"""A resolution without a plan as an error: the conflict, a line a fact, and what to do."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from torchsolve.errors import NoPlanError, TorchsolveError, UnknownError
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import NO_PAGE, CellStatus, Conflict, Plan
from torchsolve.model.target import CellId
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted


def resolution_error(
    resolution: Resolution, *, allow_unknown: bool = False
) -> TorchsolveError | None:
    """The error that a resolution ends with; None when it is solved.

    ``allow_unknown``: that flag was given, so that no hint needs to name it.
    """
    if resolution.status is CellStatus.SOLVED:
        return None
    if resolution.status is CellStatus.UNKNOWN:
        return _undecided(resolution, allow_unknown=allow_unknown)
    return _no_plan(resolution)


def error_screen(error: TorchsolveError) -> Screen:
    """``error: reference  [origin] message``, the facts, ``hint: …``."""
    origin = f"[{redact(error.origin)}] " if error.origin else ""
    first = Cell(f"error: {error.reference}  {origin}{redact(error.message)}", "bold red")
    facts = tuple(row(redact(fact)) for fact in error.facts)
    hint = (row(f"hint: {redact(error.hint)}"),) if error.hint else ()
    return (
        Block((row(first),), indent=0),
        Block(facts, apart=False),
        Block(hint, indent=0, apart=False),
    )


def conflict_facts(conflict: Conflict) -> tuple[str, ...]:
    """One line a fact, then what was ruled out on the way."""
    rejected = tuple(f"rejected: {choice}" for choice in conflict.rejected)
    return tuple(str(fact) for fact in conflict.facts) + rejected


def _no_plan(resolution: Resolution) -> NoPlanError:
    conflict = resolution.conflict
    if conflict is None:
        hint = "torchsolve facts show images, or fewer of --torch --cuda --python --image"
        return NoPlanError("no-cell", "the filters leave no cell to try", hint=hint)
    others = len({str(outcome.cell) for outcome in resolution.tried} - {conflict.cell})
    advice = "; ".join(f"{a.change} gives {a.then}" for a in conflict.advice)
    more = f"torchsolve matrix shows why {counted(others, 'other cell')} failed" if others else ""
    return NoPlanError(
        conflict.reference,
        _place(conflict.cell),
        facts=conflict_facts(conflict),
        hint=advice or _index_hint(conflict, resolution) or _comfyui_hint(conflict) or more,
    )


def _index_hint(conflict: Conflict, resolution: Resolution) -> str:
    """What helps where no index has a package, or none of its files has the hash asked for."""
    from torchsolve.project.distributions import meant_by

    for fact in conflict.facts:
        if fact.statement == NO_PAGE:
            from torchsolve.project.distributions import meant_by

            rows = [row for project in resolution.projects for row in project.requirements]
            meant = meant_by(fact.subject, [canonicalize_name(r.requirement.name) for r in rows])
            lead = f"did you mean {meant}? else" if meant else "check the name, or"
            return f"{lead} say where it is: --index URL, --extra-index URL"
    statements = " ".join(fact.statement for fact in conflict.facts)
    if "hash that the requirements file allows" in statements:
        return "compare the requirement's --hash with the file's, or take the hashes away"
    return ""


def _comfyui_hint(conflict: Conflict) -> str:
    if any(fact.subject == "ComfyUI" for fact in conflict.facts):
        return "another --comfyui VERSION, or --as-of now for a newer one"
    return ""


def _place(cell: str) -> str:
    """``cell …`` for a whole cell; what was asked for where no cell came of it."""
    try:
        CellId.parse(cell)
    except ValueError:
        return cell
    return f"cell {cell}"


_UNREAD = {
    "index-forbidden": "give credentials in the index's URL or in ~/.netrc",
    "proxy-forbidden": "HTTPS_PROXY=http://user:password@host:port (HTTP_PROXY for http) tells it",
    "bad-index-page": "check the index's URL: it usually ends in /simple/",
    "index-unreachable": "check the network and the index's URL, or --offline with a warm cache",
    "index-error": "try again later, or --offline with a warm cache",
    "offline-miss": "run it once without --offline, so that the cache holds it",
    "index-too-large": "no index answers at such length: check the index's URL",
    "cache-not-writable": "make room, or give another --cache-dir",
    "hash-mismatch": "the file is not the one that its index announces: try another index",
}
_AGAIN = "try again with the index in reach"


def _undecided(resolution: Resolution, *, allow_unknown: bool) -> UnknownError:
    facts = tuple(str(reason) for reason in resolution.reasons)
    plan = resolution.plan
    if plan is None:
        shared = {reason.subject for reason in resolution.reasons}
        reference = next(iter(shared)) if len(shared) == 1 and shared <= set(_UNREAD) else ""
        hint = _UNREAD.get(reference, _AGAIN)
        return UnknownError(
            reference or "undecided", "no cell could be decided", facts=facts, hint=hint
        )
    message = f"cell {plan.cell} may hold, but not all of it could be read"
    hint = "--allow-unknown writes its files all the same"
    if allow_unknown:
        hint = "what could not be read is yours to check: build and smoke will show it"
    return UnknownError("undecided", message, facts=facts, hint=_missing(plan) or hint)


def _missing(plan: Plan) -> str:
    """Why not even ``--allow-unknown`` can write the files; empty where it can."""
    unlockable = plan.unlockable
    if not unlockable:
        return ""
    unseen = sum(pin.file.url is None and pin.file.index == "torch" for pin in unlockable)
    what = f"its files cannot be written: {counted(len(unlockable), 'file')} without a hash"
    if unseen:
        return f"{what}; --torch-index default keeps to builds of the default index"
    return f"{what} or that could not be read"
