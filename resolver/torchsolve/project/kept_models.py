"""Where a tree loads its models from, kept beside the findings of ``kept``: it takes seconds."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from torchsolve.model.models import ModelScan
from torchsolve.project import kept
from torchsolve.project.model_folders import ModelFolders
from torchsolve.project.scan.sources import Sources

_CONFIGS = (".yaml", ".yml", ".json", ".toml")


def key_of(sources: Sources, name: str, folders: ModelFolders, gates: object) -> str | None:
    """Of a tree that is scanned under a name with these tables; None for one that is not kept.

    Of a folder the names of all files count too: what lies in it is not downloaded.
    """
    paths = sorted(sources.all_paths)
    read = tuple(path for path in paths if path.endswith((".py", *_CONFIGS)))
    tree = kept.key_of(sources.tree, read)
    if tree is None:
        return None
    said = json.dumps([tree, name, paths, sorted(folders.items()), repr(gates)])
    return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def read(folder: Path, key: str) -> ModelScan | None:
    """The scan; None where there is none that is whole."""
    try:
        return _shape().validate_json(_place(folder, key).read_bytes())
    except (OSError, ValidationError):
        return None


def write(folder: Path, key: str, found: ModelScan) -> None:
    """Keeps it."""
    kept.keep(_place(folder, key), _shape().dump_json(found))


def _place(folder: Path, key: str) -> Path:
    return folder / "source" / f"{key}.models.json"


def _shape() -> TypeAdapter[ModelScan]:
    return TypeAdapter(ModelScan)
