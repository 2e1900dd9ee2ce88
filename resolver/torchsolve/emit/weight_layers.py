"""``--weights bake``: the weights as layers of the image, each fetched and checked in a stage.

Large files come first and alone, so that a small one that changes costs a small layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torchsolve.emit.naming import comfyui_home, weight_home
from torchsolve.emit.templates import render_template
from torchsolve.emit.weights import HUB_CACHE, Download, Repository, bakes_cache, downloads
from torchsolve.errors import UnknownError
from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile
from torchsolve.model.values import dataclass

LAYER_BYTES = 5 * 10**9
"""A file of this size or more is a layer of its own; smaller ones share layers up to it."""
_CACHE = "/opt/cache/huggingface/hub"


@dataclass(frozen=True, slots=True)
class Baked:
    """A file of a layer: ``place`` below the stage's folder, and how to get it."""

    place: str
    download: Download


@dataclass(frozen=True, slots=True)
class WeightLayer:
    """One layer: ``weights/NUMBER.sh`` fetches ``files``; ``roots`` are copied to the image.

    Attributes:
        roots: folder in the stage, folder in the image; both absolute.
        gated: repositories that need a token.
    """

    number: int
    files: tuple[Baked, ...]
    roots: tuple[tuple[str, str], ...]
    gated: tuple[str, ...]

    @property
    def script(self) -> str:
        """Path of its script, relative to the plan's folder."""
        return f"weights/{self.number}.sh"


def weight_layers(plan: Plan) -> tuple[WeightLayer, ...]:
    """The layers, the largest file first.

    Raises UnknownError ``weights-unknown`` for a weight whose files the Hub did not list.
    """
    found = list(dict.fromkeys(item for weight in plan.weights for item in _decided(plan, weight)))
    found.sort(key=lambda item: (-(item.size or 0), item.path))
    return tuple(_layer(plan, number, group) for number, group in enumerate(_groups(found), 1))


def layer_scripts(plan: Plan, layers: Iterable[WeightLayer]) -> dict[str, str]:
    """Relative path → script of each layer."""
    return {layer.script: _script(plan, layer) for layer in layers}


def _decided(plan: Plan, weight: ModelFile) -> Iterator[Download]:
    if weight.path.startswith("models/") and comfyui_home(plan) is None:
        return  # no ComfyUI is in the image that would look there
    for item in downloads(plan, weight, cache=bakes_cache(plan)):
        if isinstance(item, Repository):
            raise UnknownError(
                "weights-unknown",
                f"what the model repository {item.repo} holds is not known",
                origin=weight.site,
                hint="bake needs the model hub in reach (HF_ENDPOINT names another); "
                "--weights mount fetches on the host",
            )
        yield item


def _groups(items: Iterable[Download]) -> Iterator[list[Download]]:
    """Files up to LAYER_BYTES together, in the order given."""
    group: list[Download] = []
    size = 0
    for item in items:
        if group and size + (item.size or 0) > LAYER_BYTES:
            yield group
            group, size = [], 0
        group.append(item)
        size += item.size or 0
    if group:
        yield group


def _layer(plan: Plan, number: int, items: list[Download]) -> WeightLayer:
    files, roots = [], {}
    for item in items:
        root, image, inside = _placed(plan, item.path)
        files.append(Baked(f"{root}/{inside}", item))
        roots[f"/weights/{root}"] = image
    gated = sorted({item.repo for item in items if item.gated and item.repo})
    return WeightLayer(number, tuple(files), tuple(sorted(roots.items())), tuple(gated))


def _placed(plan: Plan, path: str) -> tuple[str, str, str]:
    """Folder in the stage, folder in the image, and the rest of the path."""
    if path.startswith(HUB_CACHE):
        return "hub", _CACHE, path.removeprefix(HUB_CACHE).lstrip("/")
    first, _, inside = path.partition("/")
    if first == "models":
        return "models", f"{comfyui_home(plan)}/models", inside
    node, _, inside = inside.partition("/")
    home = weight_home(plan, f"custom_nodes/{node}/x") or ""
    return f"custom_nodes/{node}", home.removesuffix("/x"), inside


def _script(plan: Plan, layer: WeightLayer) -> str:
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "number": layer.number,
        "files": layer.files,
        "refs": _refs(layer),
    }
    return render_template("weights.sh.j2", values)


def _refs(layer: WeightLayer) -> list[tuple[str, str]]:
    """``refs/main`` of each repository in the cache, and the commit that it says."""
    found = {
        f"{item.place.partition('/snapshots/')[0]}/refs/main": item.download.revision or ""
        for item in layer.files
        if item.place.startswith("hub/")
    }
    return sorted(found.items())
