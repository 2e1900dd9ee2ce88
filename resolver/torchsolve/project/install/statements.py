"""Statements of a script over values that may be open; both branches where undecided."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torchsolve.model.values import dataclass, field
from torchsolve.project.install.expressions import Expressions, Host, iterated, truth
from torchsolve.project.install.values import (
    INSTALLED,
    NOTHING,
    Class,
    Config,
    Function,
    Local,
    Open,
    Scope,
    is_plain,
)

_LOOPS = 256


class StopError(Exception):
    """``return``, ``break``, ``continue``, ``raise`` and ``sys.exit``, on their way up."""

    def __init__(self, kind: str, value: Any = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition that could not be decided.

    ``unless``: it only asks whether something is there already, as nothing is on a fresh image.
    """

    text: str
    unless: bool = False


@dataclass(slots=True)
class Frame:
    """What a call may give beside its last value, because a branch was undecided."""

    returned: list[Any] = field(default_factory=list)
    tags: list[frozenset[str]] = field(default_factory=list)


class Statements:
    """Runs statements; ``host`` calls and counts, ``is_there`` knows what a fresh image has."""

    def __init__(self, host: Host, is_there: Callable[[str], bool]) -> None:
        self.host, self._is_there = host, is_there
        self.expressions = Expressions(host)
        self.guards: list[Guard] = []
        self.lines: list[tuple[str, int]] = []
        self.frames = [Frame()]
        self.asked = 0

    def block(self, body: list[ast.stmt], scope: Scope) -> None:
        """Statements in order."""
        for statement in body:
            self.host.step()
            self.lines.append((scope.file, statement.lineno))
            try:
                self._statement(statement, scope)
            finally:
                self.lines.pop()

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        run = getattr(self, f"_{type(node).__name__.lower()}", None)
        if run is not None:
            run(node, scope)

    def _expr(self, node: ast.Expr, scope: Scope) -> None:
        self.expressions.value(node.value, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.expressions.value(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _annassign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.expressions.value(node.value, scope), scope)

    def _augassign(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            both = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
            self.assign(node.target, self.expressions.value(both, scope), scope)

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Binds names; what is assigned into something unknown is lost."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = iterated(value)
            for number, inner in enumerate(target.elts):
                known = items is not None and number < len(items)
                item = items[number] if known and items else Open(ast.unparse(inner))
                self.assign(inner, item, scope)
        elif isinstance(target, ast.Attribute):
            owner = self.expressions.value(target.value, scope)
            if isinstance(owner, Class | Local):
                owner.scope.names[target.attr] = value
            elif isinstance(owner, Config):
                owner[target.attr] = value
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value, scope)

    def _assign_item(self, target: ast.Subscript, value: Any, scope: Scope) -> None:
        owner = self.expressions.value(target.value, scope)
        key = self.expressions.value(target.slice, scope)
        if isinstance(owner, dict) and isinstance(key, str | int) and len(owner) < _LOOPS:
            owner[key] = value

    def _if(self, node: ast.If, scope: Scope) -> None:
        value = self.expressions.value(node.test, scope)
        known = truth(value)
        if known is not None:
            self.block(node.body if known else node.orelse, scope)
            return
        before = dict(scope.names)
        negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        text = value.text.removeprefix("not ") if negated else value.text
        asks = bool(value.tags)
        yes, no = Guard(text), Guard(text if asks else f"not ({text})", asks)
        if negated:
            yes, no = no, yes
        first = self._branch(node.body, scope, yes, value.tags)
        after, scope.names = scope.names, before
        second = self._branch(node.orelse, scope, no, value.tags)
        self._merge(scope, after, first, second, node)

    def _merge(
        self,
        scope: Scope,
        after: dict[str, Any],
        first: StopError | None,
        second: StopError | None,
        node: ast.If,
    ) -> None:
        """Names after both branches; a branch that ended does not count."""
        if first is not None and second is not None:
            raise second if first.kind == "exit" else first
        if first is not None:
            return
        if second is not None:
            scope.names = after
            return
        for name, value in after.items():
            other = scope.names.get(name, value)
            same = value is other or (is_plain(value) and is_plain(other) and value == other)
            scope.names[name] = value if same else self._either(name, node, value)

    def _either(self, name: str, node: ast.If, value: Any) -> Any:
        # The branch that sets a default where none was given is what happens on a fresh image.
        match node.test:
            case ast.Compare(left=ast.Name(id=tested), ops=[ast.Is()]) if tested == name:
                return value
            case _:
                return Open(name)

    def _branch(
        self, body: list[ast.stmt], scope: Scope, guard: Guard, tags: frozenset[str]
    ) -> StopError | None:
        """Runs one of two branches; how it ended the block, None where it did not."""
        with self.under(guard):
            try:
                self.block(body, scope)
            except StopError as stop:
                if stop.kind == "return":
                    self.frames[-1].returned.append(stop.value)
                    self.frames[-1].tags.append(tags)
                return stop
        return None

    @contextmanager
    def under(self, guard: Guard) -> Iterator[None]:
        """What happens inside happens only where ``guard`` holds."""
        self.guards.append(guard)
        try:
            yield
        finally:
            self.guards.pop()

    def _for(self, node: ast.For, scope: Scope) -> None:
        value = self.expressions.value(node.iter, scope)
        items = iterated(value)
        if items is None:
            with self.under(Guard(f"for each of {_text(value)}")):
                self.assign(node.target, Open(ast.unparse(node.target)), scope)
                self._some_rounds(node.body, scope)
            return
        for item in items:
            self.assign(node.target, item, scope)
            if self._loop_body(node.body, scope):
                return
        self.block(node.orelse, scope)

    def _loop_body(self, body: list[ast.stmt], scope: Scope) -> bool:
        """Whether the loop ends here."""
        try:
            self.block(body, scope)
        except StopError as stop:
            if stop.kind not in ("break", "continue"):
                raise
            return stop.kind == "break"
        return False

    _asyncfor = _for

    def _while(self, node: ast.While, scope: Scope) -> None:
        for _ in range(_LOOPS):
            known = truth(self.expressions.value(node.test, scope))
            if known is False:
                return
            if known is None:
                break
            if self._loop_body(node.body, scope):
                return
        self._some_rounds(node.body, scope)

    def _some_rounds(self, body: list[ast.stmt], scope: Scope) -> None:
        """Nobody knows how many: what a round changes is open afterwards."""
        before = dict(scope.names)
        if self._loop_body(body, scope):
            return
        for name, old in before.items():
            new = scope.names.get(name, old)
            if new is not old and not (is_plain(new) and is_plain(old) and new == old):
                scope.names[name] = Open(name)

    def _with(self, node: ast.With, scope: Scope) -> None:
        for item in node.items:
            value = self.expressions.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        self.block(node.body, scope)

    _asyncwith = _with

    def _try(self, node: ast.Try, scope: Scope) -> None:
        asked, ended = self.asked, None
        missing = [name for s in node.body for name in self._missing(s)]
        try:
            self.block(node.body, scope)
        except StopError as stop:
            ended = stop
        asks = bool(missing) or self.asked > asked
        if ended is not None:
            self._ended(node, scope, ended, asks=asks)
        elif missing or not all(map(_is_import, node.body)):
            self._handlers(node, scope, _guard(node, missing, asks=asks))
            self.block(node.orelse, scope)
        self.block(node.finalbody, scope)

    def _ended(self, node: ast.Try, scope: Scope, stop: StopError, *, asks: bool) -> None:
        """A body that raised goes to its handler; one that asked for a package may have raised."""
        if stop.kind == "raise" and node.handlers:
            self.block(node.handlers[0].body, scope)
            return
        if stop.kind == "return" and asks and node.handlers:
            self.frames[-1].returned.append(stop.value)
            self.frames[-1].tags.append(INSTALLED)
            ends = self._handlers(node, scope, _guard(node, [], asks=True))
            if not all(ends):
                return
        self.block(node.finalbody, scope)
        raise stop

    def _handlers(self, node: ast.Try, scope: Scope, guard: Guard) -> list[bool]:
        """Runs each handler as a branch; whether each ends the block."""
        ends = []
        for handler in node.handlers:
            names = dict(scope.names)
            tags = INSTALLED if guard.unless else NOTHING
            ends.append(self._branch(handler.body, scope, guard, tags) is not None)
            scope.names = names | {k: v for k, v in scope.names.items() if k not in names}
        return ends

    _trystar = _try

    def _missing(self, node: ast.stmt) -> Iterator[str]:
        """Modules that a statement imports and that a fresh image may lack."""
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        yield from (name for name in names if not self._is_there(name.partition(".")[0]))

    def _return(self, node: ast.Return, scope: Scope) -> None:
        raise StopError("return", self.expressions.value(node.value, scope) if node.value else None)

    def _raise(self, _node: ast.Raise, _scope: Scope) -> None:
        raise StopError("raise")

    def _break(self, _node: ast.Break, _scope: Scope) -> None:
        raise StopError("break")

    def _continue(self, _node: ast.Continue, _scope: Scope) -> None:
        raise StopError("continue")

    def exit(self) -> None:
        """``sys.exit``."""
        raise StopError("exit")

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.names[node.name] = Function(node, scope)

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef, scope: Scope) -> None:
        inner = Scope(scope.file, {}, scope)
        scope.names[node.name] = Class(node.name, inner)
        self.block(node.body, inner)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        self.host.imports(node, scope)

    def _importfrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        self.host.imports(node, scope)


def _guard(node: ast.Try, missing: list[str], *, asks: bool) -> Guard:
    if missing:
        return Guard(f"import {missing[0]}", unless=True)
    if asks:
        return Guard(f"the try at line {node.lineno} works", unless=True)
    return Guard(f"the try at line {node.lineno} fails")


def _text(value: Any) -> str:
    return value.text if isinstance(value, Open) else "a loop"


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)
