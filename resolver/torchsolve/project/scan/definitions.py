"""What a module defines: functions, classes and their methods, each with its lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchsolve.model.values import dataclass

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, a class or a method; what is defined inside a function belongs to it.

    Attributes:
        owner: name of the class around a method, ``""`` for the others.
        first, last: lines, with decorators; ``line`` has the name.
        body: line where the body begins: what stands before it is the header.
        decorators, bases: dotted names, as they are written; of bases their last parts.
    """

    file: str
    name: str
    owner: str
    first: int
    line: int
    body: int
    last: int
    is_class: bool = False
    decorators: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()

    @property
    def is_method(self) -> bool:
        """Whether it belongs to a class."""
        return bool(self.owner)


def definitions_of(module: ast.Module, file: str) -> tuple[Definition, ...]:
    """Every definition of a module, a class before its methods."""
    return tuple(_in(module.body, file, ""))


def _in(body: list[ast.stmt], file: str, owner: str) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, _Function):
            yield _definition(node, file, owner)
        elif isinstance(node, ast.ClassDef):
            yield _definition(node, file, "")
            yield from _in(node.body, file, node.name)
        else:
            for inner in _bodies(node):
                yield from _in(inner, file, owner)


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(node, name, None)
        if isinstance(inner, list):
            yield inner
    for handler in getattr(node, "handlers", ()):
        yield handler.body


def _definition(node: _Function | ast.ClassDef, file: str, owner: str) -> Definition:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return Definition(
        file,
        node.name,
        owner,
        first,
        node.lineno,
        node.body[0].lineno,
        node.end_lineno or node.lineno,
        isinstance(node, ast.ClassDef),
        tuple(map(_dotted, node.decorator_list)),
        tuple(_dotted(b).rpartition(".")[2] for b in node.bases)
        if isinstance(node, ast.ClassDef)
        else (),
    )


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{_dotted(inner)}.{name}"
        case ast.Call(func=inner):
            return _dotted(inner)
        case _:
            return ""
