"""Values that are parsed out of text: addresses, JSON."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import yaml

from torchsolve.project.scan.values import (
    DictValue,
    ListValue,
    Text,
    Unknown,
    Value,
    constant,
    hole,
    text,
)


def split_url(value: Value) -> Value:
    """``urlparse``."""
    found = Unknown("url")
    known = value.literal if isinstance(value, Text) else None
    if known is None or not isinstance(value, Text):
        found.parts["path"] = value if isinstance(value, Text) else hole("url")
        return found
    try:
        parts = urlsplit(known)
    except ValueError:
        return found
    for name in ("scheme", "netloc", "path", "query", "fragment"):
        found.parts[name] = text(getattr(parts, name), value.marks)
    return found


def from_config(path: str, data: bytes) -> Value | None:
    """What a JSON or YAML file of the tree holds; None where it cannot be told."""
    try:
        if path.endswith(".json"):
            return from_json(json.loads(data))
        if path.endswith((".yaml", ".yml")):
            return from_json(yaml.safe_load(data))
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    return None


def from_json(value: object, known: dict[int, Value] | None = None) -> Value:
    """A value that a JSON or YAML file of the tree holds.

    Args:
        known: by identity; what YAML's anchors repeat, or put into itself, is one value.
    """
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, list):
        row = known[id(value)] = ListValue()
        row.items.extend(from_json(item, known) for item in value)
        return row
    if isinstance(value, dict):
        table = known[id(value)] = DictValue()
        table.items.update((key, from_json(item, known)) for key, item in value.items())
        return table
    return constant(value)
