"""A command whose plain flags cost nothing to read.

typer makes a pydantic adapter for each parameter of a command, given or not: with forty flags that
is half of what an answer from the cache takes. A value that is of its parameter's type as the
command line gives it, or is not given at all, needs none; any other goes typer's own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable


class Command(TyperCommand):
    """A typer command; its parameters are read by ``_Plain``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, ``--help`` too."""
        return _made_plain(super().get_params(ctx))


class Group(TyperGroup):
    """The same for a group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, ``--help`` too."""
        return _made_plain(super().get_params(ctx))


def _made_plain(params: list[Any]) -> list[Any]:
    for param in params:
        own = getattr(param, "get_runtime_param", None)
        described = getattr(param, "type_descriptor", None)
        # Where another typer works otherwise, it is slower and no less right.
        if own is not None and described is not None and not isinstance(own, _Reader):
            param.get_runtime_param = _Reader(described.annotation, own)
    return params


class _Reader:
    """Stands in for a parameter's ``get_runtime_param``."""

    def __init__(self, kind: Any, otherwise: Callable[[], Any]) -> None:
        self._plain = _Plain(kind, otherwise)

    def __call__(self) -> _Plain:
        return self._plain


class _Plain:
    def __init__(self, kind: Any, otherwise: Callable[[], Any]) -> None:
        self._kind, self._otherwise = kind, otherwise

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """What the command gets. Raises typer's BadParameter."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if several and self._kind == list[str] and _are_texts(value):
            return list(value)
        if not several and self._kind in (str, int) and type(value) is self._kind:
            return value
        return self._otherwise().coerce(value, param=param, ctx=ctx)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(type(text) is str for text in value)
