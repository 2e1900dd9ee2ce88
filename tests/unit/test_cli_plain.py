"""A line that is read without typer says what typer would have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from torchsolve import config
from torchsolve.cli import options, resolve, solved
from torchsolve.cli.commands import typed
from torchsolve.cli.console import View
from torchsolve.cli.flags import MANY, OF_RESOLVE, ONE, PROBLEM, RUN
from torchsolve.cli.plain import plain
from torchsolve.config import Settings
from torchsolve.errors import UsageError

FLAGS = (*PROBLEM, *OF_RESOLVE, *RUN)
ARE_PLAIN = [
    *(["r.txt", f"--{flag.name}", "x"] for flag in FLAGS if flag.kind in (ONE, MANY)),
    *([f"--{flag.name}=a=b", "r.txt"] for flag in FLAGS if flag.kind in (ONE, MANY)),
    *([f"--{f.name}", "x", "r.txt", f"--{f.name}", "y"] for f in FLAGS if f.kind in (ONE, MANY)),
    *([f"--{flag.name}", "r.txt"] for flag in FLAGS if flag.kind not in (ONE, MANY)),
    ["r.txt"],
    ["a", "b", "c d", "ü"],
    ["--no-undeclared", "r.txt"],
    ["--no-undeclared", "r.txt", "--undeclared"],
    ["r.txt", "-o", "out"],
    ["r.txt", "--output=out", "--json"],
    ["-q", "r.txt"],
    ["-v", "r.txt", "--verbose"],
    ["-vv", "-v", "r.txt"],
    ["r.txt", "--quiet", "--json"],
]
FOR_TYPER = [
    [],
    ["--help"],
    ["-h"],
    ["r.txt", "--help"],
    ["r.txt", "--torch"],
    ["r.txt", "--torch", "--cuda"],
    ["r.txt", "--torch="],
    ["r.txt", "--nonsense"],
    ["r.txt", "--offline=1"],
    ["r.txt", "--format", "json"],
    ["r.txt", "--", "-x"],
    ["r.txt", "-oout"],
    ["r.txt", "-qv"],
    ["-"],
]


class _Told:
    """What ``solved`` and ``load_settings`` were told last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.values: tuple[object, ...] = ()
        self._given: dict[str, object] = {}
        for room in (config, options):
            monkeypatch.setattr(room, "load_settings", self._load)
        for module in (resolve, solved):
            monkeypatch.setattr(module, "solved", self._solved)

    def _load(self, given: Mapping[str, object], references: object, **more: Any) -> Settings:
        self._given = {key: value for key, value in given.items() if value not in (None, (), [])}
        return Settings(cache_dir=Path("cache"), **more)

    def _solved(
        self, projects: Sequence[str], settings: Settings, view: View, output: Path | None
    ) -> int:
        self.values = (list(projects), self._given, settings, view, output)
        return 0


@pytest.mark.parametrize("words", ARE_PLAIN, ids=" ".join)
def test_both_read_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = _Told(monkeypatch)
    asked = plain(["resolve", *words])
    assert asked is not None
    assert asked.answer() == 0
    ours = told.values
    assert typed(["resolve", *words]) == 0
    assert told.values == ours


@pytest.mark.parametrize("words", FOR_TYPER, ids=" ".join)
def test_what_is_not_plain_is_left_to_typer(words: list[str]) -> None:
    assert plain(["resolve", *words]) is None


def test_other_commands_are_left_to_typer() -> None:
    assert plain([]) is None
    assert plain(["matrix", "r.txt"]) is None


def test_opposites_are_refused_by_both() -> None:
    asked = plain(["resolve", "r.txt", "-q", "-v"])
    assert asked is not None
    for answer in (asked.answer, lambda: typed(["resolve", "r.txt", "-q", "-v"])):
        with pytest.raises(UsageError, match="exclude each other"):
            answer()
