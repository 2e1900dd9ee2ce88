"""The packages of a problem and their options, read from the index when they are first asked for.

``name[extra]`` is a package of its own with the same options, tied to ``name`` at the same
position. ``<python>`` and ``<cuda>`` are virtual packages with one option, the cell's.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from itertools import groupby

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import UnknownError
from torchsolve.model.choice import KeptNeeds, PageRemarks
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DistMetadata, IndexFile
from torchsolve.model.plan import NO_PAGE
from torchsolve.model.target import Target
from torchsolve.model.values import dataclass, field, replace
from torchsolve.model.version import version_span
from torchsolve.solve.keys import CUDA, PYTHON, make_key, split_key
from torchsolve.solve.masks import NOTHING, OptIn, is_exact, specifier_mask
from torchsolve.solve.needs import Told, keep
from torchsolve.solve.options import (
    BestFiles,
    Option,
    Options,
    python_allows,
    wheel_options,
    why_held_back,
    why_unusable,
)
from torchsolve.solve.question import Companion, Question, Rules
from torchsolve.solve.sources import DirectReader, Index

# Errors that speak of one file: no installer takes it, and another version may serve.
DEFECTIVE = ("bad-metadata", "not-a-wheel", "not-an-sdist")


@dataclass(slots=True)
class Package:
    """One package of a problem. ``everything`` has a bit for each option.

    ``unversioned``: a reference whose version only a build could tell: all bounds hold for it.
    ``told``: by position what METADATA says; ``kept``: the same as it is kept for later runs.
    """

    key: str
    name: NormalizedName
    extra: str
    options: Sequence[Option]
    page: PageRemarks | None = None
    error: UnknownError | None = None
    opted: OptIn = NOTHING
    kept: dict[int, KeptNeeds] | None = None
    told: dict[int, Told] = field(default_factory=dict)
    unversioned: bool = False
    _masks: dict[str, int] = field(default_factory=dict)

    @property
    def assumed(self) -> list[str]:
        """Bounds that were asked of a version that nobody knows."""
        return sorted(filter(None, self._masks)) if self.unversioned else []

    @property
    def everything(self) -> int:
        """All bits."""
        return (1 << len(self.options)) - 1

    def admitted(self, specifier: SpecifierSet) -> int:
        """Bit set of a specifier, computed once."""
        return self.admits(str(specifier))

    def admits(self, specifier: str) -> int:
        """The same by the specifier's text."""
        if self.unversioned:
            return self._masks.setdefault(specifier, self.everything)
        text = specifier if self.opted is NOTHING else f"{specifier} with {self.opted}"
        mask = self._masks.get(text)
        if mask is None:
            asked = SpecifierSet(specifier)
            mask = self._masks[text] = specifier_mask(asked, self.options, self.opted)
        return mask

    def with_extra(self, extra: str) -> Package:
        """``name[extra]``: the same options, bit sets and METADATA."""
        key = make_key(self.name, extra)
        return replace(self, key=key, extra=extra)


Pool = dict[tuple[NormalizedName, OptIn], Package]
"""Packages of one index for one target, by what is let in of them beside stable versions."""


class Library:
    """What the cells of one target and one index share: pages with their usable options.

    A package of the index alone is one object for all of them, bit sets included; for all runs over
    cells that are given one ``pool`` too, as far as they let the same in.
    """

    def __init__(
        self, target: Target, rules: Rules, index: Index, pool: Pool | None = None
    ) -> None:
        self.target = target
        self.rules = rules
        self.index = index
        environment = target.marker_environment()
        self._environment = {name: str(value) for name, value in environment.items()}
        self._packages: dict[NormalizedName, Package] = {}
        self._pool: Pool = {} if pool is None else pool
        self.companions: dict[NormalizedName, tuple[Companion, ...]] = {}
        for row in rules.companions:
            self.companions[row.package] = (*self.companions.get(row.package, ()), row)
        # By identity: one value is one file's METADATA, and it is held here with what came of it.
        self._told: dict[int, tuple[DistMetadata, Told]] = {}

    def package(self, name: NormalizedName) -> Package:
        """The index's package of that name; with ``error`` where its page is out of reach."""
        package = self._packages.get(name)
        if package is None:
            opted = self._opted(name)
            package = self._pool.get((name, opted))
            if package is None:
                package = self._pool[name, opted] = self._read(name, opted)
            self._packages[name] = package
        return package

    def _read(self, name: NormalizedName, opted: OptIn) -> Package:
        try:
            choices = self.index.choices(name, self._chooser(name))
        except UnknownError as error:
            return Package(name, name, "", (), error=error)
        masks = choices.masks
        return Package(
            name, name, "", Options(choices), choices.page, None, opted, choices.needs, _masks=masks
        )

    def _chooser(self, name: NormalizedName) -> BestFiles:
        return BestFiles(self.target, self.rules, name)

    def _opted(self, name: NormalizedName) -> OptIn:
        rules = self.rules
        asked = [row for row in rules.asked.get(name, ()) if self.holds(row)]
        found = OptIn.of(asked, pre=rules.pre)
        return NOTHING if found == NOTHING else found

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read these pages at once, those that are not there yet."""
        if not self.index.fetches:
            return
        missing = sorted(name for name in names if name not in self._packages)
        missing = [name for name in missing if not self.index.at_hand(name, self._chooser(name))]
        if len(missing) > 1:
            self.index.prefetch(missing)

    def holds(self, requirement: Requirement, extra: str = "") -> bool:
        """Whether a requirement's marker holds for the target, with that extra asked for."""
        marker = requirement.marker
        return marker is None or marker.evaluate({**self._environment, "extra": extra})

    def told(self, metadata: DistMetadata) -> Told:
        """What METADATA says to the target."""
        known = self._told.get(id(metadata))
        if known is not None:
            return known[1]
        text = metadata.requires_python or ""
        if text and python_allows(text, f"{self.target.python}.0"):
            text = ""
        told = Told(keep(metadata, text), partial(self.applicable, metadata))
        self._told[id(metadata)] = (metadata, told)
        return told

    def applicable(self, metadata: DistMetadata, extra: str) -> tuple[Declared, ...]:
        """The requirements that hold for the target; of an extra, those that it adds."""
        return tuple(row for row in metadata.requires if self._adds(row.requirement, extra))

    def _adds(self, requirement: Requirement, extra: str) -> bool:
        if not extra:
            return self.holds(requirement)
        return not self.holds(requirement) and self.holds(requirement, extra)


class Shelf:
    """All packages of one question, each read once."""

    def __init__(self, question: Question, library: Library, direct: DirectReader) -> None:
        self._question = question
        self._library = library
        self._rules = rules = library.rules
        self._direct = direct
        self._packages: dict[str, Package] = {}
        self._directs: dict[str, Option] = {}
        self.unread: dict[tuple[str, str], str] = {}
        self._installed = {d.name: d for d in rules.inventory.dists} if rules.inventory else {}

    def package(self, key: str) -> Package:
        """The package of that key. Raises UnknownError when its page is out of reach."""
        package = self._packages.get(key)
        if package is None:
            package = self._packages[key] = self._read(key)
        if package.error is not None:
            raise package.error
        return package

    def _read(self, key: str) -> Package:
        if key == PYTHON:
            return _virtual(key, str(self._question.target.python))
        if key == CUDA:
            cuda = self._question.cuda
            return _virtual(key, (cuda.dotted if cuda else None) or "0")
        name, extra = split_key(key)
        if extra:
            return self.package(name).with_extra(extra)
        if name in self._directs:
            option = self._directs[name]
            # 0 is what ``DirectFile`` has where only a build can tell.
            return Package(name, name, "", (option,), unversioned=option.version == Version("0"))
        return self._read_named(name)

    def _read_named(self, name: NormalizedName) -> Package:
        question, found = self._question, self._library.package(name)
        if name not in self._rules.wheels and name not in self._installed:
            return found
        known = (
            *self._installed_options(name),
            *wheel_options(self._rules.wheels.get(name, ()), question.target, question.torch),
        )
        if not known:
            return found
        options = (*known, *found.options)
        return Package(name, name, "", options, found.page, opted=found.opted)

    def _installed_options(self, name: NormalizedName) -> tuple[Option, ...]:
        dist = self._installed.get(name)
        if dist is None:
            return ()
        from torchsolve.solve.installed import installed_option

        try:
            return (installed_option(dist),)
        except InvalidVersion:
            return ()

    def add_direct(self, requirement: Requirement, origin: str) -> None:
        """Let a direct reference be the only option of its name. Raises UnknownError."""
        name = canonicalize_name(requirement.name)
        if name in self._directs or name in self._rules.wheels or name in self._packages:
            return
        found = self._direct.read(requirement, origin)
        self._directs[name] = Option(
            found.file.version,
            found.file,
            metadata=found.metadata,
            unread=found.unread,
            vcs=found.vcs,
        )

    def told(self, package: Package, position: int) -> Told | None:
        """What METADATA of an option says; None where it cannot be told without running code.

        Raises UnknownError when an index is out of reach.
        """
        told = package.told.get(position)
        if told is None:
            told = self.at_hand(package, position) or self._read_told(package, position)
            if told is not None:
                package.told[position] = told
        return told

    def at_hand(self, package: Package, position: int) -> Told | None:
        """The same, if this run or an earlier one has read it."""
        told = package.told.get(position)
        if told is None and package.kept:
            kept = package.kept.get(position)
            if kept is not None:
                told = Told(kept, partial(self._applicable, package, position))
                package.told[position] = told
        return told

    def _read_told(self, package: Package, position: int) -> Told | None:
        metadata = self._metadata(package.name, package.options[position])
        told = self._library.told(metadata) if metadata is not None else None
        if told is not None and package.kept is not None:
            package.kept[position] = told.kept
        return told

    def _applicable(self, package: Package, position: int, extra: str) -> tuple[Declared, ...]:
        """An extra that no earlier run asked for."""
        metadata = self._metadata(package.name, package.options[position])
        return self._library.applicable(metadata, extra) if metadata is not None else ()

    def is_told(self, package: Package, position: int) -> bool:
        """Whether METADATA of an option need not be read any more."""
        return position in package.told or bool(package.kept and position in package.kept)

    def _metadata(self, name: NormalizedName, option: Option) -> DistMetadata | None:
        """Core metadata of an option. Raises UnknownError when an index is out of reach."""
        if option.file is None or option.metadata is not None or option.unread is not None:
            return option.metadata
        try:
            return self._library.index.metadata(option.metadata_file or option.file)
        except UnknownError as error:
            needless = name in self._rules.no_deps and error.reference not in DEFECTIVE
            if error.reference != "no-static-metadata" and not needless:
                raise
            self.unread[name, str(option.version)] = f"{error.message}; {error.hint}"
            return None

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read the pages of these keys at once, those that are not there yet."""
        if not self._library.index.fetches:
            return
        names = {split_key(key)[0] for key in keys if not key.startswith("<")}
        self._library.prefetch(name for name in names if name not in self._packages)

    def prefetch_metadata(self, options: Iterable[Option]) -> None:
        """Read the metadata of these options at once."""
        files = [
            option.metadata_file or option.file
            for option in options
            if option.file is not None and option.metadata is None and option.unread is None
        ]
        if len(files) > 1:
            self._library.index.prefetch_metadata(files)

    def shadowed(self, name: NormalizedName) -> str | None:
        """Another index that has the name too; see ``Index.shadowed``."""
        return self._library.index.shadowed(name)

    def unusable(self, name: NormalizedName, specifier: SpecifierSet) -> tuple[Evidence, ...]:
        """Why versions that a specifier contains are no options of it, newest first, those that
        fail alike together; empty where there is no such version."""
        package = self.package(name)
        reasons = [
            (option.version, why_held_back(option))
            for i, option in enumerate(package.options)
            if specifier.contains(option.version, prereleases=True)
            and not package.admitted(specifier) >> i & 1
        ]
        usable = {option.version for option in package.options}
        files = self._library.index.whole_page(package.name).files
        by_version: dict[Version, list[IndexFile]] = {}
        for file in files:
            if file.version not in usable and specifier.contains(file.version):
                by_version.setdefault(file.version, []).append(file)
        for version in sorted(by_version, reverse=True):
            reason = why_unusable(by_version[version], self._question.target, self._rules)
            reasons += [(version, reason)] if reason else []
        return tuple(
            _unusable(f"{package.name} {version_span([v for v, _ in alike])}", reason, package.name)
            for reason, group in groupby(reasons, key=lambda row: row[1])
            if (alike := list(group))
        )

    def missing(self, name: NormalizedName, specifier: SpecifierSet) -> Evidence:
        """What an index says of a package that has no version which a specifier contains."""
        page = self._library.package(name).page
        whole = self._library.index.whole_page(name)
        files = whole.files
        if page is not None and page.about.status == "quarantined":
            why = f": {page.about.reason}" if page.about.reason else ""
            return _unusable(name, f"is quarantined by its index{why}", name)
        if not files:
            note = f"has no file that could be used: {whole.notes[0]}" if whole.notes else NO_PAGE
            return _unusable(name, note, name)
        versions = sorted({file.version for file in files})
        pinned = next((spec.version for spec in specifier if is_exact(specifier)), "")
        return _unusable(name, _missing(versions, pinned), name)


def _missing(versions: Sequence[Version], pinned: str) -> str:
    """What there is beside the version that was pinned; all that there is for a range."""
    try:
        wanted = Version(pinned)
    except InvalidVersion:
        return f"has versions {versions[0]} to {versions[-1]}, not that"
    if wanted.local and Version(wanted.public) in versions:
        return f"has {wanted.public}, not its +{wanted.local} build"
    at = bisect(versions, wanted)
    if at == 0:
        return f"begins with {versions[0]}"
    if at == len(versions):
        return f"ends with {versions[-1]}"
    return f"has {versions[at - 1]} and {versions[at]}, nothing between"


def _unusable(subject: str, statement: str, name: str) -> Evidence:
    return Evidence(subject, statement, Strength.DECLARED, f"index page of {name}")


@lru_cache(maxsize=64)
def _virtual(key: str, version: str) -> Package:
    return Package(key, NormalizedName(key), "", (Option(Version(version)),))
