"""Small random worlds and their truth, found by trying everything.

A world has packages in a few versions with extras, markers, cycles, withdrawn and defective files,
versions for another Python; rows that tie a package to torch and CUDA; and edges that are left out
on purpose. ``solvable`` tries one version after the other and learns nothing, so that it is too
simple to be wrong; it shares no code with the engines.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.worlds import NoDirect, WorldIndex, question
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.solve.check import broken_edges
from torchsolve.solve.engine import Engine, GaveUp, Infeasible, Solved
from torchsolve.solve.packages import Library
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Companion, Rules

NAMES = ("a", "b", "c", "d", "e", "torch")
PYTHON, CUDA = "3.12", 12
_OPERATORS = ("", "", "==1", "==2", ">=2", "<2", "!=1", "==3", "<=2")
_MARKERS = ('python_version < "3.10"', 'sys_platform == "linux"', 'extra == "x"', 'extra == "y"')
_ENVIRONMENT = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
}


@dataclass(frozen=True, slots=True)
class World:
    """Packages (in the words of ``support.worlds``), what is asked, and the rules of the run.

    ``companions``: package, its versions, the torch and the CUDA major that they need.
    """

    packages: dict[str, dict[str, dict[str, Any]]]
    ask: tuple[str, ...]
    no_deps: frozenset[str]
    no_edges: frozenset[tuple[str, str]]
    companions: tuple[tuple[str, str, str | None, int | None], ...]


def make_world(seed: int) -> World:
    """The world of that number, always the same."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    packages = {
        name: {str(v): _version(dice) for v in range(1, dice.randint(1, 3) + 1)} for name in NAMES
    }
    rows = [
        (dice.choice(NAMES[:-1]), dice.choice((">=2", "<2", "")), dice.choice(("<2", ">=2", None)),
         dice.choice((None, 12, 13)))
        for _ in range(dice.choice((0, 0, 1, 2)))
    ]  # fmt: skip
    return World(
        packages,
        tuple(dict.fromkeys(_requirement(dice) for _ in range(dice.randint(1, 3)))),
        frozenset(dice.sample(NAMES, dice.choice((0, 0, 0, 1)))),
        frozenset((dice.choice(NAMES), dice.choice(NAMES)) for _ in range(dice.choice((0, 0, 1)))),
        tuple(row for row in rows if row[2] or row[3]),
    )


def _requirement(dice: random.Random) -> str:
    extra = dice.choice(("", "", "", "[x]", "[y]", "[x,y]"))
    return dice.choice(NAMES) + extra + dice.choice(_OPERATORS)


def _version(dice: random.Random) -> dict[str, Any]:
    lines = []
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        marker = dice.choice((None, None, *_MARKERS))
        lines.append(_requirement(dice) + (f" ; {marker}" if marker else ""))
    row: dict[str, Any] = {"requires": lines}
    match dice.randrange(16):
        case 0:
            row["yanked"] = "a slip"
        case 1:
            row["broken"] = True
        case 2:
            row["python"] = "<3.12"
        case 3:
            row["tags"] = ["cp310-cp310-manylinux_2_17_x86_64"]
        case 4:
            row |= {"sdist": True, "dynamic": True}
    return row


# -- the truth -------------------------------------------------------------------------------------


def solvable(world: World) -> bool:
    """Whether some choice of versions satisfies everything."""
    return _complete(world, {}, [Requirement(line) for line in world.ask])


def _complete(world: World, chosen: dict[str, str], demands: list[Requirement]) -> bool:
    followed = set[tuple[str, str]]()
    todo = list(demands)
    seen: list[Requirement] = []
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        seen.append(asked)
        if name not in chosen:
            rest = [*todo, *seen]
            return any(
                _complete(world, {**chosen, name: version}, rest)
                for version in _usable(world, name)
                if _admits(world, asked, version)
            )
        if not _admits(world, asked, chosen[name]):
            return False
        for extra in ("", *asked.extras):
            if (name, extra) not in followed:
                followed.add((name, extra))
                todo += _needs(world, name, chosen[name], extra)
        if any(need is _IMPOSSIBLE for need in todo):
            return False
    return True


_IMPOSSIBLE = Requirement("impossible")


def _usable(world: World, name: str) -> Iterator[str]:
    for version, row in world.packages[name].items():
        if not (row.get("python") or row.get("tags") or (row.get("broken"))):
            yield version


def _admits(world: World, asked: Requirement, version: str) -> bool:
    row = world.packages[canonicalize_name(asked.name)][version]
    exact = any(spec.operator == "==" for spec in asked.specifier)
    return version in asked.specifier and (exact or "yanked" not in row)


def _needs(world: World, name: str, version: str, extra: str) -> Iterator[Requirement]:
    if not extra:
        yield from _companions(world, name, version)
    row = world.packages[name][version]
    if row.get("dynamic") or name in world.no_deps:
        return
    for line in row["requires"]:
        need = Requirement(line)
        if (name, need.name) not in world.no_edges and _holds(need, extra):
            need.marker = None
            yield need


def _companions(world: World, name: str, version: str) -> Iterator[Requirement]:
    for package, versions, torch, cuda in world.companions:
        if package == name and version in SpecifierSet(versions):
            if torch:
                yield Requirement(f"torch{torch}")
            if cuda not in (None, CUDA):
                yield _IMPOSSIBLE


def _holds(need: Requirement, extra: str) -> bool:
    if need.marker is None:
        return not extra
    always = need.marker.evaluate({**_ENVIRONMENT, "extra": ""})
    return need.marker.evaluate({**_ENVIRONMENT, "extra": extra}) and not (extra and always)


# -- the engines -----------------------------------------------------------------------------------


def verdict(world: World, engine: Engine) -> bool | None:
    """The engine's; None where it gave up. An answer that breaks an edge is an AssertionError, and
    so is a proof that says too little."""
    asked = question(world.ask, {"python": PYTHON, "cuda": "cu126"})
    rules = Rules(
        no_deps=world.no_deps, no_edges=world.no_edges, companions=tuple(_rows(world.companions))
    )
    library = Library(asked.target, rules, WorldIndex(dict(world.packages)))
    problem = Problem(asked, library, NoDirect())
    answer = engine.solve(problem)
    if isinstance(answer, GaveUp):
        return None
    if isinstance(answer, Solved):
        assert broken_edges(problem, answer.picks) == ()
        _check(world, {k: problem.package(k).options[i].version for k, i in answer.picks.items()})
    if isinstance(answer, Infeasible) and answer.blamed is not None:
        few = tuple(line for line in world.ask if Requirement(line).name in answer.blamed)
        assert not solvable(replace(world, ask=few)), f"{few} hold together"
    return isinstance(answer, Solved)


def _rows(
    companions: tuple[tuple[str, str, str | None, int | None], ...],
) -> Iterator[Companion]:
    for package, versions, torch, cuda in companions:
        evidence = Evidence(package, "goes with", Strength.CLAIMED, "a table")
        yield Companion(
            canonicalize_name(package),
            SpecifierSet(versions),
            SpecifierSet(torch) if torch else None,
            cuda,
            evidence,
        )


def _check(world: World, picks: dict[str, Version]) -> None:
    """The picks satisfy the world by the rules of this module too."""
    chosen = {key: str(v) for key, v in picks.items() if key in NAMES}
    assert all(version in set(_usable(world, name)) for name, version in chosen.items())
    assert _complete(_only(world, chosen), chosen, [Requirement(line) for line in world.ask])


def _only(world: World, chosen: dict[str, str]) -> World:
    """The world without the packages that were not picked: nothing else may be needed."""
    packages = {name: rows if name in chosen else {} for name, rows in world.packages.items()}
    return World(packages, world.ask, world.no_deps, world.no_edges, world.companions)
