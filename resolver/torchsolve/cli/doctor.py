"""``torchsolve doctor``: what is broken, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_view
from torchsolve.errors import UnknownError, UsageError

if TYPE_CHECKING:
    from torchsolve.doctor.findings import Examined

Subjects = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SUBJECT]...",
        help="a log or -, a plan's folder, a Python or its environment, an image; none: this host",
        show_default=False,
    ),
]
Gpu = Annotated[bool, typer.Option("--gpu", help="give an image's container the host's GPUs")]

_LOCK = "pylock.toml"
_LARGEST = 256 << 20


@takes_view()
def doctor(view: View, subjects: Subjects = None, *, gpu: Gpu = False) -> None:
    """Explain a broken log, plan, environment, image or host."""
    from torchsolve.report.doctor import doctor_json, doctor_screen

    asked = subjects or [""]
    found = tuple(one for subject in asked for one in _examine(subject, view, gpu=gpu))
    if view.as_json:
        print_json(doctor_json(found))
    else:
        view.show(doctor_screen(found))
    _hold(found)


def _examine(subject: str, view: View, *, gpu: bool) -> Iterator[Examined]:
    path = Path(subject)
    if not subject:
        yield _host()
    elif subject == "-":
        from torchsolve.doctor.log import examine_log

        yield examine_log(sys.stdin.buffer.read(_LARGEST).decode("utf-8", "replace"), "stdin")
    elif path.is_dir() and (path / _LOCK).exists():
        from torchsolve.doctor.plan import examine_plan

        yield from examine_plan(path)
    elif path.is_dir() or (path.is_file() and path.parent.name in ("bin", "Scripts")):
        from torchsolve.doctor.environment import examine_environment

        yield examine_environment(path)
    elif path.exists():
        yield _log(path)
    else:
        yield _image(subject, view, gpu=gpu)


def _log(path: Path) -> Examined:
    from torchsolve.doctor.log import examine_log

    with path.open("rb") as file:
        data = file.read(_LARGEST)
    if b"\0" in data[:4096]:
        message = "it is no text"
        hint = "a log: docker logs CONTAINER > FILE 2>&1"
        raise UsageError("not-a-log", message, origin=str(path), hint=hint)
    return examine_log(data.decode("utf-8", "replace"), str(path))


def _host() -> Examined:
    from torchsolve.build.docker import DockerEngine
    from torchsolve.doctor.host import examine_host, read_host

    try:
        engine = DockerEngine().facts()
    except UsageError as error:
        return examine_host(read_host(error))
    return examine_host(read_host(engine))


def _image(ref: str, view: View, *, gpu: bool) -> Examined:
    from torchsolve.build.docker import DockerEngine
    from torchsolve.doctor.image import examine_image

    if "/" in ref and ref.startswith((".", "/", "~")):
        raise UsageError("no-such-file", "there is nothing at that place", origin=ref)
    with view.progress() as progress:
        return examine_image(ref, DockerEngine(), gpu=gpu, progress=progress)


def _hold(found: tuple[Examined, ...]) -> None:
    """Raises UnknownError where something complains and nothing is known of it."""
    unknown = [(one, complaint) for one in found for complaint in one.unexplained]
    if unknown:
        one, (where, text) = unknown[0]
        more = f", and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UnknownError(
            "unexplained",
            f"what no table knows: {text}{more}",
            origin=f"{one.name} {where}",
            hint="read what stands above that line; matrices/known_conflicts.toml is what is known",
        )
