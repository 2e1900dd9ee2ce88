"""What a plan needs of the image and the host: system packages, driver, GPU coverage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from torchsolve.facts import Facts
from torchsolve.facts.torch import TorchBuild
from torchsolve.model.binary import WheelBinary
from torchsolve.model.plan import Pin, SystemPackage
from torchsolve.model.version import CudaTag, dotted_key
from torchsolve.solve.coverage import Coverage, Jit, plan_coverage
from torchsolve.solve.guards import driver_floor


def gpu_coverage(
    build: TorchBuild | None,
    pins: Iterable[Pin],
    tables: Facts,
    binaries: Iterable[tuple[str, WheelBinary]] = (),
    driver: str | None = None,
    also: Iterable[str] = (),
) -> Coverage:
    """Coverage of a plan.

    Args:
        driver: the host's, which PTX is held against.
        also: pins that use CUDA though they need no torch.
    """
    known = sorted((row.capability for row in tables.gpus.sms), key=dotted_key)
    wanted = [*also, *(pin.name for pin in pins if pin.torch_coupled or _built_with_torch(pin))]
    return plan_coverage(build, known, binaries, wanted, Jit(tables.drivers, driver))


def _built_with_torch(pin: Pin) -> bool:
    return pin.is_source and "torch" in pin.requires


def driver_minimum(
    cuda: CudaTag, tables: Facts, asked: Sequence[str], found: Coverage
) -> str | None:
    """The largest of the CUDA major's floor, the GPUs' floors and, where PTX serves, its ISA's.

    ``asked``: capabilities; where none was asked for, the one that the oldest driver serves counts.
    """
    floor = driver_floor(cuda, tables, asked)
    if floor is None:
        return None
    served = (*found.gpu.native, *found.gpu.ptx)
    needs = {c: _needs(c, tables, found) for c in asked or served}
    known = [driver for driver in needs.values() if driver is not None]
    if not known or (not asked and len(known) < len(needs)):
        return floor
    least = max(known, key=dotted_key) if asked else min(known, key=dotted_key)
    return max(floor, least, key=dotted_key)


def _needs(capability: str, tables: Facts, found: Coverage) -> str | None:
    rows = (tables.gpus.driver_floor(capability), found.drivers.get(capability))
    return max((row for row in rows if row is not None), key=dotted_key, default=None)


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
    packages = tables.packages_of(needed, system) if system and needed else {}
    merged: dict[str, SystemPackage] = {}
    for soname, names in sorted(needed.items()):
        package = packages.get(soname)
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
