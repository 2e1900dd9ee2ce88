"""Wheels and installed environments → what they claim, declare and are.

In: paths, URLs, ``name==version``, a Python. Out: ``WheelFindings``, through ``wheel/``, ``index/``
and ``abi/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.host import Host
from torchsolve.abi.installed import InstalledTorch
from torchsolve.abi.judge import Judge
from torchsolve.abi.survey import Survey, survey
from torchsolve.abi.symbols import wanted
from torchsolve.abi.view import NO_TORCH
from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.client import IndexClient
from torchsolve.model.binary import Judgement, WheelBinary
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.target import Platform, Target
from torchsolve.model.values import dataclass, replace
from torchsolve.model.version import PythonVersion
from torchsolve.wheel.archive import read_contents
from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.claims import Claims, claims
from torchsolve.wheel.filename import parse, without_label
from torchsolve.wheel.installed import (
    Environment,
    Installed,
    distributions,
    find_environment,
    read_installed,
)
from torchsolve.wheel.variant import read_variant

# Newer than any wheel asks for: a file is looked at, not installed.
_GLIBC = "2.99"
_TORCH = canonicalize_name("torch")
_CUDA = ("nvidia-", "cuda-toolkit")


@dataclass(frozen=True, slots=True)
class WheelFindings:
    """One wheel, read.

    Attributes:
        file: name or place; sha256: None where neither bytes nor index gave one.
        tags: of the file name, sorted.
        binary: its compiled files; None where they could not be read: ``unread`` says why.
        survey: the verdicts over the atlas; None with ``binary``.
        notes: what was set aside, one line each.
        here: of an installed one: the verdict on the torch beside it.
        altered: of an installed one: files that are not as RECORD has them.
    """

    file: str
    sha256: str | None
    metadata: DistMetadata
    tags: tuple[str, ...]
    claims: Claims
    binary: WheelBinary | None = None
    survey: Survey | None = None
    unread: str | None = None
    size: int | None = None
    notes: tuple[str, ...] = ()
    here: Judgement | None = None
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentFindings:
    """An installed environment, read.

    Attributes:
        torch: as its METADATA has it, ``2.7.0+cu128``; None where there is none.
        unjudged: why nothing could be judged against torch; None where it could. Without torch what
            uses none is judged by its libraries.
        wheels: its compiled distributions, but for torch and the CUDA wheels, by name.
        unmet: ``(distribution, requirement, what is installed)``; None: nothing is.
        altered: ``(distribution, line)`` of files that are not as RECORD has them.
        notes: what could not be read.
    """

    environment: Environment
    torch: str | None
    unjudged: str | None
    distributions: int
    wheels: tuple[WheelFindings, ...]
    unmet: tuple[tuple[str, str, str | None], ...]
    altered: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def inspect_wheel(
    text: str, pythons: Sequence[str], client: IndexClient, *, gpu: bool, machine: str = "x86_64"
) -> Iterator[WheelFindings]:
    """A file, a URL, or ``name==version``: then the wheel of each Python that is asked for.

    Without one the newest Python's; ``all`` stands for every one.
    Raises UsageError and UnknownError as the rooms do.
    """
    if urlsplit(text).scheme in ("http", "https"):
        yield _remote(_file_of(text), client, gpu=gpu)
    elif "==" in text and not Path(text).exists():
        yield from _released(text, pythons, client, gpu=gpu, machine=machine)
    else:
        yield _local(text)


def _local(text: str) -> WheelFindings:
    path = Path(text)
    if not path.is_file():
        raise _no_file(text)
    filename = without_label(path.name)
    name = parse(filename)
    contents = read_contents(path, str(path))
    binary = read_binaries(path, path.name, gpu=True)
    return _with_variant(
        WheelFindings(
            file=str(path),
            sha256=binary.sha256,
            metadata=contents.metadata,
            tags=tuple(sorted(map(str, name.tags))),
            claims=claims(filename, path.with_name(filename).as_posix()),
            binary=binary,
            survey=survey(binary, load_atlas()),
            size=path.stat().st_size,
            notes=contents.notes,
        )
    )


def _no_file(text: str) -> UsageError:
    why = "it is a folder, not a wheel" if text and Path(text).is_dir() else "there is no such file"
    hint = "a wheel file, an http URL, or name==version; --env for what is installed"
    with suppress(InvalidRequirement):
        hint = f"of an index: {Requirement(text).name}==VERSION"
    return UsageError("no-such-file", why, origin=text or '""', hint=hint)


def _remote(file: IndexFile, client: IndexClient, *, gpu: bool) -> WheelFindings:
    filename = without_label(file.filename)
    known = WheelFindings(
        file=file.filename,
        sha256=file.sha256,
        metadata=client.metadata(file),
        tags=tuple(sorted(map(str, parse(filename).tags))),
        claims=claims(filename, file.place, file.url),
        size=file.size,
    )
    try:
        binary = client.read_remote(file, gpu=gpu)
    except UnknownError as error:
        return replace(known, unread=f"{error.reference}: {error.message}")
    return _with_variant(replace(known, binary=binary, survey=survey(binary, load_atlas())))


def _with_variant(found: WheelFindings) -> WheelFindings:
    """Its variant's properties are claims too."""
    said = read_variant(found.binary.variant if found.binary else None, found.file)
    if said is None:
        return found
    told = replace(found.claims, evidence=(*found.claims.evidence, *said.evidence))
    return replace(found, claims=told, notes=(*found.notes, *said.notes))


def _file_of(url: str) -> IndexFile:
    filename = unquote(PurePosixPath(urlsplit(url).path).name)
    wheel = parse(without_label(filename))
    return IndexFile(wheel.name, wheel.version, filename, url, "direct")


def _released(
    text: str, pythons: Sequence[str], client: IndexClient, *, gpu: bool, machine: str
) -> Iterator[WheelFindings]:
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError("bad-requirement", str(error).splitlines()[0], origin=text) from error
    page = client.page(canonicalize_name(wanted.name))
    files = [f for f in page.files if f.is_wheel and wanted.specifier.contains(f.version, True)]
    fitting = _fitting(files, machine)
    known = sorted(fitting, reverse=True)
    asked = known if "all" in pythons else [_python(text) for text in pythons] or known[:1]
    chosen = [fitting[python] for python in asked if python in fitting]
    if not chosen:
        raise _no_wheel(text, files, known, machine)
    others = [str(python) for python in reversed(known) if fitting[python] not in chosen]
    for file in dict.fromkeys(chosen):
        found = _remote(file, client, gpu=gpu)
        if others and not pythons:
            note = f"other files serve Python {', '.join(others)}: --python {others[0]}, or all"
            found = replace(found, notes=(*found.notes, note))
        yield found


def _fitting(files: Iterable[IndexFile], machine: str) -> dict[PythonVersion, IndexFile]:
    """The file that each Python would take of them: by its tags, best first, then by build."""
    platform = Platform(f"linux/{'amd64' if machine == 'x86_64' else 'arm64'}")
    found: dict[PythonVersion, IndexFile] = {}
    for minor in range(8, 20):
        python = PythonVersion(3, minor)
        ranks = {tag: at for at, tag in enumerate(Target.of(python, platform, _GLIBC).tags())}
        ranked = [
            (min(ranks[tag] for tag in tags & ranks.keys()), file)
            for file in files
            if (tags := parse(file.filename).tags) and tags & ranks.keys()
        ]
        if ranked:
            found[python] = min(ranked, key=lambda pair: pair[0])[1]
    return found


def _python(text: str) -> PythonVersion:
    try:
        return PythonVersion.parse(text)
    except ValueError as error:
        hint = "--python 3.12, or --python all"
        raise UsageError("bad-setting", str(error), origin="--python", hint=hint) from error


def _no_wheel(
    text: str, files: Sequence[IndexFile], known: Sequence[PythonVersion], machine: str
) -> UsageError:
    has = ", ".join(sorted({file.filename for file in files})[:4])
    if known:
        hint = f"it has wheels for Python {', '.join(map(str, reversed(known)))}"
    elif has:
        hint = f"for Linux on {machine} there is none; there are {has}"
    else:
        hint = "look at the name and version"
    return UsageError("no-such-wheel", "no index has such a wheel", origin=text, hint=hint)


def inspect_environment(target: Path) -> EnvironmentFindings:
    """Every compiled distribution of an environment against its torch and the others.

    Raises UsageError ``no-such-environment``.
    """
    environment = find_environment(target)
    found = distributions(environment)
    named = {one.metadata.name: one.metadata for one in found if one.metadata}
    torch, view, unjudged = _torch_of(environment, named)
    judged = [one for one in found if one.metadata and not _is_ground(one.metadata.name)]
    wheels = [w for one in judged if (w := _installed(one, environment, view)) is not None]
    return EnvironmentFindings(
        environment,
        torch,
        unjudged,
        len(found),
        tuple(wheels),
        tuple(_unmet(environment, named)),
        tuple((_label(one), line) for one in found for line in one.altered),
        tuple(f"{_label(one)}: {note}" for one in found for note in one.notes),
    )


def _is_ground(name: NormalizedName) -> bool:
    return name == _TORCH or name.startswith(_CUDA)


def _label(one: Installed) -> str:
    if one.metadata is None:
        return one.folder.name
    return f"{one.metadata.name} {one.metadata.version}"


def _torch_of(
    environment: Environment, named: Mapping[NormalizedName, DistMetadata]
) -> tuple[str | None, InstalledTorch | None, str | None]:
    cuda = {str(name): str(m.version) for name, m in named.items() if name.startswith("nvidia-")}
    if _TORCH not in named:
        bare = InstalledTorch(load_atlas(), NO_TORCH, environment.sites, cuda)
        return None, bare, "no torch is installed"
    version = named[_TORCH].version
    try:
        public = Version(version.public)
        view = InstalledTorch(load_atlas(), public, environment.sites, cuda)
    except UnknownError as error:
        return str(version), None, f"torch {version} cannot be read: {error.message}"
    return str(version), view, None


def _installed(
    one: Installed, environment: Environment, view: InstalledTorch | None
) -> WheelFindings | None:
    """None where nothing of it is compiled."""
    binary = read_installed(one)
    if not binary.files or one.metadata is None:
        return None
    uses = any(n.startswith(("libtorch", "libc10")) for f in binary.files for n in f.needed)
    has_torch = view is not None and view.version != NO_TORCH
    asked = [view.version] if view is not None and has_torch and not uses else None
    found = survey(binary, view if view is not None and has_torch else load_atlas(), asked)
    here = None
    # Without torch there is nothing to hold what uses it against; all else has its libraries.
    uses = uses or bool(view is not None and wanted(binary.files, view.known).torch)
    if view is not None and (has_torch or not uses):
        python = f"cp{environment.python.replace('.', '')}" if environment.python else None
        here = Judge(binary, view, Host(python=python), found.built).wheel(view.version)
    return _with_variant(
        WheelFindings(
            str(one.folder),
            None,
            one.metadata,
            one.tags,
            _claims_of(one),
            binary,
            found,
            notes=one.notes,
            here=here,
            altered=one.altered,
        )
    )


def _claims_of(one: Installed) -> Claims:
    """By the file name that its WHEEL implies."""
    assert one.metadata is not None  # noqa: S101 - the caller looked
    name = one.folder.name.removesuffix(".dist-info")
    return claims(f"{name}-{one.tags[0]}.whl" if one.tags else name)


def _unmet(
    environment: Environment, named: Mapping[NormalizedName, DistMetadata]
) -> Iterator[tuple[str, str, str | None]]:
    """Requirements that hold in this environment and are not met by what is installed."""
    if environment.python is None:
        return
    needs = {
        name: (metadata.version, [declared.requirement for declared in metadata.requires])
        for name, metadata in named.items()
    }
    yield from unmet_requirements(PythonVersion.parse(environment.python), needs)


def unmet_requirements(
    python: PythonVersion, installed: Mapping[NormalizedName, tuple[Version, Sequence[Requirement]]]
) -> Iterator[tuple[str, str, str | None]]:
    """``(numba 0.61.0, numpy<2.2, 2.3.1)``: who needs what, and what there is; None: nothing.

    Requirements of extras are not asked: which ones were installed, nothing records.
    """
    target = Target.of(python, Platform("linux/amd64"), _GLIBC).marker_environment()
    markers = cast("dict[str, str]", {**target, "extra": ""})
    for name, (version, requirements) in sorted(installed.items()):
        for asked in requirements:
            if asked.marker and not asked.marker.evaluate(markers):
                continue
            has = installed.get(canonicalize_name(asked.name))
            if has is None or not asked.specifier.contains(has[0], prereleases=True):
                yield f"{name} {version}", str(asked), str(has[0]) if has else None
