"""The door: a tree → where it loads its models from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torchsolve.model.models import ModelScan
from torchsolve.project.scan.callers import Callers
from torchsolve.project.scan.entries import Runner
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.interpreter import Interpreter
from torchsolve.project.scan.reach import Tree
from torchsolve.project.scan.sites import sites
from torchsolve.project.scan.values import ROOT

Folders = Mapping[str, tuple[Sequence[str], Sequence[str]]]

_NO_NODE = re.compile(r"(^|/)(tests?|\.github)/|(^|/)(test_\w+|conftest|setup)\.py$")


def scan_models(graph: ModuleGraph, name: str, folders: Folders) -> ModelScan:
    """Read a node's source for where its models lie and come from. Nothing of it is run.

    Args:
        name: of the node's folder under ``custom_nodes``.
        folders: category → folders below ComfyUI's root and extensions (``matrices/``).
    """
    sources = graph.sources
    sources.prefetch(sources.files)
    reached = graph.reachable(graph.entries())
    installed = graph.reachable(graph.installers())
    machine = Interpreter(sources, graph, f"{ROOT}/custom_nodes/{name}", folders)
    wanted = [p for p in sources.files if not _NO_NODE.search(p) and graph.marks(p)]
    for file in (*reached, *installed, *wanted):
        graph.imports(file)  # learns its functions
    runner = Runner(machine)
    runner.modules(list(graph.entries()), "import")
    live = [p for p in reached if graph.must_run(p)]
    runner.modules(live, "import")
    runner.modules([p for p in graph.installers() if p != "setup.py"], "install")
    machine.entry = "node"
    runner.nodes(set(reached) | machine.reached)
    seen = {(c.file, c.line) for o in machine.observations for c in o.chain}
    for file in wanted:
        runner.leftovers(file, seen)
    everything = tuple(dict.fromkeys([*reached, *sorted(machine.reached)]))
    callers = Callers(graph, everything, frozenset(machine.ran))
    eager = frozenset(graph.reachable(graph.entries(), lazy=False))
    tree = Tree(name, sources.all_paths, machine.tree_folders, eager, callers)
    found = ModelScan(
        sites(machine.observations, machine.extended, machine.looked, tree),
        tuple(sorted(sources.unread.items())),
        machine.left(),
        len(sources.files),
        len(reached),
    )
    machine.close()
    return found
