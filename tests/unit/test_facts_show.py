"""``facts show``: rows as values that JSON knows, found by the words that people use."""

from __future__ import annotations

import json

import pytest

from torchsolve.errors import UsageError
from torchsolve.facts.show import TABLES, show
from torchsolve.resources import share


def test_a_torch_release() -> None:
    (row,) = show("torch", "2.7.0")
    assert row["triton"] == "==3.3.0"
    assert row["uploaded"] == "2025-04-23"
    builds = row["builds"]
    assert isinstance(builds, list)
    tags = {(b["cuda"], b["machine"]) for b in builds if isinstance(b, dict)}
    assert tags == {
        ("cu126", "x86_64"),
        ("cu118", "x86_64"),
        ("cu128", "x86_64"),
        ("cpu", "x86_64"),
        ("cpu", "aarch64"),
        ("cu128", "aarch64"),
    }


@pytest.mark.parametrize(
    ("table", "key", "field", "value"),
    [
        ("gpus", "RTX5090", "capability", "12.0"),
        ("drivers", "12.8.0", "driver", "570.26"),
        ("comfyui", "a125cd84", "version", "0.3.64"),
        ("comfyui", "v0.3.10", "date", "2025-01-11"),
        ("os", "debian12", "glibc", "2.36"),
        ("models", "briaai/RMBG-1.4", "gated", None),
        ("companions", "torchaudio", "version", "==2.11.0"),
        ("sonames", "libGL.so.1", "packages", {"apt": "libgl1", "dnf": "libglvnd-glx"}),
    ],
)
def test_rows_by_key(table: str, key: str, field: str, value: object) -> None:
    (row,) = show(table, key)
    assert row[field] == value


def test_several_rows_by_one_key() -> None:
    assert len(show("images", "12.8.2")) == 12
    assert len(show("companions", "xformers")) > 4


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_shown_whole_and_is_json(table: str) -> None:
    rows = show(table)
    assert json.loads(json.dumps(rows)) == list(rows)


def test_every_file_is_a_table() -> None:
    assert {path.stem for path in share("matrices").glob("*.toml")} == set(TABLES)


@pytest.mark.parametrize(
    ("table", "key", "reference", "hint"),
    [
        ("torhc", None, "unknown-table", "did you mean torch?"),
        ("torch", "2.7.9", "no-such-row", "2.7.1"),
        ("gpus", "RTX 5091", "unknown-gpu", "RTX 5090"),
        ("gpus", "13.7", "unknown-gpu", "12.1"),
    ],
)
def test_errors(table: str, key: str | None, reference: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        show(table, key)
    assert caught.value.reference == reference
    assert hint in caught.value.hint
