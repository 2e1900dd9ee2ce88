"""The atlas: which torch release exports what, what it brings, and how its classes are laid out.

Built from the wheels of the default index (``atlas build``, ``atlas extend``); read lazily.

Builds of other CUDA tags lie on torch's own index. One that was read is a column of its own
(``cuda=``). Of one that was not: it shares the names of libc10, libtorch_cpu and libtorch_python
with the release's default build where the C++ ABI is equal (not in 2.6.0, where it differs by tag):
what needs those alone ``links`` at best; what needs a name of libc10_cuda or libtorch_cuda is
``unknown`` there until that build was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.cuda_names import CudaNames, read_cuda_names
from torchsolve.abi.name_table import NameTable, unpack
from torchsolve.abi.table import NAMES, Build, columns_of, read_builds, read_sizes, sizes_of
from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag
from torchsolve.resources import share

# What builds of one release share whatever their CUDA tag, where the C++ ABI is equal.
SHARED = frozenset({"libc10.so", "libtorch_cpu.so", "libtorch_python.so"})


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """One build of a release.

    Attributes:
        cxx11_abi: None where libc10 does not tell.
        glibc, glibcxx, cxxabi: the newest symbol version that its libraries need; ``2.28``.
        sonames: file names and SONAMEs of what torch and its pinned CUDA wheels bring.
        mapped: of those and of the system's, what is in the process after ``import torch``.
        layout: field → bytes or value, see ``layout.FIELDS``; a field it does not know is absent.
        vtables: exported vtable or typeinfo → bytes.
        wheels: CUDA package → version that its METADATA pins.
        exported: library → how many names.
    """

    version: Version
    cuda: CudaTag
    cxx11_abi: bool | None
    glibc: str | None
    glibcxx: str | None
    cxxabi: str | None
    sonames: frozenset[str]
    mapped: frozenset[str]
    layout: Mapping[str, int]
    vtables: Mapping[str, int]
    wheels: Mapping[str, str]
    exported: Mapping[str, int]


class Atlas:
    """The files of one folder; nothing is read before it is asked for.

    Versions may carry a local part (``2.7.0+cu126``); it is ignored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._histories: dict[str, bytes] = {}
        self._facts: dict[int, ReleaseFacts] = {}
        # A judge asks thousands of times: making a version's public part costs more than the rest.
        self._asked: dict[tuple[Version, CudaTag | None], ReleaseFacts | None] = {}
        self._column_of: dict[tuple[Version, CudaTag | None], int] = {}
        # A few thousand histories serve all names.
        self._first: dict[bytes, Version | None] = {}

    @cached_property
    def _versions(self) -> tuple[Version, ...]:
        return tuple(Version(build.version) for build in self.builds)

    @cached_property
    def builds(self) -> tuple[Build, ...]:
        """All columns, oldest release first."""
        return self._head[0]

    @cached_property
    def releases(self) -> tuple[Version, ...]:
        """Releases whose default build was read, oldest first."""
        return tuple(
            v for v, build in zip(self._versions, self.builds, strict=True) if build.default
        )

    def release(self, version: Version, cuda: CudaTag | None = None) -> ReleaseFacts | None:
        """Facts of the default build, or of that tag's; None where it was not read."""
        try:
            return self._asked[version, cuda]
        except KeyError:
            column = self._columns.get((version.public, cuda))
            found = None if column is None else self._column_facts(column)
            return self._asked.setdefault((version, cuda), found)

    def missing(
        self, version: Version, names: Iterable[str], cuda: CudaTag | None = None
    ) -> tuple[str, ...]:
        """Those of the names that no library of the build exports, in their order.

        Raises UsageError ``not-in-atlas``.
        """
        column, asked = self._column(version, cuda), list(names)
        known = self._histories
        for name in asked:
            if name not in known:
                self._history(name)
        # Thousands of names for each release: nothing is called in this loop.
        return tuple([name for name in asked if not known[name][column]])

    def library_of(self, name: str, version: Version, cuda: CudaTag | None = None) -> str | None:
        """The library that exports the name, None where none does; raises as ``missing``.

        Of several one of ``SHARED`` is told first.
        """
        number = self._library(name, self._column(version, cuda))
        return self._head[1][number - 1] if number else None

    def first_with(self, name: str) -> Version | None:
        """The oldest release whose default build exports the name; None where none does."""
        history = self._history(name)
        if history not in self._first:
            rows = zip(self._versions, self.builds, history, strict=True)
            oldest = next((v for v, build, library in rows if library and build.default), None)
            self._first[history] = oldest
        return self._first[history]

    def releases_with(self, name: str) -> tuple[Version, ...]:
        """Releases whose default builds export the name, oldest first."""
        history = self._history(name)
        return tuple(
            version
            for version, build, library in zip(self._versions, self.builds, history, strict=True)
            if library and build.default
        )

    def count(self, version: Version, library: str, cuda: CudaTag | None = None) -> int:
        """How many names the atlas keeps of a library of the build; raises as ``missing``."""
        column, number = self._column(version, cuda), self._head[1].index(library) + 1
        return sum(1 for _, history in self._names.rows() if history[column] == number)

    def known(self, name: str) -> bool:
        """Whether any build exports the name: then it is torch's."""
        return self._history(name) is not self._absent

    def cuda_first(self, name: str, soname: str | None = None) -> tuple[str, Version] | None:
        """``(libcudart.so.12, 12.5.39)``: the first version that exports the name.

        Of the oldest CUDA major that has it, or of that ``soname``; None where none has.
        """
        return self.cuda.first(name, soname)

    @cached_property
    def cuda(self) -> CudaNames:
        """Names of libcudart, libnvrtc and libnvJitLink, and what CUDA wheels bring."""
        return read_cuda_names(self._folder)

    @cached_property
    def _head(self) -> tuple[tuple[Build, ...], tuple[str, ...]]:
        return read_builds(self._folder)

    @cached_property
    def _columns(self) -> dict[tuple[str, CudaTag | None], int]:
        columns: dict[tuple[str, CudaTag | None], int] = {}
        for at, build in enumerate(self.builds):
            columns[build.version, CudaTag(build.cuda)] = at
            if build.default:
                columns[build.version, None] = at
        return columns

    @cached_property
    def _names(self) -> NameTable:
        return unpack((self._folder / NAMES).read_bytes(), columns_of(self.builds))

    @cached_property
    def _sizes(self) -> dict[str, str]:
        return read_sizes(self._folder, self.builds)

    def _column(self, version: Version, cuda: CudaTag | None) -> int:
        known = self._column_of.get((version, cuda))
        if known is not None:
            return known
        column = self._columns.get((version.public, cuda))
        if column is None:
            build = f"torch {version}" + (f" for {cuda}" if cuda else "")
            hint = "torchsolve atlas extend"
            raise UsageError("not-in-atlas", f"the atlas does not have {build}", hint=hint)
        return self._column_of.setdefault((version, cuda), column)

    def _library(self, name: str, column: int) -> int:
        return self._history(name)[column]

    def _history(self, name: str) -> bytes:
        try:
            return self._histories[name]
        except KeyError:
            found = self._names.history(name)
            return self._histories.setdefault(name, self._absent if found is None else found)

    @cached_property
    def _absent(self) -> bytes:
        return bytes(len(self.builds))

    def _column_facts(self, column: int) -> ReleaseFacts:
        if column not in self._facts:
            build = self.builds[column]
            self._facts[column] = ReleaseFacts(
                Version(build.version),
                CudaTag(build.cuda),
                build.cxx11_abi,
                build.floors.get("GLIBC"),
                build.floors.get("GLIBCXX"),
                build.floors.get("CXXABI"),
                frozenset(build.sonames),
                frozenset(build.mapped),
                build.layout,
                _Sizes(self, column),
                build.wheels,
                build.exported,
            )
        return self._facts[column]


class _Sizes(Mapping[str, int]):
    """One column of the sizes, which are not read before somebody looks."""

    def __init__(self, atlas: Atlas, column: int) -> None:
        self._atlas, self._column = atlas, column

    def __getitem__(self, name: str) -> int:
        size = self._size(self._atlas._sizes[name])  # noqa: SLF001 - its own part
        if not size:
            raise KeyError(name)
        return size

    def __iter__(self) -> Iterator[str]:
        sizes = self._atlas._sizes  # noqa: SLF001 - its own part
        return (name for name, runs in sizes.items() if self._size(runs))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _size(self, runs: str) -> int:
        return next(islice(sizes_of(runs), self._column, None))


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The atlas that is shipped. Raises what reading raises where it is first asked."""
    return Atlas(share("data") / "atlas")
