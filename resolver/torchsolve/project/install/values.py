"""Values of the evaluation: Python's own where they are known, and these where they are not."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from packaging.version import InvalidVersion, Version

PRESENT = frozenset({"present"})
INSTALLED = frozenset({"installed"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Open:
    """A value that is not known.

    Attributes:
        text: how to write it: source text, or a text with ``{…}`` for what is not known.
        tags: ``present`` where it asks whether a file is there, ``installed`` for a package.
    """

    text: str
    tags: frozenset[str] = NOTHING


@dataclass(frozen=True, slots=True)
class External:
    """A module outside the tree, or something in it, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a request, or its body."""

    url: Any


@dataclass(frozen=True, slots=True)
class Writer:
    """A file that is open for writing."""

    path: Any


@dataclass(slots=True, eq=False)
class Scope:
    """Names of a module, a class or a call. ``outer`` is the module's for a call."""

    file: str
    names: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, name: str) -> Any:
        """The value of a name; raises KeyError."""
        if name in self.names or self.outer is None:
            return self.names[name]
        return self.outer.find(name)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the tree; ``bound`` is its first argument where it is a method."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    bound: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of the tree, or an instance of one: its attributes."""

    name: str
    scope: Scope
    instance: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """A module of the tree."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Builtin:
    """A known function: what it gives for these arguments."""

    call: Callable[..., Any]


class TorchVersion(str):
    """torch.__version__: a string that compares as a version."""

    __slots__ = ()
    __hash__ = str.__hash__

    def _compare(self, other: object, than: Callable[[Version, Version], bool]) -> bool:
        try:
            return than(Version(str(self)), Version(str(other)))
        except InvalidVersion:
            return False

    def __lt__(self, other: object) -> bool:
        return self._compare(other, Version.__lt__)

    def __le__(self, other: object) -> bool:
        return self._compare(other, Version.__le__)

    def __gt__(self, other: object) -> bool:
        return self._compare(other, Version.__gt__)

    def __ge__(self, other: object) -> bool:
        return self._compare(other, Version.__ge__)


class Config(dict[str, Any]):
    """A table of a configuration file whose keys are attributes too, with its root."""

    root: Config


def is_plain(value: object) -> bool:
    """Whether it is a value of Python's own, all the way down."""
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    return value is None or isinstance(
        value, str | int | float | bool | bytes | PurePosixPath | Version
    )


def text_of(value: object) -> str:
    """A value in a text: itself where it is known, ``{…}`` where it is not."""
    if isinstance(value, Open):
        return value.text if "{" in value.text else f"{{{value.text}}}"
    if isinstance(value, External):
        return f"{{{value.name}}}"
    if is_plain(value):
        return str(value)
    return "{?}"


def is_known_text(value: object) -> bool:
    """Whether it is a text or a path of which every part is known."""
    return isinstance(value, str | PurePosixPath)
