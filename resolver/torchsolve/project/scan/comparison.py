"""Comparisons of values; None where a hole leaves the answer open."""

from __future__ import annotations

import ast

from torchsolve.project.scan import strings
from torchsolve.project.scan.values import (
    Const,
    DictValue,
    External,
    Instance,
    ListValue,
    PathValue,
    Text,
    Unknown,
    Value,
)


def negated(known: bool | None) -> Value:
    """``not`` of an answer."""
    return Unknown() if known is None else Const(not known)


def compared(op: ast.cmpop, a: Value, b: Value) -> bool | None:
    """``a op b``."""
    match op:
        case ast.Eq() | ast.Is():
            return equal(a, b)
        case ast.NotEq() | ast.IsNot():
            known = equal(a, b)
            return None if known is None else not known
        case ast.In():
            return member(a, b)
        case ast.NotIn():
            known = member(a, b)
            return None if known is None else not known
        case _:
            return _ordered(op, a, b)


def equal(a: Value, b: Value) -> bool | None:
    """``a == b``."""
    match a, b:
        case Text(), Text():
            return False if _is_other(a, b) or _is_other(b, a) else strings.compare(a, b)
        case Const(), Const():
            return bool(a.value == b.value)
        case Unknown(), _:
            return _without(a, b)
        case _, Unknown():
            return _without(b, a)
        case (Const(None), _) | (_, Const(None)):
            return False
        case External(), External():
            return a.name == b.name or None
        case (Text(), Const()) | (Const(), Text()):
            return False
        case Instance(), Instance() if "name" in a.names and "name" in b.names:
            return a.cls is b.cls and equal(a.names["name"], b.names["name"])  # members of an Enum
        case _:
            return True if a is b else None


def _without(a: Unknown, b: Value) -> bool | None:
    # A value that is known to be true is not None.
    return False if a.truth and isinstance(b, Const) and b.value is None else None


def _is_other(a: Text, b: Text) -> bool:
    """Whether ``a`` stands for the entries of a combo that are not listed by name as ``b`` is."""
    return len(a.parts) == 1 and b.literal is not None and ("other", b.literal) in a.marks


def member(a: Value, b: Value) -> bool | None:
    """``a in b``."""
    match a, b:
        case Text(), Text() if a.literal is not None:
            return strings.contains(b, a.literal)
        case Text(), PathValue():
            return member(a, b.text)
        case _, ListValue():
            answers = [equal(a, item) for item in b.items]
            if True in answers:
                return True
            return None if None in answers or b.rest is not None else False
        case Text(), DictValue() if a.literal is not None:
            return True if a.literal in b.items else (None if b.rest is not None else False)
        case _:
            return None


def _ordered(op: ast.cmpop, a: Value, b: Value) -> bool | None:
    if not (isinstance(a, Const) and isinstance(b, Const)):
        return None
    left, right = a.value, b.value
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        return None
    match op:
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case _:
            return None
