"""What is asked of an engine: facts that must hold together, each of which can be left out.

A fact is a requirement (of a project, of ComfyUI, of a flag, of a row in ``matrices/``) or a
property of the cell (its Python, its C library, its CUDA). Leaving out a property widens what may
be chosen; that is how a conflict can name ``<python>`` or ``<glibc>`` beside requirements.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from torchsolve.model.evidence import Evidence
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Floor, Place
from torchsolve.model.target import Target
from torchsolve.model.values import dataclass, field
from torchsolve.model.version import CudaTag, PythonVersion

if TYPE_CHECKING:
    from torchsolve.model.inventory import ImageInventory


class FactKind(Enum):
    """What a fact does to the problem."""

    DEMAND = "demand"  # the package must be there, in a version that fits
    BOUND = "bound"  # if the package is there, its version must fit
    BUNDLED = "bundled"  # one of the project's own wheels of that name must be there
    PYTHON = "python"
    GLIBC = "glibc"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of a question. ``requirement`` is None for the cell's properties.

    ``name``: of the package that the requirement speaks of; empty without one.
    """

    kind: FactKind
    evidence: Evidence
    requirement: Requirement | None = None
    name: NormalizedName = field(init=False, compare=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        asked = self.requirement
        name = canonicalize_name(asked.name) if asked is not None else NormalizedName("")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_hash", hash(self.evidence))

    def __hash__(self) -> int:
        # A requirement's own hash writes it out; facts are looked up by the thousand.
        return self._hash


@dataclass(frozen=True, slots=True)
class Companion:
    """A row of ``matrices/``: ``package`` in ``specifier`` goes with these torches, and this CUDA.

    ``cuda`` is a major. It speaks of the default index's files only: another index's are built for
    their own tag.
    """

    package: NormalizedName
    specifier: SpecifierSet
    torch: SpecifierSet | None
    cuda: int | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a whole run, in every cell.

    Attributes:
        overrides: name → the requirement that replaces all others on it (``--override``).
        no_deps: names whose edges are all dropped (``--no-deps NAME``).
        no_edges: ``(name, dependency)`` pairs dropped (``--no-deps NAME:DEP``).
        preferred: name → version that is tried before newer ones (an earlier lock's).
        exclude_newer: files uploaded later do not exist.
        no_binary, only_binary: names; ``:all:`` stands for every name.
        hashes: name → ``sha256:…`` of the files that may be taken, where a file names some.
        require_hashes: a file asks for hashes of everything (``--require-hashes``).
        wheels: a project's own wheels, by name.
        companions: rows that tie a package to torch or CUDA where its METADATA does not.
        inventory: of the image that is layered on.
        names_only: METADATA of a project's own wheels is not read (``--evidence names``).
        pre: pre-releases of every package (``--pre``).
        asked: what the user's own requirements and constraints ask for, by name.
        floors: what files of an earlier plan turned out to need of the image.
    """

    overrides: dict[NormalizedName, Requirement] = field(default_factory=dict)
    no_deps: frozenset[str] = frozenset()
    no_edges: frozenset[tuple[str, str]] = frozenset()
    preferred: Mapping[str, Version] = field(default_factory=dict)
    exclude_newer: datetime | None = None
    no_binary: frozenset[str] = frozenset()
    only_binary: frozenset[str] = frozenset()
    hashes: dict[NormalizedName, frozenset[str]] = field(default_factory=dict)
    require_hashes: bool = False
    wheels: dict[NormalizedName, tuple[WheelFact, ...]] = field(default_factory=dict)
    companions: tuple[Companion, ...] = ()
    inventory: ImageInventory | None = None
    names_only: bool = False
    pre: bool = False
    asked: dict[NormalizedName, tuple[Requirement, ...]] = field(default_factory=dict)
    floors: tuple[Floor, ...] = ()

    @property
    def choosing(self) -> Hashable:
        """All of it that files of an index are chosen by."""
        hashes = frozenset(self.hashes.items())
        return (self.exclude_newer, self.no_binary, self.only_binary, hashes)


@dataclass(frozen=True, slots=True)
class Question:
    """Facts, the target they are asked for, and the cell's torch and CUDA.

    ``cuda`` None means any; ``torch`` orders a project's own wheels (the folder that names it
    first) and binds nothing by itself. ``place`` is set where binaries are asked. ``left_out``:
    names that nobody gets, each with the reason. ``libstdcxx``: of the image, where a floor of
    ``Rules`` is held against it. ``served``: names that count as demanded, though no fact here
    asks for them.
    """

    facts: tuple[Fact, ...]
    target: Target
    cuda: CudaTag | None
    torch: Version | None
    pythons: tuple[PythonVersion, ...] = ()
    place: Place | None = None
    left_out: tuple[tuple[NormalizedName, str], ...] = ()
    libstdcxx: str | None = None
    served: frozenset[str] = frozenset()

    def demanded(self) -> frozenset[str]:
        """Names that some fact asks for by name, without a direct reference."""
        return self.served | frozenset(
            fact.name
            for fact in self.facts
            if fact.requirement is not None
            and fact.kind is not FactKind.BOUND
            and fact.requirement.url is None
        )
