"""What every run ends with: an exit code, and one clear error where it failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

from torchsolve.cli.console import View, unwritable
from torchsolve.cli.failures import INTERRUPTED, defect, disk_error, fail, quiet_pipe
from torchsolve.cli.plain import plain
from torchsolve.errors import TorchsolveError


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
        asked = plain(argv)
        if asked is not None:
            return asked.answer()
        from torchsolve.cli.commands import typed

        code = typed(argv)
    except TorchsolveError as error:
        return fail(error, view)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as left:  # the command line library's answer to a closed pipe
        return quiet_pipe() if left.code == 1 else 0
    except BrokenPipeError:
        return quiet_pipe()
    except OSError as error:
        known = disk_error(error)
        return fail(known, view) if known else defect(error, view, argv)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return defect(error, view, argv)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code


def _view_of(argv: Sequence[str]) -> View:
    """How to talk of a failure that comes before, or instead of, the parsed flags."""
    words = list(argv)
    as_json = "--json" in words or "--format=json" in words
    as_json |= any(pair == ("--format", "json") for pair in pairwise(words))
    return View("json" if as_json else "text", 1 if "-v" in words or "--verbose" in words else 0)
