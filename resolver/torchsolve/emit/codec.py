"""Values of ``model/`` to plain data and back, driven by their type annotations.

A field that has its default, or is None, is left out; a field added to a value needs nothing here.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from packaging.requirements import Requirement
from packaging.version import Version

from torchsolve.model.evidence import Strength
from torchsolve.model.target import CellId, Platform
from torchsolve.model.version import CudaTag, PythonVersion

T = TypeVar("T")

_TEXT: dict[type, Callable[[str], Any]] = {
    Version: Version,
    Requirement: Requirement,
    CudaTag: CudaTag,
    PythonVersion: PythonVersion.parse,
    Platform: Platform,
    CellId: CellId.parse,
    Strength: lambda text: Strength[text.upper()],
}


def encode(value: Any) -> Any:
    """Strings, integers, booleans, datetimes, lists and dicts that say all of ``value``."""
    if isinstance(value, tuple(_TEXT)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {
            field.name: encode(getattr(value, field.name))
            for field in fields(value)
            if _is_telling(field, getattr(value, field.name))
        }
    if isinstance(value, frozenset):
        return sorted(encode(item) for item in value)
    if isinstance(value, tuple):
        return _encode_tuple(value)
    return value


def _encode_tuple(value: tuple[Any, ...]) -> list[Any]:
    items = list(value)
    while items and items[-1] is None:
        items.pop()
    return [encode(item) for item in items]


def _is_telling(field: Field[Any], value: Any) -> bool:
    if value is None:
        return False
    if field.default is not MISSING:
        return bool(value != field.default)
    return field.default_factory is MISSING or value != field.default_factory()


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """The value of type ``kind`` that ``encode`` made ``data`` of.

    Raises ValueError, with the place in the document, where it is none.
    """
    return cast("T", _decode(kind, data, where))


def _decode(hint: Any, data: Any, where: str) -> Any:
    hint = getattr(hint, "__supertype__", hint)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(hint), data, where)
    if origin is tuple:
        return _decode_tuple(get_args(hint), _checked(list, data, where), where)
    if origin is frozenset:
        items = _checked(list, data, where)
        return frozenset(_decode_tuple((get_args(hint)[0], ...), items, where))
    if hint in _TEXT:
        return _converted(_TEXT[hint], _checked(str, data, where), where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _converted(hint, data, where)
    if is_dataclass(hint):
        return _decode_dataclass(cast("type", hint), _checked(dict, data, where), where)
    if hint is datetime:
        return _checked(datetime, data, where).astimezone(UTC)
    return _checked(hint, data, where)


def _decode_union(options: tuple[Any, ...], data: Any, where: str) -> Any:
    real = [option for option in options if option is not types.NoneType]
    if data is None:
        return None
    if len(real) == 1:
        return _decode(real[0], data, where)
    if type(data) not in real:
        raise ValueError(f"{where}: {data!r} has the wrong type")
    return data


def _decode_tuple(items: tuple[Any, ...], data: list[Any], where: str) -> tuple[Any, ...]:
    if len(items) == 2 and items[1] is ...:
        return tuple(_decode(items[0], item, f"{where}[{n}]") for n, item in enumerate(data))
    if len(data) > len(items):
        raise ValueError(f"{where}: {len(data)} items where {len(items)} belong")
    padded = data + [None] * (len(items) - len(data))
    return tuple(
        _decode(hint, item, f"{where}[{n}]")
        for n, (hint, item) in enumerate(zip(items, padded, strict=True))
    )


def _decode_dataclass(kind: type, data: dict[str, Any], where: str) -> Any:
    hints = _hints(kind)
    values = {
        key: _decode(hints[key], item, f"{where}.{key}".lstrip("."))
        for key, item in data.items()
        if key in hints
    }
    for field in fields(kind):
        bare = field.default is MISSING and field.default_factory is MISSING
        if bare and field.name not in values:
            if types.NoneType not in get_args(hints[field.name]):
                raise ValueError(f"{where}.{field.name}".lstrip(".") + " is missing")
            values[field.name] = None
    return kind(**values)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(kind: type[T], data: Any, where: str) -> T:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{where}: {data!r} is not of type {kind.__name__}")
    return data


def _converted(convert: Callable[[Any], Any], data: Any, where: str) -> Any:
    try:
        return convert(data)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{where}: {error}") from error
