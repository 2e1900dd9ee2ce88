"""A solved cell, and why others are not (DESIGN sections 2 and 7)."""

from __future__ import annotations

from enum import Enum

from torchsolve.model.claim import Checked
from torchsolve.model.evidence import Disagreement, Evidence
from torchsolve.model.install import InstallStep
from torchsolve.model.inventory import ImageInventory
from torchsolve.model.link import Links
from torchsolve.model.package import IndexFile
from torchsolve.model.project import ComfyUI, ModelFile, SourceLocation
from torchsolve.model.surface import OptionalImport, Surface, Toolchain, Trial
from torchsolve.model.target import BaseImage, CellId
from torchsolve.model.values import dataclass


class WheelVerdict(Enum):
    """What is known of a wheel in a cell (DESIGN section 2)."""

    LOADS = "loads"
    LINKS = "links"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    PURE = "pure"


class PlanVerdict(Enum):
    """The weakest of a plan's torch-coupled wheels, best first."""

    PROVEN = "proven"
    DECLARED = "declared"
    LINKED = "linked"
    UNKNOWN = "unknown"


class Strategy(Enum):
    """On an image of the user's, or on a base image of ours."""

    LAYERED = "layered"
    STANDALONE = "standalone"


class Layer(Enum):
    """In which step of the Dockerfile a pin is installed: one requirements file each."""

    TORCH = "torch"
    PROJECT = "project"
    REST = "rest"
    BASE = "base"


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the plan.

    Attributes:
        version: METADATA version (``2.7.0`` from the default index, ``2.7.0+cu128`` from torch's).
        file: what is installed; ``file.index == "base"`` is already in the image.
        layer: where the Dockerfile installs it.
        no_deps: reason when its own requirements are not followed; None normally.
        requested_by: who asks for it, sorted: package names, project names, ``ComfyUI``.
        requires: names of pins that it needs, sorted (edges of the plan, dropped ones left out).
        verdict: of its wheel.
        torch_coupled: compiled and requires torch, or known to be.
        vcs: ``(url, commit, subdirectory)`` for a git dependency; such a pin has no hash.
        unread: why its metadata or bytes could not be read; None when they were.
    """

    name: str
    version: str
    file: IndexFile
    layer: Layer
    requested_by: tuple[str, ...]
    requires: tuple[str, ...]
    verdict: WheelVerdict
    torch_coupled: bool = False
    no_deps: str | None = None
    vcs: tuple[str, str, str | None] | None = None
    unread: str | None = None

    @property
    def is_source(self) -> bool:
        """Built in the image from an sdist or a repository: nothing compiled was there to read."""
        return self.vcs is not None or (self.file.index != "base" and not self.file.is_wheel)


@dataclass(frozen=True, slots=True)
class DroppedEdge:
    """An exception: a dependency edge that is deliberately not followed, and why that is safe."""

    package: str
    dropped: str
    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class GpuCoverage:
    """SMs as compute capabilities (``8.6``), ascending.

    Attributes:
        native: every wheel with GPU code has machine code.
        ptx: compiled from PTX at first use.
        missing: compute capability → the wheels without code for it.
        partial: the same for wheels some of whose kernels have code for it and some have not.
        complete: False while GPU code of some wheel was not read.
        unread: the wheels of which it was not, sorted.
    """

    native: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    missing: tuple[tuple[str, tuple[str, ...]], ...] = ()
    complete: bool = False
    partial: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A package of the image's OS, and which wheels need it (``libgl1``, for ``opencv-python``)."""

    name: str
    soname: str | None
    needed_by: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A project that is placed in the image (under ``custom_nodes`` for a node).

    ``steps`` are what its scripts do on the plan's target; the rest as in ``ProjectFacts``.
    """

    name: str
    is_node: bool
    source: SourceLocation
    classes: tuple[str, ...] = ()
    steps: tuple[InstallStep, ...] = ()
    surfaces: tuple[Surface, ...] = ()
    optional: tuple[OptionalImport, ...] = ()
    tested: tuple[Trial, ...] = ()
    compiles: tuple[Toolchain, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A solved cell: all that ``emit`` needs, and nothing that depends on time or machine.

    Attributes:
        pins: sorted by name.
        driver_min: ``570.26``; None for a CPU plan or when unknown.
        overrides: requirements given by ``--override``, as text, sorted.
        inventory: the base's, in a layered plan.
        companions: rows of matrices/ that bound the solve (claimed), as evidence.
        notes: one line each, for people.
        claims: what notes and READMEs say, held against the source.
        links: what the dynamic linker will find; None where it was not asked.
        indexes: label → URL of every index that a pin comes from, sorted.
    """

    cell: CellId
    strategy: Strategy
    image: BaseImage
    verdict: PlanVerdict
    pins: tuple[Pin, ...]
    exceptions: tuple[DroppedEdge, ...] = ()
    gpu: GpuCoverage = GpuCoverage()
    gpus_asked: tuple[str, ...] = ()
    driver_min: str | None = None
    system_packages: tuple[SystemPackage, ...] = ()
    weights: tuple[ModelFile, ...] = ()
    nodes: tuple[NodeSource, ...] = ()
    comfyui: ComfyUI | None = None
    inventory: ImageInventory | None = None
    overrides: tuple[str, ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    notes: tuple[str, ...] = ()
    needs_compiler: bool = False
    companions: tuple[Evidence, ...] = ()
    claims: tuple[Checked, ...] = ()
    links: Links | None = None

    @property
    def torch_version(self) -> str | None:
        """METADATA version of the torch pin; None without torch."""
        pin = self.pin("torch")
        return pin.version if pin else None

    def pin(self, name: str) -> Pin | None:
        """The pin of that PEP 503 name."""
        return next((pin for pin in self.pins if pin.name == name), None)

    @property
    def unlockable(self) -> tuple[Pin, ...]:
        """Pins that cannot be locked: no hash, or bytes that nobody could read.

        Of an sdist with a hash the requirements alone may be unknown: its bytes are what they are.
        """
        return tuple(
            pin
            for pin in self.pins
            if pin.layer is not Layer.BASE
            and pin.vcs is None
            and (pin.file.sha256 is None or (pin.unread is not None and pin.file.is_wheel))
        )


class CellStatus(Enum):
    """How a cell ended."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Advice:
    """A change that was tried and works."""

    change: str
    then: str


NO_PAGE = "is on no index that was asked"
"""What a conflict says of a name that nobody has."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A smallest set of facts that cannot hold together in a cell.

    ``rejected`` are the choices that were ruled out on the way, one sentence each.
    """

    cell: str
    facts: tuple[Evidence, ...]
    reference: str = "no-common-version"
    advice: tuple[Advice, ...] = ()
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """One cell, tried.

    Attributes:
        because: the facts behind a status that is not solved.
        built: packages that have wheels, but none for this cell: they would be built from source.
    """

    cell: CellId
    image: BaseImage
    status: CellStatus
    plan: Plan | None = None
    conflict: Conflict | None = None
    because: tuple[Evidence, ...] = ()
    built: tuple[str, ...] = ()
