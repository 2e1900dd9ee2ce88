"""The command line: which commands there are, and what every run ends with.

A run that names its command imports that one alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Annotated

import typer
from typer.main import get_command

from torchsolve import __version__
from torchsolve.cli.console import View, print_json, print_text, unwritable
from torchsolve.cli.failures import INTERRUPTED, defect, disk_error, fail, quiet_pipe
from torchsolve.cli.quick import Command, Group
from torchsolve.errors import TorchsolveError, UsageError

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


def run(argv: Sequence[str]) -> int:
    """Run one command line; returns its exit code and never raises."""
    try:
        code = _invoke(argv, _view_of(argv))
        sys.stdout.flush()
    except OSError as error:
        return failed(error, argv)
    return code


def failed(error: Exception, argv: Sequence[str]) -> int:
    """The exit code of a run that could not say what it found, after the error's text."""
    view = _view_of(argv)
    if isinstance(error, BrokenPipeError):
        return quiet_pipe()
    if isinstance(error, OSError):
        return fail(unwritable(error), view)
    if isinstance(error, TorchsolveError):
        return fail(error, view)
    return defect(error, view, argv)


def _invoke(argv: Sequence[str], view: View) -> int:
    try:
        only = next((word for word in argv[:1] if word in _names()), None)
        result = get_command(make_app(only)).main(
            args=list(argv), prog_name="torchsolve", standalone_mode=False
        )
    except TorchsolveError as error:
        return fail(error, view)
    except typer.TyperException as error:
        return fail(_usage(error, argv), view)
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except SystemExit as left:  # the command line library's answer to a closed pipe
        return quiet_pipe() if left.code == 1 else 0
    except BrokenPipeError:
        return quiet_pipe()
    except OSError as error:
        known = disk_error(error)
        return fail(known, view) if known else defect(error, view, argv)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return defect(error, view, argv)
    code = result if isinstance(result, int) else 0
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code


def _usage(error: typer.TyperException, argv: Sequence[str]) -> UsageError:
    words = [word for word in argv if not word.startswith("-")]
    command = words[0] if words and words[0] in _names() else ""
    hint = f"torchsolve {command} --help" if command else "torchsolve --help"
    return UsageError("bad-usage", error.format_message().rstrip("."), hint=hint)


def _names() -> set[str]:
    return {*_COMMANDS, *_GROUPS}


def _view_of(argv: Sequence[str]) -> View:
    """How to talk of a failure that comes before, or instead of, the parsed flags."""
    words = list(argv)
    as_json = "--json" in words or "--format=json" in words
    as_json |= any(pair == ("--format", "json") for pair in pairwise(words))
    return View("json" if as_json else "text", 1 if "-v" in words or "--verbose" in words else 0)
