"""Where a run begins: imported modules, the functions of nodes, what is left over."""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import product

from torchsolve.model.values import dataclass, replace
from torchsolve.project.scan.interest import opening_lines
from torchsolve.project.scan.interpreter import Interpreter
from torchsolve.project.scan.journal import Journal
from torchsolve.project.scan.observation import Observation
from torchsolve.project.scan.state import Frame, OutOfStepsError
from torchsolve.project.scan.values import (
    MOST,
    NONE,
    AnyOf,
    Called,
    ClassValue,
    Const,
    DictValue,
    FunctionValue,
    Hole,
    Instance,
    ListValue,
    Part,
    Scope,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    marks_of,
    options,
    text,
    with_marks,
)

_AFFORDED, _SHARE = 60_000, 12  # steps of one node's choices; which part of all that are left
_PLAIN = frozenset({"INT", "FLOAT", "BOOLEAN", "STRING"})


@dataclass(slots=True)
class Parameter:
    """An input of a node.

    Attributes:
        wire: the type that other nodes hand on; ``optional``: nothing may be connected.
    """

    value: Value
    wire: str = ""
    optional: bool = False

    def given(self, wires: dict[str, Value]) -> Value:
        """What the function gets."""
        if self.wire not in wires:
            return self.value
        handed = wires[self.wire]
        return any_of([handed, NONE]) if self.optional else handed


@dataclass(slots=True)
class Runner:
    """Runs what may run, in the order in which it would."""

    machine: Interpreter

    def modules(self, files: list[str], entry: str) -> None:
        """Import modules, each once."""
        for file in files:
            self.machine.entry = entry
            self.machine.module(file)

    def nodes(self, files: set[str]) -> None:
        """Run the functions of every node class that the tree defines in ``files``."""
        machine = self.machine
        machine.entry = "node"
        wires: dict[str, Value] = {}
        waiting = [c for c in machine.classes if c.scope.file in files and self._is_node(c)]
        later: list[ClassValue] = []
        for cls in waiting:
            parameters = self._parameters(cls)
            if any(p.wire for p in parameters.values()):
                later.append(cls)
            else:
                self._node(cls, parameters, wires)
        for cls in later:
            self._node(cls, self._parameters(cls), wires)

    def _is_node(self, cls: ClassValue) -> bool:
        machine = self.machine
        asks = machine.method(cls, "INPUT_TYPES") or machine.method(cls, "define_schema")
        return asks is not None

    def _node(self, cls: ClassValue, found: dict[str, Parameter], wires: dict[str, Value]) -> None:
        machine = self.machine
        name = self._function_name(cls)
        function = machine.method(cls, name)
        if not isinstance(function, FunctionValue) or not machine.interest.has(function.node):
            return
        values = {key: parameter.given(wires) for key, parameter in found.items()}
        owner = self._object(cls)
        self._every_choice(cls, function, owner, values, wires)

    def _object(self, cls: ClassValue) -> Value:
        return self.guarded(lambda: self.machine.instantiate(cls, [], {}, None), Instance(cls))

    def guarded(self, action: Callable[[], Value], default: Value) -> Value:
        """What a run gives; its bounds end it and are noted."""
        machine = self.machine
        machine.steps = 0
        depth = len(machine.frames)
        try:
            found = action()
        except (OutOfStepsError, RecursionError) as end:
            place = str(end) if isinstance(end, OutOfStepsError) else machine.place
            machine.unfinished.append(place)
            found = default
        finally:
            del machine.frames[depth:]
            machine.total += machine.steps
            machine.doubt = 0
        return found

    def _function_name(self, cls: ClassValue) -> str:
        name = self.machine.method(cls, "FUNCTION")
        if isinstance(name, Text) and name.literal:
            return name.literal
        return "execute"

    def _every_choice(
        self,
        cls: ClassValue,
        function: FunctionValue,
        owner: Value,
        values: dict[str, Value],
        wires: dict[str, Value],
    ) -> None:
        """One run with every choice open; then, where choices matter, one run for each."""
        machine = self.machine
        start = len(machine.observations)
        machine.split_on.clear()
        machine.journal = Journal()
        result = self._run(function, owner, values)
        seen = machine.observations[start:]
        afforded = min(_AFFORDED, (machine.bounds.total - machine.total) // _SHARE)
        most = min(MOST, max(afforded // max(machine.steps, 1), 4))
        names = [n for n in _choices(seen, machine) if isinstance(values.get(n), AnyOf)]
        sizes = 1
        chosen: list[str] = []
        for name in names:
            size = len(options(values[name]))
            if sizes * size <= most:
                chosen.append(name)
                sizes *= size
        whole = machine.journal
        whole.undo()
        if chosen and not machine.is_spent(function):
            del machine.observations[start:]
            for combination in product(*(options(values[n]) for n in chosen)):
                picked = values | dict(zip(chosen, combination, strict=True))
                machine.journal = Journal()
                self._run(function, owner, picked)
                machine.journal.undo()
            met = {_line(o) for o in machine.observations[start:]}
            machine.observations += [o for o in seen if _line(o) not in met]
        whole.redo()
        self._wire(cls, result, wires)

    def _run(self, function: FunctionValue, owner: Value, values: dict[str, Value]) -> Value:
        first = (
            owner.cls
            if isinstance(owner, Instance) and "classmethod" in function.decorators
            else owner
        )
        bound = None if "staticmethod" in function.decorators else first
        method = FunctionValue(function.node, function.scope, function.owner, bound)
        return self.guarded(lambda: self.machine.run(method, [], dict(values), None), Unknown())

    def _wire(self, cls: ClassValue, result: Value, wires: dict[str, Value]) -> None:
        """What a node returns under a type of its own goes to the nodes that take that type."""
        types = self.machine.method(cls, "RETURN_TYPES")
        if not isinstance(types, ListValue):
            return
        for option in options(result):
            if not isinstance(option, ListValue):
                continue
            for kind, value in zip(types.items, option.items, strict=False):
                if isinstance(kind, Text) and kind.literal and _carries(value):
                    known = wires.get(kind.literal)
                    wires[kind.literal] = value if known is None else any_of([known, value])

    # Inputs

    def _parameters(self, cls: ClassValue) -> dict[str, Parameter]:
        machine = self.machine
        asks = machine.method(cls, "INPUT_TYPES")
        if isinstance(asks, FunctionValue):
            return self._from_types(self._asked(asks, cls))
        schema = machine.method(cls, "define_schema")
        if isinstance(schema, FunctionValue):
            return self._from_schema(self._asked(schema, cls))
        return {}

    def _asked(self, function: FunctionValue, cls: ClassValue) -> Value:
        known = FunctionValue(function.node, function.scope, function.owner, cls)
        if "staticmethod" in function.decorators:
            known.bound = None
        self.machine.asking = True
        found = self.guarded(lambda: self.machine.run(known, [], {}, None), Unknown())
        self.machine.asking = False
        return found

    def _from_types(self, types: Value) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for option in options(types):
            if not isinstance(option, DictValue):
                continue
            for group in ("required", "optional"):
                row = option.items.get(group)
                for inner in options(row) if row is not None else ():
                    if isinstance(inner, DictValue):
                        for name, spec in inner.items.items():
                            known = self._parameter(str(name), spec)
                            found[str(name)] = replace(known, optional=group == "optional")
        return found

    def _parameter(self, name: str, spec: Value) -> Parameter:
        for option in options(spec):
            if isinstance(option, ListValue) and option.items:
                settings = option.items[1] if len(option.items) > 1 else None
                return self._typed(name, option.items[0], settings)
        return Parameter(Unknown(name))

    def _typed(self, name: str, kind: Value, settings: Value | None) -> Parameter:
        default = settings.items.get("default") if isinstance(settings, DictValue) else None
        choices = [
            o for k in options(kind) if isinstance(k, ListValue) for o in self.machine.elements(k)
        ]
        if choices:
            return Parameter(chosen(name, choices))
        word = kind.literal if isinstance(kind, Text) else None
        if word == "COMBO" and isinstance(settings, DictValue) and "options" in settings.items:
            return Parameter(chosen(name, self.machine.elements(settings.items["options"])))
        if word == "STRING":
            return Parameter(_free(name, default))
        if word is None or word in _PLAIN:
            return Parameter(Unknown(name))
        return Parameter(Unknown(name), word)

    def _from_schema(self, schema: Value) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for option in options(schema):
            inputs = option.keywords.get("inputs") if isinstance(option, Called) else None
            for item in self.machine.elements(inputs) if inputs is not None else ():
                if isinstance(item, Called):
                    found |= self._schema_input(item)
        return found

    def _schema_input(self, item: Called) -> dict[str, Parameter]:
        identity = item.args[0] if item.args else item.keywords.get("id")
        name = identity.literal if isinstance(identity, Text) else None
        if name is None:
            return {}
        kind = item.name.split(".")[-2] if item.name.count(".") else ""
        choices = item.keywords.get("options", item.args[1] if len(item.args) > 1 else None)
        if kind == "Combo" and choices is not None:
            return {name: Parameter(chosen(name, self.machine.elements(choices)))}
        if kind == "String":
            return {name: Parameter(_free(name, item.keywords.get("default")))}
        wire = "" if kind in ("Int", "Float", "Boolean") else kind
        optional = item.keywords.get("optional", NONE) == Const(value=True)
        return {name: Parameter(Unknown(name), wire, optional)}

    # What no run has met

    def leftovers(self, file: str, seen: set[tuple[str, int]]) -> None:
        """Run the functions of a module whose lines were not met: alone, with their defaults.

        Of one that did run, for the branches that it did not take: only they count.
        """
        machine = self.machine
        lines = machine.graph.marks(file)
        machine.entry = "alone"
        scope = machine.module(file)
        for function, first, last in list(_defined(scope, machine)):
            ran = (file, first) in machine.executed
            marked = opening_lines(function.node) if ran else _between(lines, first, last)
            missing = {(file, line) for line in marked} - seen
            if missing and not machine.is_spent(function):
                machine.entry = "untaken" if ran else "alone"
                start = len(machine.observations)
                self._alone(function)
                new = machine.observations[start:]
                if ran:
                    new = [o for o in new if missing & {(c.file, c.line) for c in o.chain}]
                    machine.observations[start:] = new
                seen.update((c.file, c.line) for o in new for c in o.chain)
        machine.entry = "alone"
        self._main(file, scope)

    def _alone(self, function: FunctionValue) -> None:
        owner = function.owner
        bound: Value | None = None
        if owner is not None and "staticmethod" not in function.decorators:
            bound = owner if "classmethod" in function.decorators else Instance(owner)
        method = FunctionValue(function.node, function.scope, owner, bound, function.decorators)
        self.guarded(lambda: self.machine.run(method, [], {}, None), NONE)

    def _main(self, file: str, scope: Scope) -> None:
        """The block below ``if __name__ == "__main__"``."""
        tree = self.machine.sources.module(file)
        for node in tree.body if tree else ():
            if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
                inner = Scope(file, dict(scope.names), None, scope, "__main__")
                inner.frame = self.machine.fresh()
                self.guarded(lambda n=node, s=inner: self._block(n, s), NONE)  # type: ignore[misc]

    def _block(self, node: ast.If, scope: Scope) -> Value:
        self.machine.frames.append(Frame(scope))
        self.machine.flow(node.body, scope)
        return NONE


def chosen(name: str, choices: list[Value]) -> Value:
    """The value of a combo: one of its entries, or what a listing holds."""
    found: list[Value] = []
    known = [o.literal for c in choices for o in options(c) if isinstance(o, Text)]
    others = {("other", word) for word in known[:MOST] if word is not None}
    listed = frozenset({("user", name), ("rest", name), *others})
    for choice in choices:
        for option in options(choice):
            if isinstance(option, Text):
                marks = listed if option.holes else frozenset({("enum", name)})
                parts = tuple(_renamed(part, name) for part in option.parts)
                found.append(Text(parts, option.marks | marks))
            elif isinstance(option, Unknown):
                found.append(hole(name, "user", listed))
            else:
                found.append(option)
    return any_of([v for v in found if not (isinstance(v, Text) and not v.parts)] or found)


def _renamed(part: Part, name: str) -> Part:
    return Hole(name, "user") if isinstance(part, Hole) else part


def _free(name: str, default: Value | None) -> Value:
    if isinstance(default, ListValue) and default.items:
        default = default.items[0]
    mark = frozenset({("user", name), ("typed", "")})
    known = default.literal if isinstance(default, Text) else None
    return text(known, mark) if known else hole(name, "user", mark)


def _choices(seen: list[Observation], machine: Interpreter) -> list[str]:
    """Combos that what was seen depends on: through its values, or by which way was taken."""
    found = [name for o in seen for kind, name in sorted(o.marks) if kind == "enum"]
    several = any(
        (isinstance(value, AnyOf) and all(kind != "enum" for kind, _ in marks_of(value)))
        or (isinstance(value, Text) and any(h.kind == "enum" for h in value.holes))
        for o in seen
        for value in (o.path, o.repo, o.url)
        if value is not None
    )
    return list(dict.fromkeys([*found, *(machine.split_on if several else ())]))


def _line(seen: Observation) -> tuple[str, int]:
    return (seen.chain[0].file, seen.chain[0].line) if seen.chain else ("", 0)


def _carries(value: Value) -> bool:
    return any(isinstance(o, Instance | DictValue | ListValue | Text) for o in options(value))


def _defined(scope: Scope, machine: Interpreter) -> Iterator[tuple[FunctionValue, int, int]]:
    """Functions of a module and of its classes, with their first and last lines."""
    for value in list(scope.names.values()):
        if isinstance(value, FunctionValue) and value.scope.file == scope.file:
            yield from _lines(value)
    for cls in machine.classes:
        if cls.scope.file == scope.file:
            for value in list(cls.names.values()):
                if isinstance(value, FunctionValue):
                    yield from _lines(value)


def _between(lines: tuple[int, ...], first: int, last: int) -> tuple[int, ...]:
    return lines[bisect_left(lines, first) : bisect_right(lines, last)]


def _lines(value: FunctionValue) -> Iterator[tuple[FunctionValue, int, int]]:
    yield value, value.node.lineno, value.node.end_lineno or value.node.lineno


__all__ = ["Runner", "chosen", "with_marks"]
