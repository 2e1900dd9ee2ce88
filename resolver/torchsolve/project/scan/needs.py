"""Which modules from outside a project imports: what must be there, and what may be missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchsolve.model.values import dataclass
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.imports import Import
from torchsolve.project.stdlib import is_standard

_LOADERS = frozenset({"import_module", "exec_module", "load_module", "__import__"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Need:
    """A module from outside that the project imports.

    Attributes:
        module: dotted name as imported, with ``from a import b`` as ``a``.
        required: it is imported at module level, unguarded, by a chain of such imports from a file
            that ComfyUI runs: without it the node does not load.
        why: what makes it optional: ``guarded``, ``in a function``, ``conditional``, or the same of
            the module that holds it.
    """

    module: str
    file: str
    line: int
    required: bool
    why: str | None = None

    @property
    def top(self) -> str:
        """The outermost package."""
        return self.module.partition(".")[0]

    @property
    def origin(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Needs:
    """What the modules of a graph import from outside, the first place of each.

    Attributes:
        needs: required ones first, each by name.
        modules: files that are loaded for sure when ComfyUI loads the node.
        reached: those that may be, functions included.
    """

    needs: tuple[Need, ...]
    modules: tuple[str, ...]
    reached: tuple[str, ...]


def needs_of(graph: ModuleGraph) -> Needs:
    """Follows imports from the files that ComfyUI runs."""
    entries = graph.entries()
    reached = tuple(graph.reachable(entries))
    weak: dict[str, str | None] = {}
    found: dict[str, Need] = {}
    waiting: list[tuple[str, str | None]] = [(path, None) for path in reversed(entries)]
    while waiting:
        path, why = waiting.pop()
        if path in weak and (weak[path] is None or why is not None):
            continue
        weak[path] = why
        waiting += reversed(list(_followed(graph, path, why, found)))
    needs = sorted(found.values(), key=lambda need: (not need.required, need.module.lower()))
    surely = tuple(path for path, why in weak.items() if why is None)
    return Needs(tuple(needs), surely, reached)


def _followed(
    graph: ModuleGraph, path: str, why: str | None, found: dict[str, Need]
) -> Iterator[tuple[str, str | None]]:
    for statement in graph.imports(path):
        if statement.typing_only or statement.main_only:
            continue
        here = why or _weakness(statement)
        targets = graph.targets(path, statement)
        yield from ((target, here) for target in targets)
        yield from ((file, here) for file in _named(graph, statement, targets))
        if not targets and _is_foreign(graph, path, statement):
            _add(found, Need(statement.module, path, statement.line, here is None, here))
    dynamic = graph.dynamic(path)
    if dynamic:
        guard = why or _guard_of_loader(graph, path)
        yield from ((target, guard) for target in dynamic)


def _named(graph: ModuleGraph, statement: Import, targets: tuple[str, ...]) -> Iterator[str]:
    """Modules that ``from package import Name`` loads by its ``__getattr__`` (PEP 562)."""
    for package in targets:
        lazily = graph.dynamic(package) if statement.names else ()
        if not lazily or b"def __getattr__" not in (graph.sources.load(package) or b""):
            continue
        table = _texts(graph.sources.module(package))
        stems = {table.get(name, name).strip(".").rpartition(".")[2] for name in statement.names}
        yield from (file for file in lazily if _stem(file) in stems)


def _texts(module: ast.Module | None) -> dict[str, str]:
    """Pairs of texts in the dict literals of a module."""
    return {
        key.value: value.value
        for node in (ast.walk(module) if module else ())
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
        and isinstance(value, ast.Constant)
        and isinstance(key.value, str)
        and isinstance(value.value, str)
    }


def _stem(file: str) -> str:
    return file.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]


def _weakness(statement: Import) -> str | None:
    if statement.lazy:
        return "in a function"
    if statement.guarded:
        return "guarded"
    return "conditional" if statement.conditional else None


def _is_foreign(graph: ModuleGraph, path: str, statement: Import) -> bool:
    top = statement.module.partition(".")[0]
    if statement.level or not top or is_standard(top):
        return False
    return not graph.package_of(path, 0, top)


def _add(found: dict[str, Need], need: Need) -> None:
    known = found.get(need.module)
    if known is None or (need.required and not known.required):
        found[need.module] = need


def _guard_of_loader(graph: ModuleGraph, path: str) -> str | None:
    """What makes modules optional that a module loads by name: it forgives, or does so later."""
    module = graph.sources.module(path)
    if module is None:
        return None
    if not _loads_at_import(module):
        return "in a function"
    for node in ast.walk(module):
        if isinstance(node, ast.Try) and any(_forgives(h.type) for h in node.handlers):
            inside = (inner for part in node.body for inner in ast.walk(part))
            if any(map(_loads, inside)):
                return "guarded"
    return None


def _loads_at_import(module: ast.Module) -> bool:
    """Whether a loader is called at module level, or in a function that is called there."""
    functions = {n.name: n for n in ast.walk(module) if isinstance(n, _FUNCTIONS)}
    waiting: list[ast.AST] = [s for s in module.body if not isinstance(s, _FUNCTIONS)]
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if _loads(node):
            return True
        if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
            seen.add(node.id)
            waiting += functions[node.id].body
        waiting += [n for n in ast.iter_child_nodes(node) if not isinstance(n, _FUNCTIONS)]
    return False


def _forgives(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        n is None
        or (isinstance(n, ast.Name) and n.id in _FORGIVING)
        or (isinstance(n, ast.Attribute) and n.attr in _FORGIVING)
        for n in names
    )


def _loads(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in _LOADERS
        case _:
            return False
