"""What METADATA asks of a target: the requirements that hold there, as package keys and specifiers.

A requirement is parsed and its marker evaluated once; what came out is kept with the choices of its
page, so that a later run makes bit sets of it without a parser. The requirement itself, and the
evidence that states it, are made again only where somebody asks for them: an engine does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from torchsolve.model.choice import KeptNeeds, NeedRow
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DistMetadata
from torchsolve.model.values import dataclass
from torchsolve.solve.keys import make_key
from torchsolve.solve.masks import is_pin
from torchsolve.wheel.metadata import requirement, split_number, with_number

_NEEDS = "needs "


class Said(Protocol):
    """Where an edge comes from."""

    @property
    def evidence(self) -> Evidence:
        """Who states it."""

    @property
    def requirement(self) -> Requirement | None:
        """What is stated; None where it is no requirement (a label, a row of a table)."""

    @property
    def is_requirement(self) -> bool:
        """Whether there is one, without making it."""

    @property
    def specifier(self) -> str:
        """Its specifier as text; empty where there is none."""

    @property
    def pins(self) -> bool:
        """Whether it admits one version only, by its own words."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Said of something by evidence that is there already."""

    evidence: Evidence
    requirement: Requirement | None = None

    @property
    def is_requirement(self) -> bool:
        """See ``Said``."""
        return self.requirement is not None

    @property
    def specifier(self) -> str:
        """See ``Said``."""
        return str(self.requirement.specifier) if self.requirement is not None else ""

    @property
    def pins(self) -> bool:
        """See ``Said``."""
        return is_pin(self.specifier)


@dataclass(frozen=True, slots=True)
class PartOf:
    """Said of an extra: it comes with its package."""

    key: str
    name: str
    requirement: None = None
    is_requirement: bool = False
    specifier: str = ""
    pins: bool = True

    @property
    def evidence(self) -> Evidence:
        """See ``Said``."""
        return Evidence(self.key, f"is part of {self.name}", Strength.DECLARED, "its extra")


class Need:
    """One requirement of an option.

    Attributes:
        name: of the package that is asked for.
        keys: that package, and each of its extras that is asked for with it.
        specifier: as text, as ``Package.admits`` takes it.
        direct: whether it names an address.
        row: what is kept of it.
    """

    __slots__ = ("_evidence", "_requirement", "_told", "direct", "keys", "name", "row", "specifier")

    def __init__(self, row: NeedRow, told: KeptNeeds, declared: Declared | None = None) -> None:
        self.row = row
        self.keys, self.specifier, _, self.direct, _ = row
        self.name = NormalizedName(self.keys[0])
        self._told = told
        self._evidence = declared.evidence if declared is not None else None
        self._requirement = declared.requirement if declared is not None else None

    @property
    def evidence(self) -> Evidence:
        """The METADATA that asks."""
        if self._evidence is None:
            _, subject, origin, strength, *_ = self._told
            text, place = f"{_NEEDS}{self.row[2]}", with_number(origin, self.row[4])
            self._evidence = Evidence(subject, text, Strength(strength), place)
        return self._evidence

    @property
    def requirement(self) -> Requirement:
        """The requirement; it is shared and must not be changed."""
        if self._requirement is None:
            self._requirement = requirement(self.row[2])
        return self._requirement

    @property
    def is_requirement(self) -> bool:
        """It is."""
        return True

    @property
    def pins(self) -> bool:
        """See ``Said``."""
        return is_pin(self.specifier)


class Told:
    """What METADATA of an option says to a target.

    Attributes:
        kept: all of it, to keep; extras come in as they are asked for.
        label: ``name version``.
        python: a Requires-Python that refuses the target; empty where none does.
        notes: on lines that were set aside.
        extras: those that it provides.
    """

    def __init__(self, kept: KeptNeeds, read: Callable[[str], tuple[Declared, ...]]) -> None:
        self.kept, self._read = kept, read
        self.label, _, _, _, self.python, self.notes, extras, _ = kept
        self.extras = frozenset(extras)
        self._needs: dict[str, tuple[Need, ...]] = {}

    def needs(self, extra: str) -> tuple[Need, ...]:
        """The requirements that hold; of an extra, those that it adds. Raises UnknownError."""
        found = self._needs.get(extra)
        if found is None:
            found = self._needs[extra] = self._find(extra)
        return found

    def _find(self, extra: str) -> tuple[Need, ...]:
        kept = self.kept
        rows = kept[-1].get(extra)
        if rows is not None:
            return tuple([Need(row, kept) for row in rows])
        found = tuple(Need(_row(one), kept, one) for one in self._read(extra))
        kept[-1][extra] = tuple(need.row for need in found)
        return found


def keep(metadata: DistMetadata, python: str) -> KeptNeeds:
    """What is kept of METADATA, to begin with. ``python``: see ``Told``."""
    label = f"{metadata.name} {metadata.version}"
    said = metadata.requires[0].evidence if metadata.requires else None
    subject, origin = (said.subject, split_number(said.origin)[0]) if said else (label, "")
    strength = said.strength if said else Strength.DECLARED
    extras = tuple(sorted(metadata.extras))
    return (label, subject, origin, int(strength), python, metadata.notes, extras, {})


def _row(declared: Declared) -> NeedRow:
    asked = declared.requirement
    keys = (make_key(asked.name), *(make_key(asked.name, extra) for extra in sorted(asked.extras)))
    line = declared.evidence.statement.removeprefix(_NEEDS)
    number = split_number(declared.evidence.origin)[1]
    return (keys, str(asked.specifier), line, asked.url is not None, number)
