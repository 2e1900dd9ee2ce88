"""What an ``except`` clause says of the body above it."""

from __future__ import annotations

import ast
import sys

_CERTAIN = {"folder_paths", "comfy", "nodes", "server", "execution", "torch", "numpy", "PIL"}
_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError"}


def never(node: ast.Try | ast.TryStar, handler: ast.ExceptHandler) -> bool:
    """Whether a handler stands below imports that are always there.

    One for any error counts only where the body asks ``folder_paths`` for a place: it is for
    running outside of ComfyUI.
    """
    if not of_imports(handler, node.body):
        return _places_only(node.body)
    names = [n for s in node.body if isinstance(s, ast.Import | ast.ImportFrom) for n in _tops(s)]
    return bool(names) and all(
        not n or n in _CERTAIN or n in sys.stdlib_module_names for n in names
    )


def _places_only(body: list[ast.stmt]) -> bool:
    imported = any(
        isinstance(s, ast.Import) and any(a.name == "folder_paths" for a in s.names) for s in body
    )
    calls = (ast.unparse(n.func) for s in body for n in ast.walk(s) if isinstance(n, ast.Call))
    return imported and not any(
        word in call for call in calls for word in ("full_path", "open", "load", "download")
    )


def of_imports(handler: ast.ExceptHandler, body: list[ast.stmt]) -> bool:
    """Whether it is for an import that fails: by its type, or as nothing else may fail."""
    if all(isinstance(s, ast.Import | ast.ImportFrom) for s in body):
        return True
    match handler.type:
        case ast.Name(id=name):
            return name in _IMPORT_ERRORS
        case ast.Tuple(elts=elements):
            names = {e.id for e in elements if isinstance(e, ast.Name)}
            return bool(names) and names <= _IMPORT_ERRORS
        case _:
            return False


def _tops(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return ["" if node.level else (node.module or "").partition(".")[0]]
    return [alias.name.partition(".")[0] for alias in node.names]
