"""``torchsolve inspect``: what wheels claim and declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_settings
from torchsolve.config import Settings
from torchsolve.errors import UsageError

if TYPE_CHECKING:
    from torchsolve.index.client import IndexClient
    from torchsolve.model.package import IndexFile
    from torchsolve.report.wheels import WheelFindings

Wheels = Annotated[
    list[str],
    typer.Argument(metavar="WHEEL", help="a file, a URL, or name==version", show_default=False),
]
Pythons = Annotated[
    str | None,
    typer.Option("--python", metavar="X.Y", help="with name==version", show_default=False),
]


@takes_settings(problem=False)
def inspect(wheels: Wheels, settings: Settings, view: View, python: Pythons = None) -> None:
    """Show what wheels claim by their names and declare in their METADATA."""
    from torchsolve.index.client import IndexClient
    from torchsolve.index.settings import IndexSettings
    from torchsolve.report.wheels import wheels_json, wheels_screen

    sources = IndexSettings(
        cache_dir=settings.cache_dir,
        default_url=settings.index,
        extra=settings.extra_index,
        offline=settings.offline,
    )
    with IndexClient(sources) as client:
        found = tuple(f for text in wheels for f in _findings(text, python, client))
    if view.as_json:
        print_json(wheels_json(found))
    else:
        view.show(wheels_screen(found))


def _findings(text: str, python: str | None, client: IndexClient) -> Iterator[WheelFindings]:
    if urlsplit(text).scheme in ("http", "https"):
        yield _remote(_file_of(text), client)
    elif "==" in text and not Path(text).exists():
        yield from (_remote(file, client) for file in _released(text, python, client))
    else:
        yield _local(Path(text))


def _local(path: Path) -> WheelFindings:
    from torchsolve.report.wheels import WheelFindings
    from torchsolve.wheel.archive import read_contents, sha256_of
    from torchsolve.wheel.claims import claims
    from torchsolve.wheel.filename import parse

    if not path.is_file():
        hint = "a wheel file, a URL, or name==version"
        raise UsageError("no-such-file", "there is no such file", origin=str(path), hint=hint)
    name = parse(path.name)
    contents = read_contents(path, str(path))
    return WheelFindings(
        file=str(path),
        sha256=sha256_of(path),
        metadata=contents.metadata,
        tags=tuple(sorted(map(str, name.tags))),
        claims=claims(path.name, path.as_posix()),
        extensions=contents.extensions,
        size=path.stat().st_size,
        notes=contents.notes,
    )


def _remote(file: IndexFile, client: IndexClient) -> WheelFindings:
    from torchsolve.report.wheels import WheelFindings
    from torchsolve.wheel.claims import claims
    from torchsolve.wheel.filename import parse

    return WheelFindings(
        file=file.filename,
        sha256=file.sha256,
        metadata=client.metadata(file),
        tags=tuple(sorted(map(str, parse(file.filename).tags))),
        claims=claims(file.filename, file.place, file.url),
        size=file.size,
    )


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
