"""Which CUDA libraries ``import torch`` opens by hand, beside those that its own libraries need.

Since 2.6.0 ``_load_global_deps`` of ``torch/__init__.py`` does so, before any error: nvrtc and
nvJitLink first, every CUDA library from 2.10.0 on. What it does only when its first try fails says
nothing of an installation that is whole. The code is read, not run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_LOADER = "_load_global_deps"
_PREFIX = "_preload_cuda"


def preloads(source: str) -> tuple[str, ...]:
    """Patterns of file names (``libnvrtc.so.*[0-9]``), in their order, out of its source."""
    functions = {
        node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
    }
    loader = functions.get(_LOADER)
    found: dict[str, None] = {}
    for call in _calls(loader.body if loader else []):
        callee = functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        # Called without a library, it opens all that it lists itself.
        named = list(_patterns(call)) or (list(_patterns(callee)) if callee else [])
        found.update(dict.fromkeys(named))
    return tuple(found)


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        if isinstance(statement, ast.Try):
            yield from _calls(statement.body)
            continue
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id.startswith(_PREFIX)
            ):
                yield node


def _patterns(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        text = part.value if isinstance(part, ast.Constant) else None
        if isinstance(text, str) and text.startswith("lib") and ".so" in text and " " not in text:
            yield text
