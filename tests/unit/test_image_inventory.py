"""Inventories as files: they come back equal, and a wrong one names its field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.plans import inventory
from torchsolve.errors import UsageError
from torchsolve.image.inventory import dump, load, parse


def document(**changes: Any) -> bytes:
    """A good file with some keys changed; ``...`` takes a key away."""
    found = json.loads(dump(inventory()))
    found |= changes
    return json.dumps({key: value for key, value in found.items() if value is not ...}).encode()


def test_a_file_comes_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_bytes(dump(inventory()))
    assert load(path) == inventory()
    assert dump(load(path)) == path.read_bytes()


def test_it_names_its_schema() -> None:
    assert json.loads(dump(inventory()))["schema"] == "torchsolve.inventory/1"


def test_names_are_normalized_and_sorted() -> None:
    dists = [{"name": "Zope.Interface", "version": "1"}, {"name": "PyYAML", "version": "6.0"}]
    found = parse(document(dists=dists), "x.json")
    assert [dist.name for dist in found.dists] == ["pyyaml", "zope-interface"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"glibc": "new"}, "glibc"),
        ({"python": 3}, "python"),
        ({"executable": "python"}, "executable"),
        ({"platform": "windows/amd64"}, "platform"),
        ({"digest": "sha256:12"}, "digest"),
        ({"dists": [{"name": "torch"}]}, "dists.0.version"),
        ({"dists": ...}, "dists"),
        ({"schema": "torchsolve.inventory/9"}, "schema"),
        ({"colour": "red"}, "colour"),
        ({"cxx11_abi": "maybe"}, "cxx11_abi"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(document(**changes), "base.json")
    assert caught.value.reference == "bad-inventory"
    assert caught.value.message.startswith(f"{field}:")
    assert caught.value.origin == "base.json"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"x"', b"\xff\xfe"])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "base.json")
    assert caught.value.reference == "bad-inventory"


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "none.json")
    assert caught.value.reference == "no-inventory"
    assert "image inspect" in caught.value.hint
