"""The problem: packages with their options, and edges between them as bit sets.

Markers are evaluated once, for the target; a specifier becomes a bit set once a package. Packages
are read from the index when they are first asked for, and an option's edges when it is looked at,
so nothing is fetched that the search does not touch. ``name[extra]`` is a package of its own with
the same options, tied to ``name`` at the same position. ``<python>`` and ``<cuda>`` are virtual
packages with one option, the cell's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import UnknownError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DistMetadata, IndexFile, IndexPage
from torchsolve.solve.installed import installed_option
from torchsolve.solve.masks import bits, specifier_mask
from torchsolve.solve.options import (
    Option,
    index_options,
    python_allows,
    wheel_options,
    why_unusable,
)
from torchsolve.solve.question import Fact, FactKind, Question, Rules
from torchsolve.solve.sources import DirectFile, DirectReader, Index

CLAIMED = Strength.CLAIMED
PYTHON = "<python>"
CUDA = "<cuda>"


def make_key(name: str, extra: str = "") -> str:
    """``torch`` or ``torch[extra]``, normalized (PEP 503, PEP 685)."""
    base = canonicalize_name(name)
    return f"{base}[{canonicalize_name(extra)}]" if extra else base


def split_key(key: str) -> tuple[NormalizedName, str]:
    """The inverse of ``make_key``."""
    name, _, rest = key.partition("[")
    return NormalizedName(name), rest.removesuffix("]")


@dataclass(frozen=True, slots=True)
class Edge:
    """``parent`` (None: a fact) admits only ``mask`` of the options of ``key``."""

    key: str
    mask: int
    evidence: Evidence
    parent: tuple[str, int] | None = None
    fact: int | None = None
    requirement: Requirement | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """An edge that is not followed: the option that has it, what it asks for, and why."""

    package: str
    dropped: str
    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class Package:
    """One package of a problem. ``everything`` has a bit for each option."""

    key: str
    name: NormalizedName
    extra: str
    options: tuple[Option, ...]
    page: IndexPage | None = None
    error: UnknownError | None = None
    _masks: dict[str, int] = field(default_factory=dict)

    @property
    def everything(self) -> int:
        """All bits."""
        return (1 << len(self.options)) - 1

    def admitted(self, specifier: SpecifierSet) -> int:
        """Bit set of a specifier, computed once."""
        text = str(specifier)
        mask = self._masks.get(text)
        if mask is None:
            mask = self._masks[text] = specifier_mask(specifier, self.options)
        return mask


class Problem:
    """One question, made of bit sets. ``markers`` are the target's."""

    def __init__(
        self, question: Question, rules: Rules, index: Index, direct: DirectReader
    ) -> None:
        self.question = question
        self.rules = rules
        self._index = index
        self._direct = direct
        environment = question.target.marker_environment()
        self._environment = {name: str(value) for name, value in environment.items()}
        self._packages: dict[str, Package] = {}
        self._edges: dict[tuple[str, int], tuple[Edge, ...]] = {}
        self._drops: dict[tuple[str, int], tuple[Drop, ...]] = {}
        self._directs: dict[str, Option] = {}
        self._demanded = question.demanded()
        self._installed = {d.name: d for d in rules.inventory.dists} if rules.inventory else {}
        self._bounds: dict[str, list[Edge]] = {}
        self.roots: tuple[Edge, ...] = ()
        self._read_facts()

    # -- facts ---------------------------------------------------------------------------------

    def _read_facts(self) -> None:
        facts = self.question.facts
        for fact in facts:
            if fact.requirement is not None and fact.requirement.url and self._holds(fact):
                self._add_direct(fact.requirement, fact.evidence)
        roots: list[Edge] = []
        for number, fact in enumerate(facts):
            if fact.requirement is None or not self._holds(fact):
                continue
            for edge in self._fact_edges(fact, number):
                if fact.kind is FactKind.BOUND:
                    self._bounds.setdefault(edge.key, []).append(edge)
                else:
                    roots.append(edge)
        self.roots = tuple(roots)

    def _holds(self, fact: Fact) -> bool:
        requirement = fact.requirement
        return (
            requirement is None
            or requirement.marker is None
            or requirement.marker.evaluate({**self._environment, "extra": ""})
        )

    def _fact_edges(self, fact: Fact, number: int) -> Iterable[Edge]:
        requirement = fact.requirement
        assert requirement is not None  # noqa: S101 - the caller filtered
        for key in self._keys(requirement):
            package = self.package(key)
            if fact.kind is FactKind.BUNDLED:
                mask = sum(1 << i for i, o in enumerate(package.options) if o.wheel is not None)
            else:
                mask = self._requirement_mask(package, self._overridden(requirement, fact))
            yield Edge(key, mask, fact.evidence, None, number, requirement)

    def _overridden(self, requirement: Requirement, fact: Fact | None = None) -> Requirement:
        if fact is not None and fact.evidence.origin.startswith("--"):
            return requirement
        return self.rules.overrides.get(canonicalize_name(requirement.name), requirement)

    def _requirement_mask(self, package: Package, requirement: Requirement) -> int:
        if requirement.url:
            return package.everything
        return package.admitted(requirement.specifier)

    @staticmethod
    def _keys(requirement: Requirement) -> list[str]:
        return [
            make_key(requirement.name),
            *(make_key(requirement.name, extra) for extra in sorted(requirement.extras)),
        ]

    def bound(self, key: str) -> int:
        """Options that the bounding facts leave."""
        mask = self.package(key).everything
        for edge in self._bounds.get(split_key(key)[0], ()):
            mask &= edge.mask
        return mask

    def bounds(self, key: str) -> tuple[Edge, ...]:
        """The bounding facts of a package, as edges."""
        return tuple(self._bounds.get(split_key(key)[0], ()))

    # -- packages ------------------------------------------------------------------------------

    def package(self, key: str) -> Package:
        """The package of that key, read at the first call. Raises UnknownError."""
        package = self._packages.get(key)
        if package is None:
            package = self._packages[key] = self._read_package(key)
        if package.error is not None:
            raise package.error
        return package

    def _read_package(self, key: str) -> Package:
        if key == PYTHON:
            return _virtual(key, Version(str(self.question.target.python)))
        if key == CUDA:
            cuda = self.question.cuda
            return _virtual(key, Version((cuda.dotted if cuda else None) or "0"))
        name, extra = split_key(key)
        if extra:
            base = self.package(name)
            return Package(key, name, extra, base.options, base.page)
        return self._read_named(name)

    def _read_named(self, name: NormalizedName) -> Package:
        if name in self._directs:
            return Package(name, name, "", (self._directs[name],))
        question, rules = self.question, self.rules
        own = wheel_options(rules.wheels.get(name, ()), question.target, question.torch)
        base = self._base_options(name)
        try:
            page = self._index.page(name)
        except UnknownError as error:
            if own or base:
                return Package(name, name, "", (*base, *own))
            return Package(name, name, "", (), error=error)
        found = index_options(page.files, question.target, rules, name)
        return Package(name, name, "", (*base, *own, *found), page)

    def _base_options(self, name: NormalizedName) -> tuple[Option, ...]:
        dist = self._installed.get(name)
        if dist is None:
            return ()
        try:
            return (installed_option(dist),)
        except InvalidVersion:
            return ()

    def _add_direct(self, requirement: Requirement, evidence: Evidence) -> None:
        name = canonicalize_name(requirement.name)
        if name in self._directs or name in self.rules.wheels:
            return
        found: DirectFile = self._direct.read(requirement, evidence.origin)
        self._directs[name] = Option(
            found.file.version,
            found.file,
            metadata=found.metadata,
            unread=found.unread,
            vcs=found.vcs,
        )

    # -- edges ---------------------------------------------------------------------------------

    def edges(self, key: str, position: int) -> tuple[Edge, ...]:
        """What an option needs. Raises UnknownError for a page that is out of reach."""
        found = self._edges.get((key, position))
        if found is None:
            found = self._edges[key, position] = self._read_edges(key, position)
        return found

    def drops(self, key: str, position: int) -> tuple[Drop, ...]:
        """The edges of that option that are not followed."""
        self.edges(key, position)
        return self._drops.get((key, position), ())

    def _read_edges(self, key: str, position: int) -> tuple[Edge, ...]:
        package = self.package(key)
        option = package.options[position]
        if key.startswith("<") or option.file is None:
            return ()
        parent = (key, position)
        edges = []
        if package.extra:
            evidence = Evidence(key, f"is part of {package.name}", Strength.DECLARED, "PEP 508")
            edges.append(Edge(package.name, 1 << position, evidence, parent))
        else:
            edges += self._claim_edges(package, option, parent)
        metadata = self.metadata(package, option)
        if metadata is not None:
            if not package.extra:
                edges += self._python_edge(metadata, parent)
            edges += self._declared_edges(package, metadata, parent)
        return tuple(edges)

    def metadata(self, package: Package, option: Option) -> DistMetadata | None:
        """Core metadata of an option; None where nobody can read it (``unread`` says why)."""
        if option.metadata is not None or option.unread is not None or option.file is None:
            return option.metadata
        if package.name in self.rules.no_deps:
            return None
        try:
            return self._index.metadata(option.metadata_file or option.file)
        except UnknownError as error:
            if error.reference != "no-static-metadata":
                raise
            return None

    def _claim_edges(
        self, package: Package, option: Option, parent: tuple[str, int]
    ) -> Iterable[Edge]:
        label = f"{package.name} {option.version}"
        wheel = option.wheel
        if wheel is not None:
            place = wheel.file.place or wheel.file.filename
            if wheel.torch and package.name != "torch":
                claim = Evidence(label, f"is named for torch {wheel.torch}", CLAIMED, place)
                yield self._torch_edge(SpecifierSet(wheel.torch), claim, parent)
            if wheel.cuda:
                claim = Evidence(label, f"is named for {wheel.cuda}", CLAIMED, place)
                yield self._cuda_edge(int(wheel.cuda[2:4]), claim, parent)
        if option.file is None or option.file.index != "default":
            return
        for row in self.rules.companions:
            if row.package != package.name:
                continue
            if row.specifier.contains(option.version, prereleases=True):
                if row.torch is not None:
                    yield self._torch_edge(row.torch, row.evidence, parent)
                if row.cuda is not None:
                    yield self._cuda_edge(row.cuda.major or 0, row.evidence, parent)

    def _torch_edge(
        self, specifier: SpecifierSet, evidence: Evidence, parent: tuple[str, int]
    ) -> Edge:
        return Edge("torch", self.package("torch").admitted(specifier), evidence, parent)

    def _cuda_edge(self, major: int, evidence: Evidence, parent: tuple[str, int]) -> Edge:
        cuda = self.question.cuda
        fits = cuda is None or cuda.major is None or cuda.major == major
        return Edge(CUDA, 1 if fits else 0, evidence, parent)

    def _python_edge(self, metadata: DistMetadata, parent: tuple[str, int]) -> Iterable[Edge]:
        text = metadata.requires_python
        if text and not python_allows(text, f"{self.question.target.python}.0"):
            evidence = Evidence(
                f"{metadata.name} {metadata.version}",
                f"needs Python {text}",
                Strength.DECLARED,
                f"METADATA of {metadata.name} {metadata.version}",
            )
            yield Edge(PYTHON, 0, evidence, parent)

    def _declared_edges(
        self, package: Package, metadata: DistMetadata, parent: tuple[str, int]
    ) -> Iterable[Edge]:
        if package.name in self.rules.no_deps:
            self._drop_all(package, metadata, parent)
            return
        drops = []
        for declared in metadata.requires:
            if not self._applies(declared.requirement, package.extra):
                continue
            drop = self._drop(package, declared)
            if drop is not None:
                drops.append(drop)
            else:
                yield from self._requirement_edges(declared, parent)
        if drops:
            self._drops[parent] = tuple(drops)

    def _applies(self, requirement: Requirement, extra: str) -> bool:
        marker = requirement.marker
        if marker is None:
            return not extra
        plain = marker.evaluate({**self._environment, "extra": ""})
        if not extra:
            return plain
        return not plain and marker.evaluate({**self._environment, "extra": extra})

    def _requirement_edges(self, declared: Declared, parent: tuple[str, int]) -> Iterable[Edge]:
        requirement = self._overridden(declared.requirement)
        if requirement.url:
            self._add_direct(requirement, declared.evidence)
        for key in self._keys(requirement):
            mask = self._requirement_mask(self.package(key), requirement)
            yield Edge(key, mask, declared.evidence, parent, None, requirement)

    def _drop(self, package: Package, declared: Declared) -> Drop | None:
        requirement = declared.requirement
        name = canonicalize_name(requirement.name)
        if (package.name, name) in self.rules.no_edges:
            return Drop(
                package.name, name, f"--no-deps {package.name}:{name}", (declared.evidence,)
            )
        if not requirement.url:
            return None
        if name in self.rules.wheels:
            beside = tuple(self._wheel_evidence(w.file) for w in self.rules.wheels[name])
            return Drop(
                package.name,
                str(requirement),
                "the wheel beside it serves",
                (declared.evidence, *beside[:1]),
            )
        if name in self._demanded:
            return Drop(
                package.name,
                str(requirement),
                "a pin of the plan serves",
                (declared.evidence,),
            )
        return None

    @staticmethod
    def _wheel_evidence(file: IndexFile) -> Evidence:
        return Evidence(
            file.name, f"is bundled as {file.filename}", Strength.CLAIMED, str(file.place)
        )

    def _drop_all(self, package: Package, metadata: DistMetadata, parent: tuple[str, int]) -> None:
        reason = f"--no-deps {package.name}"
        self._drops[parent] = tuple(
            Drop(package.name, str(declared.requirement), reason, (declared.evidence,))
            for declared in metadata.requires
            if self._applies(declared.requirement, package.extra)
        )

    # -- for people ----------------------------------------------------------------------------

    def unusable(self, requirement: Requirement) -> tuple[Evidence, ...]:
        """Versions that the requirement names and the target cannot install, and why."""
        package = self.package(make_key(requirement.name))
        if package.page is None:
            return ()
        versions = {o.version for o in package.options}
        reasons = []
        for version in sorted({f.version for f in package.page.files}, reverse=True):
            if version in versions or not requirement.specifier.contains(version):
                continue
            files = [f for f in package.page.files if f.version == version]
            reason = why_unusable(files, self.question.target, self.rules)
            if reason:
                label = f"{package.name} {version}"
                origin = f"index page of {package.name}"
                reasons.append(Evidence(label, reason, Strength.DECLARED, origin))
        return tuple(reasons)

    def prefetch(self, key_masks: Iterable[tuple[str, int]]) -> None:
        """Read the newest admitted option's metadata for each key, at once."""
        files = []
        for key, mask in key_masks:
            first = next(bits(mask & self.bound(key)), None)
            if first is None:
                continue
            option = self._packages[key].options[first]
            if option.metadata is None and option.unread is None and option.file is not None:
                files.append(option.metadata_file or option.file)
        self._index.prefetch_metadata(files)

    def prefetch_pages(self, names: Iterable[str]) -> None:
        """Read these pages at once."""
        todo = {split_key(n)[0] for n in names if not n.startswith("<")}
        self._index.prefetch(sorted(n for n in todo if n not in self._packages))


def _virtual(key: str, version: Version) -> Package:
    return Package(key, NormalizedName(key), "", (Option(version),))
