"""Statements: the part of the interpreter that goes through a body, both ways where it must."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from enum import Enum

from torchsolve.project.scan.binding import Binding, decorator
from torchsolve.project.scan.handlers import never, of_imports
from torchsolve.project.scan.narrowing import asks_registry, narrowed
from torchsolve.project.scan.observation import Guard
from torchsolve.project.scan.values import (
    NONE,
    AnyOf,
    ClassValue,
    Scope,
    Unknown,
    Value,
    any_of,
    marks_of,
    options,
)


class Flow(Enum):
    """How a body ends."""

    ON = "on"
    STOP = "stop"
    NEXT = "next"
    BREAK = "break"


class Statements(Binding):
    """Bodies, branches, loops."""

    def body(self, statements: Sequence[ast.stmt], scope: Scope) -> bool:
        """Run statements; False where none behind them is reached."""
        return self.flow(statements, scope) is Flow.ON

    def flow(self, statements: Iterable[ast.stmt], scope: Scope) -> Flow:
        """Run statements in order."""
        guards = len(self.frame.guards) if self.frames else 0
        found = Flow.ON
        for statement in statements:
            self.step()
            found = self._statement(statement, scope)
            if found is not Flow.ON:
                break
        if self.frames:
            del self.frame.guards[guards:]
        return found

    def _statement(self, node: ast.stmt, scope: Scope) -> Flow:
        how = _HOW.get(type(node))
        if how is None:
            return Flow.ON
        found: Flow | None = getattr(self, how)(node, scope)
        return found or Flow.ON

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        self.eval(node.value, scope)

    def _assert(self, node: ast.Assert, scope: Scope) -> Flow:
        """Behind it a name has only the values with which the test holds."""
        for names, holds in self.branches(node.test, scope):
            if holds:
                scope.names.update(names)
                return Flow.ON
        return Flow.STOP

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        found = self.eval(node.value, scope)
        for target in node.targets:
            self.assign(target, found, scope)

    def _return(self, node: ast.Return, scope: Scope) -> Flow:
        self.frame.returned.append(self.eval(node.value, scope) if node.value else NONE)
        return Flow.STOP

    def _raise(self, node: ast.Raise, scope: Scope) -> Flow:
        if node.exc is not None:
            self.eval(node.exc, scope)
        return Flow.STOP

    def _jump(self, node: ast.Continue | ast.Break, scope: Scope) -> Flow:  # noqa: ARG002
        return Flow.NEXT if isinstance(node, ast.Continue) else Flow.BREAK

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        self.store(node.name, self.function_of(node, scope), scope)

    def _globals(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        scope.globals.update(node.names)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        target, value = node.target, node.value
        if scope.owner is not None and scope.owner.names is scope.names:
            name = target.id if isinstance(target, ast.Name) else ""
            scope.owner.annotations[name] = node.annotation
        if value is not None:
            self.assign(target, self.eval(value, scope), scope)

    # Branches

    def branches(self, test: ast.expr, scope: Scope) -> list[tuple[dict[str, Value], bool]]:
        """Which ways a test can go, each with what it says of a name that has alternatives."""
        known = self.truth(self.eval(test, scope))
        if known is not None:
            return [({}, known)]
        for name in self.said_of(test)[0]:
            value = scope.names.get(name)
            if isinstance(value, AnyOf):
                found = self._split(test, name, value, scope)
                if found:
                    return found
        return [(narrowed(test, scope.names), True), ({}, False)]

    def _split(
        self, test: ast.expr, name: str, value: AnyOf, scope: Scope
    ) -> list[tuple[dict[str, Value], bool]]:
        yes: list[Value] = []
        no: list[Value] = []
        for option in value.options:
            scope.names[name] = option
            known = self.truth(self.eval(test, scope))
            if known is not False:
                yes.append(option)
            if known is not True:
                no.append(option)
        scope.names[name] = value
        if len(yes) == len(no) == len(value.options):
            return []
        self.split_on |= {n: None for kind, n in sorted(marks_of(value)) if kind == "enum"}
        found: list[tuple[dict[str, Value], bool]] = []
        if yes:
            found.append(({name: any_of(yes)}, True))
        if no:
            found.append(({name: any_of(no)}, False))
        return found

    def _if(self, node: ast.If, scope: Scope) -> Flow:
        before, self.checks = self.checks, []
        ways = self.branches(node.test, scope)
        checks, self.checks = self.checks, before
        guard = Guard(tuple(dict.fromkeys(checks)), node.test.lineno) if checks else None
        wanted = self.said_of(node.test)[1]
        if len(ways) == 1:
            names, branch = ways[0]
            scope.names.update(names)
            if asks_registry(node.test):
                self.elsewhere(node.orelse if branch else node.body, scope)
            known = guard if branch is wanted else None
            return self._guarded(node.body if branch else node.orelse, scope, known)
        base = scope.names
        after: list[dict[str, Value]] = []
        flows: list[Flow] = []
        self.doubt += 1
        for names, branch in ways:
            scope.names = self._copy(scope, base | names)
            known = guard if branch is wanted else None
            flow = self._guarded(node.body if branch else node.orelse, scope, known)
            flows.append(flow)
            self._forget(scope, base, names)
            if flow is not Flow.STOP:
                after.append(scope.names)
        self.doubt -= 1
        self._merge(scope, base, after)
        stopped = flows[0] is not Flow.ON and not wanted
        if guard and Flow.ON in flows and stopped and self.frames:
            self.frame.guards.append(guard)
        return Flow.ON if Flow.ON in flows or (len(set(flows)) > 1 and after) else flows[0]

    def _forget(self, scope: Scope, base: dict[str, Value], said: dict[str, Value]) -> None:
        """What a test said of a name that was not known holds only below it."""
        for name, value in said.items():
            if scope.names.get(name) is value and not isinstance(base.get(name), AnyOf):
                scope.names[name] = base[name]

    def _guarded(self, body: Sequence[ast.stmt], scope: Scope, guard: Guard | None) -> Flow:
        if guard and self.frames:
            self.frame.guards.append(guard)
        found = self.flow(body, scope)
        if guard and self.frames and guard in self.frame.guards:
            self.frame.guards.remove(guard)
        return found

    def _copy(self, scope: Scope, names: dict[str, Value]) -> dict[str, Value]:
        copied = dict(names)
        if scope.owner is not None and scope.owner.names is scope.names:
            scope.owner.names = copied
        return copied

    def _merge(self, scope: Scope, base: dict[str, Value], after: list[dict[str, Value]]) -> None:
        if not after:
            merged = base
        elif len(after) == 1:
            merged = after[0]
        else:
            merged = dict(after[0])
            for other in after[1:]:
                for name, value in other.items():
                    known = merged.get(name)
                    if known is not value:
                        merged[name] = value if known is None else any_of([known, value])
        if scope.owner is not None and scope.function == "" and scope.owner.scope is not scope:
            scope.owner.names = merged
        scope.names = merged

    # Loops

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> Flow:
        members = self.members(self.eval(node.iter, scope))
        sure = all(certain for _, certain in members) and len(members) <= self.bounds.unroll
        members = members[: self.bounds.unroll]
        before = dict(scope.names)
        exits: list[dict[str, Value]] = []
        flow = Flow.ON
        if not sure:
            self.doubt += 1
        for value, certain in members:
            start = dict(scope.names)
            self.assign(node.target, value, scope)
            flow = self.flow(node.body, scope)
            if flow is Flow.BREAK:
                exits.append(scope.names)
                break
            if flow is Flow.STOP and certain and sure:
                break
            if flow is Flow.STOP or not certain:
                self._merge(scope, start, [start, scope.names])
        if not sure:
            self.doubt -= 1
            self._merge(scope, before, [scope.names, before])
        if flow is Flow.STOP and sure and members:
            return Flow.STOP
        self.flow(node.orelse, scope)
        return Flow.ON

    def _while(self, node: ast.While, scope: Scope) -> Flow:
        known = self.truth(self.eval(node.test, scope))
        if known is False:
            return self.flow(node.orelse, scope)
        before = dict(scope.names)
        self.doubt += 1
        flow = self.flow(node.body, scope)
        self.doubt -= 1
        if known is True:
            return Flow.ON if flow is not Flow.STOP or _breaks(node) else Flow.STOP
        self._merge(scope, before, [before, scope.names] if flow is not Flow.STOP else [before])
        return Flow.ON

    # try, with, match

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope) -> Flow:
        before = dict(scope.names)
        seen, read = len(self.observations), self.read
        flow = self.flow(node.body, scope)
        sure = self.read > read and len(self.observations) == seen
        if flow is Flow.ON:
            flow = self.flow(node.orelse, scope)
        after = [scope.names] if flow is Flow.ON else []
        flows = [flow]
        for handler in node.handlers:
            if sure or (flow is Flow.ON and never(node, handler)):
                continue  # what is read is a file of the tree: it is there, and it can be read
            scope.names = dict(before)
            self._join_into(scope, after)
            handled = self._handler(handler, scope)
            flows.append(handled)
            if handled is Flow.ON and not (flow is Flow.ON and of_imports(handler, node.body)):
                after.append(scope.names)
        self._merge(scope, before, after)
        last = self.flow(node.finalbody, scope)
        if last is not Flow.ON:
            return last
        return Flow.ON if after or Flow.ON in flows else flows[0]

    def _join_into(self, scope: Scope, after: list[dict[str, Value]]) -> None:
        for names in after[:1]:
            for name, value in names.items():
                scope.names.setdefault(name, value)

    def _handler(self, handler: ast.ExceptHandler, scope: Scope) -> Flow:
        if handler.name:
            scope.names[handler.name] = Unknown(handler.name)
        self.doubt += 1
        found = self.flow(handler.body, scope)
        self.doubt -= 1
        return found

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> Flow:
        for item in node.items:
            value = self.eval(item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        return self.flow(node.body, scope)

    def _match(self, node: ast.Match, scope: Scope) -> Flow:
        subject = self.eval(node.subject, scope)
        base = scope.names
        after: list[dict[str, Value]] = []
        self.doubt += 1
        for case in node.cases:
            answer = self._case(case.pattern, subject, scope)
            if answer is False:
                continue
            scope.names = dict(base)
            if self.flow(case.body, scope) is not Flow.STOP:
                after.append(scope.names)
            if answer is True:
                break
        else:
            after.append(base)
        self.doubt -= 1
        self._merge(scope, base, after)
        return Flow.ON if after else Flow.STOP

    def _case(self, pattern: ast.pattern, subject: Value, scope: Scope) -> bool | None:
        match pattern:
            case ast.MatchAs(pattern=None):
                return True
            case ast.MatchValue(value=value):
                wanted = self.eval(value, scope)
                answers = {self.compared(ast.Eq(), o, wanted) for o in options(subject)}
                return answers.pop() if len(answers) == 1 else None
            case ast.MatchOr(patterns=patterns):
                found = [self._case(p, subject, scope) for p in patterns]
                return True if True in found else (None if None in found else False)
            case _:
                return None

    # Definitions

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(self.eval(base, scope) for base in node.bases)
        found = ClassValue(node.name, node, scope, bases)
        found.decorators = tuple(decorator(d) for d in node.decorator_list)
        inner = Scope(scope.file, found.names, scope, scope.module or scope, "", "", found)
        self.flow(node.body, inner)
        found.names = inner.names
        self.classes.append(found)
        self.store(node.name, found, scope)


_HOW: dict[type[ast.stmt], str] = {
    ast.Expr: "_expression",
    ast.Assert: "_assert",
    ast.Assign: "_assign",
    ast.AnnAssign: "_annotated",
    ast.AugAssign: "augment",
    ast.Return: "_return",
    ast.Raise: "_raise",
    **dict.fromkeys((ast.Continue, ast.Break), "_jump"),
    ast.If: "_if",
    **dict.fromkeys((ast.For, ast.AsyncFor), "_for"),
    ast.While: "_while",
    **dict.fromkeys((ast.Try, ast.TryStar), "_try"),
    **dict.fromkeys((ast.With, ast.AsyncWith), "_with"),
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), "_function"),
    ast.ClassDef: "_class",
    **dict.fromkeys((ast.Import, ast.ImportFrom), "imported"),
    **dict.fromkeys((ast.Global, ast.Nonlocal), "_globals"),
    ast.Match: "_match",
}
"""What a statement does; the others do nothing here."""


def _breaks(node: ast.While) -> bool:
    return any(isinstance(inner, ast.Break) for inner in ast.walk(node))
