"""What to change where no cell works: each change was tried and gives a plan.

Tried are, for each fact of the conflict alone: leaving out the flag that states it, and letting go
of the version that a requirement asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.errors import TorchsolveError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.plan import Advice, Conflict, Plan, PlanVerdict
from torchsolve.model.values import replace
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.solve.context import Context
from torchsolve.solve.hurry import TooLateError, hurried
from torchsolve.solve.masks import is_exact
from torchsolve.solve.options import CUT_OFF, NO_SDIST, NO_WHEEL
from torchsolve.solve.refuted import Refuted
from torchsolve.solve.search import Search
from torchsolve.solve.void import without

Try = Callable[[Context], Plan | None]

MOST_TRIED = 5
# All changes together: with an empty cache each may be a solve of its own, and the answer is known.
SECONDS = 6.0
_PRERELEASE = re.compile(r"[0-9](?:a|b|rc|\.dev)[0-9]")
_CPYTHON = re.compile(r"\bcp3(\d{1,2})\b")
_LOCAL = re.compile(r"==(?P<version>[0-9.]+)\+(?P<tag>cu\d{3}|cpu)")


def advise(conflict: Conflict, context: Context, refuted: Refuted) -> Conflict:
    """The conflict with the changes that help, in the order of its facts.

    What could not be tried within ``SECONDS`` is not said.

    ``refuted``: what the run that failed found out.
    """
    plan = partial(_plan, refuted)
    # Cells of a change are no cells of the run.
    context = hurried(context, SECONDS)
    advice = list(conflict.advice)
    for fact in dict.fromkeys(conflict.facts[:MOST_TRIED]):
        advice += _by_flag(fact, context, plan)
        advice += _by_tag(fact, context, plan) or _by_version(fact, context, plan)
    advice += [*_by_refusal(conflict, context, plan), *_by_prerelease(conflict, context, plan)]
    advice += [*_by_claim(conflict, context, plan), *_by_python(conflict, context, plan)]
    return replace(conflict, advice=tuple(dict.fromkeys(advice)))


def _by_refusal(conflict: Conflict, context: Context, plan: Try) -> Iterator[Advice]:
    """Where wheels, sdists or what is newer than a day are refused, and nothing else is left."""
    settings, projects = context.settings, context.projects
    told = {
        NO_WHEEL: (
            "without --only-binary",
            replace(
                context,
                settings=replace(settings, only_binary=()),
                projects=tuple(replace(p, only_binary=frozenset()) for p in projects),
            ),
        ),
        NO_SDIST: (
            "without --no-binary",
            replace(
                context,
                settings=replace(settings, no_binary=()),
                projects=tuple(replace(p, no_binary=frozenset()) for p in projects),
            ),
        ),
        CUT_OFF: ("without a cut-off date, --as-of now", replace(context, cutoff=None)),
    }
    for refusal, (change, wider) in told.items():
        if any(fact.statement.endswith(refusal) for fact in conflict.facts):
            found = plan(wider)
            if found is not None:
                yield Advice(change, _named(found))


def _by_prerelease(conflict: Conflict, context: Context, plan: Try) -> Iterator[Advice]:
    """Where somebody asks for a pre-release that the others do not let in."""
    if any(_PRERELEASE.search(fact.statement) for fact in conflict.facts):
        found = plan(replace(context, settings=replace(context.settings, pre=True)))
        if found is not None:
            yield Advice("with --pre", _named(found))


def _by_claim(conflict: Conflict, context: Context, plan: Try) -> Iterator[Advice]:
    """Where an import or a script asks for what nothing declares."""
    claimed = (f for f in conflict.facts if f.strength is Strength.CLAIMED)
    if any(fact.statement.startswith(("imports ", "installs ")) for fact in claimed):
        found = plan(replace(context, settings=replace(context.settings, undeclared=False)))
        if found is not None:
            yield Advice("with --no-undeclared", _named(found))


def _by_python(conflict: Conflict, context: Context, plan: Try) -> Iterator[Advice]:
    """Where a cell has the Python of its image, and the wheels that are there are for another."""
    if context.settings.python or not any(f.subject == "<python>" for f in conflict.facts):
        return
    said = " ".join(fact.statement for fact in conflict.facts)
    for minor in sorted({int(minor) for minor in _CPYTHON.findall(said)}, reverse=True):
        python = PythonVersion(3, minor)
        found = plan(replace(context, settings=replace(context.settings, python=(python,))))
        if found is not None:
            yield Advice(f"--python {python}", _named(found))


def _by_flag(fact: Evidence, context: Context, plan: Try) -> Iterator[Advice]:
    flag = fact.origin.removeprefix("--")
    settings = without(context.settings, flag) if fact.origin.startswith("--") else None
    if settings is not None:
        found = plan(replace(context, settings=settings))
        if found is not None:
            yield Advice(f"without --{flag}", _named(found))


def _by_tag(fact: Evidence, context: Context, plan: Try) -> list[Advice]:
    """``torch==2.7.0+cu126`` is how torch's own index writes what ``--cuda cu126`` asks for."""
    asked = _asked(fact, context)
    match = _LOCAL.fullmatch(str(asked.requirement.specifier)) if asked is not None else None
    if asked is None or match is None:
        return []
    settings = replace(context.settings, cuda=(CudaTag(match["tag"]),))
    swapped = _with_specifier(asked, f"=={match['version']}", context)
    found = plan(replace(swapped, settings=settings))
    change = f"{asked.requirement.name}=={match['version']} with --cuda {match['tag']}"
    return [Advice(change, _named(found))] if found is not None else []


def _by_version(fact: Evidence, context: Context, plan: Try) -> Iterator[Advice]:
    asked = _asked(fact, context)
    if asked is None or not asked.requirement.specifier:
        return
    requirement = asked.requirement
    # A version beside the one that was pinned is a smaller change than the newest.
    tried = (plan(_with_specifier(asked, wider, context)) for wider in _wider(requirement))
    found = next((one for one in tried if one is not None), None)
    pin = found.pin(canonicalize_name(requirement.name)) if found is not None else None
    if found is not None and pin is not None:
        typed = fact.statement.removeprefix("needs ")
        change = f"{requirement.name}=={pin.version} instead of {typed} [{fact.origin}]"
        yield Advice(change, _named(found))


def _wider(requirement: Requirement) -> Iterator[str]:
    specifier = requirement.specifier
    if is_exact(specifier) and "+" not in str(specifier):
        version = Version(next(iter(specifier)).version)
        yield f"=={version.major}.{version.minor}.*"
    yield ""


def _named(plan: Plan) -> str:
    unread = plan.verdict is PlanVerdict.UNKNOWN
    return f"{plan.cell}, not all of which could be read" if unread else str(plan.cell)


def _asked(fact: Evidence, context: Context) -> Declared | None:
    rows = [row for project in context.projects for row in project.requirements]
    if context.comfyui is not None:
        rows += context.comfyui.requirements
    return next((row for row in rows if row.evidence == fact), None)


def _with_specifier(asked: Declared, specifier: str, context: Context) -> Context:
    """The context with that requirement asking for other versions, and nobody else's."""
    bare = Requirement(str(asked.requirement))
    bare.specifier = SpecifierSet(specifier)
    wider = replace(asked, requirement=bare)

    def swap(rows: tuple[Declared, ...]) -> tuple[Declared, ...]:
        return tuple(wider if row == asked else row for row in rows)

    comfyui = context.comfyui
    if comfyui is not None:
        comfyui = replace(comfyui, requirements=swap(comfyui.requirements))
    projects = tuple(replace(p, requirements=swap(p.requirements)) for p in context.projects)
    return replace(context, projects=projects, comfyui=comfyui)


def _plan(refuted: Refuted, context: Context) -> Plan | None:
    try:
        return Search(context, refuted).plan()
    except (TorchsolveError, TooLateError):
        return None
