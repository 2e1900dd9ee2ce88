"""What an expression may be worth, without running it.

A ``Text`` is a string with holes: what somebody else decides (a user, a config, the environment)
stays a named hole in it. ``AnyOf`` is one of several values, in the order met.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from torchsolve.model.models import Choice

ROOT = "\x00"
"""First character of a path inside ComfyUI's root; the rest is relative to it."""
HOME = "\x01"
"""First character of a path inside the home directory."""

MOST = 64
"""Alternatives that are kept of one value."""

_MOST_VAGUE = 6
_LONGEST = 20_000

Mark: TypeAlias = tuple[str, str]
Marks: TypeAlias = frozenset[Mark]
NO_MARKS: Marks = frozenset()


@dataclass(frozen=True, slots=True)
class Hole:
    """A part of a string that the source does not decide.

    Attributes:
        kind: who decides: a user, a config, the environment; ``run`` for what only a run can tell.
    """

    name: str
    kind: str = "run"


Part: TypeAlias = str | Hole


@dataclass(frozen=True, slots=True)
class Text:
    """A string. ``marks`` say what it came through and do not count for equality.

    Attributes:
        marks: ``("enum", parameter)``, ``("env", variable)``, ``("arg", frame)``,
            ``("join", key)``; ``("rest", parameter)`` for any entry of a combo but the known ones,
            which are ``("other", word)``; ``("typed", "")`` for what a user may overwrite.
    """

    parts: tuple[Part, ...]
    marks: Marks = field(default=NO_MARKS, compare=False)

    @property
    def literal(self) -> str | None:
        """The string, None with holes."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What is open in it."""
        return tuple(part for part in self.parts if isinstance(part, Hole))


@dataclass(frozen=True, slots=True)
class Const:
    """A value of Python that is no string: number, None, True, bytes, ``...``."""

    value: object
    marks: Marks = field(default=NO_MARKS, compare=False)


@dataclass(frozen=True, slots=True)
class PathValue:
    """A ``pathlib.Path``."""

    text: Text


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several values; never nested, never of one."""

    options: tuple[Value, ...]


@dataclass(slots=True, eq=False)
class Unknown:
    """A value that is not known; what is written to its parts is remembered.

    Attributes:
        label: names the hole that it leaves in a string.
        kind: as of ``Hole``.
    """

    label: str = ""
    kind: str = "run"
    marks: Marks = NO_MARKS
    parts: dict[str, Value] = field(default_factory=dict)
    truth: bool | None = None


@dataclass(slots=True, eq=False)
class ListValue:
    """A list, tuple or set. ``rest``: an element that stands for any number of more."""

    items: list[Value] = field(default_factory=list)
    rest: Value | None = None
    kind: str = "list"
    category: str | None = None


@dataclass(slots=True, eq=False)
class DictValue:
    """A dict. ``rest`` stands for entries whose keys are not known."""

    items: dict[object, Value] = field(default_factory=dict)
    rest: Value | None = None


@dataclass(slots=True, eq=False)
class Scope:
    """Names of a module or of a function call.

    Attributes:
        frame: identity of the call, for ``("arg", frame)`` marks.
        function: the name of the function, ``""`` at module level.
    """

    file: str
    names: dict[str, Value] = field(default_factory=dict)
    outer: Scope | None = None
    module: Scope | None = None
    function: str = ""
    frame: str = ""
    owner: ClassValue | None = None
    globals: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class FunctionValue:
    """A function of the tree; ``bound`` is its first argument where it is a method."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    owner: ClassValue | None = None
    bound: Value | None = None
    decorators: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As defined."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(slots=True, eq=False)
class ClassValue:
    """A class of the tree.

    Attributes:
        fields: what was assigned to an attribute of any of its instances.
    """

    name: str
    node: ast.ClassDef
    scope: Scope
    bases: tuple[Value, ...] = ()
    names: dict[str, Value] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)
    fields: dict[str, Value] = field(default_factory=dict)
    decorators: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a class of the tree."""

    cls: ClassValue
    names: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ModuleValue:
    """A module of the tree."""

    file: str


@dataclass(frozen=True, slots=True)
class Lazy:
    """A name that an import binds: looked up when it is used."""

    file: str
    name: str | None
    fallback: Value | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Something that is not of the tree, by its dotted name: ``os.path.join``."""

    name: str


@dataclass(slots=True, eq=False)
class Called:
    """What an external callable gave; its arguments are kept."""

    name: str
    args: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    line: int = 0
    parts: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Super:
    """``super()``."""

    cls: ClassValue
    bound: Value


Value: TypeAlias = (
    Text
    | Const
    | PathValue
    | AnyOf
    | Unknown
    | ListValue
    | DictValue
    | FunctionValue
    | ClassValue
    | Instance
    | ModuleValue
    | Lazy
    | External
    | Called
    | Super
)

NONE = Const(None)
TRUE = Const(True)
FALSE = Const(False)


def text(value: str, marks: Marks = NO_MARKS) -> Text:
    """A string without holes."""
    return Text((value,) if value else (), marks)


_WIDEST = 64


def constant(value: object) -> Value:
    """A literal; what no path can hold is not known: a number too long to write, half a character.

    The marks of the root and of the home directory are ours alone.
    """
    if isinstance(value, str):
        return text(value) if _is_path_text(value) else Unknown("text")
    wide = isinstance(value, int) and value.bit_length() > _WIDEST
    return Unknown("number") if wide else Const(value)


def _is_path_text(value: str) -> bool:
    if ROOT in value or HOME in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def hole(name: str, kind: str = "run", marks: Marks = NO_MARKS) -> Text:
    """A string of which nothing is known but a name for it."""
    return Text((Hole(name, kind),), marks)


def options(value: Value) -> tuple[Value, ...]:
    """The alternatives of a value."""
    return value.options if isinstance(value, AnyOf) else (value,)


def there(value: Value) -> tuple[Value, ...]:
    """The alternatives that have attributes and items: asking None for one ends the run."""
    known = options(value)
    return tuple(o for o in known if o != NONE) or known


def any_of(values: Iterable[Value]) -> Value:
    """One of ``values``; equal ones are one, their marks put together."""
    values = tuple(values)
    if len(values) == 1 or (len(values) == 2 and values[0] is values[1]):
        return values[0]
    found: dict[Value, Value] = {}
    vague: set[object] = set()
    for value in values:
        for option in options(value):
            if type(option) in _VAGUE:
                kind = _vague(option)
                if kind is not None and (kind in vague or len(vague) >= _MOST_VAGUE):
                    continue
                vague.add(kind)
            known = found.setdefault(option, option)
            if known is not option:
                found[option] = with_marks(known, marks_of(option))
    if not found:
        return Unknown()
    if len(found) == 1:
        return next(iter(found.values()))
    return AnyOf(tuple(found.values())[:MOST])


_VAGUE = frozenset({Unknown, Called, Const})


def _vague(value: Value) -> object:
    """What makes two values that say little the same one; None for those that are kept."""
    if isinstance(value, Called):
        return value.name
    if isinstance(value, Const):
        plain = value.value is None or isinstance(value.value, bool)
        return None if plain else ("number", value.value)
    return (value.label, value.kind) if isinstance(value, Unknown) and not value.parts else None


def list_of(items: Sequence[Value], rest: Value | None = None, kind: str = "list") -> ListValue:
    """A list that was put together; what is past the bound is only known to be there."""
    if len(items) > _LONGEST:
        return ListValue(list(items[:_LONGEST]), rest if rest is not None else Unknown(), kind)
    return ListValue(list(items), rest, kind)


def marks_of(value: Value) -> Marks:
    """What a value came through."""
    if isinstance(value, Text | Const | Unknown):
        return value.marks
    if isinstance(value, PathValue):
        return value.text.marks
    if isinstance(value, AnyOf):
        return frozenset().union(*(marks_of(option) for option in value.options))
    return NO_MARKS


def with_marks(value: Value, marks: Marks) -> Value:
    """The value with more marks; containers are left alone."""
    if not marks:
        return value
    match value:
        case Text(parts, known):
            return value if marks <= known else Text(parts, known | marks)
        case Const(inner, known):
            return Const(inner, known | marks)
        case PathValue(inner):
            return PathValue(Text(inner.parts, inner.marks | marks))
        case AnyOf(inner):
            return AnyOf(tuple(with_marks(option, marks) for option in inner))
        case _:
            return value


def kind_of(choice: Choice) -> str:
    """The kind of a hole that is decided so."""
    return choice.value
