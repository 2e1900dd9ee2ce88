"""The interpreter as a whole: modules that run once, and joins that are remembered."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath
from torchsolve.project.scan.sinks import Sinks
from torchsolve.project.scan.state import Frame, OutOfStepsError
from torchsolve.project.scan.values import (
    ROOT,
    FunctionValue,
    PathValue,
    Scope,
    Text,
    Value,
    any_of,
    options,
    text,
    with_marks,
)

_PARTS = 4


class Interpreter(Sinks):
    """Runs modules and functions of one tree, abstractly."""

    @cached_property
    def tree_folders(self) -> frozenset[str]:
        """Every folder of the tree."""
        found: set[str] = set()
        for path in self.sources.all_paths:
            folder = path.rpartition("/")[0]
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    def module(self, file: str) -> Scope:
        """The names of a module of the tree; it runs when it is first asked for."""
        known = self.modules.get(file)
        if known is not None:
            return known
        scope = Scope(file)
        scope.module = scope
        self.modules[file] = scope
        tree = self.sources.to_run(file)
        if tree is not None and len(self.frames) < self.bounds.depth * 3:
            self._run_module(tree, scope)
        return scope

    def _run_module(self, tree: ast.Module, scope: Scope) -> None:
        frame = Frame(scope)
        steps, doubt = self.steps, self.doubt
        self.steps = self.doubt = 0
        self.frames.append(frame)
        depth = len(self.frames)
        rest = iter(tree.body)
        for _ in range(_PARTS):  # a statement that costs too much does not hide those behind it
            try:
                self.flow(rest, scope)
                break
            except (OutOfStepsError, RecursionError) as end:
                own = f"{scope.file}:{frame.line or 1}"
                self.unfinished.append(str(end) if isinstance(end, OutOfStepsError) else own)
                del self.frames[depth:]
                self.total += self.steps
                self.steps = self.doubt = 0
        self.frames.pop()
        self.total += self.steps
        self.steps, self.doubt = steps, doubt

    def is_spent(self, function: FunctionValue) -> bool:
        """Whether the bounds of all runs are met: a function that is left out for it is noted."""
        many = len(self.observations) >= self.bounds.observations
        spent = many or self.total >= self.bounds.total
        if spent:
            self.unfinished.append(f"{function.scope.file}:{function.node.lineno}")
        return spent

    def left(self) -> tuple[str, ...]:
        """Where bounds were met: so many places that each can be looked at, and how many more."""
        places = tuple(dict.fromkeys(self.unfinished))
        named, more = places[: self.bounds.named], len(places) - self.bounds.named
        return (*named, f"{more:,} more functions") if more > 0 else named

    def close(self) -> None:
        """Let go of what was read: taken apart here, it goes at once, without a collection."""
        for scope in self.modules.values():
            scope.names.clear()
            scope.module = None
        for cls in self.classes:
            cls.names.clear()
        self.sources.drop_all()

    def touch(self, file: str) -> None:
        """Run a module now where its running may matter to others."""
        self.reached.add(file)
        if file not in self.modules and self.graph.must_run(file):
            self.module(file)

    @cached_property
    def reached(self) -> set[str]:
        """Files that something imported while it ran."""
        return set()

    # Joins

    def note_join(self, found: Value, args: Sequence[Value]) -> Value:
        """Remember a path that was put together, and that its base was only a base."""
        if not self.frames or not any(_is_place(o) for o in options(found)):
            return found
        frame = self.frame
        key = f"{frame.scope.file}:{self.line or frame.line}"
        pattern = any(
            isinstance(p, str) and "*" in p
            for value in args[1:]
            for t in self.texts(value)
            for p in t.parts
        )
        if pattern:
            return found
        for value in args[:1]:
            self.extended.update(name for kind, name in _marks(value) if kind == "join")
        self.observe(Mechanism.MODELS_DIR, key, path=any_of(self.texts(found)), folder=False)
        clean = any_of(_unjoined(option) for option in options(found))
        return with_marks(clean, frozenset({("join", key)}))

    def call_node(self, node: ast.Call, scope: Scope) -> Value:
        """A call expression; its line is what a join is remembered by."""
        before = self.line
        found_line = node.lineno
        self.line = found_line
        try:
            return super().call_node(node, scope)
        finally:
            self.line = before

    def binary(self, node: ast.BinOp, scope: Scope) -> Value:
        """``left op right``; ``path / part`` is a join too."""
        found = super().binary(node, scope)
        is_join = isinstance(node.op, ast.Div)
        if is_join and any(isinstance(option, PathValue) for option in options(found)):
            before, self.line = self.line, node.lineno
            found = self.note_join(found, [self.extended_base(node, scope)])
            self.line = before
        return found

    def extended_base(self, node: ast.BinOp, scope: Scope) -> Value:
        """What the left side of ``path / part`` is, without running it again."""
        match node.left:
            case ast.Name(id=name):
                return self.name(name, scope)
            case ast.BinOp(lineno=line):
                return text(ROOT, frozenset({("join", f"{scope.file}:{line}")}))
            case _:
                return text("")

    def run(
        self,
        function: FunctionValue,
        args: Sequence[Value],
        keywords: dict[str, Value],
        node: ast.Call | None,
    ) -> Value:
        """Go through a function's body; a ``from_pretrained`` of the tree is a site of its own."""
        if function.name == "from_pretrained" and node is not None and self.frames:
            self.own_pretrained(function, list(args), keywords)
        before, self.line = self.line, 0
        try:
            return super().run(function, args, keywords, node)
        finally:
            self.line = before

    def std(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        """The standard library; a file that is opened may be a download's target."""
        if name == "builtins.open":
            self.opened(args, keywords)
        return super().std(name, args, keywords)


def _marks(value: Value) -> frozenset[tuple[str, str]]:
    found: frozenset[tuple[str, str]] = frozenset()
    for option in options(value):
        if isinstance(option, Text):
            found |= option.marks
        elif isinstance(option, PathValue):
            found |= option.text.marks
    return found


def _unjoined(value: Value) -> Value:
    if isinstance(value, Text):
        return Text(value.parts, frozenset(m for m in value.marks if m[0] != "join"))
    if isinstance(value, PathValue):
        inner = _unjoined(value.text)
        return PathValue(inner) if isinstance(inner, Text) else value
    return value


def _is_place(value: Value) -> bool:
    path = value.text if isinstance(value, PathValue) else value
    return isinstance(path, Text) and ospath.is_absolute(path)
