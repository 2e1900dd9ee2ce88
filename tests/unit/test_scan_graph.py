"""Modules of a tree: what is reached, what cannot be read, what is found at run time."""

from __future__ import annotations

from pathlib import Path

from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.imports import imports_of
from torchsolve.project.scan.sources import Limits, Sources, parse
from torchsolve.project.tree import FolderTree


def _graph(root: Path, files: dict[str, str | bytes], limits: Limits | None = None) -> ModuleGraph:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return ModuleGraph(Sources(FolderTree(root), limits or Limits()))


def _reached(graph: ModuleGraph) -> set[str]:
    return set(graph.reachable(graph.entries()))


def test_import_statements_are_followed_and_what_nothing_imports_is_not(tmp_path: Path) -> None:
    graph = _graph(
        tmp_path,
        {
            "__init__.py": "from .nodes import A\nfrom . import extra\nimport os.path\n",
            "nodes.py": "def f():\n    from .deep.inner import g\n",
            "extra.py": "if __name__ == '__main__':\n    from .demo import run\n",
            "deep/__init__.py": "",
            "deep/inner.py": "from ..shared import x\n",
            "shared.py": "",
            "demo.py": "",
            "train.py": "from .shared import x\n",
        },
    )
    assert _reached(graph) == {
        *("__init__.py", "nodes.py", "extra.py", "deep/__init__.py", "deep/inner.py"),
        "shared.py",
    }


def test_modules_loaded_by_a_list_of_names_are_reached(tmp_path: Path) -> None:
    loop = (
        "import importlib\n"
        "for name in ['one', 'sub.two']:\n"
        "    importlib.import_module(f'.py.{name}', __name__)\n"
    )
    graph = _graph(
        tmp_path,
        {"__init__.py": loop, "py/one.py": "", "py/sub/two.py": "", "py/three.py": ""},
    )
    assert _reached(graph) == {"__init__.py", "py/one.py", "py/sub/two.py"}


def test_modules_loaded_from_a_folder_are_reached(tmp_path: Path) -> None:
    loop = (
        "import importlib.util, os\n"
        "here = os.path.join(os.path.dirname(__file__), 'py')\n"
        "for name in os.listdir(here):\n"
        "    spec = importlib.util.spec_from_file_location(name, os.path.join(here, name))\n"
    )
    graph = _graph(tmp_path, {"__init__.py": loop, "py/a.py": "", "py/b.py": "", "tool/c.py": ""})
    assert _reached(graph) == {"__init__.py", "py/a.py", "py/b.py"}


def test_a_folder_on_sys_path_makes_its_names_local(tmp_path: Path) -> None:
    edit = (
        "import os, sys\n"
        "sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'modules'))\n"
        "import pack.core\nimport numpy\n"
    )
    graph = _graph(
        tmp_path,
        {"__init__.py": edit, "modules/pack/__init__.py": "", "modules/pack/core.py": ""},
    )
    assert _reached(graph) == {"__init__.py", "modules/pack/__init__.py", "modules/pack/core.py"}
    assert graph.file_of("__init__.py", 0, "numpy") is None


def test_modules_named_by_a_config_are_reached(tmp_path: Path) -> None:
    graph = _graph(
        tmp_path,
        {
            "__init__.py": "import sys\nsys.path.append('')\nfrom .make import build\n",
            "make.py": "import importlib\ndef build(c): importlib.import_module(c[0])\n",
            "model.yaml": "target: parts.net.Net\n",
            "parts/net.py": "class Net: ...\n",
        },
    )
    assert "parts/net.py" in _reached(graph)


def test_one_file_that_cannot_be_parsed_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    graph = _graph(
        tmp_path,
        {
            "__init__.py": "from . import old, good, odd\n",
            "old.py": "print 'Python 2'\n",
            "good.py": "from . import last\n",
            "last.py": "",
            "odd.py": b"# -*- coding: latin-1 -*-\nname = '\xe9'\n",
            "nul.py": b"x = 1\0",
        },
    )
    assert "last.py" in _reached(graph)
    assert graph.sources.unread["old.py"].startswith("line 1: ")
    assert "odd.py" not in graph.sources.unread
    assert isinstance(parse(b"x = 1\0"), str)


def test_bounds_are_named(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"m{i}.py": "x = 1\n" * 10 for i in range(10)}
    graph = _graph(tmp_path, files | {"big.py": "y = 1\n" * 1000}, Limits(1000, 200, 100))
    for path in graph.sources.files:
        graph.imports(path)
    assert "are more than is read of one file" in graph.sources.unread["big.py"]
    assert sum("not reached" in why for why in graph.sources.unread.values()) == 7


def test_deep_nesting_is_named() -> None:
    assert isinstance(parse(b"x = " + b"(" * 5000 + b")" * 5000), str)
    assert isinstance(parse(b"x = " + b"-" * 200_000 + b"1"), str)


def test_guards_of_imports() -> None:
    module = parse(
        b"try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n"
        b"import torch\n"
        b"from typing import TYPE_CHECKING\n"
        b"if TYPE_CHECKING:\n    import numpy\n"
        b"def f():\n    import xformers\n"
        b"try:\n    import a\nexcept KeyError:\n    pass\n"
    )
    assert not isinstance(module, str)
    found = {i.module: i for i in imports_of(module)}
    assert found["flash_attn"].guarded
    assert not found["torch"].guarded
    assert found["numpy"].typing_only
    assert (found["xformers"].lazy, found["xformers"].function) == (True, "f")
    assert not found["a"].guarded
