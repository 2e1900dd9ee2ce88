"""What the source of a tree says of its installation: imports, scripts, other surfaces."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from torchsolve.facts import load_facts
from torchsolve.model.claim import Claim
from torchsolve.model.install import Installer
from torchsolve.model.models import ModelScan
from torchsolve.model.package import Declared
from torchsolve.model.project import WheelFact
from torchsolve.model.surface import OptionalImport, Surface, Toolchain, Trial
from torchsolve.model.values import dataclass
from torchsolve.project import compiled, kept, kept_models
from torchsolve.project.distributions import distributions_of
from torchsolve.project.install.script import ScriptReader
from torchsolve.project.install.telling import may_install
from torchsolve.project.kept import Findings
from torchsolve.project.model_folders import model_folders
from torchsolve.project.options import ReadOptions
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.needs import Needs, needs_of
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.scan.sources import Sources
from torchsolve.project.surfaces import SurfaceReader
from torchsolve.project.tree import GitTree, Tree
from torchsolve.project.undeclared import Claims, ImportReader, names_of

_MOST_FILES = 3_000


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found; all of it claimed."""

    undeclared: tuple[Declared, ...] = ()
    optional: tuple[OptionalImport, ...] = ()
    imported: frozenset[str] | None = None
    installer: Installer | None = None
    surfaces: tuple[Surface, ...] = ()
    tested: tuple[Trial, ...] = ()
    compiles: tuple[Toolchain, ...] = ()
    readme: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    scan: ModelScan | None = None


class ContentReader:
    """Reads one tree, each file once.

    Args:
        paths: all files of the tree, sorted.
    """

    def __init__(self, tree: Tree, paths: tuple[str, ...], name: str, options: ReadOptions) -> None:
        self._sources = Sources(tree, _all=frozenset(paths))
        self._graph = ModuleGraph(self._sources)
        self._paths, self._name, self._options = paths, name, options
        self._found: Findings | None = None

    def optional_names(self) -> frozenset[str]:
        """Distributions that an import which may fail would bring."""
        found: set[str] = set()
        for need in self._findings().needs.needs:
            if not need.required:
                known = distributions_of(need.module)
                found.update(known or (canonicalize_name(need.top),))
        return frozenset(found)

    def _findings(self) -> Findings:
        """What the modules say, from the cache where the tree was read before."""
        if self._found is None:
            folder = self._options.cache_dir
            key = kept.key_of(self._sources.tree, self._sources.files)
            self._found = kept.read(folder, key) if key else None
            if self._found is None:
                self._found = self._read_modules()
                if key:
                    kept.write(folder, key, self._found)
        return self._found

    def _scan(self) -> ModelScan:
        """Where it loads its models from, from the cache where it was scanned before."""
        facts, options = load_facts(), self._options
        folders = model_folders(facts.folders, options.comfyui_day, options.extra_model_paths)
        gates = [(row.repo, row.gated) for row in facts.models]
        key = kept_models.key_of(self._sources, self._name, folders, gates)
        found = kept_models.read(options.cache_dir, key) if key else None
        if found is None:
            found = scan_tree(self._graph, self._name, folders)
            if key:
                kept_models.write(options.cache_dir, key, found)
        return found

    def _read_modules(self) -> Findings:
        sources = self._sources
        if isinstance(sources.tree, GitTree):
            sources.prefetch(sources.files[:_MOST_FILES])  # one process, not one a file
        needs = needs_of(self._graph)
        reached = frozenset(needs.reached)
        return Findings(
            needs,
            compiled.run_time(sources, needs.reached, frozenset(needs.modules)),
            tuple(path for path in needs.reached if may_install(sources.load(path) or b"")),
            {path: why for path, why in sources.unread.items() if path in reached},
        )

    def of_node(self, requirements: Iterable[Declared], wheels: tuple[WheelFact, ...]) -> Contents:
        """A node: what it imports and runs as well."""
        declared = frozenset(canonicalize_name(d.requirement.name) for d in requirements)
        found = self._findings()
        claims = self._claims(found.needs, declared, wheels)
        scripts = ScriptReader(self._sources, self._name, found.calls, declared)
        listed = SurfaceReader(self._sources, self._paths)
        unread = [f"{path}: not read: {why}" for path, why in found.unread.items()]
        return Contents(
            undeclared=tuple(claims.undeclared) if self._options.undeclared else (),
            optional=tuple(claims.optional),
            imported=None if found.unread else claims.imported,
            installer=scripts if scripts.files or found.calls else None,
            compiles=found.compiles,
            notes=(*claims.notes, *unread),
            surfaces=listed.surfaces(),
            tested=listed.tested(),
            readme=listed.readme(),
            scan=self._scan(),
        )

    def _claims(
        self, needs: Needs, declared: frozenset[str], wheels: tuple[WheelFact, ...]
    ) -> Claims:
        reader = ImportReader(
            subject=self._name,
            host=load_facts().comfyui.modules,
            wheels=wheels,
            declared=declared,
            local=names_of(self._sources.files),
            submodules=self._sources.tree.submodules,
            modules_of=self._options.modules_of,
            wanted=frozenset(self._options.extras),
        )
        return reader.claims(needs.needs)

    def of_project(self) -> Contents:
        """Anything else: only what is listed."""
        listed = SurfaceReader(self._sources, self._paths)
        return Contents(surfaces=listed.surfaces(), tested=listed.tested())
