"""Flags, then environment, then ``[tool.torchsolve]`` → ``Settings``."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement

from torchsolve.config.settings import Settings
from torchsolve.config.table import BOOLEANS, OPPOSITES, SETTINGS, Setting
from torchsolve.config.table import hint as hint_for
from torchsolve.errors import UsageError
from torchsolve.model.trace import looked_at

# Variables of other tools that mean the same; a container may have them baked in.
_BORROWED = {"constraint": ("UV_CONSTRAINT", "PIP_CONSTRAINT")}


def load_settings(
    flags: Mapping[str, object],
    references: Sequence[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    verbosity: int = 0,
) -> Settings:
    """All layers as one value.

    Args:
        flags: name of the flag without dashes → text, list of texts, bool; None or an empty list
            where it was not given.
        references: what the user pointed at; a local folder brings its ``pyproject.toml``.

    Raises:
        UsageError: ``bad-setting``, ``unknown-setting``, ``contradictory-flags``.
    """
    layers = (
        _from_flags(flags),
        _from_environment(os.environ if environ is None else environ),
        _from_file(_settings_file(references, directory or Path.cwd())),
    )
    merged: dict[str, object] = {}
    for layer in layers:
        _refuse_opposites(layer)
        taken = {other for name in merged for other in OPPOSITES.get(name, ())} | set(merged)
        merged |= {name: value for name, value in layer.items() if name not in taken}
    values = {SETTINGS[name].field: value for name, value in merged.items()}
    values |= _indexes(cast("tuple[tuple[str | None, str], ...]", values.get("index", ())))
    values["offline"] = bool(values.get("offline") or values.get("from_snapshot"))
    settings = Settings(verbosity=verbosity, **cast("dict[str, Any]", values))
    _refuse_contradictions(settings)
    return settings


def _indexes(places: Sequence[tuple[str | None, str]]) -> dict[str, object]:
    """The default index and those of single packages. Raises UsageError for two defaults."""
    defaults = [url for name, url in places if name is None]
    if len(defaults) > 1:
        raise UsageError(
            "contradictory-flags",
            f"--index names {len(defaults)} default indexes",
            hint="one default; --extra-index adds another, --index NAME=URL serves one package",
        )
    tied = tuple((name, url) for name, url in places if name is not None)
    return {"index": defaults[0] if defaults else None, "package_index": tied}


def _from_flags(flags: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in flags.items() if value not in (None, [], ())}
    return {name: _value(name, value, f"--{name}") for name, value in given.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    layer: dict[str, object] = {}
    for name, option in SETTINGS.items():
        variable = "TORCHSOLVE_" + name.upper().replace("-", "_")
        variable, text = _said([variable, *_BORROWED.get(name, ())], environ)
        if not text:
            continue
        raw: object = text
        if option.split is not None:
            raw = [part.strip() for part in text.split(option.split) if part.strip()]
        elif option.flag:
            raw = BOOLEANS.get(text.lower(), text)
        layer[name] = _value(name, raw, variable)
    return layer


def _said(variables: Sequence[str], environ: Mapping[str, str]) -> tuple[str, str]:
    """The first of these variables that says something, and what."""
    told = ((name, environ.get(name, "").strip()) for name in variables)
    return next((row for row in told if row[1]), (variables[0], ""))


def _from_file(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("bad-pyproject", f"cannot be read: {error}", origin=str(path)) from error
    tool = table.get("tool", {})
    section = tool.get("torchsolve", {}) if isinstance(tool, dict) else {}
    if not isinstance(section, dict):
        raise UsageError("bad-setting", "[tool.torchsolve] is not a table", origin=str(path))
    origin = f"{path} [tool.torchsolve]"
    return {name: _value(name, value, origin) for name, value in section.items()}


def _settings_file(references: Sequence[str], directory: Path) -> Path | None:
    for reference in references:
        path = directory / reference
        looked_at(path)
        looked_at(path / "pyproject.toml")
        if path.name == "pyproject.toml" and path.is_file():
            return path
        if (path / "pyproject.toml").is_file():
            return path / "pyproject.toml"
    own = directory / "pyproject.toml"
    looked_at(own)
    return own if own.is_file() else None


def _value(name: str, raw: object, origin: str) -> object:
    option = SETTINGS.get(name)
    if option is None:
        hint = f"known: {', '.join(sorted(SETTINGS))}"
        raise UsageError(
            "unknown-setting", f"no setting is called {name!r}", origin=origin, hint=hint
        )
    if option.flag:
        if not isinstance(raw, bool):
            raise UsageError("bad-setting", f"{name} is true or false, not {raw!r}", origin=origin)
        return raw
    if option.split is None:
        return _parsed(name, option, raw, origin)
    parts = raw if isinstance(raw, list | tuple) else [raw]
    return tuple(dict.fromkeys(_parsed(name, option, part, origin) for part in parts))


def _parsed(name: str, option: Setting, raw: object, origin: str) -> object:
    if not isinstance(raw, str | Path | date | float | int) or isinstance(raw, bool):
        raise UsageError("bad-setting", f"{name} is a text, not {raw!r}", origin=origin)
    try:
        return option.parse(str(raw))
    except (ValueError, InvalidRequirement) as error:
        raise UsageError(*_bad_value(name, error), origin=origin, hint=hint_for(name)) from error


def _bad_value(name: str, error: Exception) -> tuple[str, str]:
    references = {"cuda": "unknown-cuda-tag", "override": "bad-requirement"}
    return references.get(name, "bad-setting"), str(error).splitlines()[0]


def _refuse_opposites(layer: Mapping[str, object]) -> None:
    for name, others in OPPOSITES.items():
        for other in others:
            if layer.get(name) and layer.get(other):
                _contradict(f"--{name} and --{other} exclude each other")


def _refuse_contradictions(settings: Settings) -> None:
    cell = settings.cell
    if settings.policy == "keep" and settings.base is None:
        raise UsageError(
            "contradictory-flags",
            "--policy keep keeps what a base image holds, and there is no --base",
            hint="name the image with --base; the pins of a lock are kept without it",
        )
    if settings.gpus and settings.cuda and all(tag.text == "cpu" for tag in settings.cuda):
        _contradict("--gpu asks for GPU code and --cuda cpu has none")
    if cell is None:
        return
    if settings.cuda and cell.cuda not in settings.cuda:
        _contradict(f"--cell is {cell.cuda}, --cuda is not")
    if settings.python and cell.python not in settings.python:
        _contradict(f"--cell is Python {cell.python}, --python is not")
    if settings.torch and (cell.torch is None or not settings.allows_torch(cell.torch)):
        _contradict(f"--cell has torch {cell.torch or 'none'}, which --torch excludes")


def _contradict(message: str) -> None:
    raise UsageError("contradictory-flags", message, hint="leave one of them out")
