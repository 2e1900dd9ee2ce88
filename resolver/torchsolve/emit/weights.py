"""``fetch-weights.sh``: fills the models folder with what the plan's projects load.

Runs on the host (or in any container with curl and the Hub's ``hf``); nothing in it holds a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

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
    fetches = [(weight, fetch_of(weight)) for weight in plan.weights]
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "files": [fetch for _, fetch in fetches if fetch and fetch.url],
        "repositories": [fetch for _, fetch in fetches if fetch and fetch.repo],
        "by_hand": [weight for weight, fetch in fetches if fetch is None],
    }
    return render_template("fetch-weights.sh.j2", values)


def fetch_of(weight: ModelFile) -> Fetch | None:
    """How to get a weight; None where its path or its source is not decided."""
    path = PurePosixPath(weight.path)
    decided = not any(char in weight.path for char in "{}<>*") and ".." not in path.parts
    if not decided or path.parts[:1] != ("models",) or len(path.parts) < 2:
        return None
    inside = "/".join(path.parts[1:])
    gated = bool(weight.gated)
    if weight.url:
        return Fetch(inside, url=weight.url, sha256=weight.sha256 or "", gated=gated)
    if weight.repo and is_folder(weight):
        return Fetch(inside, weight.repo, gated=gated)
    if weight.repo:
        folder = "/".join(path.parts[1:-1]) or "."
        return Fetch(folder, weight.repo, path.name, gated=gated)
    return None


def is_folder(weight: ModelFile) -> bool:
    """Whether the path is a folder that a whole repository goes to, not one file."""
    if weight.path.endswith("/") or weight.mechanism in _FOLDER_MECHANISMS:
        return True
    return PurePosixPath(weight.path).suffix.lower() not in _FILE_SUFFIXES
