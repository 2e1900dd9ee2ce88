"""``resolve`` lines whose every word is plain, read without typer.

Importing typer and describing fifty flags to it takes longer than most solves. What is not plain
(help, a word that is no flag of ours, a value that looks like a flag) goes typer's way, which alone
knows how to complain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torchsolve.cli.flags import MANY, OF_RESOLVE, ONE, PROBLEM, RUN, SWITCH
from torchsolve.model.values import dataclass, field

_KINDS = {f"--{flag.name}": flag.kind for flag in (*PROBLEM, *OF_RESOLVE, *RUN)}
_VIEW = {"--json": "json_", "--quiet": "quiet", "-q": "quiet"}
_VERBOSE = {"--verbose": 1, "-v": 1, "-vv": 2}
_OUTPUT = ("--output", "-o")


class _NotPlainError(Exception):
    pass


@dataclass(slots=True)
class Asked:
    """What a line says: ``given`` by the flags' names, as ``config.load_settings`` takes it."""

    projects: list[str] = field(default_factory=list)
    given: dict[str, object] = field(default_factory=dict)
    view: dict[str, bool] = field(default_factory=lambda: {"json_": False, "quiet": False})
    verbose: int = 0
    output: Path | None = None

    def answer(self) -> int:
        """Runs it; the exit code. Raises TorchsolveError."""
        from torchsolve.cli.console import view_of
        from torchsolve.cli.solved import solved
        from torchsolve.config import load_settings

        view = view_of({**self.view, "verbose": self.verbose}, ("text", "json"))
        settings = load_settings(self.given, self.projects, verbosity=view.verbosity)
        return solved(self.projects, settings, view, self.output)


def plain(argv: Sequence[str]) -> Asked | None:
    """What the line says; None where typer is to read it."""
    if argv[:1] != ["resolve"]:
        return None
    asked = Asked()
    words = iter(argv[1:])
    try:
        for word in words:
            _take(asked, word, words)
    except _NotPlainError:
        return None
    return asked if asked.projects else None


def _take(asked: Asked, word: str, rest: Iterator[str]) -> None:
    name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
    kind = _KINDS.get(name)
    if not word.startswith("-"):
        asked.projects.append(word)
    elif kind in (ONE, MANY) or name in _OUTPUT:
        text = value if equals else next(rest, "-")
        if text.startswith("-") or not text:
            raise _NotPlainError
        _put(asked, name, kind, text)
    elif equals:
        raise _NotPlainError
    elif kind == SWITCH or name == "--no-undeclared":
        asked.given[name.removeprefix("--").removeprefix("no-")] = kind == SWITCH
    elif word in _VIEW:
        asked.view[_VIEW[word]] = True
    elif word in _VERBOSE:
        asked.verbose += _VERBOSE[word]
    else:
        raise _NotPlainError


def _put(asked: Asked, name: str, kind: str | None, text: str) -> None:
    if name in _OUTPUT:
        asked.output = Path(text)
    elif kind == ONE:
        asked.given[name[2:]] = text
    else:
        several = asked.given.setdefault(name[2:], [])
        assert isinstance(several, list)  # noqa: S101 - by its kind
        several.append(text)
