"""``inspect`` of compiled wheels, over the real atlas. Expected values: torch's own binaries, whose
exports ``nm -D`` tells: ``c10::SymBool::guard_or_false`` came with 2.8.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.elf import COMPILER, shared
from support.index_server import FakeFile, IndexServer
from support.wheels import Archive, make_wheel
from torchsolve.cli.app import run

pytestmark = pytest.mark.skipif(COMPILER is None, reason="this machine has no C compiler")

GUARD = "_ZNK3c107SymBool14guard_or_falseEPKcl"
SHIM = "aoti_torch_get_dim"
TAG = "cp312-cp312-linux_x86_64"


def extension(folder: Path, symbol: str) -> bytes:
    """A library that needs one symbol of torch."""
    torch = shared(
        folder / "libtorch_cpu.so", f"int {symbol}(void) {{ return 1; }}", soname="libtorch_cpu.so"
    )
    source = f"extern int {symbol}(void); int entry(void) {{ return {symbol}(); }}"
    return shared(folder / "ext.so", source, needs=[torch]).read_bytes()


def wheel_of(folder: Path, symbol: str, version: str = "1.0") -> Archive:
    members = {"ext/ext.so": extension(folder / "made", symbol)}
    return make_wheel("ext", version, ["torch"], tag=TAG, members=members)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inspected(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert run(["inspect", *argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (found,) = document["wheels"]
    found["book"] = {row["id"]: row for row in document["evidence"]}
    return dict(found)


def test_the_ruling_symbol_of_a_refused_release(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_of(here, GUARD).write(here)
    found = inspected(capsys, str(path))
    assert "2.7.0" in found["torch"]["refuted"]
    assert "2.8.0" not in found["torch"]["refuted"]
    (file,) = found["extensions"]
    told = file["torch"]["2.7.0"]
    assert (told["verdict"], told["by"], told["missing"]) == ("refuted", "symbol", [GUARD])
    assert "c10::SymBool::guard_or_false" in told["reason"]
    assert "2.8.0 is the first" in told["reason"]
    assert found["bytes_read"] == found["bytes_total"] == path.stat().st_size


def test_a_folder_that_the_binary_contradicts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_of(here, GUARD).write(here / "Torch270")
    found = inspected(capsys, str(path))
    (row,) = found["disagreements"]
    claim, fact = found["book"][row["claim"]], found["book"][row["fact"]]
    assert (claim["statement"], claim["strength"]) == ("was built for torch ==2.7.0", "claimed")
    assert fact["strength"] == "proven"
    assert fact["origin"] == f"{found['sha256'][:12]} ext/ext.so {GUARD}"


def test_an_honest_folder_is_not_contradicted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_of(here, GUARD).write(here / "Torch280")
    assert inspected(capsys, str(path))["disagreements"] == []


def test_a_remote_wheel_says_the_same(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_of(here, GUARD)
    local = inspected(capsys, str(wheel.write(here)))
    with IndexServer({"ext": [FakeFile(wheel)]}) as server:
        monkeypatch.setenv("TORCHSOLVE_INDEX", server.url)
        remote = inspected(capsys, "ext==1.0")
    assert remote["torch"] == local["torch"]
    assert (remote["verified"], local["verified"]) == (False, True)


def test_text_names_the_symbol(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(wheel_of(here, GUARD).write(here))]) == 0
    told = capsys.readouterr().out
    assert "does not export c10::SymBool::guard_or_false" in told
    assert "hash checked" in told


@pytest.mark.parametrize(("symbol", "code"), [(SHIM, 0), (GUARD, 7)])
def test_the_stable_abi_as_a_gate(
    here: Path, capsys: pytest.CaptureFixture[str], symbol: str, code: int
) -> None:
    path = wheel_of(here, symbol).write(here)
    assert run(["inspect", str(path), "--check", "torch-stable"]) == code
    error = capsys.readouterr().err
    assert ("policy-broken" in error) == bool(code)
    assert ("c10::SymBool::guard_or_false" in error) == bool(code)


def test_a_gate_does_not_open_for_what_was_not_read(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = make_wheel("ext", "1.0", tag=TAG, members={"ext.so": extension(here, SHIM)[:300]})
    assert run(["inspect", str(torn.write(here)), "--check", "torch-stable"]) == 4
    assert "not-read" in capsys.readouterr().err


def test_labels_that_are_trusted_are_contradicted_aloud(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel_of(here, GUARD).write(here / "node" / "wheels" / "Linux" / "Torch270")
    (here / "node" / "__init__.py").write_text("import ext\nNODE_CLASS_MAPPINGS = {}\n")
    torch = make_wheel("torch", "2.7.0", tag="cp312-cp312-manylinux_2_28_x86_64")
    with IndexServer({"torch": [FakeFile(torch)]}) as server:
        monkeypatch.setenv("TORCHSOLVE_INDEX", server.url)
        asked = ["resolve", "node", "--torch", "2.7.0", "--comfyui", "none", "--json"]
        assert run(asked) == 3
        capsys.readouterr()
        assert run([*asked, "--trust-labels"]) == 0
    document = json.loads(capsys.readouterr().out)
    told = {row["id"]: row["statement"] for row in document["evidence"]}
    assert document["plan"]["verdict"] == "declared"
    found = {
        (row["subject"], told[row["claim"]])
        for row in document["disagreements"]
        if "c10::SymBool::guard_or_false" in told[row["fact"]]
    }
    place = f"wheels/Linux/Torch270/ext-1.0-{TAG}.whl"
    assert found == {
        (place, "was built for torch ==2.7.0"),
        ("ext 1.0", "is taken by its label to load on torch 2.7.0"),
    }
