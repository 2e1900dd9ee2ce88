"""What the interpreter knows while it runs, and what its parts ask of each other."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.journal import Journal
from torchsolve.project.scan.observation import Guard, Observation
from torchsolve.project.scan.sources import Sources
from torchsolve.project.scan.values import (
    ClassValue,
    FunctionValue,
    Instance,
    Scope,
    Text,
    Unknown,
    Value,
)


class OutOfStepsError(Exception):
    """The bound of one run was met: the run ends, what it saw stays."""


@dataclass(slots=True)
class Frame:
    """A call under way.

    Attributes:
        line: of the call, in the frame that called.
        request: a download whose target file is not known yet.
    """

    scope: Scope
    line: int = 0
    returned: list[Value] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    request: Observation | None = None
    runs: bool = True


@dataclass(slots=True)
class Bounds:
    """What a run may cost.

    Attributes:
        steps: expressions and statements of one run; ``total`` of all runs.
        depth: calls inside calls.
        observations: what may be seen before a run ends and no more functions are run.
        named: places where a bound was met that are told apart; the rest is a count.
    """

    steps: int = 20_000
    total: int = 800_000
    depth: int = 14
    observations: int = 12_000
    unroll: int = 48
    named: int = 200


class State:
    """The store of one scan; subclasses add what is done with it."""

    def __init__(
        self,
        sources: Sources,
        graph: ModuleGraph,
        home: str,
        folders: Mapping[str, tuple[Sequence[str], Sequence[str]]],
        bounds: Bounds | None = None,
    ) -> None:
        self.sources = sources
        self.graph = graph
        self.interest = graph.interest
        self.home = home
        self.bounds = bounds or Bounds()
        self.modules: dict[str, Scope] = {}
        self.running: set[str] = set()
        self.frames: list[Frame] = []
        self.steps = 0
        self.total = 0
        self.observations: list[Observation] = []
        self.unfinished: list[str] = []
        self.environment: dict[str, Value] = {}
        self.checks: list[Value] = []
        self.doubt = 0
        self.asking = False
        self.journal = Journal()
        self.read = 0
        self.foreign = False
        self.place = ""
        self.split_on: dict[str, None] = {}
        self.counter = 0
        self.line = 0
        self.file = ""
        self.entry = ""
        self.folders = {name: (list(d), list(e)) for name, (d, e) in folders.items()}
        self.classes: list[ClassValue] = []
        self.looked: list[Text] = []
        self.extended: set[str] = set()
        self.results: dict[object, tuple[Value, Sequence[Value], Mapping[str, Value]]] = {}
        self.mattering: dict[ast.expr, bool] = {}
        self.tests: dict[ast.expr, tuple[tuple[str, ...], bool]] = {}
        self.executed: set[tuple[str, int]] = set()
        self.ran: set[tuple[str, int]] = set()

    # What the parts ask of each other.
    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def body(self, statements: Sequence[ast.stmt], scope: Scope) -> bool:
        """Run statements; False where none behind them is reached."""
        raise NotImplementedError

    def call(
        self, function: Value, args: list[Value], keywords: dict[str, Value], node: ast.Call | None
    ) -> Value:
        """The value of a call."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str) -> Value:
        """``value.name``."""
        raise NotImplementedError

    def item(self, value: Value, key: Value) -> Value:
        """``value[key]``."""
        raise NotImplementedError

    def truth(self, value: Value) -> bool | None:
        """Whether a value is true; None where it may be either."""
        raise NotImplementedError

    def elements(self, value: Value) -> list[Value]:
        """What a loop over a value meets; an element that stands for many is one."""
        raise NotImplementedError

    def module(self, file: str) -> Scope:
        """The names of a module of the tree; it runs when it is first asked for."""
        raise NotImplementedError

    def instantiate(
        self, cls: ClassValue, args: list[Value], keywords: dict[str, Value], node: ast.Call | None
    ) -> Value:
        """An object of a class of the tree."""
        raise NotImplementedError

    def method(self, cls: ClassValue, name: str) -> Value | None:
        """A name of a class or of its bases."""
        raise NotImplementedError

    def run(
        self,
        function: FunctionValue,
        args: Sequence[Value],
        keywords: dict[str, Value],
        node: ast.Call | None,
    ) -> Value:
        """Go through a function's body with these arguments."""
        raise NotImplementedError

    @property
    def tree_folders(self) -> frozenset[str]:
        """Every folder of the tree."""
        raise NotImplementedError

    def matters(self, function: FunctionValue) -> bool:
        """Whether a function is worth running."""
        raise NotImplementedError

    # Small helpers that all parts use.
    def step(self) -> None:
        """Count one step; raises OutOfStepsError at the bound."""
        self.steps += 1
        if self.steps > self.bounds.steps:
            frame = self.frames[-1] if self.frames else None
            raise OutOfStepsError(f"{frame.scope.file}:{frame.line or 1}" if frame else self.place)

    def said_of(self, test: ast.expr) -> tuple[tuple[str, ...], bool]:
        """Names in a test, and whether it has a ``not``."""
        known = self.tests.get(test)
        if known is None:
            nodes = list(ast.walk(test))
            names = dict.fromkeys(n.id for n in nodes if isinstance(n, ast.Name))
            known = tuple(names), any(isinstance(n, ast.Not) for n in nodes)
            self.tests[test] = known
        return known

    def fresh(self) -> str:
        """A new identity for a call."""
        self.counter += 1
        return str(self.counter)

    @property
    def frame(self) -> Frame:
        """The innermost call."""
        return self.frames[-1]

    def instance_of(self, cls: ClassValue) -> Instance:
        """An object of which only its class is known."""
        return Instance(cls)

    def unknown(self, node: ast.AST | None = None, kind: str = "run") -> Unknown:
        """A value of which nothing is known, labelled by the expression."""
        return Unknown(label_of(node), kind)


def label_of(node: ast.AST | None) -> str:
    """A name for what an expression stands for."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))) if name.isprintable():
            return name
        case ast.Subscript(value=inner):
            return label_of(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=name)):
            return label_of(inner) if name in _PLAIN else name
        case ast.Call(func=inner):
            return label_of(inner)
        case ast.Starred(value=inner) | ast.Await(value=inner):
            return label_of(inner)
        case _:
            return ""


_PLAIN = frozenset({"strip", "lower", "get", "split", "replace", "format", "join", "pop"})
