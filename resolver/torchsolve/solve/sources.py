"""What the solver reads from outside, as Protocols: it never opens a socket or a file itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.evidence import Disagreement
from torchsolve.model.package import DirectFile, DistMetadata, IndexFile, IndexPage
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Place, Proof
from torchsolve.model.version import PythonVersion


class Index(Protocol):
    """A package index, lazily read and cached.

    ``choices`` and ``metadata`` raise UnknownError when the thing is out of reach or cannot be told
    without running code. The ``prefetch`` methods are best effort and raise nothing.

    Attributes:
        fetches: whether there is anything to gain by them.
    """

    @property
    def fetches(self) -> bool:
        """See above."""

    def choices(self, name: NormalizedName, chooser: Chooser) -> Choices:
        """The files of a project that may be chosen; none when the index does not have it."""

    def whole_page(self, name: NormalizedName) -> IndexPage:
        """All files of a project, those that a cut-off date hides too, to explain with."""

    def shadowed(self, name: NormalizedName) -> str | None:
        """The label of another index that has the name too, and nobody says it is the same."""

    def metadata(self, file: IndexFile) -> DistMetadata:
        """Core metadata of one file."""

    def at_hand(self, name: NormalizedName, chooser: Chooser) -> bool:
        """Whether ``choices`` need not wait for anyone."""

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read these pages at once."""

    def prefetch_metadata(self, files: Iterable[IndexFile]) -> None:
        """Read the metadata of these files at once."""


class DirectReader(Protocol):
    """Reads what a direct reference points at, without running it."""

    def read(self, requirement: Requirement, origin: str) -> DirectFile:
        """Raises UnknownError when it is out of reach, UsageError when it is malformed."""


class Prover(Protocol):
    """What binaries say; reads a wheel when it is asked about it, and raises nothing."""

    def proof(self, file: IndexFile, place: Place, python: PythonVersion) -> Proof:
        """The verdict of a file in a cell."""

    def freed(self, *, gpus: bool, driver: bool) -> Prover:
        """The same, without the GPUs or the driver of the host that wheels must suit."""

    def contradictions(self, wheel: WheelFact) -> tuple[Disagreement, ...]:
        """Labels of a project's own wheel that its binaries contradict."""
