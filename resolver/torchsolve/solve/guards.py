"""What rules a cell out before anything is solved: GPUs, driver, Python and wheels by their names.

Each guard gives the facts that cannot hold together in the cell, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from torchsolve.facts import Facts
from torchsolve.facts.gpus import Gpu
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.gpu import coverage
from torchsolve.model.project import ProjectFacts, WheelFact
from torchsolve.model.target import Target
from torchsolve.model.version import CudaTag, dotted_key
from torchsolve.solve.cells import Cell
from torchsolve.solve.options import python_allows, tag_rank, wheel_triple

Facts_ = tuple[Evidence, ...]


def guard_gpus(cell: Cell, gpus: Sequence[Gpu]) -> Facts_:
    """The torch build has neither machine code nor PTX for a GPU that was asked for."""
    build = cell.build
    if build is None or not build.sms:
        return ()
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
            return (asked, has, *_fixed(cell))
    return ()


def _fixed(cell: Cell) -> Facts_:
    """Torch and CUDA, as far as the user fixed them: another choice of theirs may help."""
    flags = ("torch", "cuda")
    facts = zip(flags, cell.torch_facts, strict=True)
    return tuple(fact for flag, fact in facts if flag in cell.fixed)


def guard_driver(cell: Cell, tables: Facts, gpus: Sequence[Gpu], driver: str | None) -> Facts_:
    """The host's driver is older than the cell's CUDA major or the GPUs need."""
    if driver is None or cell.id.cuda.major is None:
        return ()
    needed = driver_floor(cell.id.cuda, tables, [gpu.capability for gpu in gpus])
    if needed is None or dotted_key(driver) >= dotted_key(needed):
        return ()
    return (
        Evidence("the host", f"has driver {driver}", _D, "--driver"),
        Evidence(str(cell.id.cuda), f"needs driver {needed}", _D, "matrices/drivers.toml"),
    )


def driver_floor(cuda: CudaTag, tables: Facts, capabilities: Iterable[str]) -> str | None:
    """Oldest driver that runs this CUDA major on these GPUs; None for a CPU build."""
    if cuda.major is None:
        return None
    floors = [tables.drivers.minor_version_floor(cuda.major)]
    floors += [tables.gpus.driver_floor(capability) for capability in capabilities]
    known = [floor for floor in floors if floor is not None]
    return max(known, key=dotted_key, default=None)


def guard_python(cell: Cell, projects: Iterable[ProjectFacts]) -> Facts_:
    """A project's own requires-python excludes the cell's Python."""
    python = cell.id.python
    for project in projects:
        text = project.requires_python
        if text and not python_allows(text, f"{python}.0"):
            return (
                Evidence(project.name, f"needs Python {text}", _D, "pyproject.toml"),
                cell.python_fact,
            )
    return ()


def guard_wheels(
    cell: Cell, target: Target, wheels: dict[NormalizedName, tuple[WheelFact, ...]]
) -> Facts_:
    """No bundled wheel of a needed name is named for the cell's Python, torch and CUDA."""
    for name, files in wheels.items():
        if not any(wheel.required for wheel in files):
            continue
        usable = [w for w in files if tag_rank(wheel_triple(w.file.filename), target) is not None]
        fitting = [w for w in usable if names_fit(w, cell)]
        if fitting:
            continue
        if not usable:
            return (*_has(name, files, "tags"), cell.python_fact, cell.glibc_fact)
        return (*_has(name, usable, "torch"), *cell.torch_facts)
    return ()


def names_fit(wheel: WheelFact, cell: Cell) -> bool:
    """Whether a wheel's own labels admit the cell's torch and CUDA major."""
    torch, cuda = cell.id.torch, cell.id.cuda
    specifier = SpecifierSet(wheel.torch or "")
    if torch is not None and not specifier.contains(torch.public, prereleases=True):
        return False
    return not wheel.cuda or cuda.major is None or int(wheel.cuda[2:4]) == cuda.major


def _has(name: str, wheels: Iterable[WheelFact], what: str) -> Facts_:
    rows = []
    for wheel in wheels:
        place = wheel.file.place or wheel.file.filename
        if what == "tags":
            text = f"is built for {wheel_triple(wheel.file.filename)}"
        else:
            text = f"is named for {_labels(wheel)}"
        rows.append(Evidence(f"{name} {wheel.file.version}", text, Strength.CLAIMED, place))
    return tuple(rows)


def _labels(wheel: WheelFact) -> str:
    parts = [f"torch {wheel.torch}" if wheel.torch else "", wheel.cuda or ""]
    return " and ".join(part for part in parts if part) or "no torch"


_D = Strength.DECLARED
