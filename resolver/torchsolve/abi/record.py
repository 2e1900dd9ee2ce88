"""What was read out of one torch wheel, kept whole between ``atlas build`` and the atlas itself."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

from torchsolve.abi.layout import read_layout
from torchsolve.abi.library import Library, read_library
from torchsolve.abi.lines import check_lines
from torchsolve.abi.preloads import preloads
from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass

_LIBRARY = re.compile(r"torch/lib/lib[^/]+\.so(?:\.\d+)*")
_CUDA_LIBRARY = re.compile(r"nvidia/.*/?lib[^/]+\.so(?:\.\d+)*")
# Of whose names wheels need some that only newer versions have.
_NAMED = ("libcudart.so", "libnvrtc.so", "libnvJitLink.so")
_CUDA = re.compile(r"^cuda(?:\s*:[^=]+)?\s*=\s*['\"]([\d.]+)['\"]", re.MULTILINE)
_ERROR = "_ZN3c105ErrorC1ENS_14SourceLocationE"
_UNREADABLE = (OSError, zlib.error, ValueError, LookupError, TypeError)
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, RuntimeError)
# 2: the form of the file; another form is read again from the wheel.
_FORM = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """A library without its exports; ``exported`` counts all of them."""

    soname: str | None
    needed: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    exported: int


@dataclass(frozen=True, slots=True)
class Record:
    """One build of one release.

    Attributes:
        version: of the METADATA, without a local part.
        cuda: ``12.6`` of ``torch/version.py``; None of a CPU build.
        cxx11_abi: which constructor of ``c10::Error`` libc10 exports; None where it has neither.
        requires: Requires-Dist lines.
        libraries: file name in ``torch/lib`` → facts.
        exports: file name → names, sorted; those of compiler hashes are left out.
        sizes: size in bytes of each exported vtable and typeinfo of torch's own classes.
        layout: see ``layout.FIELDS``.
        checks: header → lines of its inlined checks, see ``lines.check_lines``.
        preloads: patterns of the libraries that ``import torch`` opens by hand.
    """

    filename: str
    sha256: str
    version: str
    cuda: str | None
    cxx11_abi: bool | None
    requires: tuple[str, ...]
    libraries: dict[str, Facts]
    exports: dict[str, tuple[str, ...]]
    sizes: dict[str, int]
    layout: dict[str, int]
    checks: dict[str, tuple[int, ...]]
    preloads: tuple[str, ...]


def read_torch(wheel: Path, sha256: str, work: Path, *, compiler: str = "g++") -> Record:
    """Reads a torch wheel, one library at a time through a temporary file under ``work``.

    Raises:
        UnknownError: ``unreadable-library``, ``not-a-wheel``, ``no-compiler``,
            ``headers-not-compiled``.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=work) as folder:
            libraries = dict(read_libraries(archive, Path(folder), _LIBRARY))
            metadata = _metadata(archive)
            cxx11 = _cxx11_abi(libraries)
            include = _headers(archive, Path(folder))
            return Record(
                filename=wheel.name,
                sha256=sha256,
                version=str(metadata["Version"]).partition("+")[0],
                cuda=_cuda(archive),
                cxx11_abi=cxx11,
                requires=tuple(map(str, metadata.get_all("Requires-Dist", ()))),
                libraries={name: _facts_of(found) for name, found in libraries.items()},
                exports={
                    name: tuple(sorted(filter(is_stable, found.exports)))
                    for name, found in libraries.items()
                },
                sizes=_sizes(libraries),
                layout=read_layout(include, cxx11_abi=cxx11 is not False, compiler=compiler),
                checks=_checks(include),
                preloads=preloads(archive.read("torch/__init__.py").decode()),
            )
    except _BROKEN as error:
        raise UnknownError("not-a-wheel", str(error), origin=wheel.name) from error


@dataclass(frozen=True, slots=True)
class CudaRecord:
    """One wheel of CUDA libraries.

    Attributes:
        package: PEP 503 name, ``nvidia-cuda-runtime-cu12``.
        libraries: file name → facts.
        exports: file name → names, sorted; of the CUDA runtime, nvrtc and nvJitLink only.
    """

    filename: str
    sha256: str
    package: str
    version: str
    libraries: dict[str, Facts]
    exports: dict[str, tuple[str, ...]]


def read_cuda(wheel: Path, sha256: str, work: Path, package: str, version: str) -> CudaRecord:
    """Reads a wheel of NVIDIA's. Raises UnknownError ``unreadable-library``, ``not-a-wheel``."""
    try:
        with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=work) as folder:
            libraries = dict(read_libraries(archive, Path(folder), _CUDA_LIBRARY))
    except _BROKEN as error:
        raise UnknownError("not-a-wheel", str(error), origin=wheel.name) from error
    return CudaRecord(
        wheel.name,
        sha256,
        package,
        version,
        {name: _facts_of(found) for name, found in libraries.items()},
        {
            name: tuple(sorted(found.exports))
            for name, found in libraries.items()
            if name.startswith(_NAMED)
        },
    )


def is_stable(name: str) -> bool:
    """Whether another build of the same source would call it the same.

    Names of anonymous namespaces and of nvcc's internal linkage carry hashes, those of its extended
    lambdas ordinals; no wheel needs one, and they are about half of all.
    """
    return not any(part in name for part in _UNSTABLE)


_UNSTABLE = ("_GLOBAL__N_", "_INTERNAL_", "__nv_hdl_", "__nv_dl_")


def is_class(name: str) -> bool:
    """Whether it is the vtable or typeinfo of a class of torch's."""
    return name.startswith(_CLASSES)


_CLASSES = tuple(
    f"_ZT{kind}{form}"
    for kind in "VI"
    for form in ("N3c10", "N2at", "N5torch", "N6caffe2", "N4c10d")
)


def dump(record: Record | CudaRecord, path: Path) -> None:
    """Writes it, whole or not at all."""
    text = json.dumps({"form": _FORM, **asdict(record)}, sort_keys=True, separators=(",", ":"))
    part = path.with_suffix(".part")
    part.write_bytes(zlib.compress(text.encode(), 6))
    part.replace(path)


def load(path: Path) -> Record | None:
    """A torch wheel's record; None where there is none that can be read."""
    try:
        data = _read(path)
        data["checks"] = {header: tuple(lines) for header, lines in data["checks"].items()}
        for field in ("requires", "preloads"):
            data[field] = tuple(data[field])
        return Record(**data)
    except _UNREADABLE:
        return None


def load_cuda(path: Path) -> CudaRecord | None:
    """A CUDA wheel's record; None where there is none that can be read."""
    try:
        return CudaRecord(**_read(path))
    except _UNREADABLE:
        return None


def _read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(zlib.decompress(path.read_bytes()))
    if data.pop("form") != _FORM:
        raise ValueError("another form")
    data["libraries"] = {name: _facts(**row) for name, row in data["libraries"].items()}
    data["exports"] = {name: tuple(names) for name, names in data["exports"].items()}
    return data


def _facts(
    soname: str | None,
    needed: list[str],
    versions: list[list[str]],
    exported: int,
) -> Facts:
    pairs = tuple((library, version) for library, version in versions)
    return Facts(soname, tuple(needed), pairs, exported)


def _facts_of(library: Library) -> Facts:
    return Facts(library.soname, library.needed, library.versions, len(library.exports))


def read_libraries(
    archive: zipfile.ZipFile, folder: Path, wanted: re.Pattern[str]
) -> Iterator[tuple[str, Library]]:
    """File name and library of the members whose path is wanted. Raises what zipfile does."""
    for member in sorted(archive.namelist()):
        if wanted.fullmatch(member):
            # A gigabyte each: on the disk, never in memory, and one at a time.
            with tempfile.TemporaryFile(dir=folder) as target, archive.open(member) as source:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                yield PurePosixPath(member).name, read_library(target, member)


def _metadata(archive: zipfile.ZipFile) -> Message:
    names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return HeaderParser().parsestr(archive.read(names[0]).decode())


def _cuda(archive: zipfile.ZipFile) -> str | None:
    found = _CUDA.search(archive.read("torch/version.py").decode())
    return found[1] if found else None


def _cxx11_abi(libraries: dict[str, Library]) -> bool | None:
    exports = libraries["libc10.so"].exports if "libc10.so" in libraries else {}
    for name in exports:
        if name.startswith(_ERROR):
            return "__cxx11" in name
    return None


def _headers(archive: zipfile.ZipFile, folder: Path) -> Path:
    for name in archive.namelist():
        if name.startswith("torch/include/"):
            archive.extract(name, folder)
    return folder / "torch" / "include"


def _checks(include: Path) -> dict[str, tuple[int, ...]]:
    texts = {
        path.relative_to(include).as_posix(): path.read_text("utf-8", errors="replace")
        for path in sorted(include.rglob("*"))
        if path.is_file()
    }
    return {header: tuple(sorted(lines)) for header, lines in check_lines(texts).items()}


def _sizes(libraries: dict[str, Library]) -> dict[str, int]:
    return {
        name: size
        for library in libraries.values()
        for name, size in library.exports.items()
        if is_class(name) and is_stable(name)
    }
