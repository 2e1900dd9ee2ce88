"""What a target can choose of a project on an index, newest version first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, overload

from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.model.package import IndexFile, IndexPage, PageFacts
from torchsolve.model.values import dataclass

Outline = tuple[Version, bool]
"""A version, and whether it was yanked: what a specifier asks."""

Refused = tuple[tuple[str, str], ...]
"""Versions, each with the Requires-Python that refuses the target."""

NeedRow = tuple[tuple[str, ...], str, str, bool, int]
"""A requirement that holds for a target: package keys, specifier, its text, whether it is direct,
and its line in the file (0: not known)."""

KeptNeeds = tuple[
    str, str, str, int, str, tuple[str, ...], tuple[str, ...], dict[str, tuple[NeedRow, ...]]
]
"""What METADATA says to a target, in values that any file can hold: ``name version``, subject and
origin of its requirements, their strength, a Requires-Python that refuses the target (else empty),
notes, extras, and by extra (none: empty) the requirements."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The best file of one version.

    ``metadata_file``: another file of that version whose metadata stands for it.
    """

    file: IndexFile
    metadata_file: IndexFile | None = None


@dataclass(frozen=True, slots=True)
class PageRemarks:
    """A page without its files.

    Attributes:
        notes: what was set aside by name.
        undated: names of the files that have no upload time.
        refused: versions newer than the oldest usable one that another Python is asked for, newest
            first, each with its Requires-Python.
    """

    name: NormalizedName
    notes: tuple[str, ...]
    about: PageFacts
    undated: tuple[str, ...]
    refused: Refused = ()

    @classmethod
    def of(cls, page: IndexPage, refused: Refused = ()) -> PageRemarks:
        """Of a page with its files."""
        undated = tuple(file.filename for file in page.files if file.upload_time is None)
        return cls(page.name, page.notes, page.about, undated, refused)


class Chooser(Protocol):
    """Picks the best file of each version.

    Attributes:
        key: says all that the choice depends on beside the files, so that it can be kept.
    """

    @property
    def key(self) -> str:
        """Plain text of one line."""

    def choose(self, files: Iterable[IndexFile]) -> Sequence[Choice]:
        """One choice a version, newest first; versions without a usable file are left out."""

    def refused(self, files: Iterable[IndexFile]) -> Refused:
        """See ``PageRemarks``."""


class Choices(Sequence[Choice]):
    """A sequence whose items are made when they are looked at: a search sees few of thousands.

    Attributes:
        page: what else is to be said of the page.
        masks: bit sets of specifiers over these choices, filled by the solver and kept with them.
        needs: what the METADATA of some says to the target, likewise; None where nothing is kept.
    """

    def __init__(
        self,
        page: PageRemarks,
        count: int,
        make: Callable[[int], Choice],
        masks: dict[str, int] | None = None,
        outlines: Callable[[], list[Outline]] | None = None,
        needs: dict[int, KeptNeeds] | None = None,
    ) -> None:
        self.page = page
        self.needs = needs
        self._outlines = outlines
        self.masks: dict[str, int] = {} if masks is None else masks
        self._made: list[Choice | None] = [None] * count
        self._make = make

    def outlines(self) -> list[Outline]:
        """Of all of them, without making each."""
        if self._outlines is not None:
            return self._outlines()
        return [(choice.file.version, choice.file.yanked is not None) for choice in self]

    @classmethod
    def of(cls, page: IndexPage, chooser: Chooser) -> Choices:
        """What is chosen of a page that is at hand."""
        choices = chooser.choose(page.files)
        remarks = PageRemarks.of(page, chooser.refused(page.files))
        return cls(remarks, len(choices), choices.__getitem__)

    def made(self) -> Iterator[tuple[int, Choice]]:
        """Those that were looked at, with their positions."""
        return ((i, choice) for i, choice in enumerate(self._made) if choice is not None)

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, position: int) -> Choice: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Choice]: ...
    def __getitem__(self, position: int | slice) -> Choice | Sequence[Choice]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        found = self._made[position]
        if found is None:
            found = self._made[position] = self._make(position)
        return found
