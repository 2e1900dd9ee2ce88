"""A parsed table is kept beside the tables, and is never taken for another one."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from torchsolve.errors import UsageError
from torchsolve.facts import Facts
from torchsolve.facts.kept import is_kept, parse_toml
from torchsolve.facts.table import read_table
from torchsolve.resources import share

TEXT = (
    b'checked = 2026-11-24\nn = 1\n[sources]\na = "b"\n[[row]]\nday = 2025-01-02\nx = [1, [true]]\n'
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "t.toml").write_bytes(TEXT)
    return tmp_path / "t.toml"


def kept(path: Path) -> list[Path]:
    return list((path.parent / "__pycache__").glob("*"))


def test_it_says_what_the_parser_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = tomllib.loads(TEXT.decode())
    assert parse_toml(path, TEXT) == truth
    monkeypatch.delattr(tomllib, "loads")
    assert parse_toml(path, TEXT) == truth
    assert [kept.suffix for kept in kept(path)] == [".table"]


@pytest.mark.parametrize("name", sorted(p.stem for p in share("matrices").glob("*.toml")))
def test_our_own_tables_survive(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = (share("matrices") / f"{name}.toml").read_bytes()
    (tmp_path / f"{name}.toml").write_bytes(text)
    for _ in "12":
        assert parse_toml(tmp_path / f"{name}.toml", text) == tomllib.loads(text.decode())


def test_an_edited_table_is_parsed_again(path: Path) -> None:
    parse_toml(path, TEXT)
    assert parse_toml(path, TEXT.replace(b"n = 1", b"n = 2"))["n"] == 2
    assert parse_toml(path, TEXT)["n"] == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 80, None])
def test_a_damaged_one_is_parsed_again(path: Path, damage: bytes | None) -> None:
    parse_toml(path, TEXT)
    (there,) = kept(path)
    data = there.read_bytes()
    there.write_bytes(data[:-1] + b"#" if damage is None else damage)
    assert parse_toml(path, TEXT)["n"] == 1
    assert there.read_bytes() == data


def test_nothing_is_written_where_no_bytecode_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert not is_kept(path)
    assert parse_toml(path, TEXT)["n"] == 1
    assert kept(path) == []


def test_what_is_no_table_is_not_kept(path: Path) -> None:
    path.write_bytes(b"= 1\n")
    for _ in "12":
        with pytest.raises(UsageError):
            read_table(path.parent, "t")
    assert kept(path) == []


@pytest.mark.parametrize("quiet", [False, True])
def test_a_few_rows_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", quiet)
    for name in ("sonames", "os", "images"):
        (tmp_path / f"{name}.toml").write_bytes((share("matrices") / f"{name}.toml").read_bytes())
    system = Facts().images.os("ubuntu24.04")
    for _ in "12":
        found = Facts(tmp_path).packages_of(["libGL.so.1", "libnone.so"], system)
        assert found == {"libGL.so.1": "libgl1", "libnone.so": None}
