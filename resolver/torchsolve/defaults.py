"""The address of pip's default index, as ``pypi_simple`` names it."""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_NAME = "PYPI_SIMPLE_ENDPOINT"


@lru_cache(maxsize=1)
def default_index_url() -> str:
    """``pypi_simple.PYPI_SIMPLE_ENDPOINT``.

    Its source is read: importing the package takes longer than resolving from a warm cache.
    """
    spec = find_spec("pypi_simple")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == _NAME and node.value:
            return str(ast.literal_eval(node.value))
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT
