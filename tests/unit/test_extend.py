"""``facts extend``: rows read from wheels of a local index and from a repository's history.

The real index is asked in tests/network/test_extend_real.py.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support.elf import COMPILER, shared
from support.index_server import FakeFile, IndexServer
from support.repos import make_repo, needs_git
from support.wheels import Archive, make_wheel
from torchsolve.cli.app import run
from torchsolve.facts.load import Facts
from torchsolve.resources import share

_ERROR = "_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
FLAGS = "sm_75 sm_80 sm_90a compute_120"
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="this machine has no C compiler")


@pytest.fixture
def matrices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    return Path(shutil.copytree(share("matrices"), tmp_path / "matrices"))


def torch_wheel(folder: Path, machine: str, cuda: str | None) -> Archive:
    """A torch 9.9.0 whose files say what the real ones do."""
    c10 = shared(folder / "libc10.so", f"void {_ERROR}(void) {{}}")
    text = f'const char *flags(void) {{ return "{FLAGS}"; }}'
    python = shared(folder / "libtorch_python.so", text) if cuda else c10
    said = f"cuda: Optional[str] = {cuda!r}\n"
    return make_wheel(
        "torch",
        "9.9.0",
        ['triton==9.1.0; platform_system == "Linux"', "filelock"],
        tag=f"cp312-cp312-manylinux_2_34_{machine}",
        requires_python=">=3.12",
        members={
            "torch/version.py": said.encode(),
            "torch/lib/libc10.so": c10.read_bytes(),
            "torch/lib/libtorch_python.so": python.read_bytes(),
        },
    )


def rows_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return list(tomllib.loads(path.read_text())[kind])


@needs_compiler
@pytest.mark.parametrize("ranges", [True, False])
def test_a_new_torch_is_the_first_row_and_the_rest_stays(
    matrices: Path, tmp_path: Path, ranges: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = matrices / "torch.toml"
    before = path.read_text()
    files = {
        "torch": [
            FakeFile(torch_wheel(tmp_path / "a", "x86_64", "14.1"), upload_time=UPLOADED),
            FakeFile(torch_wheel(tmp_path / "b", "aarch64", None), upload_time=UPLOADED),
            FakeFile(make_wheel("torch", "1.0", tag="cp312-cp312-manylinux_2_28_x86_64")),
        ],
        "torchvision": [
            partner("torchvision", "9.1", "torch==9.9.0"),
            partner("torchvision", "9.0"),
        ],
        "torchaudio": [partner("torchaudio", "8.0")],
    }
    with IndexServer(files, ranges=ranges) as server:
        argv = ["facts", "extend", "torch", "--matrices", str(matrices), "--index", server.url]
        assert run([*argv, "--diff"]) == 0
        shown = capsys.readouterr().out
        assert path.read_text() == before
        assert '+version = "9.9.0"' in shown.splitlines()
        assert run(argv) == 0
        after = path.read_text()
        assert run(argv) == 0
    assert path.read_text() == after
    assert rows_of(path, "release")[0] == {
        "version": "9.9.0",
        "uploaded": date(2030, 1, 2),
        "requires_python": ">=3.12",
        "pythons": "3.12",
        "glibc": "2.34",
        "cxx11_abi": True,
        "triton": "==9.1.0",
        "torchvision": "9.1",
        "torchaudio": "8.0",
        "builds": [
            {
                "cuda": "cu141",
                "default": True,
                "sm": "7.5 8.0 9.0a 12.0+PTX",
                "source": "default-wheel",
            },
            {"cuda": "cpu", "machine": "aarch64", "default": True, "source": "default-wheel"},
        ],
    }
    head, _, tail = before.partition("\n[[release]]\n")
    assert after.startswith(f"{head}\n[[release]]\n")
    assert after.endswith(tail)


UPLOADED = "2030-01-02T03:04:05Z"


def partner(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(
        make_wheel(
            name,
            version,
            requires,
            tag="cp312-cp312-manylinux_2_28_x86_64",
            members={f"{name}/version.py": f"__version__ = '{version}+cu141'\n".encode()},
        )
    )


def xformers(version: str, said: bytes | None) -> FakeFile:
    members = {"xformers/__init__.py": b""}
    members |= {"xformers/cpp_lib.json": said} if said is not None else {}
    tag = "py39-none-manylinux_2_28_x86_64"
    made = make_wheel("xformers", version, ["torch>=9"], tag=tag, members=members)
    return FakeFile(made, upload_time=UPLOADED)


BUILT = {"version": {"torch": "9.9.0+cu141"}, "env": {"TORCH_CUDA_ARCH_LIST": "8.0+PTX 9.0a"}}


def test_xformers_by_its_own_record(matrices: Path) -> None:
    files = [xformers("9.1", json.dumps(BUILT).encode()), xformers("9.0", None)]
    with IndexServer({"xformers": files}) as server:
        argv = ["facts", "extend", "xformers", "--matrices", str(matrices), "--index", server.url]
        assert run(argv) == 0
    first, second, *_ = rows_of(matrices / "xformers.toml", "release")
    assert (first["version"], first["torch"]) == ("9.1", ">=9")
    assert (first["built_with"], first["sm"]) == ("9.9.0+cu141", "8.0+PTX 9.0a")
    assert first["tags"] == "py39-none-manylinux_2_28_x86_64"
    assert second["version"] != "9.0", "a wheel without code has no row"


@pytest.mark.parametrize("said", [b"[]", b"{", b'{"version": {"torch": "so"}, "env": {}}'])
def test_a_broken_wheel_leaves_the_table_alone(
    matrices: Path, said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (matrices / "xformers.toml").read_bytes()
    with IndexServer({"xformers": [xformers("9.1", said)]}) as server:
        argv = ["facts", "extend", "xformers", "--matrices", str(matrices), "--index", server.url]
        assert run(argv) == 4
    assert "bad-member" in capsys.readouterr().err
    assert (matrices / "xformers.toml").read_bytes() == before


def test_a_companion_that_asks_for_less_than_it_takes(matrices: Path) -> None:
    files = {
        "torchvision": [partner("torchvision", "9.1", "torch>=9.5")],
        "torchaudio": [],
        "xformers": [],
    }
    with IndexServer(files) as server:
        argv = ["facts", "extend", "companions", "--matrices", str(matrices), "--index", server.url]
        assert run(argv) == 0
    rows = rows_of(matrices / "companions.toml", "companion")
    (row,) = [row for row in rows if row["version"] == "==9.1"]
    assert (row["package"], row["torch"], row["cuda"]) == ("torchvision", ">=9.5", "cu141")
    own = [row["version"] for row in rows if row["package"] == "torchvision"]
    assert own[0] == "==9.1", "a new row stands before the package's others"


@needs_git
def test_comfyui_by_the_history_of_a_clone(
    matrices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def state(version: str, *lines: str) -> dict[str, bytes | str]:
        text = "".join(f"{line}\n" for line in lines)
        return {"comfyui_version.py": f'__version__ = "{version}"\n', "requirements.txt": text}

    repo = make_repo(tmp_path / "ComfyUI", state("99.1", "torch", "aiohttp>=9"))
    for version, lines in (("99.2", ("torch", "einops")), ("99.2", ("torch", "einops", "av"))):
        repo.commit(state(version, *lines))
    argv = ["facts", "extend", "comfyui", str(repo.path), "--matrices", str(matrices)]
    assert run(argv) == 0
    found = [
        row for row in Facts(matrices).comfyui.releases if (row.version or "").startswith("99")
    ]
    assert [(row.version, row.requirements) for row in found] == [
        ("99.2", ("torch", "einops", "av")),
        ("99.2", ("torch", "einops")),
        ("99.1", ("torch", "aiohttp>=9")),
    ]
    after = (matrices / "comfyui.toml").read_bytes()
    assert run(argv) == 0
    assert (matrices / "comfyui.toml").read_bytes() == after
    assert run(["facts", "extend", "comfyui", "--matrices", str(matrices)]) == 2
    assert run([*argv[:3], str(tmp_path), *argv[4:]]) == 2
    told = capsys.readouterr().err
    assert "no-checkout" in told
    assert "not-comfyui" in told


def test_tables_of_an_installed_wheel_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torchsolve.resources.share", lambda kind: tmp_path / "_share" / kind)
    assert run(["facts", "extend", "xformers"]) == 2
    told = capsys.readouterr().err
    assert "installed-tables" in told
    assert "--matrices DIR" in told
