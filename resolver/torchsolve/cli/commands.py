"""Which commands there are, and their command lines as typer reads them.

A run that names its command imports that one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer
from typer.main import get_command

from torchsolve import __version__
from torchsolve.cli.console import print_json, print_text
from torchsolve.cli.quick import Command, Group
from torchsolve.errors import UsageError

# Each is a module of this room; it has a function of its own name, or the ``app`` of a group.
_COMMANDS = (
    "resolve", "matrix", "why", "inspect", "scan", "emit", "build", "smoke", "doctor",
)  # fmt: skip
_GROUPS = ("image", "facts", "atlas")


def make_app(only: str | None = None) -> typer.Typer:
    """The commands; with ``only`` that one alone."""
    app = typer.Typer(
        name="torchsolve",
        cls=Group,
        help="Proves that a PyTorch container will work before anyone builds it.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for name in _COMMANDS:
        if only in (None, name):
            app.command(cls=Command)(getattr(_module(name), name))
    for name in _GROUPS:
        if only in (None, name):
            app.add_typer(_module(name).app, name=name)
    return app


def _module(name: str) -> ModuleType:
    return import_module(f"torchsolve.cli.{name}")


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="show the version")] = False,
    json_: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    """Proves that a PyTorch container will work before anyone builds it."""
    if version and json_:
        from torchsolve.cli import facts

        print_json(facts.version_json())
    elif version:
        print_text(f"torchsolve {__version__}\n")
    if version:
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise UsageError("bad-usage", "Missing command", hint="torchsolve --help")


def typed(argv: Sequence[str]) -> int:
    """Run a command line; its exit code. Raises UsageError, and what the command raises."""
    only = next((word for word in argv[:1] if word in _names()), None)
    try:
        result = get_command(make_app(only)).main(
            args=list(argv), prog_name="torchsolve", standalone_mode=False
        )
    except typer.TyperException as error:
        raise _usage(error, argv) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    return result if isinstance(result, int) else 0


def _usage(error: typer.TyperException, argv: Sequence[str]) -> UsageError:
    words = [word for word in argv if not word.startswith("-")]
    command = words[0] if words and words[0] in _names() else ""
    hint = f"torchsolve {command} --help" if command else "torchsolve --help"
    return UsageError("bad-usage", error.format_message().rstrip("."), hint=hint)


def _names() -> set[str]:
    return {*_COMMANDS, *_GROUPS}
