"""What rules a cell out before anything is solved: GPUs, driver, Python and wheels by their names.

Each guard gives the facts that cannot hold together in the cell, or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.facts.gpus import Gpu
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.gpu import coverage
from torchsolve.model.project import ProjectFacts, ProjectKind, WheelFact
from torchsolve.model.target import Target
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag, dotted_key
from torchsolve.solve.cells import Cell
from torchsolve.solve.coverage import Jit
from torchsolve.solve.options import python_allows, tag_rank, wheel_triple
from torchsolve.solve.required import NAME, cuda_of, starts

if TYPE_CHECKING:
    from torchsolve.model.inventory import ImageInventory

_D = Strength.DECLARED


@dataclass(frozen=True, slots=True)
class RuledOut:
    """Why a cell need not be solved: a reference for the error, and facts that cannot all hold."""

    reference: str
    facts: tuple[Evidence, ...]


def guard_gpus(cell: Cell, gpus: Sequence[Gpu]) -> RuledOut | None:
    """The torch build has neither machine code nor PTX for a GPU that was asked for."""
    build = cell.build
    if build is None or not build.sms:
        return None
    for gpu in gpus:
        if coverage(build.sms, build.ptx, gpu.capability) == "missing":
            asked = Evidence(gpu.name, f"has compute capability {gpu.capability}", _D, "--gpu")
            codes = " ".join(build.sms) or "no GPU"
            has = Evidence(
                f"torch {build.torch}+{build.cuda}",
                f"has code for {codes} only",
                _D,
                "matrices/torch.toml",
            )
            return RuledOut("no-gpu-code", (asked, has, *_fixed(cell)))
    return None


def _fixed(cell: Cell) -> tuple[Evidence, ...]:
    """Torch and CUDA, as far as the user fixed them: another choice of theirs may help."""
    flags = ("torch", "cuda")
    facts = zip(flags, cell.torch_facts, strict=True)
    return tuple(fact for flag, fact in facts if flag in cell.fixed)


def guard_ptx(
    cell: Cell, tables: Facts, gpus: Sequence[Gpu], driver: str | None
) -> RuledOut | None:
    """Torch has PTX alone for a GPU that was asked for, newer than the host's driver compiles."""
    build = cell.build
    if build is None or driver is None or Jit(tables.drivers, driver).compiles_torch(build):
        return None
    for gpu in gpus:
        if coverage(build.sms, build.ptx, gpu.capability) == "ptx":
            asked = Evidence(gpu.name, f"has compute capability {gpu.capability}", _D, "--gpu")
            host = Evidence("the host", f"has driver {driver}", _D, "--driver")
            first = tables.drivers.toolkit(build.cuda.dotted or "")
            text = f"has PTX alone for it, which driver {first} is the first to compile"
            has = Evidence(f"torch {build.torch}+{build.cuda}", text, _D, "matrices/drivers.toml")
            return RuledOut("driver-too-old", (asked, host, has, *_fixed(cell)))
    return None


def guard_driver(
    cell: Cell, tables: Facts, gpus: Sequence[Gpu], driver: str | None
) -> RuledOut | None:
    """The host's driver is older than the cell's CUDA major or the GPUs need."""
    if driver is None or cell.id.cuda.major is None:
        return None
    needed = driver_floor(cell.id.cuda, tables, [gpu.capability for gpu in gpus])
    if needed is None or dotted_key(driver) >= dotted_key(needed):
        return None
    has = Evidence("the host", f"has driver {driver}", _D, "--driver")
    by_cuda = driver_floor(cell.id.cuda, tables, ())
    new = [gpu.name for gpu in gpus if tables.gpus.driver_floor(gpu.capability) == needed]
    who, origin = (str(cell.id.cuda), "drivers") if by_cuda == needed else (new[0], "gpus")
    text = f"needs driver {needed}"
    if by_cuda == needed and cell.id.cuda.dotted:
        text += _forward(cell.id.cuda.dotted, tables)
    needs = Evidence(who, text, _D, f"matrices/{origin}.toml")
    return RuledOut("driver-too-old", (has, needs))


def _forward(cuda: str, tables: Facts) -> str:
    """What a data centre may do in place of a new driver."""
    forward = tables.drivers.forward
    package = forward.package.format(cuda=cuda.replace(".", "-"))
    return f", or {package} in the image, which works on {forward.gpus} alone"


def _not_started(inventory: ImageInventory, tables: Facts, driver: str | None) -> RuledOut | None:
    """The container runtime will not start the image on the host: ``NVIDIA_REQUIRE_CUDA``."""
    env = dict(inventory.env)
    disabled = env.get("NVIDIA_DISABLE_REQUIRE", "").lower() in ("1", "true")
    if driver is None or NAME not in env or disabled:
        return None
    cuda = cuda_of(driver, tables.drivers)
    if starts(env[NAME], driver, cuda) is not False:
        return None
    has = Evidence("the host", f"has driver {driver} (CUDA {cuda or 'older'})", _D, "--driver")
    text = f"starts only where {NAME}={env[NAME]!r} holds"
    return RuledOut(
        "driver-too-old", (has, Evidence("<image>", text, Strength.OBSERVED, inventory.ref))
    )


def driver_floor(cuda: CudaTag, tables: Facts, capabilities: Iterable[str]) -> str | None:
    """Oldest driver that runs this CUDA major on these GPUs; None for a CPU build."""
    if cuda.major is None:
        return None
    floors = [tables.drivers.minor_version_floor(cuda.major)]
    floors += [tables.gpus.driver_floor(capability) for capability in capabilities]
    known = [floor for floor in floors if floor is not None]
    return max(known, key=dotted_key, default=None)


def guard_python(cell: Cell, projects: Iterable[ProjectFacts]) -> RuledOut | None:
    """A project's own requires-python excludes the cell's Python."""
    python = cell.id.python
    for project in projects:
        text = project.requires_python
        if text and not python_allows(text, f"{python}.0"):
            is_file = project.kind is ProjectKind.REQUIREMENTS  # a script or a lock says it itself
            origin = project.name if is_file else "pyproject.toml"
            needs = Evidence(project.name, f"needs Python {text}", _D, origin)
            return RuledOut("no-python", (needs, cell.python_fact))
    return None


def guard_wheels(
    cell: Cell, wheels: dict[NormalizedName, tuple[WheelFact, ...]]
) -> RuledOut | None:
    """No bundled wheel of a needed name is named for the cell's Python, torch and CUDA."""
    for name, files in wheels.items():
        if any(wheel.required for wheel in files):
            facts = _misfit(cell, name, files)
            if facts:
                return RuledOut("no-bundled-wheel", facts)
    return None


def _misfit(cell: Cell, name: str, files: Sequence[WheelFact]) -> tuple[Evidence, ...]:
    """The wheels and the properties of the cell that rule them all out; none where one fits."""
    target = cell.target
    usable = [wheel for wheel in files if _installs(wheel, target)]
    if not usable:
        newest = Target(target.python, target.platform, (target.glibc[0], 99))
        by_glibc = any(_installs(wheel, newest) for wheel in files)
        return (*_built_for(name, files), cell.glibc_fact if by_glibc else cell.python_fact)
    if any(names_fit(wheel, cell) for wheel in usable):
        return ()
    facts = cell.torch_facts
    by_torch, by_cuda = (not any(fits(wheel, cell) for wheel in usable) for fits in _FITS)
    blamed = facts if by_torch == by_cuda else facts[:1] if by_torch else facts[1:]
    return (*_named_for(name, usable), *blamed)


def _installs(wheel: WheelFact, target: Target) -> bool:
    return tag_rank(wheel_triple(wheel.file.filename), target) is not None


def _torch_fits(wheel: WheelFact, cell: Cell) -> bool:
    torch = cell.id.torch
    specifier = SpecifierSet(wheel.torch or "")
    return torch is None or specifier.contains(torch.public, prereleases=True)


def _cuda_fits(wheel: WheelFact, cell: Cell) -> bool:
    major = cell.id.cuda.major
    return not wheel.cuda or major is None or int(wheel.cuda[2:4]) == major


_FITS = (_torch_fits, _cuda_fits)


def names_fit(wheel: WheelFact, cell: Cell) -> bool:
    """Whether a wheel's own labels admit the cell's torch and CUDA major."""
    return _torch_fits(wheel, cell) and _cuda_fits(wheel, cell)


def _built_for(name: str, wheels: Iterable[WheelFact]) -> tuple[Evidence, ...]:
    return tuple(
        _claim(name, wheel, f"is built for {wheel_triple(wheel.file.filename)}") for wheel in wheels
    )


def _named_for(name: str, wheels: Iterable[WheelFact]) -> tuple[Evidence, ...]:
    return tuple(_claim(name, wheel, f"is named for {_labels(wheel)}") for wheel in wheels)


def _claim(name: str, wheel: WheelFact, text: str) -> Evidence:
    place = wheel.file.place or wheel.file.filename
    return Evidence(f"{name} {wheel.file.version}", text, Strength.CLAIMED, place)


def _labels(wheel: WheelFact) -> str:
    parts = [f"torch {wheel.torch}" if wheel.torch else "", wheel.cuda or ""]
    return " and ".join(part for part in parts if part) or "no torch"


def guard_base(
    cell: Cell, settings: Settings, inventory: ImageInventory | None, tables: Facts
) -> RuledOut | None:
    """The image to layer on is not what the flags ask for, or does not start on the host."""
    if inventory is None:
        return None
    asked = {
        "platform": (settings.platform == cell.id.platform, settings.platform.oci),
        "python": (not settings.python or cell.id.python in settings.python, settings.python),
        "cuda": (not settings.cuda or cell.id.cuda in settings.cuda, settings.cuda),
        "torch": (_torch_asked(cell, settings), settings.torch),
        "cell": (_cell_asked(cell, settings), settings.cell),
    }
    for flag, (fits, value) in asked.items():
        if not fits:
            text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            wish = Evidence(f"--{flag}", f"asks for {text}", _D, f"--{flag}")
            return RuledOut("base-does-not-fit", (wish, _base_has(cell)))
    return _not_started(inventory, tables, settings.driver)


def _torch_asked(cell: Cell, settings: Settings) -> bool:
    torch = cell.id.torch
    if torch is None:
        return not settings.torch
    return settings.allows_torch(Version(f"{torch.public}+{cell.id.cuda}"))


def _cell_asked(cell: Cell, settings: Settings) -> bool:
    wanted = settings.cell
    return wanted is None or (wanted.python, wanted.cuda, wanted.torch) == (
        cell.id.python,
        cell.id.cuda,
        cell.id.torch,
    )


def _base_has(cell: Cell) -> Evidence:
    torch = f"torch {cell.id.torch}+{cell.id.cuda}" if cell.id.torch else "no torch"
    text = f"holds Python {cell.id.python} and {torch} on {cell.id.platform.oci}"
    return Evidence("<image>", text, Strength.OBSERVED, cell.image.ref)
