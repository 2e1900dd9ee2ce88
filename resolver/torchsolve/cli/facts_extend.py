"""``facts extend``: which reader serves which table."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torchsolve.cli.console import View
from torchsolve.config import Settings
from torchsolve.errors import UsageError
from torchsolve.extend.comfyui import comfyui_rows, with_texts
from torchsolve.extend.companions import companion_rows
from torchsolve.extend.rows import NewRow, insert
from torchsolve.extend.torch import torch_rows
from torchsolve.extend.xformers import xformers_rows
from torchsolve.facts.load import Facts
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import WheelBinary
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class _Index:
    """The index client as the readers want it."""

    client: IndexClient

    def files(self, name: str) -> Sequence[IndexFile]:
        return self.client.page(name).files

    def metadata(self, file: IndexFile) -> DistMetadata:
        return self.client.metadata(file)

    def members(self, file: IndexFile, wanted: re.Pattern[str]) -> Mapping[str, bytes]:
        return self.client.members(file, wanted)

    def binary(self, file: IndexFile) -> WheelBinary:
        return self.client.read_remote(file)


def extended(
    name: str,
    folder: Path,
    settings: Settings,
    view: View,
    index: str | None,
    checkout: Path | None,
) -> tuple[str, str, list[dict[str, Any]]]:
    """The table's text as it is, as it is to be, and the new rows.

    Raises UsageError ``missing-table``, ``bad-table``, ``no-checkout``, ``not-comfyui``;
    UnknownError where the index or a wheel of it cannot be read. Nothing is written here.
    """
    tables = Facts(folder)
    if name == "comfyui":
        known = tables.comfyui.releases
        if checkout is None:
            hint = "torchsolve facts extend comfyui CHECKOUT"
            message = "its releases are read from a clone"
            raise UsageError("no-checkout", message, hint=hint)
        rows, texts = comfyui_rows(checkout, known)
        before = (folder / "comfyui.toml").read_text("utf-8")
        after = with_texts(insert(before, rows, lambda row: "version" in row), texts)
    else:
        rows = _from_index(name, tables, settings, view, index)
        before = (folder / f"{name}.toml").read_text("utf-8")
        after = _inserted(name, before, rows)
    _check(name, folder, after)
    values = [dict(tomllib.loads(row.text())[row.kind][0]) for row in rows]
    return before, after, [_plain(value) for value in values]


def _from_index(
    name: str, tables: Facts, settings: Settings, view: View, index: str | None
) -> tuple[NewRow, ...]:
    sources = IndexSettings(
        cache_dir=settings.cache_dir,
        default_url=index or settings.index,
        offline=settings.offline,
    )
    with IndexClient(sources) as client:
        source = _Index(client)
        if name == "torch":
            released = [release.version for release in tables.torch.releases]
            return tuple(torch_rows(source, released, view.say))
        if name == "xformers":
            released = [row.version for row in tables.xformers]
            return tuple(xformers_rows(source, released, view.say))
        return tuple(companion_rows(source, tables.companions, tables.torch, view.say))


def _inserted(name: str, text: str, rows: tuple[NewRow, ...]) -> str:
    """Releases go to the top; rows of a package before that package's others."""
    if name != "companions":
        return insert(text, rows, lambda _: True)
    for package in dict.fromkeys(row.values["package"] for row in rows):
        of_it = [row for row in rows if row.values["package"] == package]
        has = any(row["package"] == package for row in tomllib.loads(text)["companion"])
        text = insert(text, of_it, partial(_stands_before, package if has else None))
    return text


def _stands_before(package: object, row: dict[str, Any]) -> bool:
    """Whether new rows of a package go before this one; those of a new package before all."""
    return package is None or row["package"] == package


def _check(name: str, folder: Path, text: str) -> None:
    """Reads the table as it is to be. Raises UsageError ``bad-table``."""
    with tempfile.TemporaryDirectory() as draft:
        for path in folder.glob("*.toml"):
            shutil.copy(path, draft)
        Path(draft, f"{name}.toml").write_text(text, "utf-8")
        getattr(Facts(Path(draft)), name)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | bool | list) else str(value)
        for key, value in row.items()
    }
