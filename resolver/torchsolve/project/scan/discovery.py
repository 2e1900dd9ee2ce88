"""Modules that are found at run time: importlib over lists and folders, ``sys.path`` edits.

Told from the constants around the call: the interpreter is not needed for them, and what it cannot
tell (a folder whose name is computed) is taken whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from torchsolve.project.tree import folder_of

_LOADERS = frozenset(
    {"import_module", "__import__", "spec_from_file_location", "exec_module", "load_module"}
)
_LISTINGS = frozenset(
    {"listdir", "glob", "iglob", "rglob", "iterdir", "walk", "scandir", "iter_modules"}
)
_PLACES = re.compile(r"\{\w*\}$|%s$")
_DEEP = frozenset({"rglob", "walk", "walk_packages"})


def discovered(module: ast.Module, path: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Files that a module loads by name or by folder; empty where it loads none."""
    calls = {_called(node) for node in ast.walk(module) if isinstance(node, ast.Call)}
    if not calls & (_LOADERS | {"iter_modules", "walk_packages"}):
        return ()
    here = folder_of(path)
    words = _words(module)
    found = set(_named(words, here, files))
    if calls & (_LISTINGS | _DEEP):
        deep = bool(calls & _DEEP) or any("**" in word for word in words)
        found.update(_listed(words, here, files, deep=deep))
    found.discard(path)
    return tuple(sorted(found))


def loads_by_variable(module: ast.Module) -> bool:
    """Whether ``import_module`` gets a name that no constant gives (from a config, as a rule)."""
    return any(
        isinstance(node, ast.Call)
        and _called(node) == "import_module"
        and node.args
        and not isinstance(node.args[0], ast.Constant)
        for node in ast.walk(module)
    )


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _words(module: ast.Module) -> tuple[str, ...]:
    found = (
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return tuple(dict.fromkeys(word for word in found if 0 < len(word) < 200))


def _named(words: Iterable[str], here: str, files: tuple[str, ...]) -> Iterator[str]:
    """Constants that are names of modules: ``.nodes.loader``, ``nodes/loader.py``."""
    known = frozenset(files)
    plain = (_PLACES.sub("", word).strip("./").replace(".", "/") for word in words)
    bases = {here, *(_inside(here, w) for w in plain if w.replace("/", "_").isidentifier())}
    for word in words:
        stem = word.removesuffix(".py").strip("./").replace(".", "/")
        if not stem or " " in stem:
            continue
        for base in bases:
            for option in (f"{stem}.py", f"{stem}/__init__.py"):
                file = _inside(base, option)
                if file in known:
                    yield file


def _listed(
    words: Iterable[str], here: str, files: tuple[str, ...], *, deep: bool
) -> Iterator[str]:
    """Python files of the folders that constants name; of the module's own where none does."""
    named = {_inside(here, word.strip("./")) for word in words if word.strip("./")}
    folders = {folder_of(file) for file in files}
    wanted = named & {f for f in folders if f != here} or {here}
    for file in files:
        folder = folder_of(file)
        package = file.endswith("/__init__.py") and folder_of(folder) in wanted
        below = deep and any(folder.startswith(f"{w}/" if w else "") for w in wanted)
        if folder in wanted or package or below:
            yield file


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def path_edits(module: ast.Module, path: str, folders: frozenset[str]) -> tuple[str, ...]:
    """Folders of the tree that a module puts on ``sys.path``, as far as constants tell."""
    names = _assigned(module)
    found: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _is_path_edit(node):
            found.extend(_edit(node.args[-1], names, path, folders))
    return tuple(dict.fromkeys(found))


def _is_path_edit(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Attribute(ast.Name(id="sys"), "path"), attr=how):
            return how in ("append", "insert", "extend") and bool(call.args)
        case _:
            return False


def _assigned(module: ast.Module) -> dict[str, ast.expr]:
    return {
        node.targets[0].id: node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
    }


def _edit(
    value: ast.expr, names: dict[str, ast.expr], path: str, folders: frozenset[str]
) -> Iterator[str]:
    """The folder that ``os.path.join(os.path.dirname(__file__), "a")`` and its like give."""
    up, parts, of_file = _steps(value, names, 8)
    if not of_file and not parts:
        return
    # A base that comes from elsewhere is as a rule the folder of the module, or the root.
    starts = [path] if of_file else [folder_of(path), ""]
    for start in starts:
        folder = start
        for _ in range(up if of_file else 0):
            folder = folder_of(folder)
        folder = _below(folder, "/".join(parts))
        if folder in folders:
            yield folder
            return


def _below(folder: str, parts: str) -> str:
    for part in parts.split("/"):
        if part == "..":
            folder = folder_of(folder)
        elif part not in ("", "."):
            folder = _inside(folder, part)
    return folder


def _steps(value: ast.expr, names: dict[str, ast.expr], depth: int) -> tuple[int, list[str], bool]:
    """How many ``dirname``, which parts, and whether it starts at ``__file__``."""
    up, parts, of_file = 0, list[str](), False
    if depth == 0:
        return up, parts, of_file
    match value:
        case ast.Name(id="__file__"):
            return 0, [], True
        case ast.Name(id=name) if name in names:
            return _steps(names[name], names, depth - 1)
        case ast.Constant(value=str(text)):
            return 0, [text], False
        case ast.Attribute(value=inner, attr="parent"):
            up, parts, of_file = _steps(inner, names, depth - 1)
            return up + 1, parts, of_file
        case ast.Call(func=ast.Attribute(attr="dirname") | ast.Name(id="dirname"), args=[inner]):
            up, parts, of_file = _steps(inner, names, depth - 1)
            return up + 1, parts, of_file
        case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
            operands = [left, right]
        case ast.Call(func=ast.Attribute(value=inner), args=arguments):
            operands = [inner, *arguments]
        case ast.Call(args=arguments):
            operands = arguments
        case _:
            operands = []
    for operand in operands:
        more, words, file = _steps(operand, names, depth - 1)
        up, of_file = up + more, of_file or file
        parts += words
    return up, parts, of_file
