"""A tree of files → ProjectFacts: the one path for folders, local and remote repositories."""

from __future__ import annotations

from collections.abc import Set
from pathlib import PurePosixPath
from urllib.parse import quote

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.project import ProjectFacts, ProjectKind, SourceLocation, WheelFact
from torchsolve.model.surface import bears
from torchsolve.model.values import dataclass, field, replace
from torchsolve.project import node, pyproject, wheels
from torchsolve.project.contents import ContentReader
from torchsolve.project.declared import PYPROJECT, REQUIREMENTS, TreeRequirements
from torchsolve.project.options import ReadOptions
from torchsolve.project.scan.read import model_files
from torchsolve.project.scan.sources import without_collection
from torchsolve.project.tree import FolderTree, Tree
from torchsolve.wheel.filename import parse as parse_wheel_name

_OTHERS = ("post_install.py",)
_SETUP = ("setup.py", "setup.cfg")


@dataclass(slots=True)
class _Cache:
    """Each file of the tree is asked for once; ``unread`` are those listed but not there."""

    tree: Tree
    paths: frozenset[str]
    known: dict[str, bytes | None] = field(default_factory=dict)

    def load(self, path: str) -> bytes | None:
        if path not in self.paths:
            return None
        if path not in self.known:
            self.known.update(self.tree.read([path]))
        return self.known[path]

    def prefetch(self, paths: Set[str]) -> None:
        self.known.update(self.tree.read(sorted(paths)))

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(sorted(path for path, data in self.known.items() if data is None))


@dataclass(frozen=True, slots=True)
class TreeReader:
    """Reads one tree.

    Args:
        name: of the project, for people.
        expand: environment variables in requirement files (never for what was fetched).
    """

    tree: Tree
    name: str
    reference: str
    source: SourceLocation
    options: ReadOptions
    expand: bool
    notes: list[str] = field(default_factory=list)

    def facts(self) -> ProjectFacts:
        """Everything that is known of the tree. Raises UsageError ``not-a-project``."""
        with without_collection():
            return self._facts()

    def _facts(self) -> ProjectFacts:
        paths = self.tree.paths
        cache = _Cache(self.tree, frozenset(paths))
        cache.prefetch({*node.candidates(paths), REQUIREMENTS, PYPROJECT} & cache.paths)
        contents = ContentReader(self.tree, paths, self.name, self.options)
        declared = TreeRequirements(
            cache.load,
            self.name,
            self._extras(cache, contents),
            self.options.groups,
            self.expand,
            self.notes,
        )
        table = declared.table()
        is_node = self._is_node(cache, paths, table)
        found = declared.requirements(table)
        linux, foreign = self._wheels(paths)
        source = contents.of_project()
        if is_node:
            source = contents.of_node(found.requirements, linux)
        linux = wheels.mark_required(linux, source.imported)
        self._check(is_node, cache, linux, foreign)
        classes, whole = node.node_classes(cache.load) if is_node else ((), True)
        if is_node and not whole:
            self.notes.append("not every node class could be told from the source")
        self._notes(cache, table)
        return ProjectFacts(
            name=self.name,
            reference=self.reference,
            kind=ProjectKind.NODE if is_node else ProjectKind.PROJECT,
            requirements=tuple(found.requirements),
            constraints=tuple(found.constraints),
            undeclared=source.undeclared,
            wheels=linux,
            foreign=foreign,
            indexes=tuple(found.indexes),
            no_binary=frozenset(found.no_binary),
            pre=found.pre,
            only_binary=frozenset(found.only_binary),
            require_hashes=found.require_hashes,
            hashes=tuple(sorted((n, frozenset(h)) for n, h in found.hashes.items())),
            source=self.source,
            requires_python=table.requires_python if table else None,
            node_classes=classes,
            notes=tuple(dict.fromkeys((*found.notes, *self.notes, *source.notes))),
            optional=source.optional,
            installer=source.installer,
            surfaces=source.surfaces,
            tested=source.tested,
            compiles=source.compiles,
            readme=source.readme,
            scan=source.scan,
            models=model_files(source.scan.sites) if source.scan else (),
            lacking=table.lacking if table else self._lacking(declared),
            untold=() if is_node else self._untold(cache, table),
        )

    def _untold(self, cache: _Cache, table: pyproject.Pyproject | None) -> tuple[Evidence, ...]:
        """A node is never built: ComfyUI installs its requirements.txt and no more."""
        if REQUIREMENTS in cache.paths:
            return ()
        if table is not None and (table.declares or table.untold is not None):
            return pyproject.doubt(table, self.name, PYPROJECT)
        statement = "has dependencies that are not known: it is not run"
        return tuple(
            Evidence(self.name, statement, Strength.OBSERVED, script)
            for script in _SETUP
            if script in cache.paths
        )

    def _extras(self, cache: _Cache, contents: ContentReader) -> tuple[str, ...]:
        """Those that ``pyproject.toml`` is asked for: the rest of ``--with`` names imports."""
        wanted = self.options.extras
        if not wanted:
            return ()
        own = pyproject.extras_of(cache.load(PYPROJECT))
        imports = contents.optional_names()
        return tuple(
            extra
            for extra in wanted
            if extra in own or not any(extra == name or bears(extra, name) for name in imports)
        )

    def _lacking(self, declared: TreeRequirements) -> frozenset[str]:
        """All that is asked of a tree without a ``pyproject.toml``, but for imports."""
        return replace(self.options, extras=declared.extras).lacking()

    def _check(
        self,
        is_node: bool,
        cache: _Cache,
        linux: tuple[WheelFact, ...],
        foreign: tuple[str, ...],
    ) -> None:
        known = {REQUIREMENTS, PYPROJECT, *_SETUP} & cache.paths
        if not (is_node or known or linux or foreign):
            raise UsageError(
                "not-a-project",
                "there is no requirements.txt, pyproject.toml, wheel or node code in it",
                origin=self.reference,
                hint="point at the folder that holds one of them, or at the file itself",
            )

    def _is_node(
        self, cache: _Cache, paths: tuple[str, ...], table: pyproject.Pyproject | None
    ) -> bool:
        if node.is_comfyui(cache.paths):
            return False
        sources = (cache.load(path) for path in node.candidates(paths))
        return (table is not None and table.comfy) or any(
            source is not None and node.says_node(source) for source in sources
        )

    def _wheels(self, paths: tuple[str, ...]) -> tuple[tuple[WheelFact, ...], tuple[str, ...]]:
        facts: list[WheelFact] = []
        foreign: list[str] = []
        for place in (p for p in paths if p.endswith(".whl")):
            try:
                if wheels.is_foreign(
                    parse_wheel_name(PurePosixPath(place).name), self.options.platform
                ):
                    foreign.append(place)
                else:
                    facts.append(self._wheel(place))
                    self._note_refused(facts[-1])
            except UsageError as error:
                self.notes.append(f"{place}: {error.message}")
        return tuple(facts), tuple(foreign)

    def _note_refused(self, wheel: WheelFact) -> None:
        if wheel.unread is not None and wheel.unread.startswith("bad-metadata: "):
            why = wheel.unread.removeprefix("bad-metadata: ")
            self.notes.append(f"{wheel.file.place}: {why}; pip refuses it")

    def _wheel(self, place: str) -> WheelFact:
        stream = self.tree.open(place)
        url = self._file_url(place)
        if stream is None:
            return wheels.fact(place, None, url)
        with stream:
            return wheels.fact(place, stream, url)

    def _file_url(self, place: str) -> str | None:
        if isinstance(self.tree, FolderTree):
            return (self.tree.root.resolve() / place).as_uri()
        url, commit = self.source.url, self.source.commit
        if url and commit and url.startswith("https://github.com/"):
            return f"{url}/raw/{commit}/{quote(place)}"
        return None

    def _notes(self, cache: _Cache, table: pyproject.Pyproject | None) -> None:
        self.notes.extend(f"{script}: not run" for script in _OTHERS if script in cache.paths)
        declares = table is not None and table.declares
        if REQUIREMENTS not in cache.paths and not declares:
            self.notes.extend(
                f"{script}: not run; what it asks for is unknown"
                for script in _SETUP
                if script in cache.paths
            )
        self.notes.extend(f"{path}: a git submodule, not read" for path in self.tree.submodules)
        self.notes.extend(
            f"{path}: listed, but its content is not there; what it says is unknown"
            for path in cache.unread
        )
