"""Builds records of torch releases and of the CUDA wheels beside them, out of what an index has.

A record is a file of its own in the work folder, written whole: a build that was broken off goes on
where it was, and what it was reading is removed. A wheel is fetched whole (its libraries are 95 %
of it), checked against the index's hash, read library by library and deleted; nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import IO, Protocol, TypeVar, cast

from packaging.requirements import Requirement
from packaging.version import Version

from torchsolve.abi.cuda_names import CudaNames
from torchsolve.abi.lines import Lines
from torchsolve.abi.record import (
    CudaRecord,
    Record,
    dump,
    load,
    load_cuda,
    read_cuda,
    read_torch,
)
from torchsolve.abi.scratch import scratch
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.package import IndexFile
from torchsolve.model.target import Platform, Target
from torchsolve.model.values import dataclass, field
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.wheel.filename import parse

# One Python a release is enough: export sets differ in hashed names alone.
_PYTHON = PythonVersion(3, 11)
_TARGET = Target.of(_PYTHON, Platform("linux/amd64"), "2.40")
_META = "cuda-toolkit"
_CUDA_NAMES = ("nvidia-", _META)
# Before it, no wheel of today is built for it.
OLDEST = Version("2.0.1")
# Whose names are kept for every version: wheels need some that only newer ones have.
CUDA_PACKAGES = (
    "nvidia-cuda-runtime-cu11",
    "nvidia-cuda-runtime-cu12",
    "nvidia-cuda-runtime",
    "nvidia-cuda-nvrtc-cu11",
    "nvidia-cuda-nvrtc-cu12",
    "nvidia-cuda-nvrtc",
    "nvidia-nvjitlink-cu12",
    "nvidia-nvjitlink",
)

R = TypeVar("R", Record, CudaRecord)


class Source(Protocol):
    """What a build asks of an index."""

    def files(self, name: str) -> Sequence[IndexFile]:
        """Files of a project, newest version first."""
        ...

    def requires(self, file: IndexFile) -> Sequence[Requirement]:
        """Requires-Dist of a file."""
        ...

    def fetch(self, file: IndexFile, target: IO[bytes]) -> object:
        """Writes the file into ``target``."""
        ...


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where and how to build.

    Attributes:
        work: folder of the records; wheels lie there while they are read (3 GB a job at most).
        jobs: releases at the same time.
        say: told of each record that was read.
    """

    source: Source
    work: Path
    jobs: int = 2
    compiler: str = "g++"
    say: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Built:
    """A release with the CUDA wheels that it brings.

    Attributes:
        pins: CUDA package → version, of those whose version its METADATA pins.
        uploaded: ``2025-04-23``.
    """

    torch: Record
    cuda: tuple[CudaRecord, ...]
    pins: Mapping[str, str]
    uploaded: str | None = None

    @property
    def tag(self) -> CudaTag:
        """Of its own ``torch/version.py``, not of its name."""
        return CudaTag.from_version(self.torch.cuda) if self.torch.cuda else CudaTag("cpu")

    @property
    def lines(self) -> Lines:
        """Of its inlined checks."""
        return {header: frozenset(lines) for header, lines in self.torch.checks.items()}


def build(
    releases: Sequence[Version], shop: Workshop, cuda: CudaTag | None = None
) -> tuple[Built, ...]:
    """Reads these releases; with ``cuda`` the builds of that tag, of an index that has them.

    Raises:
        UsageError: ``no-such-release``; ``other-cuda-tag`` where a wheel is of another tag.
        UnknownError: what a record or the index raises. What was read before stays in the folder.
    """
    shop.work.mkdir(parents=True, exist_ok=True)
    files = [torch_file(version, shop.source, cuda) for version in releases]
    with ThreadPoolExecutor(shop.jobs) as pool:
        found = tuple(pool.map(lambda file: _release(file, shop), files))
    for built in found:
        if cuda is not None and built.tag != cuda:
            message = f"{built.torch.filename} is a build for {built.tag}, not for {cuda}"
            raise UsageError("other-cuda-tag", message, origin="--cuda")
    return found


def cuda_tables(shop: Workshop, known: CudaNames) -> tuple[CudaRecord, ...]:
    """Reads the versions of the packages of ``CUDA_PACKAGES`` that are not known yet."""
    shop.work.mkdir(parents=True, exist_ok=True)
    files = [
        file
        for package in CUDA_PACKAGES
        for version in {f.version for f in _wheels(package, shop.source)}
        if known.brings(package, version) is None
        and (file := _newest(package, f"=={version}", shop.source))
    ]
    with ThreadPoolExecutor(shop.jobs) as pool:
        return tuple(pool.map(lambda file: _told(_cuda(file, shop), shop), files))


def _told(record: CudaRecord, shop: Workshop) -> CudaRecord:
    shop.say(f"{record.package} {record.version}: {len(record.libraries)} libraries")
    return record


def torch_releases(source: Source) -> tuple[Version, ...]:
    """Releases that the index has a wheel of, oldest first; pre-releases are none.

    Raises UsageError ``no-such-release`` where it has none at all.
    """
    found = {Version(file.version.public) for file in _wheels("torch", source)}
    if not found:
        raise _no_wheel("torch")
    return tuple(sorted(version for version in found if not version.is_prerelease))


def torch_file(version: Version, source: Source, cuda: CudaTag | None = None) -> IndexFile:
    """The wheel that is read for a release. Raises UsageError ``no-such-release``."""
    files = [
        file
        for file in _wheels("torch", source)
        if file.version.public == version.public
        and (cuda is None or file.version.local in (None, cuda.text))
    ]
    if not files:
        build = f"torch {version}" + (f" for {cuda}" if cuda else "")
        raise _no_wheel(build)
    return max(files, key=lambda file: parse(file.filename).build)


def _no_wheel(build: str) -> UsageError:
    message = f"the index has no wheel of {build} for Linux on x86_64 and Python {_PYTHON}"
    hint = "look at the release, and at --index"
    return UsageError("no-such-release", message, origin=build, hint=hint)


def _wheels(name: str, source: Source) -> list[IndexFile]:
    tags = frozenset(_TARGET.tags())
    return [
        file
        for file in source.files(name)
        if file.is_wheel and file.url and not tags.isdisjoint(parse(file.filename).tags)
    ]


def _newest(name: str, specifier: str, source: Source) -> IndexFile | None:
    wanted = Requirement(name + specifier)
    fitting = [f for f in _wheels(name, source) if wanted.specifier.contains(f.version, True)]
    return max(fitting, key=lambda file: (file.version, file.filename), default=None)


def _release(file: IndexFile, shop: Workshop) -> Built:
    record = _kept(file, shop, load, _read_torch(shop))
    closure = list(_closure(record.requires, shop.source))
    brought = tuple(_cuda(found, shop) for found, _ in closure)
    pins = {str(found.name): str(found.version) for found, pinned in closure if pinned}
    shop.say(f"torch {record.version}: {len(record.libraries)} libraries")
    uploaded = file.upload_time.date().isoformat() if file.upload_time else None
    return Built(record, brought, pins, uploaded)


def _cuda(file: IndexFile, shop: Workshop) -> CudaRecord:
    return _kept(file, shop, load_cuda, _read_cuda)


def _closure(requires: Sequence[str], source: Source) -> Iterator[tuple[IndexFile, bool]]:
    """The CUDA wheels that Requires-Dist lines bring, and whether torch pins their version.

    Through ``cuda-toolkit``, where there is one, and through what those wheels require: cuSOLVER
    wants any nvJitLink of its major, and older releases do not name it themselves.
    """
    waiting = [(line, True) for line in _holding(map(Requirement, requires), frozenset())]
    seen: set[str] = set()
    while waiting:
        requirement, pinned = waiting.pop(0)
        if requirement.name in seen or not requirement.name.startswith(_CUDA_NAMES):
            continue
        seen.add(requirement.name)
        file = _newest(requirement.name, str(requirement.specifier), source)
        if file is not None:
            inner = _holding(source.requires(file), frozenset(requirement.extras))
            toolkit = requirement.name == _META
            waiting += [(one, pinned and toolkit) for one in inner]
            if not toolkit:
                yield file, pinned


def _holding(found: Iterable[Requirement], extras: frozenset[str]) -> Iterator[Requirement]:
    environment = cast("dict[str, str]", _TARGET.marker_environment())
    for requirement in found:
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras))
        ):
            yield requirement


def _read_torch(shop: Workshop) -> Callable[[Path, str, IndexFile], Record]:
    def read(path: Path, sha256: str, _: IndexFile) -> Record:
        return read_torch(path, sha256, path.parent, compiler=shop.compiler)

    return read


def _read_cuda(path: Path, sha256: str, file: IndexFile) -> CudaRecord:
    return read_cuda(path, sha256, path.parent, file.name, str(file.version))


def _kept(
    file: IndexFile,
    shop: Workshop,
    load_record: Callable[[Path], R | None],
    read: Callable[[Path, str, IndexFile], R],
) -> R:
    path = shop.work / f"{file.filename}.record"
    known = load_record(path)
    if known is not None and (file.sha256 is None or known.sha256 == file.sha256):
        return known
    with _fetched(file, shop) as (wheel, sha256):
        record = read(wheel, sha256, file)
    dump(record, path)
    return record


@contextmanager
def _fetched(file: IndexFile, shop: Workshop) -> Iterator[tuple[Path, str]]:
    with scratch(shop.work) as folder:
        path = folder / file.filename
        with path.open("w+b") as target:
            shop.source.fetch(file, target)
            target.seek(0)
            sha256 = file_digest(target, "sha256").hexdigest()
        if file.sha256 not in (None, sha256):
            message = f"its sha256 is {sha256}, the index says {file.sha256}"
            raise UnknownError("hash-mismatch", message, origin=file.filename)
        yield path, sha256
