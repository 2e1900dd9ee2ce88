"""Expressions of a script: a value where it follows from the source, ``Open`` where it does not."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, Protocol

from torchsolve.project.install.bounds import SIZE, is_wide
from torchsolve.project.install.values import (
    NOTHING,
    Builtin,
    Class,
    Config,
    External,
    Fetched,
    Function,
    Local,
    Open,
    Scope,
    Writer,
    is_plain,
    text_of,
)
from torchsolve.project.stdlib import words

_ITEMS = 256

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: lambda a, b: a is b or (a == b and isinstance(a, type(b))),
    ast.IsNot: lambda a, b: not (a is b or (a == b and isinstance(a, type(b)))),
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_BUILTINS: dict[str, Callable[..., Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "len": len,
    "list": list,
    "tuple": tuple,
    "set": set,
    "dict": dict,
    "sorted": sorted,
    "reversed": lambda items: list(reversed(items)),
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "zip": lambda *lists: list(zip(*lists, strict=False)),
    "range": lambda *bounds: list(islice(range(*bounds), _ITEMS)),
    "any": any,
    "all": all,
    "min": min,
    "max": max,
    "sum": sum,
    "repr": repr,
    "abs": abs,
}
_BUILDING = (ast.BinOp, ast.Call, ast.JoinedStr, ast.ListComp, ast.GeneratorExp)
_OUTSIDE = words("""
    open exit quit hasattr getattr isinstance __import__ print exec eval
""")
_TYPES = {"str": str, "int": int, "float": float, "list": list, "dict": dict, "tuple": tuple}


class Host(Protocol):
    """What expressions need of the machine that runs statements."""

    def step(self, cost: int = 1) -> None:
        """Counts evaluations, and what they build; raises where there were too many."""

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """The value of a call, with its effects."""

    def attribute(self, name: str) -> Any:
        """The value of a dotted name outside the tree."""

    def apply(
        self, function: Function, arguments: list[Any], named: dict[str, Any] | None = None
    ) -> Any:
        """Calls a function of the tree."""

    def imports(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Binds what an import statement brings."""


class Expressions:
    """Evaluates; every answer is a value, nothing is raised but by ``host.step``."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression in a scope."""
        self.host.step()
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            return self.unknown(node)
        try:
            found = method(node, scope)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return self.unknown(node)
        if isinstance(node, _BUILDING) and isinstance(found, str | bytes | list | tuple):
            self.host.step(len(found) // 500)
        return found

    def unknown(self, node: ast.AST, tags: frozenset[str] = NOTHING) -> Open:
        """What stands in the source, as a value that is not known."""
        text = " ".join(ast.unparse(node).split())
        return Open(text if len(text) <= 120 else text[:117] + "...", tags)

    def _constant(self, node: ast.Constant, _scope: Scope) -> Any:
        return node.value

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        try:
            return scope.find(node.id)
        except KeyError:
            if node.id in _BUILTINS:
                return Builtin(_BUILTINS[node.id])
            return External(node.id) if node.id in _OUTSIDE else Open(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.member(self.value(node.value, scope), node.attr, node)

    def member(self, owner: Any, name: str, node: ast.AST) -> Any:
        """An attribute of a value."""
        if isinstance(owner, External):
            return self.host.attribute(f"{owner.name}.{name}")
        if isinstance(owner, Local):
            return owner.scope.names.get(name, Open(name))
        if isinstance(owner, Class):
            return self._of_class(owner, name, node)
        if isinstance(owner, Config):
            return self.config(owner, owner.get(name, self.unknown(node)))
        if isinstance(owner, Fetched):
            return owner if name in ("content", "text", "raw") else self.unknown(node)
        if isinstance(owner, Open):
            return Open(f"{owner.text}.{name}", owner.tags)
        return self._plain_member(owner, name, node)

    def _plain_member(self, owner: Any, name: str, node: ast.AST) -> Any:
        if isinstance(owner, PurePosixPath):
            if name in ("name", "stem", "suffix", "parent"):
                return getattr(owner, name)
            if name == "parents":
                return list(owner.parents)
        if name in ("major", "minor", "micro") and isinstance(owner, tuple):
            return getattr(owner, name)
        return self.unknown(node)

    def _of_class(self, owner: Class, name: str, node: ast.AST) -> Any:
        try:
            found = owner.scope.find(name) if owner.instance else owner.scope.names[name]
        except KeyError:
            return self.unknown(node)
        if not isinstance(found, Function) or isinstance(found.node, ast.Lambda):
            return found
        kinds = {d.id for d in found.node.decorator_list if isinstance(d, ast.Name)}
        if "staticmethod" in kinds:
            return found
        if "classmethod" in kinds or owner.instance:
            bound = Function(found.node, found.scope, owner)
            return self.host.apply(bound, []) if "property" in kinds else bound
        return found

    def config(self, owner: Config, value: Any) -> Any:
        """``${a.b}`` of a configuration, from its root."""
        if not isinstance(value, str) or "${" not in value:
            return value
        for _ in range(8):
            head, mark, rest = value.partition("${")
            name, _, tail = rest.partition("}")
            if not mark:
                break
            found: Any = owner.root
            for part in name.split("."):
                found = found.get(part, Open(name)) if isinstance(found, dict) else Open(name)
            value = head + text_of(found) + tail
        return value

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        owner = self.value(node.value, scope)
        key = self.value(node.slice, scope)
        if isinstance(owner, External) and owner.name == "os.environ":
            return Open(f"${text_of(key)}")
        if isinstance(owner, Open) or not (is_plain(key) or isinstance(key, slice)):
            return self.unknown(node, owner.tags if isinstance(owner, Open) else NOTHING)
        found = owner[key]
        return self.config(owner, found) if isinstance(owner, Config) else found

    def _slice(self, node: ast.Slice, scope: Scope) -> Any:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if p is None else int(self.value(p, scope)) for p in parts))

    def _joinedstr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts = [self._piece(part, scope) for part in node.values]
        text = "".join(map(text_of, parts))
        return Open(text) if any(not is_plain(p) for p in parts) else text

    def _piece(self, part: ast.expr, scope: Scope) -> Any:
        if not isinstance(part, ast.FormattedValue):
            return self.value(part, scope)
        value = self.value(part.value, scope)
        if part.format_spec is None or not is_plain(value):
            return value
        form = text_of(self.value(part.format_spec, scope))
        return Open(str(value)) if is_wide(form) else format(value, form)

    def _binop(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if isinstance(left, list) or isinstance(right, list):
            parts = [s if isinstance(s, list) else [Open(f"*{text_of(s)}")] for s in (left, right)]
            return (parts[0] + parts[1])[:_ITEMS]
        if isinstance(left, Open) or isinstance(right, Open):
            return self._open_sum(node, left, right)
        if isinstance(left, PurePosixPath) and isinstance(node.op, ast.Div):
            return left / str(right)
        if isinstance(node.op, ast.Mod) and isinstance(left, str) and is_wide(left):
            return self.unknown(node)
        if isinstance(node.op, ast.Mult) and (_size(left) * _size(right) > SIZE):
            return self.unknown(node)
        return _bounded(_BINARY[type(node.op)](left, right))

    def _open_sum(self, node: ast.BinOp, left: Any, right: Any) -> Open:
        joins = isinstance(node.op, ast.Add) and (isinstance(left, str) or isinstance(right, str))
        if joins or (isinstance(node.op, ast.Add) and "{" in text_of(left) + text_of(right)):
            return Open(text_of(left) + text_of(right))
        if isinstance(node.op, ast.Div):
            return Open(f"{text_of(left)}/{text_of(right)}")
        return self.unknown(node)

    def _unaryop(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value = self.value(node.operand, scope)
        if not isinstance(node.op, ast.Not):
            return -value if isinstance(node.op, ast.USub) else self.unknown(node)
        known = truth(value)
        return self.unknown(node, value.tags) if known is None else not known

    def _boolop(self, node: ast.BoolOp, scope: Scope) -> Any:
        decisive = isinstance(node.op, ast.Or)
        unknown: list[frozenset[str]] = []
        value: Any = not decisive
        for part in node.values:
            value = self.value(part, scope)
            known = truth(value)
            if known is None:
                unknown.append(value.tags)
            elif known is decisive:
                return value if not unknown else decisive
        return self.unknown(node, frozenset.intersection(*unknown)) if unknown else value

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node, scope)
            for side in (left, right):
                if isinstance(side, Open):
                    return self.unknown(node, side.tags)
            if isinstance(left, External) or isinstance(right, External):
                return isinstance(operation, ast.IsNot | ast.NotEq)
            if not _COMPARE[type(operation)](left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp, scope: Scope) -> Any:
        known = truth(self.value(node.test, scope))
        if known is not None:
            return self.value(node.body if known else node.orelse, scope)
        first, second = self.value(node.body, scope), self.value(node.orelse, scope)
        return first if is_plain(first) and first == second else self.unknown(node)

    def _list(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        return self.items(node.elts, scope)

    def items(self, nodes: list[ast.expr], scope: Scope) -> list[Any]:
        """The values of a list, a call's arguments or a tuple."""
        items: list[Any] = []
        for part in nodes[:_ITEMS]:
            if isinstance(part, ast.Starred):
                inner = self.value(part.value, scope)
                items += inner if isinstance(inner, list | tuple) else [Open(f"*{text_of(inner)}")]
            else:
                items.append(self.value(part, scope))
        return items

    def _tuple(self, node: ast.Tuple, scope: Scope) -> Any:
        return tuple(self._list(node, scope))

    _set = _list

    def _dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys[:_ITEMS], node.values, strict=False):
            inner = self.value(value, scope)
            if key is None:
                found |= inner if isinstance(inner, dict) else {}
            elif is_plain(known := self.value(key, scope)):
                found[known] = inner
        return found

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Any:
        if len(node.generators) != 1:
            return self.unknown(node)
        loop = node.generators[0]
        items = iterated(self.value(loop.iter, scope))
        if items is None or not isinstance(loop.target, ast.Name):
            return self.unknown(node)
        found = []
        for item in items:
            inner = Scope(scope.file, {loop.target.id: item}, scope)
            kept = [truth(self.value(test, inner)) for test in loop.ifs]
            if None in kept:
                return self.unknown(node)
            if all(kept):
                found.append(self.value(node.elt, inner))
        return found

    _generatorexp = _listcomp
    _setcomp = _listcomp

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return Function(node, scope)

    def _starred(self, node: ast.Starred, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _namedexpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        scope.names[node.target.id] = found = self.value(node.value, scope)
        return found

    def _await(self, node: ast.Await, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        return self.host.call(node, scope)


def truth(value: Any) -> bool | None:
    """Whether a value is true; None where that is not known."""
    if isinstance(value, Open):
        return None
    if isinstance(value, External | Local | Function | Class | Fetched | Writer | Builtin):
        return True
    return bool(value)


def iterated(value: Any) -> list[Any] | None:
    """The items of a loop, at most a few hundred; None where they are not known."""
    if isinstance(value, dict | list | tuple | set):
        return list(islice(value, _ITEMS))
    return None


def is_instance(value: Any, kind: ast.expr) -> bool | None:
    """``isinstance`` for the plain types; None for others."""
    name = kind.id if isinstance(kind, ast.Name) else ""
    return isinstance(value, _TYPES[name]) if name in _TYPES and is_plain(value) else None


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | bytes) else abs(int(value))


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | tuple | bytes) and len(value) > SIZE:
        raise ValueError("too long")
    return value
