"""``fetch-weights.sh``: fills the models folder with what the plan's projects load.

Runs on the host (or in any container with curl and the Hub's ``hf``); nothing in it holds a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from torchsolve.emit.naming import comfyui_home, weight_home
from torchsolve.emit.templates import render_template
from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile

_FOLDER_MECHANISMS = ("snapshot_download", "from_pretrained")
_FILE_SUFFIXES = (
    *(".bin", ".ckpt", ".gguf", ".json", ".onnx", ".pkl", ".pt", ".pth"),
    *(".safetensors", ".sft", ".txt", ".yaml"),
)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One download; ``path`` is relative to the models folder.

    With ``repo``: the whole repository, or ``file`` of it. Else ``url``, checked by ``sha256``.
    """

    path: str
    repo: str | None = None
    file: str | None = None
    url: str | None = None
    sha256: str = ""
    gated: bool = False


def fetch_script(plan: Plan) -> str:
    """The script; what nobody can decide is listed in it as a comment."""
    fetches = [(weight, fetch_of(plan, weight)) for weight in plan.weights]
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "whole": comfyui_home(plan) is not None,
        "single": bool(mounts(plan)),
        "files": [fetch for _, fetch in fetches if fetch and fetch.url],
        "repositories": [fetch for _, fetch in fetches if fetch and fetch.repo],
        "by_hand": [(weight, _why_not(weight)) for weight, fetch in fetches if fetch is None],
    }
    return render_template("fetch-weights.sh.j2", values)


def mounts(plan: Plan) -> tuple[tuple[str, str], ...]:
    """What is mounted by itself, since it lies in a node's own folder: place below the models
    folder of the host, and place in the image."""
    found = [
        (weight.path.rstrip("/"), str(weight_home(plan, weight.path)).rstrip("/"))
        for weight in plan.weights
        if weight.path.startswith("custom_nodes/") and fetch_of(plan, weight)
    ]
    return tuple(dict.fromkeys(found))


def fetch_of(plan: Plan, weight: ModelFile) -> Fetch | None:
    """How to get a weight; None where its path or its source is not decided.

    What belongs under ``models/`` goes to the models folder of the host, what belongs into a node's
    own folder to ``custom_nodes/`` in it.
    """
    path = PurePosixPath(weight.path)
    inside = "/".join(path.parts[1:] if path.parts[0] == "models" else path.parts)
    if not _is_decided(weight) or not inside:
        return None
    if path.parts[0] != "models" and not _in_node(plan, weight):
        return None
    gated = bool(weight.gated)
    if weight.url:
        return Fetch(inside, url=weight.url, sha256=weight.sha256 or "", gated=gated)
    if weight.repo and is_folder(weight):
        return Fetch(inside, weight.repo, gated=gated)
    if weight.repo:
        folder = str(PurePosixPath(inside).parent)
        return Fetch(folder, weight.repo, path.name, gated=gated)
    return None


def _is_decided(weight: ModelFile) -> bool:
    return not any(char in weight.path for char in "{}<>*") and ".." not in weight.path.split("/")


def _in_node(plan: Plan, weight: ModelFile) -> bool:
    return weight.path.startswith("custom_nodes/") and weight_home(plan, weight.path) is not None


def _why_not(weight: ModelFile) -> str:
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
