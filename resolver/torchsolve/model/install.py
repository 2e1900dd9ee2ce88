"""What a project's own scripts do when somebody runs them; read from their source, never run."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from packaging.version import Version

from torchsolve.model.package import Declared
from torchsolve.model.target import CellId
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag, PythonVersion


class StepKind(Enum):
    """What a step of a script does."""

    PIP = "pip"
    DOWNLOAD = "download"
    CLONE = "clone"
    RUN = "run"


class Phase(Enum):
    """When a step runs: by a node manager, at ComfyUI's start, at import, or when a node runs."""

    INSTALL = "install"
    START = "start"
    IMPORT = "import"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class InstallTarget:
    """The machine that a script's branches are evaluated for.

    Attributes:
        torch: public release; None without torch.
        cuda: of the torch build; a GPU is taken to be there where it is no CPU build.
        machine: ``x86_64``.
    """

    python: PythonVersion
    torch: Version | None
    cuda: CudaTag
    machine: str = "x86_64"

    @classmethod
    def of(cls, cell: CellId) -> InstallTarget:
        """That of a cell."""
        torch = Version(cell.torch.public) if cell.torch is not None else None
        return cls(cell.python, torch, cell.cuda, cell.platform.machine)


@dataclass(frozen=True, slots=True)
class InstallStep:
    """One thing that a script does.

    Attributes:
        what: the requirement, address or command line; ``{name}`` for a part that is not decided.
        origin: ``install.py:31``, the line that causes it.
        place: where a download or a clone lands, relative to ComfyUI's root; None elsewhere.
        options: options of pip that go with a requirement, in order.
        unless: what suppresses it when it is there already, as source text.
        when: conditions that could not be decided for the target, as source text.
        why: what could not be decided of ``what``; None where all of it was.
    """

    kind: StepKind
    phase: Phase
    what: str
    origin: str
    place: str | None = None
    options: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    why: str | None = None

    @property
    def decided(self) -> bool:
        """Whether it surely happens for the target, and what it asks for is known."""
        return self.why is None and not self.when


@dataclass(frozen=True, slots=True)
class Scripted:
    """What the scripts of a project do for one target.

    Attributes:
        steps: in the order of execution.
        requirements: of the decided ``pip`` steps that run before a node does (claimed).
        serves: PEP 503 names of other distributions that bring the same modules: an undeclared
            import needs none of them beside these.
        notes: what was not read, and why.
    """

    steps: tuple[InstallStep, ...] = ()
    requirements: tuple[Declared, ...] = ()
    serves: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


class Installer(Protocol):
    """The scripts of a project, held in memory."""

    def read(self, target: InstallTarget) -> Scripted:
        """What they do for ``target``; raises nothing."""
