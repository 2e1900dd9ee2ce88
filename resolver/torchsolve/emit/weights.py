"""What a plan's projects load, as downloads: each file with its source, check and place.

In: a portable plan. Out: for ``mount`` a script that fills the host's models folder; for ``bake``
layers of the image. Nothing in either holds a token.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from torchsolve.emit.naming import comfyui_home, weight_home
from torchsolve.emit.templates import render_template
from torchsolve.model.plan import Plan, Strategy
from torchsolve.model.project import ModelFile, WeightFile
from torchsolve.model.values import dataclass

HUB_CACHE = "<hf-cache>"
_FOLDER_MECHANISMS = ("snapshot_download", "from_pretrained")
_FILE_SUFFIXES = (
    *(".bin", ".ckpt", ".gguf", ".json", ".onnx", ".pkl", ".pt", ".pth"),
    *(".safetensors", ".sft", ".txt", ".yaml"),
)


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    Attributes:
        path: relative to ComfyUI's folder, ``models/…`` or ``custom_nodes/…``; below
            ``<hf-cache>`` for one that the Hub's library looks for in its cache.
        repo: Hub repository, ``name`` the file in it, ``revision`` the commit; else ``url``.
        check: ``sha256:…``; ``blob:…`` for git's object id; empty where nobody published either.
        mirror: repository and commit of a re-upload with the same bytes; None without one.
        size: bytes, None when unknown.
    """

    path: str
    repo: str | None = None
    revision: str | None = None
    name: str | None = None
    url: str | None = None
    check: str = ""
    mirror: tuple[str, str] | None = None
    gated: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository whose files nobody listed yet: fetched by the Hub's own tool, into ``path``."""

    path: str
    repo: str
    revision: str | None = None
    file: str | None = None
    allow: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    gated: bool = False


def fetch_script(plan: Plan) -> str:
    """The script of a mounted models folder; what nobody can decide is a comment in it."""
    found = [(weight, tuple(downloads(plan, weight))) for weight in plan.weights]
    items = [item for _, each in found for item in each]
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "whole": comfyui_home(plan) is not None,
        "single": bool(mounts(plan)),
        # Two sites may load one file; a path is fetched once.
        "files": list({d.path: d for d in items if isinstance(d, Download)}.values()),
        "repositories": list(
            {(r.path, r.file): r for r in items if isinstance(r, Repository)}.values()
        ),
        "by_hand": [
            (weight, _why_not(weight))
            for weight, each in found
            if not each and not _comes_with(weight, found)
        ],
        "host": host_path,
    }
    return render_template("fetch-weights.sh.j2", values)


_Fetched = tuple[ModelFile, tuple[Download | Repository, ...]]


def _comes_with(weight: ModelFile, found: list[_Fetched]) -> bool:
    """Whether the folder that another weight is fetched to holds it, as far as that is known."""
    for other, items in found:
        if weight.path.startswith(f"{other.path.rstrip('/')}/"):
            listed = [item for item in items if isinstance(item, Download)]
            if any(item.path == weight.path for item in listed) or (items and not listed):
                return True
    return False


def host_path(path: str) -> str:
    """A path below the host's models folder: what belongs under ``models/`` lies at its top."""
    return path.removeprefix("models/")


def mounts(plan: Plan) -> tuple[tuple[str, str], ...]:
    """What is mounted by itself, since it lies in a node's own folder: place below the models
    folder of the host, and place in the image."""
    found = [
        (weight.path.rstrip("/"), str(weight_home(plan, weight.path)).rstrip("/"))
        for weight in plan.weights
        if weight.path.startswith("custom_nodes/") and any(downloads(plan, weight))
    ]
    return tuple(dict.fromkeys(found))


def downloads(
    plan: Plan, weight: ModelFile, *, cache: bool = False
) -> Iterator[Download | Repository]:
    """How to get a weight; nothing where its path or its source is not decided.

    With ``cache``, what the Hub's library keeps in its cache is fetched into that.
    """
    if weight.path.startswith(HUB_CACHE):
        if cache and weight.repo and weight.revision and weight.files:
            yield from _cached(weight)
        return
    if not _is_decided(weight) or not _has_place(plan, weight.path):
        return
    if weight.files:
        yield from (_of_repository(weight, file, _target(weight, file)) for file in weight.files)
    elif weight.url:
        yield _of_url(weight)
    elif weight.repo:
        yield _whole(weight)


def _of_repository(weight: ModelFile, file: WeightFile, path: str) -> Download:
    check = f"sha256:{file.sha256}" if file.sha256 else f"blob:{file.blob}" if file.blob else ""
    return Download(
        path,
        weight.repo,
        weight.revision,
        file.name,
        check=check,
        mirror=_mirror(weight) if file.sha256 else None,
        gated=bool(weight.gated),
        size=file.size,
    )


def _mirror(weight: ModelFile) -> tuple[str, str] | None:
    if weight.mirror is None or weight.mirror_commit is None:
        return None
    return weight.mirror, weight.mirror_commit


def _target(weight: ModelFile, file: WeightFile) -> str:
    return f"{weight.path.rstrip('/')}/{file.name}" if is_folder(weight) else weight.path


def _cached(weight: ModelFile) -> Iterator[Download]:
    """The cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.

    Plain files in ``snapshots/`` are what the library itself makes where links are not to be had.
    """
    folder = f"{HUB_CACHE}/models--{str(weight.repo).replace('/', '--')}"
    for file in weight.files:
        yield _of_repository(weight, file, f"{folder}/snapshots/{weight.revision}/{file.name}")


def _of_url(weight: ModelFile) -> Download:
    check = f"sha256:{weight.sha256}" if weight.sha256 else ""
    gated = bool(weight.gated)
    return Download(weight.path, url=weight.url, check=check, gated=gated, size=weight.size)


def _whole(weight: ModelFile) -> Repository:
    path, gated = PurePosixPath(weight.path), bool(weight.gated)
    repo, revision = str(weight.repo), weight.revision
    if is_folder(weight):
        return Repository(str(path), repo, revision, None, weight.allow, weight.ignore, gated)
    return Repository(str(path.parent), repo, revision, path.name, gated=gated)


def _is_decided(weight: ModelFile) -> bool:
    return not any(char in weight.path for char in "{}<>*") and ".." not in weight.path.split("/")


def _has_place(plan: Plan, path: str) -> bool:
    """Under ``models/``, or in the folder of a node that is in the image."""
    first, _, inside = path.partition("/")
    if first == "models":
        return bool(inside.strip("/"))
    return first == "custom_nodes" and weight_home(plan, path) is not None


def _why_not(weight: ModelFile) -> str:
    if weight.path.startswith("<") and (weight.repo or weight.url):
        return "the node downloads it at its first use, into a cache"
    if weight.path.startswith("<cwd>"):
        return "the node reads it from the folder that it was started in"
    if weight.mechanism == "bundled":
        return "part of the project"
    if not _is_decided(weight):
        return "the node leaves the choice to you"
    if not weight.url and not weight.repo:
        return "the node names no source"
    return "it belongs neither under models/ nor into a node's folder"


def is_folder(weight: ModelFile) -> bool:
    """Whether the path is a folder that a whole repository goes to, not one file."""
    if weight.path.endswith("/") or weight.mechanism in _FOLDER_MECHANISMS:
        return True
    return PurePosixPath(weight.path).suffix.lower() not in _FILE_SUFFIXES


def bakes_cache(plan: Plan) -> bool:
    """Whether the image's Hub cache has a place that is known: ours; a base has its own."""
    return plan.strategy is Strategy.STANDALONE
