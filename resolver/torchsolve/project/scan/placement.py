"""Which line a sighting counts for: the call itself, or those that call the helper around it."""

from __future__ import annotations

from torchsolve.model.models import Mechanism
from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.observation import Caller, Observation
from torchsolve.project.scan.render import undecided
from torchsolve.project.scan.values import (
    ListValue,
    PathValue,
    Text,
    Unknown,
    Value,
    hole,
    options,
)

DOWNLOADS = frozenset({Mechanism.HF_HUB_DOWNLOAD, Mechanism.SNAPSHOT_DOWNLOAD, Mechanism.URL})


@dataclass(slots=True)
class Group:
    """All that was seen of one line and one callable."""

    at: Caller
    first: Observation
    seen: list[Observation] = field(default_factory=list)
    helper: bool = False


def placed(seen: list[Observation]) -> list[Group]:
    """Sightings by line and callable."""
    groups: dict[tuple[str, int, str], Group] = {}
    passed: list[tuple[Observation, int]] = []
    for observation in seen:
        if is_registration(observation):
            _add(groups, observation, _origin(observation))
            continue
        _add(groups, observation, 0)
        counts = observation.extends or observation.mechanism in DOWNLOADS
        if counts and given(observation, 0) and _is_known(observation):
            passed.append((observation, 1))
    _helpers(groups, passed)
    return list(groups.values())


def _is_known(seen: Observation) -> bool:
    texts = [*texts_of(seen.path), *texts_of(seen.repo), *texts_of(seen.url)]
    return not any(undecided(text) for text in texts)


def _helpers(
    groups: dict[tuple[str, int, str], Group], passed: list[tuple[Observation, int]]
) -> None:
    """Lines that call a download helper.

    A line stands for what it decides itself (constants, defaults); where callers override that,
    those have their own lines. Where all of them do, it stands for all.
    """
    for _ in range(4):
        by_line: dict[tuple[str, int], list[tuple[Observation, int]]] = {}
        for observation, depth in passed:
            if depth < len(observation.chain):
                at = observation.chain[depth]
                by_line.setdefault((at.file, at.line), []).append((observation, depth))
        passed = []
        for rows in by_line.values():
            own = [(o, d) for o, d in rows if not given(o, d)]
            for observation, depth in own or rows:
                _add(groups, observation, depth, helper=True)
            if own:
                passed += [(o, d + 1) for o, d in rows if given(o, d)]
        if not passed:
            return


def _add(
    groups: dict[tuple[str, int, str], Group],
    seen: Observation,
    depth: int,
    *,
    helper: bool = False,
) -> None:
    at = seen.chain[depth]
    key = (at.file, at.line, seen.api.rpartition(".")[2])
    group = groups.setdefault(key, Group(at, seen))
    group.seen.append(seen)
    group.helper |= helper


def is_registration(seen: Observation) -> bool:
    """Whether a line names a category and its folders."""
    return seen.api in ("folder_paths.add_model_folder_path", "folder_paths.folder_names_and_paths")


def given(seen: Observation, depth: int) -> bool:
    """Whether the frame got what counts from its caller."""
    if depth + 1 >= len(seen.chain):
        return False
    return ("arg", seen.chain[depth].frame) in seen.marks


def _origin(seen: Observation) -> int:
    depth = 0
    while given(seen, depth):
        depth += 1
    return depth


def joined_paths(
    joins: list[Observation], others: list[Observation], extended: frozenset[str] | set[str]
) -> list[Group]:
    """Paths that were put together and that no site of the same call already has."""
    used = {
        (name, caller.frame)
        for o in others
        for kind, name in o.marks
        if kind == "join"
        for caller in o.chain[: 2 if o.extends else 1]
    }
    groups: dict[str, Group] = {}
    for join in joins:
        key = join.api
        if key in extended or (key, join.chain[0].frame) in used:
            continue
        file, _, line = key.rpartition(":")
        at = Caller(file, int(line), join.chain[0].function, join.chain[0].frame)
        groups.setdefault(key, Group(at, join)).seen.append(join)
    return list(groups.values())


def texts_of(value: Value | None) -> list[Text]:
    """The strings among the alternatives of a value."""
    found: list[Text] = []
    for option in options(value) if value is not None else ():
        match option:
            case Text():
                found.append(option)
            case PathValue(inner):
                found.append(inner)
            case ListValue(items=items, rest=rest):
                found += [t for v in items for t in texts_of(v)]
                found += texts_of(rest)
            case Unknown(label, kind):
                found.append(hole(label, kind))
            case _:
                pass
    return found
