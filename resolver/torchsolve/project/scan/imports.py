"""Import statements of a module, each with what guards it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchsolve.model.values import dataclass

_COMFYUI = frozenset({"comfy", "folder_paths", "nodes", "server", "execution", "torch"})
_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Import:
    """One statement.

    Attributes:
        line: 1-based.
        level: dots of a relative import, 0 for an absolute one.
        module: dotted name, ``""`` for ``from . import x``.
        names: of ``from module import names``; empty for ``import module``.
        lazy: inside a function: it runs when that is called, not at import.
        guarded: inside a ``try`` that forgives an ImportError.
        conditional: below an ``if`` (but not ``if True``).
        typing_only: below ``if TYPE_CHECKING``: it never runs.
        main_only: below ``if __name__ == "__main__"``: it never runs in a node.
        function: name of the innermost function around it, ``""`` at module level.
        bound: the names that it gives the module, in the order of ``names``.
    """

    line: int
    level: int
    module: str
    names: tuple[str, ...]
    lazy: bool = False
    guarded: bool = False
    conditional: bool = False
    typing_only: bool = False
    main_only: bool = False
    function: str = ""
    bound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Around:
    lazy: bool = False
    guarded: bool = False
    conditional: bool = False
    typing_only: bool = False
    main_only: bool = False
    function: str = ""


_WITHOUT_BODY = frozenset({ast.Expr, ast.Assign, ast.Return, ast.AugAssign, ast.AnnAssign})


def imports_of(module: ast.Module) -> tuple[Import, ...]:
    """Every import statement, in order of the text."""
    return tuple(_walk(module.body, _Around()))


def _walk(body: list[ast.stmt], around: _Around) -> Iterator[Import]:
    for statement in body:
        if type(statement) in _WITHOUT_BODY:
            continue
        match statement:
            case ast.Import(names=aliases):
                for alias in aliases:
                    name = alias.asname or alias.name.partition(".")[0]
                    yield _import(statement.lineno, 0, alias.name, (), around, (name,))
            case ast.ImportFrom(module=module, names=aliases, level=level):
                names = tuple(alias.name for alias in aliases)
                bound = tuple(alias.asname or alias.name for alias in aliases)
                yield _import(statement.lineno, level, module or "", names, around, bound)
            case ast.Try() | ast.TryStar():
                yield from _try(statement, around)
            case ast.If():
                yield from _if(statement, around)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                inside = _changed(around, lazy=True, function=name, conditional=False)
                yield from _walk(statement.body, inside)
            case _:
                for inner in _bodies(statement):
                    yield from _walk(inner, around)


def _try(statement: ast.Try | ast.TryStar, around: _Around) -> Iterator[Import]:
    forgiving = any(_forgives(handler.type) for handler in statement.handlers)
    guarded = _changed(around, guarded=around.guarded or forgiving)
    yield from _walk(statement.body, guarded)
    for handler in statement.handlers:
        yield from _walk(handler.body, _changed(around, conditional=True))
    # No handler catches what the else clause raises; it runs where the body worked.
    sure = all(map(_is_of_comfyui, statement.body))
    yield from _walk(statement.orelse, around if sure else _changed(around, conditional=True))
    yield from _walk(statement.finalbody, around)


def _is_of_comfyui(statement: ast.stmt) -> bool:
    """Whether a statement only imports what every ComfyUI has."""
    match statement:
        case ast.Import(names=aliases):
            tops = {alias.name.partition(".")[0] for alias in aliases}
        case ast.ImportFrom(module=str(module), level=0):
            tops = {module.partition(".")[0]}
        case _:
            return False
    return tops <= _COMFYUI


def _if(statement: ast.If, around: _Around) -> Iterator[Import]:
    if _is_for_types(statement.test):
        inside = _changed(around, typing_only=True)
    elif _is_for_main(statement.test):
        inside = _changed(around, main_only=True)
    elif isinstance(statement.test, ast.Constant) and statement.test.value:
        inside = around
    else:
        inside = _changed(around, conditional=True)
    yield from _walk(statement.body, inside)
    yield from _walk(statement.orelse, _changed(around, conditional=True))


def _is_for_types(test: ast.expr) -> bool:
    match test:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return name == "TYPE_CHECKING"
        case _:
            return False


def _is_for_main(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare | ast.BoolOp):
        return False
    nodes = list(ast.walk(test))
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in nodes) and any(
        isinstance(n, ast.Constant) and n.value == "__main__" for n in nodes
    )


def _forgives(expression: ast.expr | None) -> bool:
    match expression:
        case None:
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _FORGIVING
        case ast.Tuple(elts=elements):
            return any(_forgives(element) for element in elements)
        case _:
            return False


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(statement, name, None)
        if isinstance(inner, list):
            yield inner
    for case in getattr(statement, "cases", ()):
        yield case.body


def _changed(around: _Around, **changes: bool | str) -> _Around:
    values = {name: getattr(around, name) for name in _Around.__slots__}
    return _Around(**(values | changes))


def _import(
    line: int,
    level: int,
    module: str,
    names: tuple[str, ...],
    around: _Around,
    bound: tuple[str, ...],
) -> Import:
    return Import(
        line,
        level,
        module,
        names,
        around.lazy,
        around.guarded,
        around.conditional,
        around.typing_only,
        around.main_only,
        around.function,
        bound,
    )
