"""What a user should know of the pages and files behind a plan, one line each.

Nothing here changes a plan: withdrawn files that a pin asked for, projects that their index calls
archived or deprecated (PEP 792), names that two indexes have (PEP 708), files that were not looked
at because of their name, and what the cut-off date could not be held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchsolve.model.choice import PageRemarks
from torchsolve.solve.drops import Drop
from torchsolve.solve.keys import split_key
from torchsolve.solve.options import WITHOUT_TIMES, Option
from torchsolve.solve.packages import Package
from torchsolve.solve.problem import Problem

_SHOWN = 3


def remarks(problem: Problem, picks: dict[str, int]) -> tuple[str, ...]:
    """The lines, by package."""
    lines: list[str] = []
    for key in sorted(picks):
        if "[" in key:
            lines += _of_extra(key, problem, picks)
        if key.startswith("<") or "[" in key:
            continue
        package = problem.package(key)
        option = package.options[picks[key]]
        lines += _of_file(package, picks[key], problem)
        if package.page is not None:
            lines += _of_page(package.page, option, problem)
    defects = [evidence for _, evidence in sorted(problem.defects.items())]
    lines += [f"{said.subject} is not considered: it {said.statement}" for said in defects]
    return (*lines, *_unhashed(problem, picks), *_idle(problem, picks))


def _unhashed(problem: Problem, picks: dict[str, int]) -> Iterator[str]:
    """What a requirements file in hash mode leaves without a hash; pip refuses such a file."""
    names = sorted(key for key in picks if not key.startswith("<") and "[" not in key)
    missing = [name for name in names if name not in problem.rules.hashes]
    if problem.rules.require_hashes and missing:
        yield (
            f"--require-hashes: the file gives no sha256 for {_listed(missing)}; pip would refuse "
            "it, and the plan takes the hashes of the index"
        )


def _idle(problem: Problem, picks: dict[str, int]) -> Iterator[str]:
    """Flags that changed nothing, for what they name is not in the plan."""
    rules = problem.rules
    dropped = {drop.name for drop in _all_drops(problem, picks)}
    for name, requirement in sorted(rules.overrides.items()):
        if name not in picks and name not in dropped:
            yield f"--override {requirement}: nothing in the plan asks for {name}"
    for package in sorted(rules.no_deps):
        if package not in picks:
            yield f"--no-deps {package}: there is no {package} in the plan"
    edges = {(drop.package, str(drop.name)) for drop in _all_drops(problem, picks)}
    for package, needed in sorted(rules.no_edges):
        if package not in picks:
            yield f"--no-deps {package}:{needed}: there is no {package} in the plan"
        elif (package, needed) not in edges:
            yield f"--no-deps {package}:{needed}: {package} does not ask for {needed}"
    for left, reason in problem.question.left_out:
        if left not in dropped:
            yield f"{reason}: nothing in the plan asks for {left}"


def _all_drops(problem: Problem, picks: dict[str, int]) -> list[Drop]:
    drops = [drop for key, position in picks.items() for drop in problem.drops(key, position)]
    return [*problem.fact_drops, *drops]


def _of_file(package: Package, position: int, problem: Problem) -> Iterator[str]:
    name, option = package.name, package.options[position]
    file = option.file
    if file is None:
        return
    if package.assumed:
        bounds = _listed(package.assumed)
        yield f"{name}: its version is unknown without building it; taken to hold: {bounds}"
    if file.yanked is not None:
        why = f": {file.yanked}" if file.yanked else ""
        yield f"{name} {option.version} was yanked by its publisher{why}; an exact pin asks for it"
    undated = problem.rules.exclude_newer is not None and file.upload_time is None
    if undated and file.index == "torch":
        yield (
            f"{name} {option.version}: the torch index gives no upload time; the cut-off is held "
            "against the date of the torch release"
        )
    told = problem.shelf.told(package, position)
    yield from told.notes if told is not None else ()


def _of_extra(key: str, problem: Problem, picks: dict[str, int]) -> Iterator[str]:
    """An extra that the chosen version does not have: pip and uv warn of it too."""
    name, extra = split_key(key)
    package = problem.package(key)
    option, told = package.options[picks[key]], problem.shelf.told(package, picks[key])
    edges = (edge for edge in problem.edges(key, picks[key]) if edge.key != name)
    if told is not None and extra not in told.extras and not any(edges):
        yield f"{name} {option.version} has no extra {extra}"


def _of_page(page: PageRemarks, option: Option, problem: Problem) -> Iterator[str]:
    about = page.about
    if about.status:
        why = f": {about.reason}" if about.reason else ""
        yield f"{page.name} is called {about.status} by its index{why}"
    if page.notes:
        yield _summary(page)
    if problem.rules.exclude_newer is not None:
        of_page = option.file is not None and option.file.index not in WITHOUT_TIMES
        if page.undated and of_page:
            yield (
                f"{page.name}: the cut-off leaves out {_listed(page.undated)}: "
                "the index gives no upload time"
            )
    if option.file is not None and "://" in option.file.index:
        other = problem.shelf.shadowed(page.name)
        if other is not None:
            yield (
                f"{page.name} comes from {option.file.index}; the {other} index has a project of "
                "that name too, and neither says that they are one (PEP 708)"
            )


def _summary(page: PageRemarks) -> str:
    names = [note.partition(" is set aside: ")[0] for note in page.notes]
    reasons = {note.partition(" is set aside: ")[2].split(" ")[0] for note in page.notes}
    what = "wheel variants" if reasons == {"wheel"} else "files"
    return f"{page.name}: {what} that are not considered: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
