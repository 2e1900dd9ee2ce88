"""A search that ends when its time is over: advice is worth seconds, not minutes.

In: a context. Out: the same one, whose search raises ``TooLateError`` at the next cell, page,
METADATA or binary that it asks for after that time. What is being fetched already is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from packaging.utils import NormalizedName

from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.evidence import Disagreement
from torchsolve.model.package import DistMetadata, IndexFile, IndexPage
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Place, Proof
from torchsolve.model.target import CellId
from torchsolve.model.trace import unwatched
from torchsolve.model.values import dataclass, replace
from torchsolve.model.version import PythonVersion
from torchsolve.solve.context import Context
from torchsolve.solve.sources import Index, Prover


class TooLateError(Exception):
    """The time is over; nothing is known of what was asked. Who hurries a search catches it."""


def hurried(context: Context, seconds: float) -> Context:
    """The context with that much time from now on; nobody is told of its cells."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            # Another run may have the time.
            unwatched()
            raise TooLateError

    def tick(_cell: CellId) -> None:
        check()

    return replace(
        context,
        tick=tick,
        expect=_unseen,
        index_for=lambda url: _Index(context.index_for(url), check),
        prover=_Prover(context.prover, check) if context.prover is not None else None,
    )


def _unseen(_cells: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class _Index:
    index: Index
    check: Callable[[], None]

    @property
    def fetches(self) -> bool:
        return self.index.fetches

    def choices(self, name: NormalizedName, chooser: Chooser) -> Choices:
        self.check()
        return self.index.choices(name, chooser)

    def at_hand(self, name: NormalizedName, chooser: Chooser) -> bool:
        return self.index.at_hand(name, chooser)

    def whole_page(self, name: NormalizedName) -> IndexPage:
        self.check()
        return self.index.whole_page(name)

    def shadowed(self, name: NormalizedName) -> str | None:
        self.check()
        return self.index.shadowed(name)

    def metadata(self, file: IndexFile) -> DistMetadata:
        self.check()
        return self.index.metadata(file)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        self.check()
        self.index.prefetch(names)

    def prefetch_metadata(self, files: Iterable[IndexFile]) -> None:
        self.check()
        self.index.prefetch_metadata(files)


@dataclass(frozen=True, slots=True)
class _Prover:
    prover: Prover
    check: Callable[[], None]

    def proof(self, file: IndexFile, place: Place, python: PythonVersion) -> Proof:
        self.check()
        return self.prover.proof(file, place, python)

    def freed(self, *, gpus: bool, driver: bool) -> Prover:
        return _Prover(self.prover.freed(gpus=gpus, driver=driver), self.check)

    def contradictions(self, wheel: WheelFact) -> tuple[Disagreement, ...]:
        return self.prover.contradictions(wheel)
