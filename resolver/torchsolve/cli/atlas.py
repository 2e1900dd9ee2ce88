"""``torchsolve atlas``: builds, extends, shows and checks the atlas of torch's binary interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer
from packaging.version import InvalidVersion, Version

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_settings, takes_view
from torchsolve.config import Settings
from torchsolve.errors import CheckError, UnknownError, UsageError
from torchsolve.files import replace_file
from torchsolve.model.version import CudaTag

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from torchsolve.abi.atlas import Atlas
    from torchsolve.abi.atlas_build import Workshop
    from torchsolve.abi.table import Build
    from torchsolve.index.client import IndexClient
    from torchsolve.index.http import Http
    from torchsolve.model.package import IndexFile
    from torchsolve.report.screen import Screen

app = typer.Typer(
    help="Build, extend, show and check the atlas of torch's binary interface.",
    rich_markup_mode="rich",
)
Releases = Annotated[
    list[str], typer.Argument(metavar="RELEASE", help="2.7.0, …", show_default=False)
]
SomeReleases = Annotated[
    list[str] | None, typer.Argument(metavar="[RELEASE]", help="2.7.0, …", show_default=False)
]
Work = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="for records, which a broken build goes on from"),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="instead of the shipped atlas; lines of checks go beside it, into prints/",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="releases at the same time, 3 GB each")]
Compiler = Annotated[str, typer.Option("--compiler", metavar="COMMAND")]
Index = Annotated[
    str | None, typer.Option("--index", metavar="URL", help="instead of the default index")
]
Tag = Annotated[
    str | None,
    typer.Option("--cuda", metavar="TAG", help="builds of this tag; --index is where they lie"),
]


@app.command()
@takes_settings(problem=False)
def build(
    releases: Releases,
    settings: Settings,
    view: View,
    index: Index = None,
    cuda: Tag = None,
    work: Work = None,
    output: Output = None,
    jobs: Jobs = 2,
    compiler: Compiler = "g++",
) -> None:
    """Read torch releases and put them into the atlas, in place of what it has of them."""
    versions = [_version(text) for text in releases]
    tag = _tag(cuda)
    with _source(settings, index, tag) as source:
        shop = _workshop(source, settings, view, work, jobs, compiler)
        _write(versions, shop, output or _shipped(), tag, view)


@app.command()
@takes_settings(problem=False)
def extend(
    settings: Settings,
    view: View,
    index: Index = None,
    work: Work = None,
    output: Output = None,
    jobs: Jobs = 2,
    compiler: Compiler = "g++",
) -> None:
    """Read what the index has and the atlas lacks: torch releases, and CUDA runtimes."""
    from torchsolve.abi.atlas import Atlas
    from torchsolve.abi.atlas_build import OLDEST, torch_releases
    from torchsolve.abi.table import BUILDS

    folder = output or _shipped()
    known = Atlas(folder).releases if (folder / BUILDS).exists() else ()
    with _source(settings, index, None) as source:
        new = [v for v in torch_releases(source) if v >= OLDEST and v not in known]
        for version in new:
            view.say(f"torch {version} is new")
        shop = _workshop(source, settings, view, work, jobs, compiler)
        _write(new, shop, folder, None, view, cuda_names=True)


@app.command()
@takes_view()
def show(
    view: View,
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="a release or a mangled symbol", show_default=False),
    ] = None,
) -> None:
    """Show the releases of the atlas, one of them, or who exports a symbol."""
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.report.facts import facts_json, facts_screen

    rows = _rows(load_atlas(), key)
    if view.as_json:
        print_json(facts_json("atlas", rows))
    else:
        view.show(facts_screen("atlas", rows))


@app.command()
@takes_settings(problem=False)
def check(
    settings: Settings, view: View, releases: SomeReleases = None, index: Index = None
) -> None:
    """Read one library of a release (all that are named; else the newest) again, and compare."""
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.abi.atlas_check import recheck
    from torchsolve.report.screen import Block, row

    atlas = load_atlas()
    versions = [_version(text) for text in releases or ()] or list(atlas.releases[-1:])
    with _source(settings, index, None) as source:
        problems = [problem for v in versions for problem in recheck(atlas, v, source)]
    if problems:
        hint = "torchsolve atlas build " + " ".join(map(str, versions))
        message = "the atlas is not what the wheels are"
        raise CheckError("atlas-differs", message, facts=tuple(problems), hint=hint)
    if view.as_json:
        print_json({"schema": "torchsolve.atlas-check/1", "checked": list(map(str, versions))})
    else:
        names = ", ".join(map(str, versions))
        view.show((Block((row(f"the atlas is what the wheels are: {names}"),), indent=0),))


class _IndexSource:
    """The index client as the builder wants it."""

    def __init__(self, client: IndexClient, http: Http) -> None:
        self._client, self._http = client, http

    def files(self, name: str) -> Sequence[IndexFile]:
        return self._client.page(name).files

    def requires(self, file: IndexFile) -> Sequence[Requirement]:
        return [declared.requirement for declared in self._client.metadata(file).requires]

    def fetch(self, file: IndexFile, target: IO[bytes]) -> int:
        return self._client.download(str(file.url), target)

    def open(self, url: str) -> IO[bytes]:
        from torchsolve.index.ranges import RangeFile, RangesRefusedError

        try:
            return cast("IO[bytes]", RangeFile(self._http, url))
        except RangesRefusedError:
            raise UnknownError(
                "ranges-refused", "the index gives no part of a file", origin=url
            ) from None


@contextmanager
def _source(settings: Settings, index: str | None, cuda: CudaTag | None) -> Iterator[_IndexSource]:
    from torchsolve.index.client import IndexClient
    from torchsolve.index.credentials import Credentials
    from torchsolve.index.http import Http
    from torchsolve.index.settings import IndexSettings

    # An index of other tags has torch; the CUDA wheels always come from the default one.
    given = IndexSettings(
        cache_dir=settings.cache_dir,
        default_url=settings.index if cuda else index or settings.index,
        torch_url=index if cuda else None,
        torch_family=frozenset({"torch"}) if cuda and index else frozenset(),
        offline=settings.offline,
    )
    http = Http(given, Credentials((index,) if index else ()))
    try:
        with IndexClient(given) as client:
            yield _IndexSource(client, http)
    finally:
        http.close()


def _workshop(
    source: _IndexSource,
    settings: Settings,
    view: View,
    work: Path | None,
    jobs: int,
    compiler: str,
) -> Workshop:
    from torchsolve.abi.atlas_build import Workshop

    folder = work or settings.cache_dir / "atlas"
    _make(folder)
    return Workshop(source, folder, jobs=jobs, compiler=compiler, say=view.say)


def _write(
    versions: Sequence[Version],
    shop: Workshop,
    folder: Path,
    cuda: CudaTag | None,
    view: View,
    *,
    cuda_names: bool = False,
) -> None:
    from torchsolve.abi.assemble import build_of, with_builds
    from torchsolve.abi.atlas_build import build as read
    from torchsolve.abi.atlas_build import cuda_tables
    from torchsolve.abi.cuda_names import CUDA, dump_cuda, read_cuda_names, with_records
    from torchsolve.abi.lines import FILE, dump_lines, read_lines
    from torchsolve.abi.table import files_of, read_table

    table, names = read_table(folder), read_cuda_names(folder)
    new = [(build_of(built, default=cuda is None), built) for built in read(versions, shop, cuda)]
    extra = cuda_tables(shop, names) if cuda_names else ()
    after = with_builds(table, new)
    files = files_of(after) if new else {}
    if new or extra:
        records = [record for _, built in new for record in built.cuda]
        files[CUDA] = dump_cuda(with_records(names, [*records, *extra]))
    if new and cuda is None:
        lines = read_lines(folder.parent / FILE)
        known = {version: lines.of(version) for version in lines.releases}
        read_now = {Version(built.torch.version): built.lines for _, built in new}
        files[f"../{FILE}"] = dump_lines({**known, **read_now})
    for name, content in files.items():
        _make((folder / name).parent)
        replace_file(folder / name, content)
    if view.as_json:
        rows = [_brief(build) for build, _ in new]
        print_json({"schema": "torchsolve.facts/1", "table": "atlas", "rows": rows})
    else:
        brought = [f"{record.package} {record.version}" for record in extra]
        view.show(_closing([build for build, _ in new], brought, after.builds, folder))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        hint = "name another folder"
        raise UsageError("cannot-write", why, origin=str(folder), hint=hint) from error


def _closing(
    new: Sequence[Build], brought: Sequence[str], builds: Sequence[Build], folder: Path
) -> Screen:
    """What was read, what there is now, and where."""
    from torchsolve.report.screen import Block, row

    read_now = [f"torch {build.version} ({build.cuda})" for build in new]
    lines = [row("read", ", ".join([*read_now, *brought]) or "nothing: the index has nothing new")]
    versions = sorted({build.version for build in builds}, key=Version)
    span = f", {versions[0]} to {versions[-1]}" if versions else ""
    lines.append(row("atlas", f"{len(versions)} torch releases{span}"))
    lines += [row("written", str(folder))] if read_now or brought else []
    return (Block(tuple(lines), indent=0),)


def _rows(atlas: Atlas, key: str | None) -> list[dict[str, Any]]:
    if key is None:
        return [_brief(build) for build in atlas.builds]
    if key.startswith("_") or not key[:1].isdigit():
        return [_symbol(atlas, key)]
    version = _version(key)
    rows = [asdict(build) for build in atlas.builds if build.version == version.public]
    if not rows:
        hint = "torchsolve atlas extend"
        raise UsageError("not-in-atlas", f"the atlas does not have torch {version}", hint=hint)
    return [{**row, "sonames": list(row["sonames"]), "mapped": list(row["mapped"])} for row in rows]


def _brief(build: Build) -> dict[str, Any]:
    return {
        "torch": build.version,
        "cuda": build.cuda,
        "default": build.default,
        "uploaded": build.uploaded,
        "cxx11_abi": build.cxx11_abi,
        **build.floors,
        **{name.removesuffix(".so"): build.exported.get(name, 0) for name in _SHOWN},
    }


_SHOWN = (
    "libc10.so",
    "libc10_cuda.so",
    "libtorch_cpu.so",
    "libtorch_cuda.so",
    "libtorch_python.so",
)


def _symbol(atlas: Atlas, name: str) -> dict[str, Any]:
    from torchsolve.abi.demangle import demangle

    releases = atlas.releases_with(name)
    first = atlas.cuda_first(name)
    return {
        "symbol": name,
        "demangled": demangle(name),
        "releases": list(map(str, releases)),
        "library": atlas.library_of(name, releases[-1]) if releases else None,
        "cuda": f"{first[0]} since {first[1]}" if first else None,
    }


def _shipped() -> Path:
    from torchsolve.resources import share

    return share("data") / "atlas"


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise UsageError("bad-version", f"{text} is no version", hint="2.7.0") from None


def _tag(text: str | None) -> CudaTag | None:
    try:
        return None if text is None else CudaTag(text)
    except ValueError as error:
        raise UsageError("bad-cuda-tag", str(error), origin="--cuda", hint="cu126") from None
