"""Flags that several commands share, added to a command's own by a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from torchsolve.cli.console import view_of
from torchsolve.cli.flags import MANY, OF_RESOLVE, ONE, PROBLEM, RUN, RUN_PANEL, SWITCH, Flag
from torchsolve.config import load_settings

Command = Callable[..., None]
Projects = Annotated[
    list[str],
    typer.Argument(
        metavar="PROJECT",
        help="A folder, owner/repo\\[@rev], Comfy registry id, git URL, wheel, requirements file, "
        "pyproject.toml, lock, script, "
        "or a bundled sample: trellis2, wanvideo, bria-rmbg.",
        show_default=False,
    ),
]

_PREFIX = "set_"  # ``--with`` could not be a parameter's name without one
_KINDS: dict[str, Any] = {ONE: str | None, MANY: list[str] | None, SWITCH: bool | None}


def _option(flag: Flag) -> inspect.Parameter:
    names = ["--undeclared/--no-undeclared"] if flag.name == "undeclared" else [f"--{flag.name}"]
    info = typer.Option(
        *names,
        metavar=flag.metavar,
        help=flag.help,
        rich_help_panel=flag.panel,
        show_default=False,
    )
    return inspect.Parameter(
        _PREFIX + flag.name.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_KINDS[flag.kind], info],
    )


def _flag_name(parameter: inspect.Parameter) -> str:
    return parameter.name.removeprefix(_PREFIX).replace("_", "-")


def _view_options(formats: tuple[str, ...]) -> tuple[inspect.Parameter, ...]:
    def parameter(
        name: str, kind: Any, default: Any, *flags: str, **info: Any
    ) -> inspect.Parameter:
        option = typer.Option(*flags, rich_help_panel=RUN_PANEL, show_default=False, **info)
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, option],
        )

    asked = parameter(
        "format_", str, "text", "--format", metavar="|".join(formats), help="of the result"
    )
    return (
        parameter("json_", bool, False, "--json", help="one JSON document on stdout"),
        *((asked,) if len(formats) > 2 else ()),
        parameter("quiet", bool, False, "--quiet", "-q", help="results and errors only"),
        parameter("verbose", int, 0, "--verbose", "-v", count=True, help="say more"),
    )


def takes_view(*formats: str) -> Callable[[Command], Command]:
    """Adds ``--json``, ``-q``, ``-v`` (and ``--format``); the command gets ``view=View``."""
    known = ("text", "json", *formats)
    shared = _view_options(known)

    def decorate(function: Command) -> Command:
        def call(values: dict[str, Any]) -> None:
            function(view=view_of(values, known), **values)

        return _command(function, shared, ("view",), call)

    return decorate


def takes_settings(
    *formats: str, problem: bool = True, pins: bool = False
) -> Callable[[Command], Command]:
    """``takes_view``, and every setting of the solve; the command gets ``settings=Settings``."""
    known = ("text", "json", *formats)
    rows = (*(PROBLEM if problem else ()), *(OF_RESOLVE if pins else ()), *RUN)
    flags = tuple(map(_option, rows))

    def decorate(function: Command) -> Command:
        def call(values: dict[str, Any]) -> None:
            view = view_of(values, known)
            given = {_flag_name(flag): values.pop(flag.name) for flag in flags}
            references = values.get("projects", ())
            settings = load_settings(given, references, verbosity=view.verbosity)
            function(settings=settings, view=view, **values)

        return _command(function, (*flags, *_view_options(known)), ("settings", "view"), call)

    return decorate


def _command(
    function: Command,
    shared: tuple[inspect.Parameter, ...],
    given: tuple[str, ...],
    call: Callable[[dict[str, Any]], None],
) -> Command:
    own = inspect.signature(function, eval_str=True).parameters.values()

    @functools.wraps(function)
    def command(**values: Any) -> None:
        call(values)

    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own
        if parameter.name not in given
    ]
    command.__signature__ = inspect.Signature([*kept, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*kept, *shared)}
    del command.__wrapped__  # typer must see the flags, not the function behind them
    return command
