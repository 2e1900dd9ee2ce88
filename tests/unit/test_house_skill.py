"""SKILL.md names commands and flags that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from torchsolve.cli.commands import make_app

TEXT = (Path(__file__).parent.parent.parent / "SKILL.md").read_text()
COMMANDS = sorted(set(re.findall(r"torchsolve ([a-z]+)([^`\n]*)", TEXT)))
LOOSE = sorted(set(re.findall(r"`(--[a-z-]+)", TEXT)))


def _flags() -> dict[str, set[str]]:
    commands: dict[str, Any] = vars(typer.main.get_command(make_app()))["commands"]
    return {
        name: {flag for parameter in command.params for flag in parameter.opts}
        | {flag for parameter in command.params for flag in parameter.secondary_opts}
        for name, command in commands.items()
    }


@pytest.mark.parametrize(("name", "rest"), COMMANDS)
def test_commands_and_their_flags(name: str, rest: str) -> None:
    flags = _flags()
    assert name in flags
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)) <= flags[name]


@pytest.mark.parametrize("flag", LOOSE)
def test_flags_that_stand_alone(flag: str) -> None:
    assert any(flag in known for known in _flags().values())


def test_every_step_is_there() -> None:
    named = {name for name, _ in COMMANDS}
    assert named >= {"scan", "resolve", "why", "matrix", "build", "smoke", "emit"}
    assert TEXT.startswith("---\nname: torchsolve\ndescription: ")
