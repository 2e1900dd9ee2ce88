"""What a run of ``resolve`` or ``matrix`` stands on; made once by the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TYPE_CHECKING

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.facts.gpus import Gpu
from torchsolve.model.preferences import Preferences
from torchsolve.model.project import ComfyUI, ProjectFacts
from torchsolve.model.proof import Floor
from torchsolve.model.target import CellId
from torchsolve.model.values import dataclass, field
from torchsolve.solve.engine import Engine
from torchsolve.solve.packages import Pool

if TYPE_CHECKING:
    from torchsolve.model.inventory import ImageInventory
    from torchsolve.solve.sources import DirectReader, Index, Prover


@dataclass(frozen=True, slots=True)
class Context:
    """Everything but the cell.

    Attributes:
        cutoff: files uploaded later do not exist.
        inventory: of the image that ``--base`` names.
        index_for: the index to ask; a torch index's URL sends the torch family there, None keeps
            all names on the default index.
        preferences: what an earlier lock pinned.
        default_url: of the default index, for the lock.
        indexes: where packages are looked for and who said so, one line each.
        witnessed: whether a second engine is asked about the plan that is shown.
        prover: reads binaries; None where they are not asked.
        labels: reads them to say where labels are wrong, though they may not refute anything;
            None where they are not read at all.
        floors: what files of an earlier plan turned out to need of the image.
        pools: packages of indexes that were read, for all searches of a run.
        tick: called before each cell, for progress.
        expect: called with how many cells there will be, where all of them are tried.
    """

    settings: Settings
    tables: Facts
    projects: tuple[ProjectFacts, ...]
    comfyui: ComfyUI | None
    inventory: ImageInventory | None
    gpus: tuple[Gpu, ...]
    cutoff: datetime | None
    index_for: Callable[[str | None], Index]
    default_url: str
    direct: DirectReader
    engine: Engine
    tick: Callable[[CellId], None]
    expect: Callable[[int], None]
    witnessed: bool = False
    prover: Prover | None = None
    indexes: tuple[str, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)
    labels: Prover | None = None
    floors: tuple[Floor, ...] = ()
    pools: dict[Hashable, Pool] = field(default_factory=dict)
