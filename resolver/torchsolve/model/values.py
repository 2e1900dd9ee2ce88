"""Slotted dataclasses, made in a twentieth of the time.

The standard decorator writes and compiles up to eight methods for each class: for the 140 classes
of a run that is a quarter of an answer from the cache. Here a method is compiled when it is first
called, or shared. What they do is the same, and ``dataclasses.fields`` and the like know the class.

For ``@dataclass(slots=True)``, with ``frozen``, ``eq`` and ``order``; annotations are texts, as
``from __future__ import annotations`` leaves them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass, replace

__all__ = ["dataclass", "field", "replace"]

_OWN = "__value_fields__"
_STANDARD = ("__dataclass_fields__", "__dataclass_params__")
_How = dict[str, bool]
_Fields = dict[str, tuple[Any, Any]]
"""Annotation and default of each."""


def _dataclass(*, slots: bool, **how: bool) -> Callable[[type], type]:
    if not slots:
        raise TypeError("dataclasses.dataclass makes classes without slots")
    return lambda cls: _made(cls, {"frozen": False, "eq": True, "order": False} | how)


def _replace(value: Any, **changes: Any) -> Any:
    kept = {name: getattr(value, name) for name in _names(value, "init")}
    return type(value)(**{**kept, **changes})


if not TYPE_CHECKING:
    dataclass, replace = _dataclass, _replace


def _made(cls: type, how: _How) -> type:
    own = {
        name: (hint, cls.__dict__.get(name, MISSING))
        for name, hint in cls.__annotations__.items()
        if not str(hint).startswith("ClassVar")
    }
    inherited: _Fields = {}
    for base in cls.__mro__[:0:-1]:
        inherited |= base.__dict__.get(_OWN, {})
    fields = inherited | own
    space = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in own and name not in ("__dict__", "__weakref__")
    }
    space = _methods(fields, how, space) | space
    space["__slots__"] = tuple(name for name in own if name not in inherited)
    space["__qualname__"] = cls.__qualname__
    space[_OWN] = fields

    made: type = type(cls)(cls.__name__, cls.__bases__, space)
    return made


def _methods(fields: _Fields, how: _How, said: dict[str, Any]) -> dict[str, Any]:
    names = [name for name, (_, default) in fields.items() if _is(default, "compare")]
    space: dict[str, Any] = {
        "__match_args__": tuple(fields),
        "__init__": _Later(lambda made: _init(made, fields)),
        "__repr__": _repr,
        **{name: _Standard(how) for name in _STANDARD},
    }
    if how["frozen"]:
        space |= _FROZEN
    if how["order"]:
        space |= _ordered(attrgetter(*names))
    if how["eq"]:
        space["__eq__"] = _Later(lambda _: _eq(names))
        # A class with an ``__eq__`` of its own has a ``__hash__`` of None, which nobody wrote.
        if "__eq__" in said and said.get("__hash__") is None:
            said.pop("__hash__", None)
        space["__hash__"] = _Later(lambda _: _hash(names)) if how["frozen"] else None
    return space


def _is(default: Any, what: str) -> bool:
    return getattr(default, what) if isinstance(default, Field) else True


def _names(value: Any, what: str) -> list[str]:
    fields: _Fields = getattr(value, _OWN)
    return [name for name, (_, default) in fields.items() if _is(default, what)]


class _Later:
    """A method that is compiled when it is first looked up, and then is the class's own."""

    def __init__(self, write: Callable[[type], Callable[..., Any]]) -> None:
        self._write = write

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: object, owner: type) -> Any:
        method = self._write(self._owner)
        method.__qualname__ = f"{self._owner.__qualname__}.{self._name}"
        setattr(self._owner, self._name, method)
        return method.__get__(instance, owner)


def _ordered(key: Callable[[Any], Any]) -> dict[str, Any]:
    def by(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
        def ordered(self: Any, other: Any) -> Any:
            if other.__class__ is not self.__class__:
                return NotImplemented
            return compare(key(self), key(other))

        return ordered

    return {
        "__lt__": by(lambda a, b: a < b),
        "__le__": by(lambda a, b: a <= b),
        "__gt__": by(lambda a, b: a > b),
        "__ge__": by(lambda a, b: a >= b),
    }


def _repr(self: Any) -> str:
    said = ", ".join(f"{name}={getattr(self, name)!r}" for name in _names(self, "repr"))
    return f"{type(self).__qualname__}({said})"


def _refuse_set(self: Any, name: str, value: Any) -> NoReturn:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> NoReturn:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _OWN)]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _OWN), state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN = {
    "__setattr__": _refuse_set,
    "__delattr__": _refuse_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}


def _init(made: type, fields: _Fields) -> Callable[..., None]:
    """``__init__`` of the class: each value straight into its slot."""
    scope: dict[str, Any] = {"_missing": MISSING}
    told, lines = ["self"], []
    for name, (_, default) in fields.items():
        value, asked = name, _is(default, "init")
        if isinstance(default, Field) and default.default_factory is not MISSING:
            scope[f"_make_{name}"] = default.default_factory
            value = f"_make_{name}()"
            if asked:
                told.append(f"{name}=_missing")
                value += f" if {name} is _missing else {name}"
        elif (plain := default.default if isinstance(default, Field) else default) is not MISSING:
            scope[f"_default_{name}"] = plain
            told += [f"{name}=_default_{name}"] if asked else []
            value = name if asked else f"_default_{name}"
        elif asked:
            told.append(name)
        else:
            continue
        scope[f"_set_{name}"] = getattr(made, name).__set__
        lines.append(f"_set_{name}(self, {value})")
    if hasattr(made, "__post_init__"):
        lines.append("self.__post_init__()")
    return _compiled(f"__init__({', '.join(told)})", lines, scope)


def _eq(names: list[str]) -> Callable[..., Any]:
    ours, theirs = (_tuple(of, names) for of in ("self", "other"))
    same = f"if other.__class__ is self.__class__: return {ours} == {theirs}"
    return _compiled("__eq__(self, other)", [same, "return NotImplemented"], {})


def _hash(names: list[str]) -> Callable[..., Any]:
    return _compiled("__hash__(self)", [f"return hash({_tuple('self', names)})"], {})


def _tuple(of: str, names: list[str]) -> str:
    return "(" + "".join(f"{of}.{name}, " for name in names) + ")"


def _compiled(head: str, lines: list[str], scope: dict[str, Any]) -> Callable[..., Any]:
    text = f"def {head}:\n " + "\n ".join(lines or ["pass"])
    exec(text, scope)  # noqa: S102 - of the names of fields alone
    method: Callable[..., Any] = scope[head.partition("(")[0]]
    return method


class _Standard(_Later):
    """What ``dataclasses`` knows of a class, made by it when something asks."""

    def __init__(self, how: _How) -> None:
        self._how = how

    def __get__(self, instance: object, owner: type) -> Any:
        fields: _Fields = getattr(self._owner, _OWN)
        space: dict[str, Any] = {
            name: default for name, (_, default) in fields.items() if default is not MISSING
        }
        space["__annotations__"] = {name: hint for name, (hint, _) in fields.items()}
        space["__doc__"] = "So that no signature is written for it."
        standard: Any = dataclasses.dataclass(**self._how)(type(owner.__name__, (), space))
        known = getattr(standard, self._name)
        setattr(self._owner, self._name, known)
        return known
