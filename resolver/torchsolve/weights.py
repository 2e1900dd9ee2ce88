"""Weights of a plan, with what the model hub tells of them: files, sizes, hashes, access, licence.

In: the weights that the projects load. Out: the same, each at a commit; and why some stay unknown.
Nothing is fetched but lists and the heads of safetensors files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from torchsolve.errors import UnknownError
from torchsolve.facts import Facts
from torchsolve.facts.conflicts import ModelRow
from torchsolve.index.hub import Hub
from torchsolve.model.project import HubRepository, ModelFile, WeightFile
from torchsolve.model.values import dataclass, replace

_AT_ONCE = 8
_HEADS = 64
"""Safetensors heads that a plan reads; where there are more, their sizes have to do."""
_UNDECIDED = frozenset("{}<>*;")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Described:
    """``weights`` in the order given; ``notes``: what the hub did not tell, one line each."""

    weights: tuple[ModelFile, ...]
    notes: tuple[str, ...]


def describe(weights: Sequence[ModelFile], hub: Hub, facts: Facts) -> Described:
    """The weights as the hub has them; those whose repository is not decided stay as they are."""
    rows = {row.repo: row for row in facts.models}
    placed = [_claimed(_placed(weight, hub.endpoint), rows) for weight in weights]
    asked = sorted({key for weight in placed for key in _questions(weight)})
    answers = dict(zip(asked, _together(lambda key: _ask(hub, *key), asked), strict=True))
    known = {key: found for key, found in answers.items() if isinstance(found, HubRepository)}
    ignored = facts.loader_ignores
    found = [_described(weight, known, ignored) for weight in placed]
    return Described(tuple(_with_parameters(found, hub)), _notes(answers.values()))


def _placed(weight: ModelFile, endpoint: str) -> ModelFile:
    """An address of the hub says repository, revision and file, as a call of its library does."""
    if weight.url is None:
        return weight
    address = urlsplit(weight.url)
    parts = unquote(address.path).lstrip("/").split("/")
    hosts = ("huggingface.co", "hf.co", urlsplit(endpoint).hostname)
    if address.hostname not in hosts or len(parts) < 5 or parts[2] not in ("resolve", "raw"):
        return weight
    repo, revision = "/".join(parts[:2]), weight.revision or parts[3]
    name = "/".join(parts[4:])
    return replace(weight, repo=repo, revision=revision, allow=(name,))


def _claimed(weight: ModelFile, rows: dict[str, ModelRow]) -> ModelFile:
    """What ``matrices/`` knows of a repository, where nothing better is known.

    A path that no code fetches may name its repository all the same: ``models/ORG/NAME/…``.
    """
    if weight.repo is None and weight.url is None:
        named = (repo for repo in rows if f"/{repo}/" in f"/{weight.path.rstrip('/')}/")
        weight = replace(weight, repo=next(named, None))
    row = rows.get(weight.repo or "")
    if row is None:
        return weight
    gated = row.gated if weight.gated is None else weight.gated
    return replace(weight, gated=gated, mirror=row.mirror)


_Key = tuple[str, str]


def _questions(weight: ModelFile) -> tuple[_Key, ...]:
    if weight.repo is None or _UNDECIDED & set(weight.repo + (weight.revision or "")):
        return ()
    key = (weight.repo, weight.revision or "")
    return (key, (weight.mirror, "")) if weight.mirror else (key,)


def _ask(hub: Hub, repo: str, revision: str) -> HubRepository | UnknownError:
    try:
        return hub.repository(repo, revision or None)
    except UnknownError as error:
        return error


def _together(task: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(task, items))


def _described(
    weight: ModelFile, known: dict[_Key, HubRepository], ignored: tuple[str, ...]
) -> ModelFile:
    repository = known.get((weight.repo or "", weight.revision or ""))
    if repository is None:
        return weight
    files = _wanted(weight, repository.files, ignored)
    sizes = [file.size for file in files]
    found = replace(
        weight,
        revision=repository.commit,
        files=files,
        size=sum(size for size in sizes if size is not None) if None not in sizes else None,
        sha256=files[0].sha256 if len(files) == 1 else weight.sha256,
        gated=repository.gated if repository.gated is not None else weight.gated,
        licence=repository.licence,
    )
    if not files:
        found = replace(found, size=weight.size, note=_gone(weight))
    mirror = known.get((weight.mirror or "", ""))
    return replace(found, mirror_commit=_same_bytes(found, mirror)) if mirror else found


def _gone(weight: ModelFile) -> str:
    said = f"{weight.note}; " if weight.note else ""
    return f"{said}the repository has no such file"


def _wanted(
    weight: ModelFile, files: tuple[WeightFile, ...], ignored: tuple[str, ...]
) -> tuple[WeightFile, ...]:
    """The files that the project fetches, by its patterns and by what its path says."""
    chosen = [file for file in files if _matches(file.name, weight.allow, weight.ignore)]
    if weight.mechanism == "from_pretrained":
        chosen = _as_loaders_do(chosen, ignored)
    if weight.path.endswith("/") or weight.path.startswith("<") or weight.allow:
        return tuple(chosen)
    if weight.mechanism in ("from_pretrained", "snapshot_download"):
        return tuple(chosen)
    return _of_path(weight.path, chosen)


def _matches(name: str, allow: Sequence[str], ignore: Sequence[str]) -> bool:
    """As the hub's library filters: a pattern that ends in ``/`` is the folder."""

    def any_of(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, p + "*" if p.endswith("/") else p) for p in patterns)

    return (not allow or any_of(allow)) and not any_of(ignore)


def _as_loaders_do(files: list[WeightFile], ignored: tuple[str, ...]) -> list[WeightFile]:
    """transformers and diffusers take safetensors where a repository has them, nothing else."""
    if not any(file.name.endswith(".safetensors") for file in files):
        return files
    return [file for file in files if not _matches(file.name, ignored, ())]


def _of_path(path: str, files: Iterable[WeightFile]) -> tuple[WeightFile, ...]:
    """The file that a path ends in: by the longest name, else by its last part if that is alone."""
    listed = list(files)
    ends = [file for file in listed if f"/{path}".endswith(f"/{file.name}")]
    if ends:
        return (max(ends, key=lambda file: len(file.name)),)
    last = PurePosixPath(path).name
    same = [file for file in listed if PurePosixPath(file.name).name == last]
    return tuple(same) if len(same) == 1 else ()


def _same_bytes(weight: ModelFile, mirror: HubRepository) -> str | None:
    """The mirror's commit where it has every large file by its sha256; None where it has not."""
    hashes = {file.name: file.sha256 for file in mirror.files}
    large = [file for file in weight.files if file.sha256]
    same = large and all(hashes.get(file.name) == file.sha256 for file in large)
    return mirror.commit if same else None


def _with_parameters(weights: Sequence[ModelFile], hub: Hub) -> list[ModelFile]:
    places = [
        (index, place)
        for index, weight in enumerate(weights)
        for place, file in enumerate(weight.files)
        if file.name.endswith(".safetensors")
    ]
    chosen = list(islice(places, _HEADS))

    def read(key: tuple[int, int]) -> WeightFile:
        weight = weights[key[0]]
        return hub.parameters(str(weight.repo), str(weight.revision), weight.files[key[1]])

    found = dict(zip(chosen, _together(read, chosen), strict=True))
    return [
        replace(
            weight,
            files=tuple(found.get((index, place), file) for place, file in enumerate(weight.files)),
        )
        for index, weight in enumerate(weights)
    ]


def _notes(answers: Iterable[HubRepository | UnknownError]) -> tuple[str, ...]:
    """One line a kind of failure, so that a hub out of reach is said once."""
    failures = [answer for answer in answers if isinstance(answer, UnknownError)]
    kinds: dict[str, list[UnknownError]] = {}
    for failure in failures:
        kinds.setdefault(failure.reference, []).append(failure)
    return tuple(
        f"sizes, hashes and access of {len(found)} model "
        f"{'repository is' if len(found) == 1 else 'repositories are'} unknown: {found[0].message}"
        for found in kinds.values()
    )
