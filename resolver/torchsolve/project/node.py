"""Whether a tree is a ComfyUI node, and which classes it registers; read, never imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.sources import Limits
from torchsolve.project.scan.sources import parse as parsed

_MARKS = ("NODE_CLASS_MAPPINGS", "comfy_entrypoint")
_MARK = re.compile(rb"\b(?:NODE_CLASS_MAPPINGS|comfy_entrypoint)\b")
_CORE = {"comfy/model_management.py", "nodes.py", "execution.py", "main.py"}

Load = Callable[[str], bytes | None]


def is_comfyui(paths: frozenset[str]) -> bool:
    """Whether the tree is ComfyUI itself: it has the mappings too, and is no node."""
    return paths >= _CORE


def candidates(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Files in which a node says that it is one: the Python files of the root."""
    return tuple(p for p in paths if p.endswith(".py") and "/" not in p)


def says_node(source: bytes) -> bool:
    """Whether a Python file defines, imports or re-exports what ComfyUI looks for."""
    if not _MARK.search(source):
        return False
    module = parse(source)
    if module is None:
        return True
    return any(name in _MARKS for node in ast.walk(module) for name in _bound(node))


def parse(source: bytes) -> ast.Module | None:
    """The syntax tree; None where this Python cannot read it, or where it is too long."""
    tree = parsed(source) if len(source) <= Limits().file else None
    return tree if isinstance(tree, ast.Module) else None


def _bound(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return (name,)
        case ast.alias(name=name, asname=asname):
            return (asname or name,)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return (name,)
        case ast.Constant(value=str(name)):  # __all__
            return (name,)
        case _:
            return ()


def node_classes(load: Load) -> tuple[tuple[str, ...], bool]:
    """Keys of the mappings that ``__init__.py`` ends up with, sorted, and whether they are all.

    Followed: dict literals, ``**``, ``|``, ``update``, names imported from the tree's own modules.
    Anything else (a loop, a function, an import in ``try``) may add names that are not seen here,
    or may not run: its names are left out and the second value is False.
    """
    keys, whole = _Mappings(load).of("__init__.py", "NODE_CLASS_MAPPINGS")
    return tuple(sorted(keys)), whole


@dataclass(slots=True)
class _Mappings:
    """One walk over the modules of a node; ``seen`` ends cycles."""

    load: Load
    seen: set[tuple[str, str]] = field(default_factory=set)

    def of(self, path: str, name: str) -> tuple[set[str], bool]:
        if (path, name) in self.seen:
            return set(), True
        self.seen.add((path, name))
        source = self.load(path)
        module = parse(source) if source is not None else None
        if module is None:
            return set(), False
        keys: set[str] = set()
        whole, found = True, False
        for statement in module.body:
            step = self._statement(statement, path, name)
            if step is None:
                whole &= not _may_change(statement, name)
                continue
            replaces, more, complete = step
            keys = more if replaces else keys | more
            whole = complete if replaces else whole and complete
            found = True
        return keys, whole and found

    def _statement(
        self, statement: ast.stmt, path: str, name: str
    ) -> tuple[bool, set[str], bool] | None:
        """What a statement does to ``name``: (replaces, keys, complete); None: nothing plain."""
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return (True, *self._value(value, path))
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if (
                target == name
            ):
                return (True, *self._value(value, path))
            case ast.AugAssign(target=ast.Name(id=target), op=ast.BitOr(), value=value) if (
                target == name
            ):
                return (False, *self._value(value, path))
            case ast.Expr(
                ast.Call(
                    func=ast.Attribute(ast.Name(id=target), "update"), args=[value], keywords=[]
                )
            ) if target == name:
                return (False, *self._value(value, path))
            case ast.ImportFrom(names=aliases):
                return self._imported(statement, aliases, path, name)
            case _:
                return None

    def _imported(
        self, statement: ast.ImportFrom, aliases: list[ast.alias], path: str, name: str
    ) -> tuple[bool, set[str], bool] | None:
        for alias in aliases:
            if (alias.asname or alias.name) == name:
                target = self._module(statement, path)
                return (True, *(self.of(target, alias.name) if target else (set(), False)))
            if alias.name == "*" and (target := self._module(statement, path)):
                keys, whole = self.of(target, name)
                return (True, keys, whole) if keys else None
        return None

    def _module(self, statement: ast.ImportFrom, path: str) -> str | None:
        """The file of a relative import, when the tree has it."""
        folders = path.split("/")[:-1]
        if statement.level == 0 or statement.level - 1 > len(folders):
            return None
        base = folders[: len(folders) - (statement.level - 1)]
        base += statement.module.split(".") if statement.module else []
        stem = "/".join(base)
        options = (f"{stem}.py", f"{stem}/__init__.py") if stem else ("__init__.py",)
        return next((option for option in options if self.load(option) is not None), None)

    def _value(self, value: ast.expr, path: str) -> tuple[set[str], bool]:
        match value:
            case ast.Dict(keys=keys, values=values):
                parts = [self._item(k, v, path) for k, v in zip(keys, values, strict=True)]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                parts = [self._value(left, path), self._value(right, path)]
            case ast.Name(id=name):
                parts = [self.of(path, name)]
            case _:
                parts = [(set(), False)]
        return set().union(*(p[0] for p in parts)), all(p[1] for p in parts)

    def _item(self, key: ast.expr | None, value: ast.expr, path: str) -> tuple[set[str], bool]:
        if key is None:
            return self._value(value, path)
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return {key.value}, True
        return set(), False


def _may_change(statement: ast.stmt, name: str) -> bool:
    """Whether a loop, a condition or a call may change the mapping ``name`` at module level."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(_changes(node, name) for node in ast.walk(statement))


def _changes(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Name(id=target, ctx=ast.Store() | ast.Del()):
            return target == name
        case ast.Attribute(ast.Name(id=target)) | ast.Subscript(
            ast.Name(id=target), ctx=ast.Store() | ast.Del()
        ):
            return target == name
        case ast.Call(args=arguments):
            return any(isinstance(a, ast.Name) and a.id == name for a in arguments)
        case _:
            return False
