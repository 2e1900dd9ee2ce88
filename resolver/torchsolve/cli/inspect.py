"""``torchsolve inspect``: what wheels claim, declare and are."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_settings
from torchsolve.config import Settings
from torchsolve.errors import CheckError, UnknownError, UsageError

if TYPE_CHECKING:
    from torchsolve.inspection import WheelFindings


class Check(Enum):
    """A policy that every file of a wheel must keep to."""

    TORCH_STABLE = "torch-stable"
    ABI3 = "abi3"


Wheels = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WHEEL]...", help="a file, a URL, or name==version", show_default=False
    ),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="X.Y|all",
        help="whose wheel of name==version; repeat it, or all; else the newest",
        show_default=False,
    ),
]
Machine = Annotated[
    str, typer.Option("--platform", metavar="OCI", help="linux/amd64 or linux/arm64")
]
Env = Annotated[
    Path | None,
    typer.Option(
        "--env",
        metavar="PYTHON",
        help="what is installed for this Python, or in this environment; it is not run",
        show_default=False,
    ),
]
Joint = Annotated[bool, typer.Option("--together", help="say on which releases all of them load")]
Gpus = Annotated[bool, typer.Option("--gpu", help="read GPU code of remote wheels too")]
Checks = Annotated[
    list[Check] | None,
    typer.Option("--check", help="fail unless every file keeps to it", show_default=False),
]


@takes_settings(problem=False)
def inspect(
    settings: Settings,
    view: View,
    wheels: Wheels = None,
    python: Pythons = None,
    platform: Machine = "linux/amd64",
    env: Env = None,
    *,
    together: Joint = False,
    gpu: Gpus = False,
    check: Checks = None,
) -> None:
    """Show what wheels claim, declare and are, and the torch releases and GPUs they load on."""
    texts = wheels or []
    if bool(texts) == (env is not None):
        hint = "torchsolve inspect WHEEL..., or torchsolve inspect --env PYTHON"
        raise UsageError("no-wheel", "give wheels, or an environment with --env", hint=hint)
    if env is not None:
        found = _environment(env, view, together)
    else:
        found = _wheels(texts, settings, view, python or [], platform, together, gpu)
    _hold(found, check or [])


def _environment(env: Path, view: View, together: bool) -> Sequence[WheelFindings]:
    from torchsolve.inspection import inspect_environment
    from torchsolve.report.environment import environment_screen
    from torchsolve.report.wheels import wheels_json

    if together:
        message = "--env shows what is installed together already"
        raise UsageError("contradictory-flags", message, origin="--together")
    found = inspect_environment(env)
    if view.as_json:
        print_json(wheels_json(found.wheels, environment=found))
    else:
        view.show(environment_screen(found))
    return found.wheels


def _wheels(
    texts: Sequence[str],
    settings: Settings,
    view: View,
    pythons: Sequence[str],
    platform: str,
    joint: bool,
    gpu: bool,
) -> Sequence[WheelFindings]:
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.index.client import IndexClient
    from torchsolve.indexes import find_indexes
    from torchsolve.inspection import inspect_wheel
    from torchsolve.report.together import together, together_screen
    from torchsolve.report.wheels import wheels_json
    from torchsolve.report.wheels_text import wheels_screen

    machine = _machine(platform)
    with IndexClient(find_indexes(settings).client_settings()) as client:
        found = tuple(
            wheel
            for text in texts
            for wheel in inspect_wheel(text, pythons, client, gpu=gpu, machine=machine)
        )
    whole = together(found, load_atlas().releases) if joint else None
    if view.as_json:
        print_json(wheels_json(found, together=whole))
    else:
        view.show((*wheels_screen(found), *(together_screen(whole) if whole else ())))
    return found


def _machine(platform: str) -> str:
    from torchsolve.model.target import Platform

    try:
        return Platform(platform).machine
    except ValueError as error:
        hint = "linux/amd64 or linux/arm64"
        raise UsageError("bad-setting", str(error), origin="--platform", hint=hint) from error


def _hold(found: Sequence[WheelFindings], checks: Sequence[Check]) -> None:
    """Raises CheckError for what does not keep to what was asked; UnknownError where unread."""
    from torchsolve.abi.policy import breaches

    unread = [wheel for wheel in found if wheel.binary is None or wheel.binary.unread]
    facts = [
        line
        for check in checks
        for wheel in found
        if wheel.survey is not None
        for line in breaches(check.value, wheel.file, wheel.survey)
    ]
    if facts:
        message = (
            f"{len(facts)} files do not keep to {' or '.join(check.value for check in checks)}"
        )
        raise CheckError("policy-broken", message, facts=tuple(facts))
    if checks and unread:
        why = unread[0].unread or "a member could not be read"
        raise UnknownError("not-read", why, origin=unread[0].file)
