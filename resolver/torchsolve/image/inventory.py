"""Inventories as files: ``image inspect -o FILE`` writes one, ``--base FILE`` reads it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchsolve.errors import UsageError
from torchsolve.model.inventory import ImageInventory, InstalledDist

SCHEMA = "torchsolve.inventory/1"
_Dotted = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]


class _Dist(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    requires: tuple[str, ...] = ()


class _Inventory(BaseModel):
    """The file; unknown keys are refused, since they would be a fact that nobody heeds."""

    model_config = ConfigDict(extra="forbid")
    schema_: Literal["torchsolve.inventory/1"] = Field(alias="schema")
    ref: Annotated[str, Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    platform: Literal["linux/amd64", "linux/arm64"]
    os: Annotated[str, Field(min_length=1)]
    glibc: _Dotted
    libstdcxx: _Dotted | None = None
    python: _Dotted
    executable: Annotated[str, Field(pattern=r"^/")]
    externally_managed: bool = False
    torch: str | None = None
    cuda: _Dotted | None = None
    cxx11_abi: bool | None = None
    dists: tuple[_Dist, ...]
    comfyui: Annotated[str, Field(pattern=r"^/")] | None = None
    comfyui_version: str | None = None
    comfyui_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    sonames: tuple[Annotated[str, Field(min_length=1)], ...] | None = None


def load(path: Path) -> ImageInventory:
    """An inventory file. Raises UsageError ``no-inventory``; ``bad-inventory`` names the field."""
    try:
        text = path.read_bytes()
    except OSError as error:
        message = error.strerror or str(error)
        hint = "torchsolve image inspect IMAGE -o FILE writes one"
        raise UsageError("no-inventory", message, origin=str(path), hint=hint) from error
    return parse(text, str(path))


def parse(text: bytes, origin: str) -> ImageInventory:
    """An inventory from its JSON. Raises UsageError ``bad-inventory``."""
    try:
        read = _Inventory.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where}: {first['msg']}" if where else first["msg"]
        raise UsageError("bad-inventory", message, origin=origin) from error
    facts = read.model_dump(exclude={"schema_", "dists"})
    dists = (InstalledDist(canonicalize_name(d.name), d.version, d.requires) for d in read.dists)
    return ImageInventory(**facts, dists=tuple(sorted(dists, key=lambda dist: dist.name)))


def dump(inventory: ImageInventory) -> bytes:
    """The JSON of an inventory, byte-stable; ``parse`` gives back an equal value."""
    document = {"schema": SCHEMA, **asdict(inventory)}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
