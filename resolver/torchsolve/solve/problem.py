"""The problem: facts, packages with their options, and edges between them as bit sets.

Markers are evaluated once, for the target; a specifier becomes a bit set once a package. An
option's edges are read when an engine looks at it, so nothing is fetched that the search does not
touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.errors import UnknownError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.plan import WheelVerdict
from torchsolve.model.proof import Proof
from torchsolve.model.values import dataclass
from torchsolve.solve.drops import Drop, drop_all, find_drop
from torchsolve.solve.keys import CUDA, PYTHON, make_key, split_key
from torchsolve.solve.masks import bits
from torchsolve.solve.needs import Need, PartOf, Said, Stated, Told
from torchsolve.solve.options import Option, is_compiled
from torchsolve.solve.packages import DEFECTIVE, Library, Package, Shelf
from torchsolve.solve.question import Companion, Fact, FactKind, Question
from torchsolve.solve.sources import DirectReader, Prover

CLAIMED, DECLARED = Strength.CLAIMED, Strength.DECLARED
Parent = tuple[str, int]


@dataclass(eq=False, slots=True)
class Edge:
    """``parent`` (None: a fact) admits only ``mask`` of the options of ``key``."""

    key: str
    mask: int
    said: Said
    parent: Parent | None = None

    @property
    def evidence(self) -> Evidence:
        """Who states it; made when it is asked for."""
        return self.said.evidence

    @property
    def requirement(self) -> Requirement | None:
        """As which requirement, if it is one; made when it is asked for."""
        return self.said.requirement


class Problem:
    """One question, made of bit sets.

    Attributes:
        roots: what the demanding facts ask for.
        fact_drops: facts that speak of a name that nobody gets.
        defects: options whose file turned out to be defective, and how.
    """

    def __init__(
        self,
        question: Question,
        library: Library,
        direct: DirectReader,
        prover: Prover | None = None,
    ) -> None:
        self.question = question
        self._prover = prover
        self.rules = library.rules
        self.shelf = Shelf(question, library, direct)
        self._library = library
        self._edges: dict[Parent, tuple[Edge, ...]] = {}
        self._drops: dict[Parent, tuple[Drop, ...]] = {}
        self.defects: dict[Parent, Evidence] = {}
        self._demanded = question.demanded()
        self._left_out = dict(question.left_out)
        self.fact_drops: list[Drop] = []
        self._left: dict[str, int] = {}
        self._bounds: dict[str, list[Edge]] = {}
        self.roots: tuple[Edge, ...] = self._read_facts()

    def package(self, key: str) -> Package:
        """The package of that key. Raises UnknownError when its page is out of reach."""
        return self.shelf.package(key)

    # -- facts ---------------------------------------------------------------------------------

    def _read_facts(self) -> tuple[Edge, ...]:
        facts = [
            fact
            for fact in self.question.facts
            if fact.requirement is None or self._library.holds(fact.requirement)
            if not self._is_left_out(fact)
        ]
        for fact in facts:
            if fact.requirement is not None and fact.requirement.url:
                self.shelf.add_direct(fact.requirement, fact.evidence.origin)
        self.shelf.prefetch(fact.name for fact in facts if fact.name)
        roots: list[Edge] = []
        for fact in facts:
            for edge in self._fact_edges(fact):
                if fact.kind is FactKind.BOUND:
                    self._bounds.setdefault(edge.key, []).append(edge)
                else:
                    roots.append(edge)
        return tuple(roots)

    def _is_left_out(self, fact: Fact) -> bool:
        """Whether a fact speaks of a name that nobody gets; a demand is an exception then."""
        requirement = fact.requirement
        reason = self._left_out.get(fact.name)
        if requirement is None or reason is None:
            return False
        if fact.kind is not FactKind.BOUND:
            said = fact.evidence
            self.fact_drops.append(Drop(said.subject, fact.name, str(requirement), reason, said))
        return True

    def _fact_edges(self, fact: Fact) -> Iterator[Edge]:
        requirement = fact.requirement
        if requirement is None:
            return
        if fact.kind is FactKind.BUNDLED:
            options = self.package(make_key(requirement.name)).options
            mask = sum(1 << i for i, option in enumerate(options) if option.wheel is not None)
            yield Edge(make_key(requirement.name), mask, Stated(fact.evidence, requirement))
            return
        if requirement.url or requirement.extras or fact.name in self.rules.overrides:
            yield from self._requirement_edges(requirement, fact.evidence, None)
            return
        mask = self.package(fact.name).admitted(requirement.specifier)
        yield Edge(fact.name, mask, Stated(fact.evidence, requirement))

    def bound(self, key: str) -> int:
        """Options of a package that the bounding facts leave."""
        mask = self._left.get(key)
        if mask is None:
            mask = self.package(key).everything
            for edge in self.bounds(key):
                mask &= edge.mask
            self._left[key] = mask
        return mask

    def bounds(self, key: str) -> tuple[Edge, ...]:
        """The bounding facts of a package, as edges."""
        return tuple(self._bounds.get(split_key(key)[0], ()))

    def first(self, key: str, mask: int) -> int:
        """The option of a mask to try first: that of an earlier lock, else the newest."""
        preferred = self.rules.preferred
        wanted = preferred.get(split_key(key)[0]) if preferred else None
        if wanted is not None:
            options = self.package(key).options
            return next((i for i in bits(mask) if options[i].version == wanted), next(bits(mask)))
        return (mask & -mask).bit_length() - 1

    # -- edges ---------------------------------------------------------------------------------

    def edges(self, key: str, position: int) -> tuple[Edge, ...]:
        """What an option needs. Raises UnknownError for a page that is out of reach."""
        found = self._edges.get((key, position))
        if found is None:
            found = tuple(self._read_edges(key, position))
            if self._prover is not None:
                found = (*found, *self._proven(key, position, found))
            self._edges[key, position] = found
        return found

    def _proven(self, key: str, position: int, edges: tuple[Edge, ...]) -> Iterator[Edge]:
        """The edge of a binary that the cell's torch refutes: any other torch than that.

        Asked only where names and METADATA would have let the option into the cell.
        """
        proof = self.proof(key, position, edges)
        if proof is not None and proof.verdict is WheelVerdict.REFUTED:
            torch = self.package("torch")
            mask = torch.everything & ~self._cell_torch()
            yield Edge("torch", mask, Stated(proof.evidence), (key, position))

    def proof(self, key: str, position: int, edges: tuple[Edge, ...] | None = None) -> Proof | None:
        """What the binaries of a torch-coupled option say; None where nobody asks them."""
        place, package = self.question.place, self.package(key)
        file = package.options[position].file
        if self._prover is None or place is None or file is None or package.extra:
            return None
        edges = self.edges(key, position) if edges is None else edges
        if not self.is_coupled(package, position, edges):
            return None
        cell = self._cell_torch()
        said = [edge for edge in edges if edge.evidence.strength is not Strength.PROVEN]
        if any(not edge.mask or (edge.key == "torch" and not edge.mask & cell) for edge in said):
            return None
        return self._prover.proof(file, place, self.question.target.python)

    def _cell_torch(self) -> int:
        place = self.question.place
        assert place is not None  # noqa: S101 - asked by ``proof`` alone, which looked
        return self.package("torch").admitted(SpecifierSet(f"=={place.torch.public}"))

    def is_coupled(self, package: Package, position: int, edges: tuple[Edge, ...]) -> bool:
        """Compiled, and it requires torch, is named for one, or moves with torch by a table.

        The last are those whose METADATA says nothing (torchao, torchcodec): they need its symbols.
        """
        option = package.options[position]
        file = option.file
        if file is None or package.name == "torch" or not is_compiled(file):
            return False
        claimed = option.wheel is not None and option.wheel.torch is not None
        tied = any(row.torch for row in self._library.companions.get(package.name, ()))
        return claimed or tied or any(edge.key == "torch" for edge in edges)

    def known_edges(self, key: str, position: int) -> tuple[Edge, ...]:
        """The edges of an option if they were read already, else none."""
        return self._edges.get((key, position), ())

    def drops(self, key: str, position: int) -> tuple[Drop, ...]:
        """The edges of an option that are not followed."""
        self.edges(key, position)
        return self._drops.get((key, position), ())

    def _read_edges(self, key: str, position: int) -> Iterator[Edge]:
        package, parent = self.package(key), (key, position)
        told = self.shelf.at_hand(package, position)
        # The file of an option need not be looked at where an index's was told of before.
        known = told is not None and package.kept is not None
        if not known and package.options[position].file is None:
            return
        if package.extra:
            yield Edge(package.name, 1 << position, PartOf(key, package.name), parent)
        elif not known or package.name in self._library.companions:
            yield from self._claim_edges(package.name, package.options[position], parent)
        if self.rules.names_only and not known and package.options[position].wheel is not None:
            return
        if self.rules.floors:
            yield from self._floor_edges(package.options[position], parent)
        try:
            told = told or self.shelf.told(package, position)
        except UnknownError as error:
            if error.reference not in DEFECTIVE:
                raise
            label = f"{package.name} {package.options[position].version}"
            yield self._defect(label, error, parent)
            return
        if told is not None:
            if told.python and not package.extra:
                yield self._python_edge(told, parent)
            yield from self._declared_edges(package, told, parent)

    def _defect(self, label: str, error: UnknownError, parent: Parent) -> Edge:
        """A file that no installer takes rules itself out, as in pip and uv."""
        text = f"cannot be installed: {error.message}"
        evidence = Evidence(label, text, Strength.DECLARED, error.origin)
        self.defects[parent] = evidence
        return Edge(PYTHON, 0, Stated(evidence), parent)

    def _floor_edges(self, option: Option, parent: Parent) -> Iterator[Edge]:
        """A file that needs newer libraries than the image has, whatever its tag says."""
        question = self.question
        glibc = ".".join(map(str, question.target.glibc))
        for floor in self.rules.floors:
            named = option.file is not None and option.file.filename == floor.filename
            if named and not floor.fits(glibc, question.libstdcxx):
                yield Edge(PYTHON, 0, Stated(floor.evidence), parent)

    def _claim_edges(self, name: NormalizedName, option: Option, parent: Parent) -> Iterator[Edge]:
        label, wheel = f"{name} {option.version}", option.wheel
        if wheel is not None:
            place = wheel.file.place or wheel.file.filename
            if wheel.torch and name != "torch":
                claim = Evidence(label, f"is named for torch {wheel.torch}", CLAIMED, place)
                yield self._torch_edge(SpecifierSet(wheel.torch), claim, parent)
            if wheel.cuda:
                claim = Evidence(label, f"is named for {wheel.cuda}", CLAIMED, place)
                yield self._cuda_edge(int(wheel.cuda[2:4]), claim, parent)
        for row in self._companions(name, option):
            if row.torch is not None:
                yield self._torch_edge(row.torch, row.evidence, parent)
            if row.cuda is not None:
                yield self._cuda_edge(row.cuda, row.evidence, parent)

    def _companions(self, name: NormalizedName, option: Option) -> list[Companion]:
        if option.file is None or option.file.index != "default":
            return []
        return [
            row
            for row in self._library.companions.get(name, ())
            if row.specifier.contains(option.version, prereleases=True)
        ]

    def _torch_edge(self, specifier: SpecifierSet, evidence: Evidence, parent: Parent) -> Edge:
        mask = self.package("torch").admitted(specifier)
        return Edge("torch", mask, Stated(evidence), parent)

    def _cuda_edge(self, major: int, evidence: Evidence, parent: Parent) -> Edge:
        cuda = self.question.cuda
        fits = cuda is None or cuda.major is None or cuda.major == major
        return Edge(CUDA, 1 if fits else 0, Stated(evidence), parent)

    def _python_edge(self, told: Told, parent: Parent) -> Edge:
        text, origin = f"needs Python {told.python}", f"METADATA of {told.label}"
        return Edge(PYTHON, 0, Stated(Evidence(told.label, text, DECLARED, origin)), parent)

    def _declared_edges(self, package: Package, told: Told, parent: Parent) -> Iterator[Edge]:
        needs = told.needs(package.extra)
        if package.name in self.rules.no_deps:
            self._drops[parent] = drop_all(package.name, needs)
            return
        followed: list[Need] = []
        drops: list[Drop] = []
        for need in needs:
            drop = find_drop(package.name, need, self.rules, self._demanded, self._left_out)
            if drop is None:
                followed.append(need)
            else:
                drops.append(drop)
        self._drops[parent] = tuple(drops)
        self.shelf.prefetch(need.name for need in followed)
        for need in followed:
            if need.direct or need.name in self.rules.overrides:
                yield from self._requirement_edges(need.requirement, need.evidence, parent)
                continue
            for key in need.keys:
                yield Edge(key, self.package(key).admits(need.specifier), need, parent)

    def _requirement_edges(
        self, asked: Requirement, evidence: Evidence, parent: Parent | None
    ) -> Iterator[Edge]:
        name = canonicalize_name(asked.name)
        requirement = self.rules.overrides.get(name, asked)
        if requirement.url:
            self.shelf.add_direct(requirement, evidence.origin)
        extras = sorted({*asked.extras, *requirement.extras})
        said = Stated(evidence, requirement)
        for key in (name, *(make_key(name, extra) for extra in extras)):
            package = self.package(key)
            direct = bool(requirement.url)
            mask = package.everything if direct else package.admitted(requirement.specifier)
            yield Edge(key, mask, said, parent)

    def prefetch(self, edges: Iterable[Edge]) -> None:
        """Read the metadata of the newest option that each edge admits, at once."""
        if not self._library.index.fetches:
            return
        options = []
        for edge in edges:
            mask = edge.mask & self.bound(edge.key)
            first = self.first(edge.key, mask) if mask else None
            if first is not None and (edge.key, first) not in self._edges:
                package = self.package(edge.key)
                options += [] if self.shelf.is_told(package, first) else [package.options[first]]
        self.shelf.prefetch_metadata(options)
