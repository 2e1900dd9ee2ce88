"""One wheel before every release of the atlas: what ``inspect`` shows.

In: what was read of the wheel. Out: a verdict a release, for the wheel and for each of its files,
with the floors that it sets to its host. Each release is taken with its default build's closure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from packaging.version import Version

from torchsolve.abi.built_with import BuiltWith, built_with
from torchsolve.abi.host import Host, is_system
from torchsolve.abi.judge import Judge
from torchsolve.abi.stable import Stable, stable
from torchsolve.abi.symbols import depends_on_cxx11_abi, wanted
from torchsolve.abi.view import AtlasView
from torchsolve.model.binary import ElfFile, Judgement, WheelBinary
from torchsolve.model.values import dataclass
from torchsolve.model.version import dotted_key

# In a damaged file a version may be anything.
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,5}")
_CUDART = re.compile(r"libcudart[\w.-]*?\.so\.(\d+)")


@dataclass(frozen=True, slots=True)
class FileSurvey:
    """One file: floors of glibc and libstdc++ (None: it asks for none), its verdicts.

    Attributes:
        cxx11_abi: by how the torch symbols that it wants are spelled; None where none tells.
        stable: how it stands to the stable ABI; None where it uses no torch.
    """

    file: ElfFile
    glibc: str | None
    glibcxx: str | None
    cxx11_abi: bool | None
    stable: Stable | None
    torch: Mapping[Version, Judgement]


@dataclass(frozen=True, slots=True)
class Survey:
    """The wheel.

    Attributes:
        torch: release, newest first → verdict; empty for a wheel without compiled code.
        cuda_runtime: major of the libcudart that it needs; None where it needs none or brings it.
    """

    files: tuple[FileSurvey, ...]
    torch: Mapping[Version, Judgement]
    built: BuiltWith
    glibc: str | None
    glibcxx: str | None
    cuda_runtime: str | None

    def releases(self, verdict: str) -> tuple[Version, ...]:
        """Those with that verdict, newest first."""
        return tuple(v for v, judgement in self.torch.items() if judgement.verdict == verdict)


def survey(
    binary: WheelBinary,
    atlas: AtlasView,
    asked: Iterable[Version] | None = None,
    built: BuiltWith | None = None,
) -> Survey:
    """Judges the wheel and each of its files on every release, or on those asked about.

    ``built``: what ``built_with`` says, where the caller has it.
    """
    built = built or built_with(binary, atlas)
    judge = Judge(binary, atlas, Host(), built)
    chosen = atlas.releases if asked is None else asked
    releases = sorted(chosen, reverse=True) if binary.files or binary.unread else []
    files = tuple(_file(file, releases, atlas, judge) for file in binary.files)
    return Survey(
        files,
        {version: judge.wheel(version) for version in releases},
        built,
        _newest(file.glibc for file in files),
        _newest(file.glibcxx for file in files),
        _cuda_runtime(binary),
    )


def floor(file: ElfFile, family: str) -> str | None:
    """The newest version of ``GLIBC``, ``GLIBCXX`` that a file needs of the system's libraries."""
    return _newest(
        need.version.partition("_")[2]
        for need in file.versions
        if need.version.startswith(f"{family}_") and is_system(need.library)
    )


def _file(file: ElfFile, releases: list[Version], atlas: AtlasView, judge: Judge) -> FileSurvey:
    want = wanted([file], atlas.known)
    spelled = [name for name in want.torch if depends_on_cxx11_abi(name)]
    return FileSurvey(
        file,
        floor(file, "GLIBC"),
        floor(file, "GLIBCXX"),
        any("cxx11" in name for name in spelled) if spelled else None,
        stable(want, atlas) if want.torch or want.hints else None,
        {version: judge.file(file, version) for version in releases},
    )


def _newest(versions: Iterable[str | None]) -> str | None:
    numbers = [v for v in versions if v and _NUMBER.fullmatch(v)]
    return max(numbers, key=dotted_key, default=None)


def _cuda_runtime(binary: WheelBinary) -> str | None:
    own = {file.member.rsplit("/", 1)[-1] for file in binary.files}
    majors = {
        match[1]
        for file in binary.files
        for soname in file.needed
        if soname not in own and (match := _CUDART.fullmatch(soname))
    }
    return max(majors, key=int, default=None)
