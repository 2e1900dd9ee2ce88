"""Expressions: the part of the interpreter that gives values."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import product

from torchsolve.project.scan import strings
from torchsolve.project.scan.comparison import compared, negated
from torchsolve.project.scan.comprehensions import Comprehensions, with_names
from torchsolve.project.scan.formatting import filled, percent
from torchsolve.project.scan.narrowing import asks_registry
from torchsolve.project.scan.ospath import join_paths
from torchsolve.project.scan.state import label_of
from torchsolve.project.scan.texts import (
    any_rest,
    as_text,
    below,
    calculated,
    joined,
    put,
    sliced,
    spread,
)
from torchsolve.project.scan.values import (
    MOST,
    NONE,
    AnyOf,
    Called,
    Const,
    DictValue,
    External,
    FunctionValue,
    Lazy,
    ListValue,
    ModuleValue,
    PathValue,
    Scope,
    Text,
    Unknown,
    Value,
    any_of,
    constant,
    list_of,
    marks_of,
    options,
    text,
    there,
)


class Expressions(Comprehensions):
    """Values of expressions."""

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression; Unknown where it has none that is known."""
        self.step()
        how = _HOW.get(type(node))
        if how is None:
            return self.unknown(node)
        found: Value = getattr(self, how)(node, scope)
        return found

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:  # noqa: ARG002
        return constant(node.value)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return self.name(node.id, scope, node)

    def _display(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        return self._list(node.elts, type(node).__name__.lower(), scope)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return negated(self.truth(self.eval(operand, scope)))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return Const(-value)
            case _:
                return self.unknown(node)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return FunctionValue(node, scope, scope.owner)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        found = scope.names[node.target.id] = self.eval(node.value, scope)
        return found

    def _inner(self, node: ast.Starred | ast.Await | ast.YieldFrom, scope: Scope) -> Value:
        return self.eval(node.value, scope)

    def _yield(self, node: ast.Yield, scope: Scope) -> Value:
        found = self.eval(node.value, scope) if node.value else NONE
        if self.frames:
            self.frame.returned.append(ListValue([], rest=found))
        return Unknown()

    def call_node(self, node: ast.Call, scope: Scope) -> Value:
        """A call expression."""
        raise NotImplementedError

    # Names

    def name(self, name: str, scope: Scope, node: ast.expr | None = None) -> Value:
        """What a name is bound to."""
        if name in _OF_MODULE:
            return self._of_file(name, scope.file)
        if name == "__class__" and scope.owner is not None:
            return scope.owner
        found = self._lookup(name, scope)
        if found is None:
            return self._unbound(name, node)
        return self.loaded(found) if type(found) is Lazy else found

    def _of_file(self, name: str, file: str) -> Value:
        if name == "__file__":
            return text(f"{self.home}/{file}")
        dotted = self.dotted(file)
        return text(dotted if name == "__name__" else dotted.rpartition(".")[0])

    def _unbound(self, name: str, node: ast.expr | None) -> Value:
        """A name that nothing binds: of the language, or out of somebody's ``import *``."""
        if name in _BUILTINS:
            return External(f"builtins.{name}")
        return External(name) if name in _TOPS else self.unknown(node)

    def _lookup(self, name: str, scope: Scope) -> Value | None:
        here: Scope | None = scope
        while here is not None:
            if name in here.names:
                return here.names[name]
            here = here.outer
        module = scope.module
        return module.names.get(name) if module else None

    def dotted(self, file: str) -> str:
        """The dotted name of a module, as if the node's folder were a package ``node``."""
        stem = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return "node" if stem == "__init__" else f"node.{stem}"

    def loaded(self, value: Value) -> Value:
        """What a lazily imported name is."""
        if not isinstance(value, Lazy):
            return value
        if value.name is None:
            return ModuleValue(value.file)
        found = self.module(value.file).names.get(value.name)
        if isinstance(found, Lazy) and found.file != value.file:
            return self.loaded(found)
        if isinstance(found, Lazy):
            found = None
        if found is not None:
            return found
        asked = self.module(value.file).names.get("__getattr__")
        if isinstance(asked, FunctionValue):
            given = self.call(asked, [text(value.name)], {}, None)
            if not isinstance(given, Unknown):
                return given
        below = self.graph.file_of(value.file, 1, value.name)
        if below and value.file.endswith("__init__.py"):
            return ModuleValue(below)
        return self.loaded(value.fallback) if value.fallback else Unknown(value.name)

    # Attributes and items

    def _attribute_of(self, node: ast.Attribute, scope: Scope) -> Value:
        owner, name = self.eval(node.value, scope), node.attr
        if type(owner) is AnyOf:
            found = any_of(self.attribute(v, name) for v in there(owner))
        else:
            found = self.attribute(owner, name)
        if isinstance(found, Unknown) and not found.label:
            found.label = label_of(node)
        return found

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        whole, key = self.eval(node.value, scope), node.slice
        if isinstance(key, ast.Slice):
            return self._slice(whole, key, scope)
        wanted = self.eval(key, scope)
        pairs = _pairs(any_of(there(whole)), wanted)[:MOST]
        found = any_of(self.item(value, at) for value, at in pairs)
        if isinstance(found, Unknown) and not found.label:
            found.label = label_of(node)
        return found

    def _slice(self, whole: Value, key: ast.Slice, scope: Scope) -> Value:
        ends: list[int | None] = []
        for part in (key.lower, key.upper, key.step):
            value = self.eval(part, scope) if part else NONE
            number = value.value if isinstance(value, Const) else ""
            if not (number is None or isinstance(number, int)):
                return self.unknown()
            ends.append(number)
        if ends[2] == 0:  # Python refuses it
            return self.unknown()
        return any_of(sliced(value, slice(*ends)) for value in options(whole))

    # Displays

    def _dict(self, node: ast.Dict, scope: Scope) -> Value:
        found = DictValue()
        for key, value in zip(node.keys, node.values, strict=True):
            inner = self.eval(value, scope)
            if key is None:
                spread(found, inner)
                continue
            for at in options(self.eval(key, scope)):
                put(found, at, inner)
        return found

    def _list(self, elements: Sequence[ast.expr], kind: str, scope: Scope) -> Value:
        found = ListValue(kind=kind)
        for element in elements:
            value = self.eval(element, scope)
            if isinstance(element, ast.Starred):
                known = value if isinstance(value, ListValue) else None
                found.items += known.items if known else self.elements(value)
                found.rest = known.rest if known and known.rest else found.rest
            else:
                found.items.append(value)
        return list_of(found.items, found.rest, kind)

    def _formatted(self, node: ast.JoinedStr, scope: Scope) -> Value:
        pieces: list[tuple[Text, ...]] = []
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                pieces.append(self._field(value, scope))
            elif isinstance(value, ast.Constant):
                pieces.append((text(str(value.value)),))
        return joined(pieces, strings.concat)

    def _field(self, node: ast.FormattedValue, scope: Scope) -> tuple[Text, ...]:
        inner, label = self.eval(node.value, scope), label_of(node.value)
        if node.format_spec is None and node.conversion in _AS_IT_IS:
            return self.texts(inner, label)
        spec = self.eval(node.format_spec, scope) if node.format_spec else text("")
        form = spec.literal if isinstance(spec, Text) else None
        return filled(inner, label, form, "" if node.conversion < 0 else chr(node.conversion))

    def texts(self, value: Value, label: str = "") -> tuple[Text, ...]:
        """A value as strings: each alternative, a hole where it is not known."""
        known = [option for option in options(value) if option != NONE] or [NONE]
        return tuple(as_text(option, label) for option in known)

    # Operators

    def binary(self, node: ast.BinOp, scope: Scope) -> Value:
        """``left op right``."""
        left, right = self.eval(node.left, scope), self.eval(node.right, scope)
        pairs = _pairs(left, right)[:MOST]
        labels = (label_of(node.left), label_of(node.right))
        return any_of(self._operate(node.op, a, b, labels) for a, b in pairs)

    def _operate(self, op: ast.operator, a: Value, b: Value, labels: tuple[str, str]) -> Value:
        match op, a, b:
            case ast.Div(), PathValue() | Called(), _:
                return below(a, as_text(b, labels[1]))
            case ast.Div(), Text(), PathValue(inner):
                return PathValue(join_paths([a, inner]))
            case ast.Add(), Text() | PathValue(), _:
                return strings.concat([as_text(a), as_text(b, labels[1])])
            case ast.Add(), Unknown() | Called(), Text():
                return strings.concat([as_text(a, labels[0]), b])
            case ast.Add(), ListValue(), ListValue():
                return list_of([*a.items, *b.items], any_rest(a, b), a.kind)
            case ast.Add(), ListValue(), _:
                return ListValue([*a.items], any_rest(a, ListValue([], Unknown(labels[1]))), a.kind)
            case ast.Add(), _, ListValue():
                return ListValue([*b.items], any_rest(b, ListValue([], Unknown(labels[0]))), b.kind)
            case ast.BitOr(), DictValue(), DictValue():
                return DictValue(a.items | b.items, a.rest or b.rest)
            case ast.BitOr(), ListValue(), ListValue():
                return list_of([*a.items, *b.items], any_rest(a, b), a.kind)
            case ast.Mod(), Text(), _:
                return percent(a, b)
            case _, Const(), Const():
                return calculated(op, a, b)
            case _:
                return Unknown(labels[0] or labels[1], marks=marks_of(a) | marks_of(b))

    def _boolean(self, node: ast.BoolOp, scope: Scope) -> Value:
        found: list[Value] = []
        stop = isinstance(node.op, ast.Or)
        doubtful = False
        for operand in node.values[:-1]:
            answers = [(o, self.truth(o)) for o in options(self.eval(operand, scope))]
            found += [o for o, known in answers if known is stop or (known is None and stop)]
            if all(known is stop for _, known in answers):
                return any_of(found)
            doubtful |= any(known is None for _, known in answers)
        last = self.eval(node.values[-1], scope)
        if doubtful and not stop and isinstance(last, Const):
            return Unknown()  # what nobody knows may be false, whatever stands behind it
        return any_of([*found, last])

    def _choice(self, node: ast.IfExp, scope: Scope) -> Value:
        found: list[Value] = []
        ways = self.branches(node.test, scope)
        if len(ways) == 1 and asks_registry(node.test):
            other = node.orelse if ways[0][1] else node.body
            self.elsewhere([ast.copy_location(ast.Expr(other), other)], scope)
        for names, branch in ways:
            inner = with_names(scope, names)
            found.append(self.eval(node.body if branch else node.orelse, inner))
        return any_of(found)

    def elsewhere(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """The way that is taken only where something else has registered the category."""
        raise NotImplementedError

    def branches(self, test: ast.expr, scope: Scope) -> list[tuple[dict[str, Value], bool]]:
        """Which ways a test can go, each with what it says of a name that has alternatives."""
        raise NotImplementedError

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        if len(node.ops) != 1:
            return Unknown()
        left, right = self.eval(node.left, scope), self.eval(node.comparators[0], scope)
        answers = {self.compared(node.ops[0], a, b) for a, b in _pairs(left, right)[:MOST]}
        marks = marks_of(left) | marks_of(right)
        if len(answers) == 1 and None not in answers:
            return Const(answers.pop(), marks)
        return Unknown("", "run", marks)

    def compared(self, op: ast.cmpop, a: Value, b: Value) -> bool | None:
        """The answer of one comparison."""
        return compared(op, a, b)


def _pairs(left: Value, right: Value) -> list[tuple[Value, Value]]:
    """Every alternative of one with every one of the other."""
    if type(left) is not AnyOf and type(right) is not AnyOf:
        return [(left, right)]
    return list(product(options(left), options(right)))


_HOW: dict[type[ast.expr], str] = {
    ast.Constant: "_constant",
    ast.Name: "_name",
    ast.Attribute: "_attribute_of",
    ast.Call: "call_node",
    ast.JoinedStr: "_formatted",
    ast.BinOp: "binary",
    ast.Subscript: "_subscript",
    ast.Dict: "_dict",
    **dict.fromkeys((ast.List, ast.Tuple, ast.Set), "_display"),
    ast.IfExp: "_choice",
    ast.BoolOp: "_boolean",
    ast.Compare: "_compare",
    ast.UnaryOp: "_unary",
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp), "_list_comprehension"),
    ast.DictComp: "_dict_comprehension",
    ast.Lambda: "_lambda",
    ast.NamedExpr: "_walrus",
    **dict.fromkeys((ast.Starred, ast.Await, ast.YieldFrom), "_inner"),
    ast.Yield: "_yield",
}
"""Which method gives the value of an expression: a table is faster than a chain of tests."""
_AS_IT_IS = (-1, ord("s"))
_OF_MODULE = frozenset({"__file__", "__name__", "__package__"})
_TOPS = frozenset(
    {"folder_paths", "torch", "open_clip", "transformers", "diffusers", "safetensors"}
)
_BUILTINS = frozenset(
    {
        *("str", "int", "float", "bool", "list", "tuple", "dict", "set", "frozenset", "len"),
        *("sorted", "reversed", "enumerate", "zip", "map", "filter", "next", "iter", "range"),
        *("isinstance", "issubclass", "hasattr", "getattr", "setattr", "type", "super", "open"),
        *("print", "any", "all", "min", "max", "sum", "abs", "repr", "vars", "globals", "locals"),
        *("property", "classmethod", "staticmethod", "object", "Exception", "__import__"),
        *("ImportError", "ModuleNotFoundError", "ValueError", "RuntimeError", "FileNotFoundError"),
    }
)
