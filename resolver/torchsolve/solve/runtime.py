"""What a plan needs of the image and the host: system packages, driver, GPU coverage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from torchsolve.facts import Facts
from torchsolve.facts.gpus import Gpu
from torchsolve.model.binary import WheelBinary, general_code
from torchsolve.model.gpu import coverage
from torchsolve.model.plan import GpuCoverage, Pin, SystemPackage
from torchsolve.model.version import dotted_key
from torchsolve.solve.cells import Cell
from torchsolve.solve.guards import driver_floor

Binaries = Iterable[tuple[str, WheelBinary]]


def gpu_coverage(
    cell: Cell, pins: Iterable[Pin], tables: Facts, binaries: Binaries = ()
) -> GpuCoverage:
    """Known compute capabilities that every wheel covers; Tegra's are left out, as unknown.

    Not complete where the plan holds other wheels whose GPU code was not read.
    """
    build = cell.build
    if build is None or not build.sms:
        return GpuCoverage()
    known = sorted((row.capability for row in tables.gpus.sms), key=dotted_key)
    codes = [("torch", build.sms, build.ptx)]
    read = set()
    for name, binary in binaries:
        files = [file.gpu for file in binary.files if file.gpu is not None]
        if len(files) == len(binary.files):
            read.add(name)
        codes += [
            (name, file.gpu.sass, tuple(architecture for architecture, _ in file.gpu.ptx))
            for file in general_code(binary.files)
            if file.gpu is not None
        ]
    covered = {
        capability: {name: coverage(sass, ptx, capability) for name, sass, ptx in codes}
        for capability in known
    }
    by_torch = [c for c in known if covered[c]["torch"] in ("native", "ptx")]
    lacking = {c: sorted(n for n, how in covered[c].items() if how == "missing") for c in by_torch}
    served = [c for c in by_torch if set(covered[c].values()) <= {"native", "ptx"}]
    return GpuCoverage(
        native=tuple(c for c in served if set(covered[c].values()) == {"native"}),
        ptx=tuple(c for c in served if "ptx" in covered[c].values()),
        missing=tuple((c, tuple(names)) for c, names in lacking.items() if names),
        complete=all(pin.name in read for pin in pins if pin.torch_coupled or pin.is_source),
    )


def driver_minimum(
    cell: Cell, tables: Facts, gpus: Sequence[Gpu], served: Sequence[str]
) -> str | None:
    """The largest of the CUDA major's floor, the GPUs' floors and, where PTX serves, its ISA's.

    ``served``: capabilities that the plan covers; where no GPU was asked for, the one that the
    oldest driver knows counts.
    """
    asked = [gpu.capability for gpu in gpus]
    floors = [tables.gpus.driver_floor(capability) for capability in served]
    known = [floor for floor in floors if floor is not None]
    floor = driver_floor(cell.id.cuda, tables, asked)
    build, dotted = cell.build, cell.id.cuda.dotted
    if floor is None or build is None or dotted is None:
        return floor
    if not asked and len(known) == len(floors) and known:
        floor = max(floor, min(known, key=dotted_key), key=dotted_key)
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
