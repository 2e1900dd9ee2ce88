"""An installed torch in the atlas's place: what is on the disk, whichever build it is.

In: the folders of an environment and the version of its torch. Out: an ``AtlasView`` that answers
for that version by the installed libraries, and for all others by the atlas. Layouts are the
atlas's, where it has the release.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.atlas import Atlas
from torchsolve.abi.cuda_names import CudaNames
from torchsolve.abi.library import read_library
from torchsolve.abi.mapped import mapped, sonames
from torchsolve.abi.preloads import preloads
from torchsolve.abi.record import Facts
from torchsolve.abi.view import ReleaseView
from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass

_LIBRARIES = ("torch/lib/*.so*", "nvidia/**/lib/*.so*", "cusparselt/lib/*.so*")


@dataclass(frozen=True, slots=True)
class InstalledRelease:
    """As ``ReleaseView``."""

    sonames: Collection[str]
    mapped: Collection[str]
    wheels: Mapping[str, str]
    layout: Mapping[str, int]
    vtables: Mapping[str, int]


class InstalledTorch:
    """The atlas with one release exchanged; see the module.

    Args:
        version: of torch, its local part (``+cu128``) left out.
        wheels: CUDA package → version that is installed.

    Raises UnknownError ``unreadable-library`` where a library of torch cannot be read.
    """

    def __init__(
        self, atlas: Atlas, version: Version, sites: Sequence[Path], wheels: Mapping[str, str]
    ) -> None:
        self._atlas, self.version, self._sites = atlas, version, tuple(sites)
        self._exports: dict[str, str] = {}
        self._release = self._read(wheels)

    @cached_property
    def releases(self) -> tuple[Version, ...]:
        """Those of the atlas, and this one, oldest first."""
        return tuple(sorted({*self._atlas.releases, self.version}))

    @property
    def cuda(self) -> CudaNames:
        """The atlas's."""
        return self._atlas.cuda

    def release(self, version: Version) -> ReleaseView | None:
        """What is installed, or of the atlas."""
        return self._release if version == self.version else self._atlas.release(version)

    def missing(self, version: Version, names: Iterable[str]) -> Collection[str]:
        """Those that no installed library of torch exports."""
        if version != self.version:
            return self._atlas.missing(version, names)
        return tuple(name for name in names if name not in self._exports)

    def library_of(self, name: str, version: Version) -> str | None:
        """The installed library that exports it."""
        if version != self.version:
            return self._atlas.library_of(name, version)
        return self._exports.get(name)

    def first_with(self, name: str) -> Version | None:
        """By the atlas, else this release."""
        found = self._atlas.first_with(name)
        return self.version if found is None and name in self._exports else found

    def known(self, name: str) -> bool:
        """Whether it is torch's."""
        return name in self._exports or self._atlas.known(name)

    def _read(self, wheels: Mapping[str, str]) -> InstalledRelease:
        found: dict[str, Facts] = {}
        for site in reversed(self._sites):
            for pattern in _LIBRARIES:
                for path in sorted(site.glob(pattern)):
                    if path.is_file() and ".so" in path.name:
                        found[path.name] = self._library(path)
        kept = self._atlas.release(self.version)
        source = next((p for s in self._sites if (p := s / "torch/__init__.py").is_file()), None)
        return InstalledRelease(
            sonames(found),
            mapped(found, _preloads(source)),
            wheels,
            kept.layout if kept else {},
            kept.vtables if kept else {},
        )

    def _library(self, path: Path) -> Facts:
        own = path.parent.parent.name == "torch"
        try:
            with path.open("rb") as stream:
                library = read_library(stream, str(path))
        except (UnknownError, OSError) as error:
            if own:
                raise UnknownError("unreadable-library", str(error), origin=str(path)) from error
            return Facts(None, (), (), 0)
        if own:
            # Of several that have a name the most basic is told, as in the atlas.
            for name in library.exports:
                if _rank(path.name) <= _rank(self._exports.get(name, "")):
                    self._exports[name] = path.name
        return Facts(library.soname, library.needed, library.versions, len(library.exports))


def _rank(library: str) -> int:
    order = ("libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so")
    return order.index(library) if library in order else len(order)


def _preloads(source: Path | None) -> tuple[str, ...]:
    """Of its own ``torch/__init__.py``, which is read and not run."""
    try:
        return preloads(source.read_text("utf-8", "replace")) if source else ()
    except (SyntaxError, ValueError, RecursionError):
        return ()
