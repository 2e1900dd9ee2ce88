"""Values that are parsed out of text: addresses, JSON."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import yaml

from torchsolve.project.scan.values import (
    Const,
    DictValue,
    ListValue,
    Text,
    Unknown,
    Value,
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


def from_json(value: object) -> Value:
    """A value that a JSON file of the tree holds."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return ListValue([from_json(item) for item in value])
    if isinstance(value, dict):
        return DictValue({key: from_json(item) for key, item in value.items()})
    return Const(value)
