"""``torchsolve inspect``: what wheels claim, declare and are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_settings
from torchsolve.config import Settings
from torchsolve.errors import CheckError, UnknownError, UsageError

if TYPE_CHECKING:
    from torchsolve.index.client import IndexClient
    from torchsolve.model.package import IndexFile
    from torchsolve.report.wheels import WheelFindings


class Check(Enum):
    """A policy that every file of a wheel must keep to."""

    TORCH_STABLE = "torch-stable"
    ABI3 = "abi3"


Wheels = Annotated[
    list[str],
    typer.Argument(metavar="WHEEL", help="a file, a URL, or name==version", show_default=False),
]
Pythons = Annotated[
    str | None,
    typer.Option("--python", metavar="X.Y", help="with name==version", show_default=False),
]


Gpus = Annotated[bool, typer.Option("--gpu", help="read GPU code of remote wheels too")]
Checks = Annotated[
    list[Check] | None,
    typer.Option("--check", help="fail unless every file keeps to it", show_default=False),
]


@takes_settings(problem=False)
def inspect(
    wheels: Wheels,
    settings: Settings,
    view: View,
    python: Pythons = None,
    *,
    gpu: Gpus = False,
    check: Checks = None,
) -> None:
    """Show what wheels claim, declare and are, and the torch releases and GPUs they load on."""
    from torchsolve.index.client import IndexClient
    from torchsolve.index.settings import IndexSettings
    from torchsolve.report.wheels import wheels_json
    from torchsolve.report.wheels_text import wheels_screen

    sources = IndexSettings(
        cache_dir=settings.cache_dir,
        default_url=settings.index,
        extra=settings.extra_index,
        offline=settings.offline,
    )
    with IndexClient(sources) as client:
        found = tuple(f for text in wheels for f in _findings(text, python, client, gpu=gpu))
    if view.as_json:
        print_json(wheels_json(found))
    else:
        view.show(wheels_screen(found))
    _hold(found, check or [])


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


def _findings(
    text: str, python: str | None, client: IndexClient, *, gpu: bool
) -> Iterator[WheelFindings]:
    if urlsplit(text).scheme in ("http", "https"):
        yield _remote(_file_of(text), client, gpu=gpu)
    elif "==" in text and not Path(text).exists():
        yield from (_remote(file, client, gpu=gpu) for file in _released(text, python, client))
    else:
        yield _local(Path(text))


def _local(path: Path) -> WheelFindings:
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.abi.survey import survey
    from torchsolve.report.wheels import WheelFindings
    from torchsolve.wheel.archive import read_contents
    from torchsolve.wheel.binary import read_binaries
    from torchsolve.wheel.claims import claims
    from torchsolve.wheel.filename import parse

    if not path.is_file():
        hint = "a wheel file, a URL, or name==version"
        raise UsageError("no-such-file", "there is no such file", origin=str(path), hint=hint)
    name = parse(path.name)
    contents = read_contents(path, str(path))
    binary = read_binaries(path, path.name, gpu=True)
    return WheelFindings(
        file=str(path),
        sha256=binary.sha256,
        metadata=contents.metadata,
        tags=tuple(sorted(map(str, name.tags))),
        claims=claims(path.name, path.as_posix()),
        binary=binary,
        survey=survey(binary, load_atlas()),
        size=path.stat().st_size,
        notes=contents.notes,
    )


def _remote(file: IndexFile, client: IndexClient, *, gpu: bool) -> WheelFindings:
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.abi.survey import survey
    from torchsolve.report.wheels import WheelFindings
    from torchsolve.wheel.claims import claims
    from torchsolve.wheel.filename import parse

    known = WheelFindings(
        file=file.filename,
        sha256=file.sha256,
        metadata=client.metadata(file),
        tags=tuple(sorted(map(str, parse(file.filename).tags))),
        claims=claims(file.filename, file.place, file.url),
        size=file.size,
    )
    try:
        binary = client.read_remote(file, gpu=gpu)
    except UnknownError as error:
        return replace(known, unread=f"{error.reference}: {error.message}")
    return replace(known, binary=binary, survey=survey(binary, load_atlas()))


def _file_of(url: str) -> IndexFile:
    from torchsolve.model.package import IndexFile
    from torchsolve.wheel.filename import parse

    filename = unquote(PurePosixPath(urlsplit(url).path).name)
    wheel = parse(filename)
    return IndexFile(wheel.name, wheel.version, filename, url, "direct")


def _released(text: str, python: str | None, client: IndexClient) -> Sequence[IndexFile]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError("bad-requirement", str(error).splitlines()[0], origin=text) from error
    page = client.page(canonicalize_name(wanted.name))
    files = [f for f in page.files if f.is_wheel and wanted.specifier.contains(f.version, True)]
    fitting = [file for file in files if python is None or _fits(file, python)]
    if not fitting:
        has = ", ".join(sorted({file.filename for file in files})[:4])
        hint = f"there are {has}" if has else "look at the name and version"
        raise UsageError("no-such-wheel", "no index has such a wheel", origin=text, hint=hint)
    return fitting


def _fits(file: IndexFile, python: str) -> bool:
    from torchsolve.model.version import PythonVersion
    from torchsolve.wheel.filename import parse

    try:
        version = PythonVersion.parse(python)
    except ValueError as error:
        raise UsageError(
            "bad-setting", str(error), origin="--python", hint="--python 3.12"
        ) from error
    wanted = {version.tag, f"py{version.major}"}
    tags = parse(file.filename).tags
    return any(tag.interpreter in wanted or tag.abi == "abi3" for tag in tags)
