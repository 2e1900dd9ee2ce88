"""Expressions: the part of the interpreter that gives values."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from itertools import product

from torchsolve.project.scan import strings
from torchsolve.project.scan.comparison import compared, negated
from torchsolve.project.scan.ospath import join_paths
from torchsolve.project.scan.state import State, label_of
from torchsolve.project.scan.texts import (
    any_rest,
    as_text,
    below,
    calculated,
    joined,
    percent,
    put,
    sliced,
    spread,
)
from torchsolve.project.scan.values import (
    MOST,
    NONE,
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
    marks_of,
    options,
    text,
)


class Expressions(State):
    """Values of expressions."""

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression; Unknown where it has none that is known."""
        self.step()
        match node:
            case ast.Constant(value=value):
                return text(value) if isinstance(value, str) else Const(value)
            case ast.Name(id=name):
                return self.name(name, scope, node)
            case ast.Attribute(value=inner, attr=name):
                return self._attribute_of(inner, name, scope, node)
            case ast.Call():
                return self.call_node(node, scope)
            case ast.JoinedStr(values=values):
                return self._formatted(values, scope)
            case ast.BinOp():
                return self._binary(node, scope)
            case ast.Subscript(value=inner, slice=key):
                return self._subscript(inner, key, scope, node)
            case ast.Dict():
                return self._dict(node, scope)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return self._list(elements, type(node).__name__.lower(), scope)
            case _:
                return self._other(node, scope)

    def _other(self, node: ast.expr, scope: Scope) -> Value:
        match node:
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse, scope)
            case ast.BoolOp():
                return self._boolean(node, scope)
            case ast.Compare():
                return self._compare(node, scope)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return negated(self.truth(self.eval(operand, scope)))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return Const(-value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._comprehension(node.elt, node.generators, scope)
            case ast.DictComp():
                return self._dict_comprehension(node, scope)
            case ast.Lambda():
                return FunctionValue(node, scope, scope.owner)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                found = self.eval(value, scope)
                scope.names[name] = found
                return found
            case ast.Starred(value=value) | ast.Await(value=value) | ast.YieldFrom(value=value):
                return self.eval(value, scope)
            case ast.Yield(value=value):
                return self._yield(value, scope)
            case _:
                return self.unknown(node)

    def _yield(self, value: ast.expr | None, scope: Scope) -> Value:
        found = self.eval(value, scope) if value else NONE
        if self.frames:
            self.frame.returned.append(ListValue([], rest=found))
        return Unknown()

    def call_node(self, node: ast.Call, scope: Scope) -> Value:
        """A call expression."""
        raise NotImplementedError

    # Names

    def name(self, name: str, scope: Scope, node: ast.expr | None = None) -> Value:
        """What a name is bound to."""
        if name == "__file__":
            return text(f"{self.home}/{scope.file}")
        if name == "__name__":
            return text(self.dotted(scope.file))
        if name == "__package__":
            return text(self.dotted(scope.file).rpartition(".")[0])
        found = self._lookup(name, scope)
        if found is None:
            return External(f"builtins.{name}") if name in _BUILTINS else self.unknown(node)
        return self.loaded(found)

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

    def _attribute_of(self, inner: ast.expr, name: str, scope: Scope, node: ast.expr) -> Value:
        found = any_of(self.attribute(v, name) for v in options(self.eval(inner, scope)))
        if isinstance(found, Unknown) and not found.label:
            found.label = label_of(node)
        return found

    def _subscript(self, inner: ast.expr, key: ast.expr, scope: Scope, node: ast.expr) -> Value:
        whole = self.eval(inner, scope)
        if isinstance(key, ast.Slice):
            return self._slice(whole, key, scope)
        wanted = self.eval(key, scope)
        pairs = list(product(options(whole), options(wanted)))[:MOST]
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
        return found

    def _formatted(self, values: Iterable[ast.expr], scope: Scope) -> Value:
        pieces: list[tuple[Text, ...]] = []
        for value in values:
            if isinstance(value, ast.FormattedValue):
                inner = self.eval(value.value, scope)
                pieces.append(self.texts(inner, label_of(value.value)))
            elif isinstance(value, ast.Constant):
                pieces.append((text(str(value.value)),))
        return joined(pieces, strings.concat)

    def texts(self, value: Value, label: str = "") -> tuple[Text, ...]:
        """A value as strings: each alternative, a hole where it is not known."""
        known = [option for option in options(value) if option != NONE] or [NONE]
        return tuple(as_text(option, label) for option in known)

    # Operators

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        left, right = self.eval(node.left, scope), self.eval(node.right, scope)
        pairs = list(product(options(left), options(right)))
        if len(pairs) > MOST:
            pairs = pairs[:MOST]
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
                return ListValue([*a.items, *b.items], any_rest(a, b), a.kind)
            case ast.Add(), ListValue(), _:
                return ListValue([*a.items], any_rest(a, ListValue([], Unknown(labels[1]))), a.kind)
            case ast.Add(), _, ListValue():
                return ListValue([*b.items], any_rest(b, ListValue([], Unknown(labels[0]))), b.kind)
            case ast.BitOr(), DictValue(), DictValue():
                return DictValue(a.items | b.items, a.rest or b.rest)
            case ast.BitOr(), ListValue(), ListValue():
                return ListValue([*a.items, *b.items], any_rest(a, b), a.kind)
            case ast.Mod(), Text(), _:
                return percent(a, b)
            case _, Const(), Const():
                return calculated(op, a, b)
            case _:
                return Unknown(labels[0] or labels[1], marks=marks_of(a) | marks_of(b))

    def _boolean(self, node: ast.BoolOp, scope: Scope) -> Value:
        found: list[Value] = []
        stop = isinstance(node.op, ast.Or)
        for operand in node.values[:-1]:
            for option in options(self.eval(operand, scope)):
                known = self.truth(option)
                if known is stop or (known is None and stop):
                    found.append(option)
            if found and all(self.truth(v) is stop for v in found):
                return any_of(found)
            if found and stop and not any(self.truth(v) is None for v in found):
                break
        last = self.eval(node.values[-1], scope)
        return any_of([*found, last]) if stop else (any_of([*found, last]) if found else last)

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr, scope: Scope) -> Value:
        found: list[Value] = []
        for names, branch in self.branches(test, scope):
            inner = _with_names(scope, names)
            found.append(self.eval(body if branch else orelse, inner))
        return any_of(found)

    def branches(self, test: ast.expr, scope: Scope) -> list[tuple[dict[str, Value], bool]]:
        """Which ways a test can go, each with what it says of a name that has alternatives."""
        raise NotImplementedError

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        if len(node.ops) != 1:
            return Unknown()
        left, right = self.eval(node.left, scope), self.eval(node.comparators[0], scope)
        pairs = list(product(options(left), options(right)))[:MOST]
        answers = {self.compared(node.ops[0], a, b) for a, b in pairs}
        marks = marks_of(left) | marks_of(right)
        if len(answers) == 1 and None not in answers:
            return Const(answers.pop(), marks)
        return Unknown("", "run", marks)

    def compared(self, op: ast.cmpop, a: Value, b: Value) -> bool | None:
        """The answer of one comparison."""
        return compared(op, a, b)

    # Comprehensions

    def _comprehension(
        self, element: ast.expr, generators: list[ast.comprehension], scope: Scope
    ) -> Value:
        found = ListValue()
        for inner, sure in self._rounds(generators, scope):
            value = self.eval(element, inner)
            if sure:
                found.items.append(value)
            else:
                found.rest = any_of([found.rest, value]) if found.rest else value
        return found

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Value:
        found = DictValue()
        for inner, _ in self._rounds(node.generators, scope):
            value = self.eval(node.value, inner)
            for key in options(self.eval(node.key, inner)):
                put(found, key, value)
        return found

    def _rounds(
        self, generators: list[ast.comprehension], scope: Scope
    ) -> list[tuple[Scope, bool]]:
        rounds = [(_with_names(scope, {}), True)]
        for generator in generators:
            following: list[tuple[Scope, bool]] = []
            for inner, sure in rounds:
                following += self._round(generator, inner, sure)
            rounds = following[: self.bounds.unroll * 4]
        return rounds

    def _round(
        self, generator: ast.comprehension, scope: Scope, sure: bool
    ) -> list[tuple[Scope, bool]]:
        found: list[tuple[Scope, bool]] = []
        whole = self.eval(generator.iter, scope)
        for value, certain in self.members(whole):
            inner = _with_names(scope, {})
            self.assign(generator.target, value, inner)
            answers = [self.truth(self.eval(test, inner)) for test in generator.ifs]
            if False not in answers:
                found.append((inner, sure and certain and None not in answers))
        return found

    def members(self, value: Value) -> list[tuple[Value, bool]]:
        """Elements, each with whether it is one for sure (not one that stands for many)."""
        if isinstance(value, ListValue):
            sure = [(item, True) for item in value.items]
            return [*sure, (value.rest, False)] if value.rest is not None else sure
        sure_all = isinstance(value, DictValue) and value.rest is None
        return [(item, sure_all) for item in self.elements(value)]

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Bind a target."""
        raise NotImplementedError


def _with_names(scope: Scope, names: dict[str, Value]) -> Scope:
    inner = Scope(scope.file, dict(names), scope, scope.module, scope.function, scope.frame)
    inner.owner = scope.owner
    return inner


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
