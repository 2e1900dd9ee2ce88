"""Node classes, read from the source of made-up nodes."""

from __future__ import annotations

import pytest

from torchsolve.project.node import node_classes, says_node

A = "NODE_CLASS_MAPPINGS = {'A': A}\n"


def classes(**files: str) -> tuple[tuple[str, ...], bool]:
    tree = {name.replace("__", "/") + ".py": text.encode() for name, text in files.items()}
    tree = {name.replace("init.py", "__init__.py"): text for name, text in tree.items()}
    return node_classes(tree.get)


@pytest.mark.parametrize(
    ("init", "keys"),
    [
        (A, "A"),
        ("NODE_CLASS_MAPPINGS: dict[str, type] = {'A': A, \"B b\": B}", "A,B b"),
        ("from .nodes import NODE_CLASS_MAPPINGS", "N1,N2"),
        ("from .nodes import *", "N1,N2"),
        (
            "from .nodes import NODE_CLASS_MAPPINGS as n\nNODE_CLASS_MAPPINGS = {**n, 'A': A}",
            "A,N1,N2",
        ),
        ("from .nodes import OTHER as NODE_CLASS_MAPPINGS", "O"),
        ("from .pkg import NODE_CLASS_MAPPINGS", "P"),
        ("from .pkg.deep import NODE_CLASS_MAPPINGS", "N1,N2"),
        (A + "NODE_CLASS_MAPPINGS.update({'B': B})", "A,B"),
        (A + "NODE_CLASS_MAPPINGS |= {'B': B}", "A,B"),
        ("x = {'A': 1}\ny = {'B': 2}\nNODE_CLASS_MAPPINGS = x | y", "A,B"),
        (A + "NODE_CLASS_MAPPINGS = {'B': B}", "B"),
        (A + "def f():\n    NODE_CLASS_MAPPINGS['x'] = 1", "A"),
    ],
)
def test_what_can_be_told(init: str, keys: str) -> None:
    found = classes(
        init=init,
        nodes="NODE_CLASS_MAPPINGS = {'N1': 1, 'N2': 2}\nOTHER = {'O': 3}",
        pkg__init="NODE_CLASS_MAPPINGS = {'P': 1}",
        pkg__deep="from ..nodes import NODE_CLASS_MAPPINGS",
    )
    assert found == (tuple(keys.split(",")), True)


@pytest.mark.parametrize(
    ("init", "keys"),
    [
        ("", ()),
        ("from .missing import NODE_CLASS_MAPPINGS", ()),
        ("import nodes", ()),
        ("from elsewhere import NODE_CLASS_MAPPINGS", ()),
        ("NODE_CLASS_MAPPINGS = build()", ()),
        (A + "NODE_CLASS_MAPPINGS.update(build())", ("A",)),
        (A + "for k in x:\n    NODE_CLASS_MAPPINGS[k] = 1", ("A",)),
        (A + "try:\n    NODE_CLASS_MAPPINGS['T'] = 1\nexcept ImportError: pass", ("A",)),
        ("NODE_CLASS_MAPPINGS = {name: 1, 'A': 2}", ("A",)),
        ("print 'old'", ()),
    ],
)
def test_what_cannot_be_told_is_not_claimed(init: str, keys: tuple[str, ...]) -> None:
    assert classes(init=init) == (keys, False)


def test_a_cycle_of_imports_ends() -> None:
    keys, _ = classes(
        init="from .a import NODE_CLASS_MAPPINGS",
        a="from . import NODE_CLASS_MAPPINGS\nNODE_CLASS_MAPPINGS = {'A': 1}",
    )
    assert keys == ("A",)


def test_a_generated_file_is_not_parsed() -> None:
    source = A.encode() + b"X = [\n" + b"  'value',\n" * 500_000 + b"]\n"
    assert node_classes({"__init__.py": source}.get) == ((), False)
    assert says_node(source)
