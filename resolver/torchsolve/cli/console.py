"""Where output goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass
from torchsolve.report.screen import UNBOUNDED, Screen, paint, visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from torchsolve.model.progress import Progress


STDOUT = "standard output"


@dataclass(frozen=True, slots=True)
class View:
    """How one run talks. ``format``: text, json, md or csv. ``verbosity``: -1 quiet to 2."""

    format: str = "text"
    verbosity: int = 0

    @property
    def as_json(self) -> bool:
        """Whether stdout holds one JSON document and nothing else."""
        return self.format == "json"

    def show(self, screen: Screen) -> None:
        """A result in text, to stdout."""
        with _written():
            print_screen(screen, sys.stdout)

    def say(self, line: str) -> None:
        """One line beside the result, to stderr; nothing with ``-q``."""
        if self.verbosity >= 0:
            print(visible(line), file=sys.stderr)

    def say_indexes(self, lines: Iterable[str]) -> None:
        """Where packages were looked for, and who said so, to stderr with ``-v``."""
        for line in lines if self.verbosity > 0 else ():
            self.say(f"index  {line}")

    @property
    def streams(self) -> bool:
        """Whether a log that goes by is shown: on a terminal, or with ``-v``; never with ``-q``."""
        return self.verbosity > 0 or (self.verbosity == 0 and sys.stderr.isatty())

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Bars with counts and rates on stderr; None where it is no terminal or with ``-q``."""
        if self.verbosity < 0 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield None
            return
        bars = _bars()
        with bars:
            yield _Bars(bars)


def view_of(values: dict[str, Any], formats: tuple[str, ...]) -> View:
    """How a run talks, taken out of the values of its flags. Raises UsageError for opposites."""
    asked = values.pop("format_", "text")
    as_json, quiet, verbose = (values.pop(name) for name in ("json_", "quiet", "verbose"))
    if quiet and verbose:
        raise UsageError("contradictory-flags", "--quiet and --verbose exclude each other")
    if as_json and asked not in ("text", "json"):
        raise UsageError("contradictory-flags", f"--json and --format {asked} exclude each other")
    if asked not in formats:
        hint = f"one of {', '.join(formats)}"
        raise UsageError("unknown-format", f"no format is called {asked!r}", hint=hint)
    return View("json" if as_json else asked, -1 if quiet else min(verbose, 2))


def print_json(document: dict[str, Any]) -> None:
    """One document, readable and with a final newline. Raises as ``print_text`` does."""
    import json

    text = json.dumps(document, indent=2, ensure_ascii=False)
    with _written():
        print(text if _printable(text) else _escaped(text), file=sys.stdout)


def print_text(text: str) -> None:
    """A result that is lines already, to stdout.

    Raises UsageError("cannot-write") where stdout takes nothing: a full disk, /dev/full.
    """
    with _written():
        sys.stdout.write(visible(text, keep="\n\t"))


def _printable(text: str) -> bool:
    return all(map(str.isprintable, text.split("\n")))


def _escaped(text: str) -> str:
    """JSON leaves DEL, C1 controls and lone surrogates as they are; a terminal obeys them."""
    import json

    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(error) from error


def unwritable(error: OSError) -> UsageError:
    """The error of a stdout that takes nothing more; what it still holds back is forgotten."""
    forget_stdout()
    return UsageError("cannot-write", (error.strerror or str(error)).lower(), origin=STDOUT)


def forget_stdout() -> None:
    """What is still buffered goes nowhere, so that Python says nothing of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_screen(screen: Screen, stream: TextIO) -> None:
    """Coloured and wrapped on a terminal; plain and unwrapped elsewhere."""
    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = _columns() if terminal else UNBOUNDED
    stream.write(paint(screen, width=max(width, 40), colour=colour))


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps a second, where there are any."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        console=Console(file=sys.__stderr__),  # bars are no part of what a run says
        transient=True,
    )


class _Bars:
    """``model.progress.Progress`` over rich's bars; a new stage takes the old one's place."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("reading", total=None)

    def stage(self, what: str, total: int | None = None) -> None:
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total)

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)

    def message(self, line: str) -> None:
        self._bars.console.print(visible(line), markup=False, highlight=False)
