"""Libraries that come twice into one process: two majors of CUDA's, two copies under one soname."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from torchsolve.abi.closure import installed
from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.link import LinkIssue, LinkKind

_CUDA = re.compile(
    r"lib(cudart|cublas|cublasLt|cudnn|cufft|curand|cusolver|cusparse|cusparseLt|nvrtc|nvJitLink"
    r"|nvToolsExt|nccl|nvinfer|npp\w+)(?:[-.][0-9a-f]{8})?\.so\.(\d+)[\d.]*"
)
# auditwheel's mark: a name that no other build has.
_HASHED = re.compile(r"[-.][0-9a-f]{8}\.")
_SHOWN = 4


def majors(live: Mapping[str, Iterable[ElfFile]], mapped: Collection[str]) -> Iterator[LinkIssue]:
    """CUDA libraries that the plan's wheels and torch want in several majors.

    Args:
        live: the files of each wheel that will be opened.
        mapped: what ``import torch`` opens.
    """
    users: dict[str, dict[int, dict[str, str]]] = {}
    for soname in sorted(mapped):
        _note(users, soname, "torch", "")
    for name, files in live.items():
        for file in files:
            for soname in (*file.needed, *((file.soname,) if file.soname else ())):
                _note(users, soname, name, file.member)
    for library, by_major in sorted(users.items()):
        if len(by_major) > 1:
            wheels = {wheel for names in by_major.values() for wheel in names}
            members = sorted(m for names in by_major.values() for m in names.values() if m)
            text = ", ".join(
                f"{major} for {' '.join(sorted(names))}"
                for major, names in sorted(by_major.items())
            )
            yield LinkIssue(
                LinkKind.MAJORS,
                f"lib{library}",
                tuple(sorted(wheels)),
                tuple(members[:_SHOWN]),
                f"in several majors: {text}",
            )


def _note(
    users: dict[str, dict[int, dict[str, str]]], soname: str, wheel: str, member: str
) -> None:
    match = _CUDA.fullmatch(soname)
    if match:
        users.setdefault(match[1], {}).setdefault(int(match[2]), {}).setdefault(wheel, member)


def copies(wheels: Mapping[str, WheelBinary]) -> Iterator[LinkIssue]:
    """Different files under one SONAME that several wheels bring, each linked against its own.

    The loader takes a library that is in the process already by its SONAME, so that the wheel that
    comes second gets the other's. Names with a hash (auditwheel's) never meet.
    """
    found: dict[str, dict[str, ElfFile]] = {}
    for name, wheel in wheels.items():
        linked = {soname for file in wheel.files for soname in file.needed}
        for file in wheel.files:
            if file.soname in linked and file.soname and not _HASHED.search(file.soname):
                found.setdefault(file.soname, {}).setdefault(name, file)
    for soname, by_wheel in sorted(found.items()):
        contents = {file.content for file in by_wheel.values()}
        if len(by_wheel) > 1 and (len(contents) > 1 or None in contents):
            same = "of unknown contents" if None in contents else "with other contents"
            yield LinkIssue(
                LinkKind.COPIES,
                soname,
                tuple(sorted(by_wheel)),
                tuple(sorted(file.member for file in by_wheel.values()))[:_SHOWN],
                f"in each of them, {same}; the one that is opened first serves both",
            )


def overlaps(wheels: Mapping[str, WheelBinary]) -> Iterator[LinkIssue]:
    """Compiled files that several wheels install in one place (cv2 of two OpenCV builds)."""
    owners: dict[str, dict[str, str | None]] = {}
    for name, wheel in wheels.items():
        for path, file in installed((wheel,)).items():
            owners.setdefault(path, {})[name] = file.content
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, contents in sorted(owners.items()):
        if len(contents) > 1 and (len(set(contents.values())) > 1 or None in contents.values()):
            groups.setdefault(tuple(sorted(contents)), []).append(path)
    for names, paths in sorted(groups.items()):
        text = "installed by each of them, with other contents; the one that comes last stays"
        yield LinkIssue(LinkKind.OVERLAP, paths[0], names, tuple(paths[:_SHOWN]), text)
