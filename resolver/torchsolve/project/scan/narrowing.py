"""What a test says of a name of which nothing else is known."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from torchsolve.project.scan.values import Hole, Text, Unknown, Value, any_of, marks_of, text

_REGISTRY = "folder_names_and_paths"


def narrowed(test: ast.expr, names: Mapping[str, Value]) -> dict[str, Value]:
    """Names that have a known string where the test holds: ``x == "a"``, ``x in ("a", "b")``.

    Only names of which nothing is known: what is known already is told apart value by value.
    """
    match test:
        case ast.BoolOp(op=ast.And(), values=parts):
            return {n: v for part in parts for n, v in narrowed(part, names).items()}
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[said]):
            return _said(name, op, said, names)
        case ast.Compare(left=said, ops=[ast.Eq() as op], comparators=[ast.Name(id=name)]):
            return _said(name, op, said, names)
        case _:
            return {}


def _said(name: str, op: ast.cmpop, said: ast.expr, names: Mapping[str, Value]) -> dict[str, Value]:
    words: list[str] = []
    if isinstance(op, ast.Eq):
        words = _strings([said])
    elif isinstance(op, ast.In) and isinstance(said, ast.List | ast.Tuple | ast.Set):
        words = _strings(said.elts)
    known = names.get(name) if words else None
    if known is None or not _is_open(known):
        return {}
    return {name: any_of(text(word, marks_of(known)) for word in words)}


def _strings(nodes: list[ast.expr]) -> list[str]:
    found = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return found if len(found) == len(nodes) and all(found) else []


def _is_open(value: Value) -> bool:
    if isinstance(value, Text):
        return len(value.parts) == 1 and isinstance(value.parts[0], Hole)
    return isinstance(value, Unknown)


def asks_registry(test: ast.expr) -> bool:
    """Whether it asks if a category is registered."""
    match test:
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Attribute(attr=name)]):
            return name == _REGISTRY
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=name)]):
            return name == _REGISTRY
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return asks_registry(inner)
        case _:
            return False
