"""Strings with places to fill: ``%``, ``str.format`` and f-strings.

https://docs.python.org/3/library/string.html#formatspec; what is not told stays a hole.
"""

from __future__ import annotations

import re
from string import Formatter

from torchsolve.project.install.bounds import is_wide
from torchsolve.project.scan import strings
from torchsolve.project.scan.texts import as_text, joined
from torchsolve.project.scan.values import (
    Const,
    DictValue,
    Hole,
    ListValue,
    PathValue,
    Text,
    Unknown,
    Value,
    hole,
    marks_of,
    options,
    text,
)

_DIRECTIVE = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d+)?(?:\.(?P<dot>\*|\d*))?[hlL]?"
    r"(?P<kind>[diouxXeEfFgGcrsa%])"
)
_CONVERSIONS = {"": "", "s": "", "r": "r", "a": "a"}


def filled(value: Value, label: str, spec: str | None, conversion: str) -> tuple[Text, ...]:
    """A value in a place: each alternative; ``spec`` is None where it is not known itself."""
    known = [option for option in options(value) if option != Const(None)] or [Const(None)]
    return tuple(_filled(option, label, spec, conversion) for option in known)


def _filled(value: Value, label: str, spec: str | None, conversion: str) -> Text:
    if spec == "" and _CONVERSIONS.get(conversion) == "":
        return as_text(value, label)
    plain = _plain(value)
    if plain is None or spec is None or is_wide(spec) or conversion not in _CONVERSIONS:
        return _open(value, label)
    shown = repr(plain[0]) if conversion == "r" else ascii(plain[0]) if conversion == "a" else None
    try:
        return text(format(plain[0] if shown is None else shown, spec), marks_of(value))
    except (ValueError, TypeError):
        return _open(value, label)


def _plain(value: Value) -> tuple[object] | None:
    """What Python would hold, where that is known."""
    if isinstance(value, Const):
        return (value.value,)
    path = value.text if isinstance(value, PathValue) else value
    known = path.literal if isinstance(path, Text) else None
    return None if known is None else (known,)


def _open(value: Value, label: str) -> Text:
    """A hole of the same name as the value's own."""
    known = as_text(value, label)
    first = known.holes[0] if known.holes else Hole(label or "value")
    return Text((first,), known.marks)


def formatted(pattern: Text, args: list[Value], keywords: dict[str, Value]) -> Value:
    """``pattern.format(*args, **keywords)``."""
    known = pattern.literal
    pieces: list[tuple[Text, ...]] = []
    place = 0
    try:
        parsed = list(Formatter().parse(known or ""))
    except ValueError:
        return hole("text")
    if known is None:
        return hole("text")
    for word, name, spec, conversion in parsed:
        pieces.append((text(word),))
        if name is None:
            continue
        key = name or str(place)
        place += 1
        value = _argument(key, args, keywords)
        if value is None:
            return hole("text")
        form = None if spec and "{" in spec else spec or ""
        pieces.append(filled(value, "", form, conversion or ""))
    return joined(pieces, strings.concat)


def _argument(key: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    if key.isdecimal() and len(key) < 4:
        return args[int(key)] if int(key) < len(args) else None
    return keywords.get(key)


def percent(pattern: Text, values: Value) -> Value:
    """``pattern % values``."""
    known = pattern.literal
    if known is None:
        return hole("text")
    row = values if isinstance(values, ListValue) and values.kind == "tuple" else None
    rest = list(row.items) if row else [values]
    pieces: list[tuple[Text, ...]] = []
    end = 0
    for match in _DIRECTIVE.finditer(known):
        pieces.append((text(known[end : match.start()]),))
        end = match.end()
        if match["kind"] == "%":
            pieces.append((text("%"),))
        elif match["key"] is not None:
            pieces.append(_directed(match, _entry(values, match["key"]), match["key"]))
        else:
            pieces.append(_directed(match, rest.pop(0) if rest else Unknown("value"), ""))
    if "%" in _DIRECTIVE.sub("", known):  # Python refuses such a pattern
        return hole("text")
    pieces.append((text(known[end:]),))
    return joined(pieces, strings.concat)


def _entry(values: Value, key: str) -> Value:
    found = values.items.get(key) if isinstance(values, DictValue) else None
    return Unknown(key) if found is None else found


def _directed(match: re.Match[str], value: Value, label: str) -> tuple[Text, ...]:
    how = "%" + match[0].rpartition(")")[2] if match["key"] is not None else match[0]
    return tuple(_percent(how, option, label) for option in options(value))


def _percent(how: str, value: Value, label: str) -> Text:
    if how == "%s":
        return as_text(value, label)
    plain = _plain(value)
    if plain is None or is_wide(how) or "*" in how:
        return _open(value, label)
    try:
        return text(how % plain, marks_of(value))
    except (ValueError, TypeError, OverflowError):
        return _open(value, label)
