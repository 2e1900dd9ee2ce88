"""Methods of lists and dicts."""

from __future__ import annotations

from torchsolve.project.scan.texts import any_entry, any_rest, key_of, put
from torchsolve.project.scan.values import (
    NONE,
    Const,
    DictValue,
    ListValue,
    Text,
    Unknown,
    Value,
    any_of,
    marks_of,
    options,
    text,
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
            return ListValue([*owner.items, *other.items], any_rest(owner, other), owner.kind)
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
        owner.items.extend(more.items)
        owner.rest = any_rest(owner, more)
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
            return ListValue([_key(k) for k in owner.items], _rest_key(owner))
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
    return any_of([*any_entry(owner, marks), default])


def _pairs(owner: DictValue) -> Value:
    items: list[Value] = [ListValue([_key(k), v], kind="tuple") for k, v in owner.items.items()]
    rest: Value | None = None
    if owner.rest is not None:
        rest = ListValue([Unknown("key"), owner.rest], kind="tuple")
    return ListValue(items, rest)


def _key(key: object) -> Value:
    return text(key) if isinstance(key, str) else Const(key)


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


def formatted(pattern: Text, args: list[Text], keywords: dict[str, Text]) -> list[Text] | None:
    """The pieces of ``pattern.format(...)``; None where the pattern is not plain."""
    from string import Formatter

    known = pattern.literal
    if known is None:
        return None
    pieces: list[Text] = []
    place = 0
    try:
        parsed = list(Formatter().parse(known))
    except ValueError:
        return None
    for word, name, _, _ in parsed:
        pieces.append(text(word))
        if name is None:
            continue
        key = name or str(place)
        place += 1
        value = args[int(key)] if key.isdigit() and int(key) < len(args) else keywords.get(key)
        if value is None:
            return None
        pieces.append(value)
    return pieces
