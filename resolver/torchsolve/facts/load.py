"""The one object that holds all tables, each parsed at its first use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from torchsolve.facts.companions import (
    CompanionRow,
    XformersRow,
    parse_companions,
    parse_xformers,
)
from torchsolve.facts.gpus import DriverTable, GpuTable, parse_drivers, parse_gpus
from torchsolve.facts.images import ImageTable, OsRow, parse_images
from torchsolve.facts.imports import ImportName, parse_import_names
from torchsolve.facts.system import (
    DistSonames,
    LibraryRow,
    RuntimeTable,
    package_on,
    parse_dist_sonames,
    parse_runtime,
    parse_sonames,
)
from torchsolve.facts.table import Table, read_table
from torchsolve.facts.torch import TorchTable, parse_torch
from torchsolve.resources import share

if TYPE_CHECKING:
    from torchsolve.facts.abi import LayoutTable, RuntimeRow, StableTable
    from torchsolve.facts.comfyui import ComfyTable
    from torchsolve.facts.conflicts import BuildFailure, KnownConflict, ModelRow
    from torchsolve.facts.folders import FolderTable
    from torchsolve.facts.names import NameExample, NameStyle, NameTable


class Facts:
    """The tables of ``matrices/``; the first use of one may raise UsageError ``bad-table``.

    Args:
        folder: where the tables lie; by default those that are shipped.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._tables: dict[str, Table] = {}
        self._partly: dict[str, Table] = {}

    @property
    def folder(self) -> Path:
        """Where the tables lie."""
        return self._folder or share("matrices")

    @property
    def read(self) -> Mapping[str, Table]:
        """The files that were parsed so far, by name."""
        return self._partly | self._tables

    @property
    def oldest(self) -> date | None:
        """When the oldest of them was last checked."""
        return min((table.checked for table in self.read.values()), default=None)

    @property
    def checked(self) -> date:
        """How old the facts are: when the table that was left longest was last checked."""
        names = sorted(path.stem for path in self.folder.glob("*.toml"))
        return min(self._table(name).checked for name in names)

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = read_table(self.folder, name)
        return self._tables[name]

    @cached_property
    def torch(self) -> TorchTable:
        """Releases and builds of PyTorch."""
        return parse_torch(self._table("torch"))

    @cached_property
    def companions(self) -> tuple[CompanionRow, ...]:
        """Packages that must move with torch though their METADATA does not say so."""
        return parse_companions(self._table("companions"))

    @cached_property
    def xformers(self) -> tuple[XformersRow, ...]:
        """xformers releases, newest first."""
        return parse_xformers(self._table("xformers"))

    @cached_property
    def images(self) -> ImageTable:
        """Base images and operating systems."""
        return parse_images(self._table("images"), self._table("os"))

    @cached_property
    def gpus(self) -> GpuTable:
        """GPUs and compute capabilities."""
        return parse_gpus(self._table("gpus"))

    @cached_property
    def drivers(self) -> DriverTable:
        """Drivers of toolkits, CUDA majors and PTX versions."""
        return parse_drivers(self._table("drivers"))

    @cached_property
    def comfyui(self) -> ComfyTable:
        """ComfyUI's releases."""
        from torchsolve.facts.comfyui import parse_comfyui

        return parse_comfyui(self._table("comfyui"))

    @cached_property
    def folders(self) -> FolderTable:
        """ComfyUI's model folders."""
        from torchsolve.facts.folders import parse_folders

        return parse_folders(self._table("folders"))

    @cached_property
    def _names(self) -> NameTable:
        from torchsolve.facts.names import parse_names

        return parse_names(self._table("name_styles"))

    @property
    def name_styles(self) -> tuple[NameStyle, ...]:
        """Ways in which names say what a wheel was made for."""
        return self._names.styles

    @property
    def name_examples(self) -> tuple[NameExample, ...]:
        """Every name seen, those that say nothing included."""
        return self._names.examples

    @cached_property
    def known_conflicts(self) -> tuple[KnownConflict, ...]:
        """Failures with a recognizable text, specific ones first."""
        from torchsolve.facts.conflicts import parse_conflicts

        return parse_conflicts(self._table("known_conflicts"))

    @cached_property
    def build_failures(self) -> tuple[BuildFailure, ...]:
        """Why images do not build, specific ones first."""
        from torchsolve.facts.conflicts import parse_failures

        return parse_failures(self._table("build_failures"))

    @cached_property
    def models(self) -> tuple[ModelRow, ...]:
        """Weight repositories whose access is known."""
        from torchsolve.facts.conflicts import parse_models

        return parse_models(self._table("models"))

    @cached_property
    def loader_ignores(self) -> tuple[str, ...]:
        """Patterns of files that model loaders leave alone where safetensors are there."""
        from torchsolve.facts.conflicts import parse_loader_ignores

        return parse_loader_ignores(self._table("models"))

    @cached_property
    def libraries(self) -> tuple[LibraryRow, ...]:
        """Shared libraries and the packages that bring them."""
        return parse_sonames(self._table("sonames"))

    @cached_property
    def sonames(self) -> Mapping[str, Mapping[str, str]]:
        """soname → {family or OS: package}; see ``package_of``."""
        return {row.soname: row.packages for row in self.libraries}

    @cached_property
    def dist_sonames(self) -> Mapping[str, DistSonames]:
        """Distribution → what its wheels take from the system."""
        return {row.name: row for row in parse_dist_sonames(self._table("dist_sonames"))}

    @cached_property
    def runtime(self) -> RuntimeTable:
        """Programs and headers that distributions use at run time."""
        return parse_runtime(self._table("runtime"))

    @cached_property
    def runtime_needs(self) -> Mapping[str, tuple[str, ...]]:
        """Distribution → names of its needs, ``compiler``."""
        return {row.name: row.needs for row in self.runtime.distributions}

    @cached_property
    def import_names(self) -> tuple[ImportName, ...]:
        """Import names that several distributions write."""
        return parse_import_names(self._table("import_names"))

    @cached_property
    def layouts(self) -> LayoutTable:
        """Which differing layouts of torch do what to which wheels."""
        from torchsolve.facts.abi import parse_layouts

        return parse_layouts(self._table("layouts"))

    @cached_property
    def stable_abi(self) -> StableTable:
        """What PyTorch promises of its stable ABI."""
        from torchsolve.facts.abi import parse_stable

        return parse_stable(self._table("stable_abi"))

    @cached_property
    def libstdcxx(self) -> tuple[RuntimeRow, ...]:
        """Symbol versions of GCC's run time, oldest first."""
        from torchsolve.facts.abi import parse_libstdcxx

        return parse_libstdcxx(self._table("libstdcxx"))

    def packages_of(self, sonames: Collection[str], system: OsRow) -> dict[str, str | None]:
        """The packages of a few sonames on an OS: their rows alone are read."""
        table = self._partly["sonames"] = read_table(self.folder, "sonames", sonames)
        found = {row.soname: row.packages for row in parse_sonames(table)}
        return {name: package_on(found.get(name) or {}, system) for name in sonames}

    def package_of(self, wanted: str, system: OsRow) -> str | None:
        """The package of a soname or a need (``compiler``) on an OS; None when not known."""
        needs = {row.name: row.packages for row in self.runtime.needs}
        return package_on(self.sonames.get(wanted) or needs.get(wanted) or {}, system)


@lru_cache(maxsize=1)
def load_facts() -> Facts:
    """The shipped tables; nothing is read before it is used."""
    return Facts()
