"""Of weights whose places lie in one another, those that say most: each is fetched once."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.model.project import ModelFile
from torchsolve.model.values import replace

_OF_A_FOLDER = ("model.safetensors", "pytorch_model.bin", "config.json", "model_index.json")
"""Names that transformers and diffusers give the parts of a folder that they open as one:
https://huggingface.co/docs/transformers/main_classes/model (``save_pretrained``)."""


def without_covered(files: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """The files without those that another one brings along, or says better.

    A path in a folder that is fetched whole comes with it. A folder, or a name without its suffix,
    that nobody fetches says nothing beside the files that are known below it.
    """
    whole = [_whole(file, files) for file in files]
    kept = (file for file in whole if not any(_covers(other, file) for other in whole))
    return tuple({(file.path, file.repo, file.url): file for file in kept}.values())


def _whole(file: ModelFile, files: Sequence[ModelFile]) -> ModelFile:
    """The folder in place of the file that is looked for in it, where the folder is opened."""
    folder, _, name = file.path.rpartition("/")
    if name not in _OF_A_FOLDER or _has_source(file):
        return file
    opened = next((other for other in files if other.path.rstrip("/") == folder), None)
    if opened is None or _has_source(opened):
        return file
    note = f"{name} alone will not do: {opened.site} opens the folder"
    return replace(file, path=f"{folder}/", note=note)


def _covers(other: ModelFile, file: ModelFile) -> bool:
    if other is file or file.path.startswith("<") or other.path.startswith("<"):
        return False
    mine, theirs = file.path.rstrip("/"), other.path.rstrip("/")
    if mine.startswith(f"{theirs}/"):
        return _has_source(other) and not file.url
    if mine == theirs:
        return other.path.endswith("/") and not file.path.endswith("/") and not file.url
    return not _has_source(file) and theirs.startswith((f"{mine}/", f"{mine}."))


def _has_source(file: ModelFile) -> bool:
    return bool(file.repo or file.url)
