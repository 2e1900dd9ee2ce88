"""Values put together: as strings, under keys, by operators."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from itertools import product
from posixpath import commonprefix

from torchsolve.project.scan.ospath import join_paths
from torchsolve.project.scan.values import (
    MOST,
    Called,
    ClassValue,
    Const,
    DictValue,
    External,
    Hole,
    Instance,
    ListValue,
    Part,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    marks_of,
    text,
    with_marks,
)

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Div: lambda a, b: a / b,
}
_LARGEST = 10**12


def joined(pieces: Sequence[tuple[Text, ...]], how: Callable[[Sequence[Text]], Text]) -> Value:
    """Every combination of alternatives; past the bound those that differ become one hole."""
    count = 1
    for piece in pieces:
        count *= max(len(piece), 1)
    if count > MOST:
        pieces = [p if len(p) == 1 else (_blurred(p),) for p in pieces]
    return any_of(how(combination) for combination in product(*pieces))


def _blurred(piece: tuple[Text, ...]) -> Text:
    """Alternatives as one hole, below the folder that they share."""
    marks = frozenset[tuple[str, str]]().union(*(p.marks for p in piece))
    names = [name for kind, name in sorted(marks) if kind == "enum"]
    start = commonprefix([str(p.parts[0]) if p.parts else "" for p in piece])
    shared = start[: start.rfind("/") + 1]
    open_part = hole(names[0] if names else "choice", "enum", marks)
    return Text((shared, *open_part.parts), marks) if shared else open_part


def as_text(value: Value, label: str = "") -> Text:
    """A value as a string, a hole where it is not known."""
    match value:
        case Text():
            return value
        case PathValue(inner):
            return inner
        case Const(inner, marks):
            return text(str(inner), marks)
        case Unknown():
            return Text((Hole(value.label or label or "value", value.kind),), value.marks)
        case Called():
            return hole(label or value.name.rpartition(".")[2])
        case Instance(cls, names) if isinstance(names.get("value"), Text) and _is_enum(cls):
            inner = names["value"]
            return inner if isinstance(inner, Text) else hole(label)
        case _:
            return hole(label or "value")


def _is_enum(cls: ClassValue) -> bool:
    return any(isinstance(base, External) and "Enum" in base.name for base in cls.bases)


def below(value: Value, part: Text) -> Value:
    """``value / part``."""
    if isinstance(value, PathValue):
        return PathValue(join_paths([value.text, part]))
    return Unknown(kind="run")


def any_rest(a: ListValue, b: ListValue) -> Value | None:
    """What stands for more elements in two lists put together."""
    rests = [value.rest for value in (a, b) if value.rest is not None]
    return any_of(rests) if rests else None


def put(found: DictValue, key: Value, value: Value) -> None:
    """Store under a key; one that is not known goes to the rest."""
    known = key_of(key)
    if known is None:
        found.rest = any_of([found.rest, value]) if found.rest is not None else value
    else:
        found.items[known] = value


def key_of(key: Value, depth: int = 3) -> object:
    """A key as Python has it; None where it is not known, or tuples lie deep in tuples."""
    if isinstance(key, Text):
        return key.literal
    if isinstance(key, Const) and isinstance(key.value, int | float | bool | bytes):
        return key.value
    if isinstance(key, ListValue) and key.rest is None and depth:
        parts = tuple(key_of(item, depth - 1) for item in key.items)
        return None if None in parts else parts
    if isinstance(key, External | ClassValue | Instance):
        return key
    return None


def any_entry(owner: DictValue, key: Value) -> list[Value]:
    """The entries that a key that is not known may mean."""
    marks = marks_of(key)
    others = [owner.rest] if owner.rest is not None else []
    if others and any(kind == "rest" for kind, _ in marks):
        return others
    may = [v for k, v in owner.items.items() if _may_be(key, k)]
    return [*(with_marks(value, marks) for value in may), *others] or [Unknown()]


def _may_be(key: Value, known: object) -> bool:
    """Whether a string with holes may be this key."""
    if not isinstance(key, Text) or not isinstance(known, str):
        return True
    wanted = "".join(re.escape(p) if isinstance(p, str) else ".*" for p in key.parts)
    return re.fullmatch(wanted, known, re.DOTALL) is not None


def value_of_key(key: object) -> Value:
    """What ``key_of`` told, as a value again."""
    if isinstance(key, External | ClassValue | Instance):
        return key
    if isinstance(key, tuple):
        return ListValue([value_of_key(part) for part in key], kind="tuple")
    return text(key) if isinstance(key, str) else Const(key)


def spread(found: DictValue, inner: Value) -> None:
    """``{**inner}``."""
    if isinstance(inner, DictValue):
        found.items.update(inner.items)
        found.rest = inner.rest if found.rest is None else found.rest
    else:
        found.rest = found.rest or Unknown()


def sliced(value: Value, at: slice) -> Value:
    """``value[a:b:c]``."""
    match value:
        case Text() if value.literal is not None:
            return text(value.literal[at], value.marks)
        case Text(parts, marks) if _cuts_head(parts, at):
            return Text(tuple(p for p in (str(parts[0])[at], *parts[1:]) if p != ""), marks)
        case Text(parts, marks) if _cuts_tail(parts, at):
            return Text((*parts[:-1], str(parts[-1])[at]), marks)
        case Text(parts=(Hole() as first, *_), marks=marks):
            return Text((first,), marks)
        case ListValue(items=items, rest=rest, kind=kind):
            return ListValue(items[at], rest, kind)
        case _:
            return Unknown(marks=marks_of(value))


def _cuts_head(parts: tuple[Part, ...], at: slice) -> bool:
    """Whether a slice takes away known characters from the start, and no more."""
    first = parts[0] if parts else None
    inside = isinstance(at.start, int) and isinstance(first, str) and 0 <= at.start <= len(first)
    return inside and at.stop is None and at.step is None


def _cuts_tail(parts: tuple[Part, ...], at: slice) -> bool:
    """Whether a slice takes away known characters from the end, and no more."""
    last = parts[-1] if parts else None
    inside = isinstance(at.stop, int) and isinstance(last, str) and -len(last) < at.stop < 0
    return inside and at.start is None and at.step is None


def calculated(op: ast.operator, a: Const, b: Const) -> Value:
    """A number from two."""
    how = _ARITHMETIC.get(type(op))
    if how and isinstance(a.value, int | float) and isinstance(b.value, int | float):
        try:
            result = how(a.value, b.value)
        except (ArithmeticError, ValueError):
            return Unknown()
        return Const(result) if abs(result) < _LARGEST else Unknown()
    return Unknown()
