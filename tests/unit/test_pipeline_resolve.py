"""The rooms wired together, over local indexes, repositories and inventories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from support.index_server import FakeFile, Fault, IndexServer
from support.repos import make_repo, needs_git
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus, Layer, PlanVerdict, Strategy
from torchsolve.model.told import state
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.solve import advice

INVENTORY = Path(__file__).parent.parent / "data" / "inventories" / "torch2.6.0-cu124.json"
NATIVE = "cp312-cp312-manylinux_2_28_x86_64"


def torch(version: str) -> FakeFile:
    return FakeFile(make_wheel("torch", version, ["filelock"], tag=NATIVE))


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


WORLD = {
    "torch": [torch("2.6.0"), torch("2.7.0"), torch("2.9.1")],
    "filelock": [pure("filelock", "3.0"), pure("filelock", "3.9")],
    "kernels": [pure("kernels", "1.0", "torch==2.7.0"), pure("kernels", "2.0", "torch==2.9.1")],
    "einops": [pure("einops", "0.8")],
}


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(WORLD) as server:
        yield server


@pytest.fixture
def torch_index() -> Iterator[IndexServer]:
    """Torch's own index: HTML, no upload times, local versions."""
    files = {"torch": [torch("2.6.0+cu126"), torch("2.7.0+cu128"), torch("2.9.1+cu130")]}
    with IndexServer(files, api="html") as server:
        yield server


def settings(tmp_path: Path, index: IndexServer, **changes: object) -> Settings:
    base = Settings(cache_dir=tmp_path / "cache", index=index.url, comfyui="none")
    return replace(base, **changes)  # type: ignore[arg-type]


def asked(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def pins(resolution: Resolution) -> dict[str, str]:
    assert resolution.plan is not None
    return {pin.name: pin.version for pin in resolution.plan.pins}


def test_the_release_tag_of_the_default_index_needs_no_other(
    tmp_path: Path, index: IndexServer
) -> None:
    found = pipeline.resolve([asked(tmp_path, "kernels==1.0")], settings(tmp_path, index))
    assert found.status is CellStatus.SOLVED
    assert found.plan is not None
    assert str(found.plan.cell) == "cp312-cu126-torch2.7.0-ubuntu24.04"
    assert found.plan.verdict is PlanVerdict.PROVEN
    assert pins(found) == {"filelock": "3.9", "kernels": "1.0", "torch": "2.7.0"}


def test_another_tag_comes_from_the_torch_index_alone(
    tmp_path: Path, index: IndexServer, torch_index: IndexServer
) -> None:
    wanted = settings(tmp_path, index, cuda=(CudaTag("cu128"),), torch_index=torch_index.url)
    found = pipeline.resolve([asked(tmp_path, "torch==2.7.0", "einops")], wanted)
    assert pins(found) == {"einops": "0.8", "filelock": "3.9", "torch": "2.7.0+cu128"}
    assert found.plan is not None
    pin = found.plan.pin("torch")
    assert pin is not None
    assert pin.file.sha256 == torch("2.7.0+cu128").archive.sha256
    assert {
        request.path for request in torch_index.requests if "torch" not in request.path
    } == set()


def test_a_torch_index_out_of_reach_is_unknown_and_never_locked(
    tmp_path: Path, index: IndexServer, torch_index: IndexServer
) -> None:
    torch_index.fail("/simple/torch/", Fault(status=403))
    wanted = settings(
        tmp_path, index, cuda=(CudaTag("cu128"),), torch_index="http://127.0.0.1:9/simple/"
    )
    found = pipeline.resolve([asked(tmp_path, "torch==2.7.0")], wanted)
    assert found.status is CellStatus.UNKNOWN
    assert pins(found)["torch"] == "2.7.0+cu128"
    with pytest.raises(UnknownError) as refused:
        pipeline.write_plan(found, wanted, tmp_path / "out")
    assert refused.value.reference == "no-hash"
    assert not (tmp_path / "out").exists()


def test_what_no_tag_can_satisfy_is_infeasible_without_the_torch_index(
    tmp_path: Path, index: IndexServer
) -> None:
    lines = asked(tmp_path, "torch==2.6.0", "kernels==1.0")
    found = pipeline.resolve([lines], settings(tmp_path, index))
    assert found.status is CellStatus.INFEASIBLE
    assert found.conflict is not None
    assert [fact.statement for fact in found.conflict.facts] == [
        "needs torch==2.6.0",
        "needs kernels==1.0",
        "needs torch==2.7.0",
    ]
    changes = [advice.change.split(" [")[0] for advice in found.conflict.advice]
    assert changes == ["torch==2.7.0 instead of torch==2.6.0"]


def test_what_advice_had_no_time_for_is_not_said(
    tmp_path: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = asked(tmp_path, "torch==2.6.0", "kernels==1.0")
    whole = pipeline.resolve([lines], settings(tmp_path, index))
    monkeypatch.setattr(advice, "SECONDS", 0.0)
    found = pipeline.resolve([lines], settings(tmp_path, index))
    assert whole.conflict is not None
    assert whole.conflict.advice
    assert found.conflict == replace(whole.conflict, advice=())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "2.9.1"),
        ({"policy": "oldest"}, "2.6.0"),
        ({"torch": (SpecifierSet("<2.9"),)}, "2.7.0"),
        ({"gpus": ("V100",), "torch": (SpecifierSet("==2.7.0"),)}, "2.7.0"),
        ({"image": ("ubuntu22.04",), "python": (PythonVersion(3, 12),)}, "2.9.1"),
    ],
)
def test_filters_and_policies(
    tmp_path: Path, index: IndexServer, changes: dict[str, object], expected: str
) -> None:
    wanted = settings(tmp_path, index, **changes)
    assert pins(pipeline.resolve([asked(tmp_path, "torch")], wanted))["torch"] == expected


def test_no_deps_drops_the_edges_that_it_names(tmp_path: Path, index: IndexServer) -> None:
    one = settings(tmp_path, index, no_deps=("kernels:torch",))
    lines = asked(tmp_path, "kernels==1.0", "torch==2.6.0")
    found = pipeline.resolve([lines], one)
    assert pins(found)["torch"] == "2.6.0"
    assert found.plan is not None
    edge = found.plan.exceptions[0]
    assert (edge.package, edge.dropped) == ("kernels", "torch==2.7.0")
    assert edge.reason == "--no-deps kernels:torch"


def test_a_base_keeps_its_torch_and_what_else_fits(tmp_path: Path, index: IndexServer) -> None:
    wanted = settings(tmp_path, index, base=str(INVENTORY))
    found = pipeline.resolve([asked(tmp_path, "torch", "filelock", "einops>=0.8")], wanted)
    assert found.plan is not None
    assert found.plan.strategy is Strategy.LAYERED
    layers = {pin.name: pin.layer for pin in found.plan.pins}
    assert layers["torch"] is Layer.BASE
    assert layers["filelock"] is Layer.BASE
    assert found.plan.pin("torch") is not None
    assert pins(found)["torch"] == "2.6.0"


def test_a_base_that_does_not_fit_leads_to_a_standalone_plan(
    tmp_path: Path, index: IndexServer
) -> None:
    wanted = settings(tmp_path, index, base=str(INVENTORY))
    lines = asked(tmp_path, "kernels==1.0")
    found = pipeline.resolve([lines], wanted)
    assert found.status is CellStatus.SOLVED
    assert found.plan is not None
    assert found.plan.strategy is Strategy.STANDALONE
    assert found.conflict is not None
    assert "holds torch 2.6.0" in [fact.statement for fact in found.conflict.facts]
    kept = pipeline.resolve([lines], replace(wanted, policy="keep"))
    assert kept.status is CellStatus.INFEASIBLE


def node(tmp_path: Path) -> Path:
    """A node with wheels for two torches, one of which asks for another by git."""
    files: dict[str, bytes | str] = {
        "__init__.py": "import cubes, voxels\nNODE_CLASS_MAPPINGS = {'Mesh': object}\n",
        "requirements.txt": "einops",
    }
    for folder in ("Torch270", "Torch291"):
        for name, requires in (
            ("cubes", ["torch>=2.4", "filelock<3.5"]),
            ("voxels", ["torch", "cubes @ git+https://index.example/cubes.git"]),
        ):
            made = make_wheel(name, "0.0.1", requires, tag="cp312-cp312-linux_x86_64")
            files[f"wheels/Linux/{folder}/{made.filename}"] = made.content + folder.encode()
    return make_repo(tmp_path / "ComfyUI-Mesh", files).path


@needs_git
def test_bundled_wheels_follow_their_folder_and_exceptions_their_rule(
    tmp_path: Path, index: IndexServer
) -> None:
    found = pipeline.resolve([str(node(tmp_path))], settings(tmp_path, index))
    assert found.plan is not None
    assert str(found.plan.cell) == "cp312-cu128-torch2.9.1-ubuntu24.04"
    places = {pin.file.place for pin in found.plan.pins if pin.layer is Layer.PROJECT}
    assert {str(place).split("/")[2] for place in places} == {"Torch291"}
    assert pins(found)["filelock"] == "3.0", "a dropped project's own requirements stay"
    edge = found.plan.exceptions[0]
    assert (edge.package, edge.reason) == ("voxels", "the wheel beside it serves")
    older = pipeline.resolve(
        [str(node(tmp_path / "2"))],
        settings(tmp_path, index, torch=(SpecifierSet("==2.7.0"),)),
    )
    assert older.plan is not None
    assert {str(pin.file.place).split("/")[2] for pin in older.plan.pins if pin.file.place} == {
        "Torch270"
    }


@needs_git
def test_files_are_the_same_bytes_again(tmp_path: Path, index: IndexServer) -> None:
    source = node(tmp_path)
    written = []
    for number, seed in enumerate(("1", "77")):
        out = tmp_path / f"out{number}"
        command = [sys.executable, "-m", "torchsolve", "resolve", str(source), "-o", str(out)]
        command += ["--index", index.url, "--comfyui", "none", "--source", "copy"]
        command += ["--cache-dir", str(tmp_path / f"cache{number}")]
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TZ": f"Etc/GMT+{number * 9}",
        }
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        names = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
        written.append({str(name): (out / name).read_bytes() for name in names})
    assert written[0] == written[1]
    lock = tomllib.loads(written[0]["pylock.toml"].decode())
    assert {row["name"] for row in lock["packages"]} == {
        "cubes", "einops", "filelock", "torch", "voxels",
    }  # fmt: skip
    assert json.loads(written[0]["manifest.json"])


def test_the_matrix_says_why(tmp_path: Path, index: IndexServer) -> None:
    wanted = settings(tmp_path, index, python=(PythonVersion(3, 12),), image=("ubuntu24.04",))
    found = pipeline.matrix([asked(tmp_path, "kernels==1.0")], wanted)
    by_cell = {str(outcome.cell): outcome for outcome in found.cells}
    solved = by_cell["cp312-cu126-torch2.7.0-ubuntu24.04"]
    assert solved.status is CellStatus.SOLVED
    newer = by_cell["cp312-cu128-torch2.9.1-ubuntu24.04"]
    assert newer.status is CellStatus.INFEASIBLE
    assert "needs torch==2.7.0" in [fact.statement for fact in newer.because]


def test_torch_is_chosen_by_its_own_flag(tmp_path: Path, index: IndexServer) -> None:
    wanted = settings(tmp_path, index, overrides=("torch==2.6.0",))
    with pytest.raises(UsageError, match=r"torch==2\.6\.0"):
        pipeline.resolve([asked(tmp_path, "torch")], wanted)


def test_an_override_replaces_what_others_ask(tmp_path: Path, index: IndexServer) -> None:
    wanted = settings(tmp_path, index, overrides=("filelock==3.0",))
    assert pins(pipeline.resolve([asked(tmp_path, "torch")], wanted))["filelock"] == "3.0"


@needs_git
def test_a_script_claims_in_the_cells_that_it_speaks_of(tmp_path: Path, index: IndexServer) -> None:
    script = (
        "import subprocess, sys, torch\n"
        "if torch.__version__ >= '2.9':\n    name = 'einops'\nelse:\n    name = 'filelock'\n"
        "subprocess.run([sys.executable, '-m', 'pip', 'install', name])\n"
    )
    files = {"__init__.py": "import torch\nNODE_CLASS_MAPPINGS = {}\n", "install.py": script}
    path = str(make_repo(tmp_path / "ComfyUI-Script", files).path)
    newest = pipeline.resolve([path], settings(tmp_path, index))
    assert newest.plan is not None
    assert "einops" in pins(newest)
    assert newest.plan.pin("einops").requested_by == ("ComfyUI-Script",)  # type: ignore[union-attr]
    (step,) = newest.plan.nodes[0].steps
    assert (step.what, step.origin) == ("einops", "install.py:6")
    older = pipeline.resolve([path], settings(tmp_path, index, torch=(SpecifierSet("==2.7.0"),)))
    assert "einops" not in pins(older)
    refused = pipeline.resolve([path], settings(tmp_path, index, undeclared=False))
    assert "einops" not in pins(refused)


@needs_git
def test_what_a_script_would_download_is_among_the_weights(
    tmp_path: Path, index: IndexServer
) -> None:
    script = (
        "import os, urllib.request\n"
        "try:\n    from folder_paths import models_dir\n"
        "except ImportError:\n    models_dir = os.path.join(os.getcwd(), 'models')\n"
        "url = 'https://weights.example/faces/swap.onnx'\n"
        "path = os.path.join(models_dir, 'faces', os.path.basename(url))\n"
        "if not os.path.exists(path):\n    urllib.request.urlretrieve(url, path)\n"
    )
    files = {"__init__.py": "import torch\nNODE_CLASS_MAPPINGS = {}\n", "install.py": script}
    path = str(make_repo(tmp_path / "ComfyUI-Script", files).path)
    plan = pipeline.resolve([path], settings(tmp_path, index)).plan
    assert plan is not None
    (weight,) = plan.weights
    assert (weight.path, weight.site) == ("models/faces/swap.onnx", "install.py:9")
    assert (weight.url, weight.required) == ("https://weights.example/faces/swap.onnx", True)
    (step,) = plan.nodes[0].steps
    assert state(step, plan).startswith("among the weights")


@needs_git
def test_tested_as_a_readme_says(tmp_path: Path, index: IndexServer) -> None:
    files = {
        "__init__.py": "import torch\nNODE_CLASS_MAPPINGS = {}\n",
        "README.md": "Tested with Python 3.12 and torch 2.7.0\n",
    }
    path = str(make_repo(tmp_path / "ComfyUI-Tried", files).path)
    found = pipeline.resolve([path], settings(tmp_path, index, policy="tested"))
    assert pins(found)["torch"] == "2.7.0"
    silent = str(node(tmp_path / "silent"))
    with pytest.raises(UsageError, match="says what it was tested with"):
        pipeline.resolve([silent], settings(tmp_path, index, policy="tested"))


@needs_git
def test_what_compiles_at_import_gets_a_devel_image(tmp_path: Path, index: IndexServer) -> None:
    source = "from torch.utils.cpp_extension import load\nk = load(name='k', sources=[])\n"
    files = {"__init__.py": source + "NODE_CLASS_MAPPINGS = {}\n"}
    path = str(make_repo(tmp_path / "ComfyUI-Jit", files).path)
    found = pipeline.resolve([path], settings(tmp_path, index))
    assert found.plan is not None
    assert "-devel-" in found.plan.image.ref
    assert found.plan.needs_compiler


@needs_git
def test_an_import_that_cannot_be_served_is_advised_to_be_refused(tmp_path: Path) -> None:
    made = make_wheel("oldthing", "1.0", ["torch==1.0"], members={"oldthing/__init__.py": b""})
    source = "import torch, oldthing\nNODE_CLASS_MAPPINGS = {}\n"
    path = str(make_repo(tmp_path / "ComfyUI-Old", {"__init__.py": source}).path)
    with IndexServer(WORLD | {"oldthing": [FakeFile(made)]}) as server:
        found = pipeline.resolve([path], settings(tmp_path, server))
    assert found.status is CellStatus.INFEASIBLE
    assert found.conflict is not None
    assert "with --no-undeclared" in {advice.change for advice in found.conflict.advice}
