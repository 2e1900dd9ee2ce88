"""Methods of lists and dicts."""

from __future__ import annotations

from torchsolve.project.scan.texts import any_entry, any_rest, key_of, put, value_of_key
from torchsolve.project.scan.values import (
    NONE,
    DictValue,
    ListValue,
    Unknown,
    Value,
    any_of,
    list_of,
    marks_of,
    options,
    with_marks,
)


def list_method(owner: ListValue, name: str, args: list[Value]) -> Value:
    """``owner.name(*args)``."""
    first = args[0] if args else NONE
    match name:
        case "append" | "add" | "insert":
            owner.items.append(args[-1] if args else Unknown())
            return NONE
        case "extend" | "update":
            _extend(owner, first)
            return NONE
        case "union":
            other = first if isinstance(first, ListValue) else ListValue([], Unknown())
            return list_of([*owner.items, *other.items], any_rest(owner, other), owner.kind)
        case "copy":
            return ListValue(list(owner.items), owner.rest, owner.kind)
        case "pop":
            return any_of(_members(owner))
        case "remove" | "discard":
            owner.items = [item for item in owner.items if item != first]
            return NONE
        case "index":
            return Unknown()
        case "reverse":
            owner.items.reverse()
            return NONE
        case _:
            return NONE if name in ("sort", "clear") else Unknown()


def _members(owner: ListValue) -> list[Value]:
    return [*owner.items, *([owner.rest] if owner.rest is not None else [])] or [Unknown()]


def _extend(owner: ListValue, more: Value) -> None:
    if isinstance(more, ListValue):
        both = list_of([*owner.items, *more.items], any_rest(owner, more))
        owner.items[:], owner.rest = both.items, both.rest
    else:
        owner.rest = Unknown() if owner.rest is None else owner.rest


def dict_method(
    owner: DictValue, name: str, args: list[Value], keywords: dict[str, Value]
) -> Value:
    """``owner.name(*args)``."""
    match name:
        case "get" | "pop":
            return _get(owner, args)
        case "setdefault":
            found = _get(owner, args)
            put(owner, args[0] if args else NONE, found)
            return found
        case "items":
            return _pairs(owner)
        case "keys":
            return ListValue([value_of_key(k) for k in owner.items], _rest_key(owner))
        case "values":
            return ListValue(list(owner.items.values()), owner.rest)
        case "copy":
            return DictValue(dict(owner.items), owner.rest)
        case "update":
            _update(owner, args, keywords)
            return NONE
        case _:
            return Unknown()


def _get(owner: DictValue, args: list[Value]) -> Value:
    key = args[0] if args else NONE
    default = args[1] if len(args) > 1 else NONE
    known = key_of(key)
    marks = marks_of(key)
    if known is not None and known in owner.items:
        return with_marks(owner.items[known], marks)
    if known is not None:
        return any_of([owner.rest, default]) if owner.rest is not None else default
    return any_of([*any_entry(owner, key), default])


def _pairs(owner: DictValue) -> Value:
    items: list[Value] = [
        ListValue([value_of_key(k), v], kind="tuple") for k, v in owner.items.items()
    ]
    rest: Value | None = None
    if owner.rest is not None:
        rest = ListValue([Unknown("key"), owner.rest], kind="tuple")
    return ListValue(items, rest)


def _rest_key(owner: DictValue) -> Value | None:
    return Unknown("key") if owner.rest is not None else None


def _update(owner: DictValue, args: list[Value], keywords: dict[str, Value]) -> None:
    for other in options(args[0]) if args else ():
        if isinstance(other, DictValue):
            owner.items.update(other.items)
            owner.rest = other.rest if owner.rest is None else owner.rest
        else:
            owner.rest = owner.rest or Unknown()
    owner.items.update(keywords)
