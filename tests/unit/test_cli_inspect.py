"""``inspect`` of compiled wheels, over the real atlas. Expected values: torch's own binaries, whose
exports ``nm -D`` tells: ``c10::SymBool::guard_or_false`` came with 2.8.0."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy", "of an index: numpy==VERSION"),
        ("numpy>=1", "of an index: numpy==VERSION"),
        (".", "it is a folder"),
        ("", "there is no such file"),
        ("ftp://index.example/a-1-py3-none-any.whl", "[ftp://index.example/a-1-py3-none-any.whl]"),
    ],
)
def test_what_is_no_wheel(
    here: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert run(["inspect", text]) == 2
    assert told in capsys.readouterr().err


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
    assert 0 < remote["bytes_read"] <= remote["bytes_total"]


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


def test_together_names_who_rules_a_release_out(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = wheel_of(here, GUARD).write(here)
    # c10::cuda::SetDevice(signed char): 2.1.0 to 2.7.1 by ``nm -D`` of libc10_cuda.so.
    older = make_wheel(
        "old",
        "2.0",
        ["torch==2.7.0"],
        tag=TAG,
        members={"old/_C.so": extension(here / "older", "_ZN3c104cuda9SetDeviceEa")},
    ).write(here)
    assert run(["inspect", str(newer), str(older), "--together", "--json"]) == 0
    joint = json.loads(capsys.readouterr().out)["together"]
    assert "2.7.0" in joint["refuted"]
    assert "2.8.0" in joint["refuted"]
    assert next(iter(joint["because"]["2.7.0"])) == str(newer)
    assert joint["because"]["2.7.0"][str(newer)]["missing"] == [GUARD]
    assert joint["because"]["2.8.0"][str(older)]["missing"] == ["_ZN3c104cuda9SetDeviceEa"]
    assert joint["declared"] == ["2.7.0"]
    assert run(["inspect", str(newer), str(older), "--together"]) == 0
    told = capsys.readouterr().out
    assert "ext-1.0:" in told.partition("together")[2]


def test_each_python_has_its_wheel(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = ["cp310-cp310", "cp312-cp312", "cp313-cp313"]
    files = [make_wheel("ext", "1.0", tag=f"{tag}-manylinux_2_28_x86_64") for tag in tags]
    files.append(make_wheel("ext", "1.0", tag="cp313-cp313-win_amd64"))
    files.append(make_wheel("ext", "1.0", tag="cp314-cp314-manylinux_2_28_aarch64"))

    def read(*more: str) -> list[str]:
        assert run(["inspect", "ext==1.0", *more, "--json"]) == 0
        wheels = json.loads(capsys.readouterr().out)["wheels"]
        return [wheel["file"].split("-")[2] for wheel in wheels]

    with IndexServer({"ext": [FakeFile(file) for file in files]}) as server:
        monkeypatch.setenv("TORCHSOLVE_INDEX", server.url)
        assert read() == ["cp313"]
        assert read("--python", "3.10") == ["cp310"]
        assert read("--python", "3.10", "--python", "3.12") == ["cp310", "cp312"]
        assert read("--python", "all") == ["cp313", "cp312", "cp310"]
        assert read("--platform", "linux/arm64") == ["cp314"]
        assert run(["inspect", "ext==1.0", "--python", "3.9"]) == 2
        assert "it has wheels for Python 3.10, 3.12, 3.13" in capsys.readouterr().err


def test_a_labelled_wheel_is_read_and_its_properties_are_claims(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = {"variants": {"cu": {"abi_dependency": {"torch": ["2.7"]}}}}
    made = make_wheel(
        "ext",
        "1.0",
        ["torch"],
        tag=TAG,
        members={
            "ext/ext.so": extension(here / "made", GUARD),
            "ext-1.0.dist-info/variant.json": json.dumps(label).encode(),
        },
    )
    path = here / made.filename.replace(".whl", "-cu.whl")
    path.write_bytes(made.content)
    found = inspected(capsys, str(path))
    (row,) = found["disagreements"]
    claim, fact = found["book"][row["claim"]], found["book"][row["fact"]]
    assert claim["statement"] == "is the variant abi_dependency :: torch :: 2.7"
    assert claim["origin"] == "variant.json"
    assert GUARD in fact["origin"]


def unpacked(archive: Archive, site: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        opened.extractall(site)


@pytest.fixture
def env(here: Path) -> Path:
    """An environment with a torch 2.7.0 of our own, which exports one name that the real lacks."""
    prefix = here / "env"
    site = prefix / "lib" / "python3.12" / "site-packages"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").write_text("#!/bin/sh\nexit 9\n")
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.4\n")
    library = shared(
        here / "t" / "libtorch_cpu.so",
        "int torch_own(void) { return 1; }",
        soname="libtorch_cpu.so",
    )
    loader = shared(
        here / "t" / "libtorch_python.so",
        "extern int torch_own(void); int start(void) { return torch_own(); }",
        soname="libtorch_python.so",
        needs=[library],
    )
    torch = make_wheel(
        "torch",
        "2.7.0+cu128",
        tag=TAG,
        members={
            "torch/__init__.py": b"",
            "torch/lib/libtorch_cpu.so": library.read_bytes(),
            "torch/lib/libtorch_python.so": loader.read_bytes(),
        },
    )
    for archive in (torch, wheel_of(here, "torch_own"), make_wheel("plain", "3", ["absent>1"])):
        unpacked(archive, site)
    bad = make_wheel(
        "late", "1.0", ["torch==2.8.0"], tag=TAG, members={"late/_C.so": extension(here, GUARD)}
    )
    unpacked(bad, site)
    return prefix


def test_an_environment_is_judged_by_what_is_installed(
    env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (env / "lib/python3.12/site-packages/torch/__init__.py").write_text("raise SystemExit(9)\n")
    assert run(["inspect", "--env", str(env / "bin" / "python"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    told = document["environment"]
    assert (told["python"], told["torch"], told["distributions"]) == ("3.12", "2.7.0+cu128", 4)
    verdicts = {wheel["name"]: wheel["installed"] for wheel in document["wheels"]}
    assert verdicts["late"]["verdict"] == "refuted"
    assert verdicts["late"]["missing"] == [GUARD]
    # The atlas's 2.7.0 has no such name: what is installed has.
    assert verdicts["ext"]["verdict"] in ("loads", "links")
    assert told["unmet"] == [
        {"distribution": "late 1.0", "requires": "torch==2.8.0", "installed": "2.7.0+cu128"},
        {"distribution": "plain 3", "requires": "absent>1", "installed": None},
    ]
    (altered,) = told["altered"]
    assert altered["distribution"] == "torch 2.7.0+cu128"
    assert altered["file"].startswith("torch/__init__.py: it has 20 bytes, RECORD says 0")


def library_that_needs(folder: Path, *sonames: str) -> bytes:
    needs = [shared(folder / name, "int x(void) { return 1; }", soname=name) for name in sonames]
    return shared(folder / "out.so", "int entry(void) { return 1; }", needs=needs).read_bytes()


def test_without_torch_what_uses_none_is_judged_by_its_libraries(
    env: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the linker on bitsandbytes, onnxruntime-gpu and numpy beside CUDA wheels and no torch."""
    site = env / "lib/python3.12/site-packages"
    shutil.rmtree(site / "torch")
    shutil.rmtree(site / "torch-2.7.0+cu128.dist-info")
    runtime = shared(here / "r" / "libcudart.so.12", "int c(void) { return 1; }").read_bytes()
    for name, members in {
        "bare": {"bare/_C.so": library_that_needs(here / "b")},
        "by-hand": {"by_hand/_C.so": library_that_needs(here / "h", "libcudart.so.12")},
        "lacking": {"lacking/_C.so": library_that_needs(here / "l", "libcudnn.so.9")},
        "torchaudio": {"torchaudio/_C.so": extension(here / "a", GUARD)},
        "nvidia-cuda-runtime-cu12": {"nvidia/cuda_runtime/lib/libcudart.so.12": runtime},
    }.items():
        unpacked(make_wheel(name, "1.0", tag=TAG, members=members), site)
    assert run(["inspect", "--env", str(env), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    told = {w["name"]: w["installed"] and w["installed"]["verdict"] for w in document["wheels"]}
    unjudged = {"ext": None, "late": None, "torchaudio": None}
    assert told == {"bare": "loads", "by-hand": "links", "lacking": "unknown"} | unjudged
    assert run(["inspect", "--env", str(env)]) == 0
    text = capsys.readouterr().out
    assert "no torch is installed" in text
    assert "libcudart.so.12 is installed, but nothing opens it" in text
    assert "no wheel that is installed brings libcudnn.so.9" in text


def test_an_environment_in_text(env: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = env / "lib/python3.12/site-packages"
    library = site / "late" / "_C.so"
    library.write_bytes(library.read_bytes()[:-1] + b"\xff")
    (site / "ext" / "ext.so").unlink()
    assert run(["inspect", "--env", str(env)]) == 0
    told = capsys.readouterr().out
    assert "late/_C.so: its sha256 is not the one of RECORD" in told
    assert "ext/ext.so: it is missing" in told
    assert "refuted    late 1.0" in told


def test_a_record_leads_nowhere_outside(env: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = env / "lib/python3.12/site-packages/plain-3.dist-info/RECORD"
    with record.open("a") as stream:
        stream.write("../../../../../../../../dev/zero,sha256=abc,5\n")
        stream.write("/dev/zero,sha256=abc,5\n")
        stream.write('"unclosed\n')
    assert run(["inspect", "--env", str(env), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["environment"]["altered"]
    assert [row["file"].endswith("was not read") for row in rows[:2]] == [True, True]


@pytest.mark.parametrize("where", ["absent", "empty", "file"])
def test_no_environment(here: Path, capsys: pytest.CaptureFixture[str], where: str) -> None:
    (here / "empty").mkdir()
    (here / "file").write_text("")
    assert run(["inspect", "--env", where]) == 2
    assert "no-such-environment" in capsys.readouterr().err


def test_a_version_that_is_no_number_is_no_floor(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = extension(here / "made", SHIM)
    broken = library.replace(b"GLIBC_2.", b"GLIBC_2\xff")
    assert broken != library
    made = make_wheel("ext", "1.0", tag=TAG, members={"ext.so": broken})
    assert inspected(capsys, str(made.write(here)))["glibc"] is None


def test_more_files_than_any_wheel_has_are_not_all_read(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchsolve.wheel.binary._MOST_MEMBERS", 2)
    library = extension(here / "made", SHIM)
    made = make_wheel("ext", "1.0", tag=TAG, members={f"{n}.so": library for n in "abcd"})
    found = inspected(capsys, str(made.write(here)))
    assert found["unread"] == ["c.so: it and 1 more come after 2 others"]
    assert found["torch"]["loads"] == []
    assert "2.9.1" in found["torch"]["unknown"]
