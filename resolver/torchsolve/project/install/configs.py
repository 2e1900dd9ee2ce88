"""Configuration files that a script reads, as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchsolve.project.install.effects import Lines
from torchsolve.project.install.values import Config, Open


def configured(read: Callable[[str], Any], arguments: list[Any]) -> Any:
    """What ``read`` makes of a text or an open file, with keys as attributes."""
    source = arguments[0] if arguments else Open("?")
    text = source.text if isinstance(source, Lines) else source
    if not isinstance(text, str):
        return Open("a configuration")
    try:
        return _as_config(read(text), None)
    except (ValueError, RecursionError):
        return Open("a configuration that cannot be read")


def _as_config(value: Any, root: Config | None) -> Any:
    if isinstance(value, dict):
        table = Config()
        table.root = root if root is not None else table
        table.update({str(k): _as_config(v, table.root) for k, v in value.items()})
        return table
    if isinstance(value, list):
        return [_as_config(item, root or Config()) for item in value]
    return value


def read_yaml(text: str) -> Any:
    """Plain YAML. Raises ValueError."""
    import yaml  # only for the few scripts that read one

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
