"""Native code of a project: sources, what builds them, and what is compiled only when it runs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from torchsolve.model.surface import Surface, SurfaceKind, Toolchain
from torchsolve.project.scan.sources import Sources

_NATIVE = {".cu": "CUDA", ".cuh": "CUDA", ".cpp": "C++", ".cc": "C++", ".c": "C", ".hip": "HIP"}
_COMPILERS = {
    "torch.utils.cpp_extension": ("load", "load_inline"),
    "slangtorch": ("loadModule",),
}
_MENTIONS = re.compile(rb"cpp_extension|slangtorch")
_EXTENSIONS = ("CUDAExtension", "CppExtension", "Extension", "CMakeExtension", "Pybind11Extension")


def run_time(
    sources: Sources, reached: Iterable[str], surely: frozenset[str]
) -> tuple[Toolchain, ...]:
    """Calls that compile C++ or CUDA when they run, in files that the node may load."""
    found = []
    for path in reached:
        if _MENTIONS.search(sources.load(path) or b""):
            module = sources.module(path)
            found += list(_calls(module, path, path in surely)) if module else []
    return tuple(found)


def _calls(module: ast.Module, path: str, surely: bool) -> Iterator[Toolchain]:
    names = _imported(module)
    inner = {id(n) for f in ast.walk(module) if _may_not_run(f) for n in ast.walk(f)}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and (what := _called(node.func, names)):
            at_import = surely and id(node) not in inner
            yield Toolchain(f"{path}:{node.lineno}", what, at_import)


def _may_not_run(node: ast.AST) -> bool:
    """Whether what lies inside may not run at import: functions, branches, guarded blocks."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    return isinstance(node, functions | ast.If | ast.Try)


def _imported(module: ast.Module) -> dict[str, str]:
    """Local name → dotted name of what stands for a compiler, or for a module that holds one."""
    found: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {a.asname or a.name: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


def _called(function: ast.expr, names: dict[str, str]) -> str | None:
    text = ast.unparse(function)
    head, dot, rest = text.partition(".")
    full = f"{names[head]}{dot}{rest}" if head in names else text
    for module, calls in _COMPILERS.items():
        owner, _, last = full.rpartition(".")
        if owner == module and last in calls:
            return full
    return None


def native(sources: Sources, paths: Iterable[str]) -> Iterator[Surface]:
    """One surface a folder that builds extensions, and one for sources that nothing builds."""
    setups = {p for p in sources.files if PurePosixPath(p).name == "setup.py"}
    homes = {str(PurePosixPath(p).parent): p for p in sorted(setups)}
    by_home: dict[str, Counter[str]] = {}
    for path in paths:
        language = _NATIVE.get(PurePosixPath(path).suffix)
        if language:
            by_home.setdefault(_home(path, homes), Counter())[language] += 1
    for home, counts in by_home.items():
        files = ", ".join(f"{n} {language}" for language, n in sorted(counts.items()))
        yield _surface(sources, home, files)


def _home(path: str, homes: dict[str, str]) -> str:
    for parent in PurePosixPath(path).parents:
        if str(parent) in homes:
            return homes[str(parent)]
    return str(PurePosixPath(path).parent)


def _surface(sources: Sources, home: str, files: str) -> Surface:
    if not home.endswith("setup.py"):
        says = f"{files} sources; no setup.py beside them builds them"
        return Surface(SurfaceKind.NATIVE, home, says)
    kinds = _extensions(sources.module(home))
    built = f" as {', '.join(kinds)}" if kinds else ""
    needs = "; needs nvcc and a devel image to build" if "CUDAExtension" in kinds else ""
    says = f"builds {files} sources{built}{needs}; nothing here installs it, and it was not run"
    return Surface(SurfaceKind.NATIVE, home, says)


def _extensions(module: ast.Module | None) -> list[str]:
    names = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in (ast.walk(module) if module else ())
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    return sorted(names & set(_EXTENSIONS))
