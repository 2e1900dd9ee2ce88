"""What a plan needs of the image and the host: system packages, driver, GPU coverage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from torchsolve.facts import Facts
from torchsolve.facts.gpus import Gpu
from torchsolve.model.gpu import coverage
from torchsolve.model.plan import GpuCoverage, Pin, SystemPackage
from torchsolve.model.version import dotted_key
from torchsolve.solve.cells import Cell
from torchsolve.solve.guards import driver_floor


def gpu_coverage(cell: Cell, pins: Iterable[Pin], tables: Facts) -> GpuCoverage:
    """Known compute capabilities that the torch build covers; Tegra's are left out, as unknown.

    Not complete where the plan holds other wheels with GPU code: those were not read.
    """
    build = cell.build
    if build is None or not build.sms:
        return GpuCoverage()
    known = sorted((row.capability for row in tables.gpus.sms), key=dotted_key)
    covered = {name: coverage(build.sms, build.ptx, name) for name in known}
    return GpuCoverage(
        native=tuple(name for name, how in covered.items() if how == "native"),
        ptx=tuple(name for name, how in covered.items() if how == "ptx"),
        complete=not any(pin.torch_coupled for pin in pins),
    )


def driver_minimum(cell: Cell, tables: Facts, gpus: Sequence[Gpu]) -> str | None:
    """The largest of the CUDA major's floor, the GPUs' floors and, where PTX serves, its ISA's."""
    floor = driver_floor(cell.id.cuda, tables, [gpu.capability for gpu in gpus])
    build, dotted = cell.build, cell.id.cuda.dotted
    if floor is None or build is None or dotted is None:
        return floor
    by_ptx = [gpu for gpu in gpus if coverage(build.sms, build.ptx, gpu.capability) == "ptx"]
    toolkit = tables.drivers.toolkit(dotted) if by_ptx else None
    return max([floor, toolkit], key=dotted_key) if toolkit else floor


def system_packages(pins: Iterable[Pin], os: str, tables: Facts) -> tuple[SystemPackage, ...]:
    """OS packages for the libraries that the pins' wheels take from the system.

    One row a package. A library whose package is not known on this OS is reported with an empty
    package name, never left out.
    """
    system = next((row for row in tables.images.systems if row.name == os), None)
    needed: dict[str, set[str]] = {}
    for pin in pins:
        row = tables.dist_sonames.get(canonicalize_name(pin.name))
        for soname in row.sonames if row else ():
            needed.setdefault(soname, set()).add(pin.name)
    merged: dict[str, SystemPackage] = {}
    for soname, names in sorted(needed.items()):
        package = tables.package_of(soname, system) if system else None
        before = merged.get(package or soname)
        users = {*names, *(before.needed_by if before else ())}
        merged[package or soname] = SystemPackage(
            package or "", before.soname if before else soname, tuple(sorted(users)), _SONAMES
        )
    return tuple(merged[key] for key in sorted(merged))


_SONAMES = "matrices/sonames.toml"


def needs_compiler(pins: Iterable[Pin], tables: Facts) -> bool:
    """Whether something in the plan compiles at run time (Triton's launcher does)."""
    return any("compiler" in tables.runtime_needs.get(pin.name, ()) for pin in pins)
