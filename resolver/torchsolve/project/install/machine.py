"""Calls and imports of a script, bounded: nothing is imported, opened or started.

So many evaluations and calls so deep, then it stops and says so. ``World`` is what lies outside.
"""

from __future__ import annotations

import ast
from typing import Any, Protocol

from torchsolve.project.install.statements import Frame, Statements, StopError
from torchsolve.project.install.values import (
    NOTHING,
    Builtin,
    Class,
    Config,
    External,
    Function,
    Local,
    Open,
    Scope,
    is_plain,
)

STEPS = 60_000
_DEPTH = 24


class ExhaustedError(Exception):
    """The bound of evaluations was reached."""


class World(Protocol):
    """What lies outside the statements: the tree, and all that a script imports or calls."""

    def parse(self, path: str) -> ast.Module | None:
        """The syntax tree of a file of the tree; None where it cannot be read."""

    def file_of(self, path: str) -> str:
        """``__file__`` of a file of the tree."""

    def locate(self, module: str, importer: str) -> str | None:
        """The file of a module; None outside the tree."""

    def is_there(self, module: str) -> bool:
        """Whether a fresh image surely has a module."""

    def attribute(self, name: str) -> Any:
        """The value of a dotted name outside the tree."""

    def external(
        self, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """What a call outside the tree gives, with its effects."""

    def method(
        self, owner: Any, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """A method of a value."""


class Machine(Statements):
    """One evaluation of a script and of what it imports from its tree."""

    def __init__(self, world: World, *, main: bool) -> None:
        super().__init__(self, world.is_there)
        self._world, self._main = world, main
        self.modules: dict[str, Scope] = {}
        self.called: set[int] = set()
        self.left = STEPS
        self._depth = 0
        self._helpers: list[tuple[int, bool]] = []

    @property
    def origin(self) -> tuple[str, int]:
        """File and line of what runs now; of a helper that takes arguments, of the call to it."""
        number = len(self.lines)
        for depth, takes in reversed(self._helpers):
            if not takes or not depth:
                break
            number = depth
        return self.lines[number - 1]

    def step(self, cost: int = 1) -> None:
        """Counts. Raises ExhaustedError."""
        self.left -= cost
        if self.left < 0:
            raise ExhaustedError

    def attribute(self, name: str) -> Any:
        """A dotted name outside the tree."""
        return self._world.attribute(name)

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """A call, with its effects."""
        function = node.func
        arguments = self.expressions.items(node.args, scope)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.expressions.value(keyword.value, scope)
            if keyword.arg:
                named[keyword.arg] = value
            elif isinstance(value, dict):
                named |= {str(key): item for key, item in value.items()}
        self.step(sum(len(a) for a in arguments if isinstance(a, list | tuple | dict)) // 200)
        if isinstance(function, ast.Attribute):
            owner = self.expressions.value(function.value, scope)
            if not isinstance(owner, External | Local | Class | Config):
                return self._world.method(owner, function.attr, arguments, named, node)
        target = self.expressions.value(function, scope)
        return self.invoke(target, arguments, named, node)

    def invoke(
        self, target: Any, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """Calls a value."""
        if isinstance(target, Function):
            return self.apply(target, arguments, named)
        if isinstance(target, Class):
            return self._instance(target, arguments, named)
        if isinstance(target, External):
            return self._world.external(target.name, arguments, named, node)
        if isinstance(target, Builtin) and all(map(is_plain, (*arguments, *named.values()))):
            return target.call(*arguments, **named)
        self.callbacks(arguments, named)
        tags = next((a.tags for a in arguments if isinstance(a, Open) and a.tags), NOTHING)
        return self.expressions.unknown(node, tags)

    def callbacks(self, arguments: list[Any], named: dict[str, Any]) -> None:
        """A function that is handed to something unknown may be called with anything."""
        for value in (*arguments, *named.values()):
            if isinstance(value, Function) and id(value.node) not in self.called:
                self.apply(value, [])

    def apply(
        self, function: Function, arguments: list[Any], named: dict[str, Any] | None = None
    ) -> Any:
        """Calls a function of the tree; what no argument gives is open."""
        self.called.add(id(function.node))
        if self._depth >= _DEPTH:
            return Open(f"{getattr(function.node, 'name', 'lambda')}(…)")
        if function.bound is not None:
            arguments = [function.bound, *arguments]
        inner = self._bound(function, arguments, named or {})
        if isinstance(function.node, ast.Lambda):
            return self.expressions.value(function.node.body, inner)
        self._depth += 1
        self.frames.append(Frame())
        self._helpers.append((len(self.lines), _takes_arguments(function.node)))
        try:
            return self._result(function.node, inner)
        finally:
            self._helpers.pop()
            self.frames.pop()
            self._depth -= 1

    def _result(self, node: ast.FunctionDef | ast.AsyncFunctionDef, inner: Scope) -> Any:
        value: Any = None
        try:
            self.block(node.body, inner)
        except StopError as stop:
            if stop.kind not in ("return", "break", "continue"):
                raise
            value = stop.value
        call = self.frames[-1]
        values = [*call.returned, value]
        if all(is_plain(v) and v == value for v in values):
            return value
        if not call.returned:
            return value
        known = [v for v in values if not isinstance(v, Open)]
        if len(known) == 1 and not call.tags:
            return known[0]
        tags = frozenset.intersection(*call.tags) if call.tags else NOTHING
        return Open(f"{node.name}()", tags)

    def _bound(self, function: Function, arguments: list[Any], named: dict[str, Any]) -> Scope:
        spec = function.node.args
        inner = Scope(function.scope.file, {}, _module(function.scope))
        if isinstance(function.node, ast.Lambda) or function.scope.outer is not None:
            inner.outer = function.scope
        plain = [*spec.posonlyargs, *spec.args]
        for number, default in enumerate(reversed(spec.defaults)):
            name = plain[-1 - number].arg
            inner.names[name] = self.expressions.value(default, function.scope)
        for argument, given in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            if given is not None:
                inner.names[argument.arg] = self.expressions.value(given, function.scope)
        for argument, value in zip(plain, arguments, strict=False):
            inner.names[argument.arg] = value
        if spec.vararg:
            inner.names[spec.vararg.arg] = arguments[len(plain) :]
        known = {a.arg for a in (*plain, *spec.kwonlyargs)}
        inner.names |= {name: value for name, value in named.items() if name in known}
        if spec.kwarg:
            inner.names[spec.kwarg.arg] = {k: v for k, v in named.items() if k not in known}
        for argument in (*plain, *spec.kwonlyargs):
            inner.names.setdefault(argument.arg, Open(argument.arg))
        return inner

    def _instance(self, kind: Class, arguments: list[Any], named: dict[str, Any]) -> Class:
        made = Class(kind.name, Scope(kind.scope.file, {}, kind.scope), instance=True)
        initial = kind.scope.names.get("__init__")
        if isinstance(initial, Function):
            self.apply(Function(initial.node, initial.scope, made), arguments, named)
        return made

    def module(self, path: str) -> Scope | None:
        """Runs a module of the tree once; None where it cannot be read."""
        if path in self.modules:
            return self.modules[path]
        tree = self._world.parse(path)
        if tree is None:
            return None
        scope = self.modules[path] = Scope(path)
        scope.names |= {"__file__": self._world.file_of(path), "__name__": "__main__"}
        if len(self.modules) > 1 or not self._main:
            scope.names["__name__"] = path.removesuffix(".py").replace("/", ".")
        try:
            self.block(tree.body, scope)
        except StopError as stop:
            if stop.kind == "exit":
                raise
        return scope

    def run(self, path: str) -> Scope | None:
        """A script from its first line to its end, whatever ends it."""
        try:
            return self.module(path)
        except StopError:
            return self.modules.get(path)

    def imports(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Binds what an import statement brings; modules of the tree are run."""
        if isinstance(node, ast.Import):
            self._plain_import(node, scope)
        else:
            self._from_import(node, scope)

    def _plain_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            found = self._imported(alias.name, scope)
            first = alias.name.partition(".")[0]
            if alias.asname or "." not in alias.name:
                scope.names[alias.asname or first] = found
            else:
                scope.names[first] = External(first)
                if isinstance(found, Local):
                    self._nest(scope, alias.name, found)

    def _nest(self, scope: Scope, name: str, module: Local) -> None:
        first, *rest = name.split(".")
        holder = Scope(scope.file)
        scope.names[first] = Local(holder)
        for part in rest[:-1]:
            holder.names[part] = Local(Scope(scope.file))
            holder = holder.names[part].scope
        holder.names[rest[-1]] = module

    def _imported(self, name: str, scope: Scope) -> Any:
        path = self._world.locate(name, scope.file)
        module = self.module(path) if path else None
        return Local(module) if module is not None else External(name)

    def _from_import(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = "." * node.level + (node.module or "")
        path = self._world.locate(name, scope.file)
        module = self.module(path) if path else None
        for alias in node.names:
            if alias.name == "*":
                scope.names |= module.names if module else {}
                continue
            bound = alias.asname or alias.name
            inner = self._world.locate(
                f"{name}.{alias.name}" if node.module else name + alias.name, scope.file
            )
            if module is not None and alias.name in module.names:
                scope.names[bound] = module.names[alias.name]
            elif inner and (found := self.module(inner)) is not None:
                scope.names[bound] = Local(found)
            else:
                dotted = f"{node.module}.{alias.name}" if node.module else alias.name
                scope.names[bound] = (
                    self._world.attribute(dotted) if not node.level else Open(bound)
                )


def _takes_arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return bool(node.args.vararg or node.args.kwarg or set(names) - {"self", "cls"})


def _module(scope: Scope) -> Scope:
    while scope.outer is not None:
        scope = scope.outer
    return scope
