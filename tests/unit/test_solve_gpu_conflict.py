"""Where GPUs alone stand in the way, every wheel without code for them is named."""

from __future__ import annotations

from pathlib import Path

from support.binaries import Code, fatbin, library, needs_compiler
from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.plan import CellStatus

pytestmark = needs_compiler
NATIVE = "cp312-cp312-manylinux_2_28_x86_64"


def kernels(name: str, folder: Path, *archs: int, requires: str = "torch==2.9.1") -> FakeFile:
    code = fatbin([Code(2, arch) for arch in archs])
    binary = library(folder / f"{name}.so", f"int {name};", fatbin=code).read_bytes()
    members = {f"{name}/_C.cpython-312-x86_64-linux-gnu.so": binary}
    return FakeFile(make_wheel(name, "1.0", [requires], tag=NATIVE, members=members))


def test_all_wheels_without_code_are_named_with_what_to_build(tmp_path: Path) -> None:
    world = {
        "torch": [FakeFile(make_wheel("torch", v, tag=NATIVE)) for v in ("2.8.0", "2.9.1")],
        "one": [kernels("one", tmp_path, 120)],
        "two": [kernels("two", tmp_path, 120)],
        "wide": [kernels("wide", tmp_path, 80, 120)],
    }
    project = tmp_path / "requirements.txt"
    project.write_text("one\ntwo\nwide\n")
    with IndexServer(world) as server:
        settings = Settings(
            index=server.url, cache_dir=tmp_path / "cache", torch_index="default", gpus=("A100",)
        )
        found = pipeline.resolve([str(project)], settings)
    assert found.status is CellStatus.INFEASIBLE
    assert found.conflict is not None
    assert found.conflict.reference == "no-gpu-code"
    told = [str(fact) for fact in found.conflict.facts] + list(found.conflict.rejected)
    for name in ("one", "two"):
        (line,) = [line for line in told if f"{name} 1.0" in line and "no GPU code for 8.0" in line]
        assert "build it from source" in line
    assert not any("wide 1.0" in line and "no GPU code" in line for line in told)
    assert found.conflict.advice[0].change == "without --gpu A100"
    assert str(found.conflict.facts[0]).startswith("A100 → has compute capability 8.0")


def test_a_driver_older_than_all_gpus_of_a_wheel_is_a_fact_of_the_conflict(tmp_path: Path) -> None:
    path = kernels("one", tmp_path, 120).archive.write(tmp_path)
    project = tmp_path / "requirements.txt"
    project.write_text(f"{path}\n")
    world = {"torch": [FakeFile(make_wheel("torch", "2.9.1", tag=NATIVE))]}
    with IndexServer(world) as server:
        settings = Settings(
            index=server.url, cache_dir=tmp_path / "cache", torch_index="default", driver="550"
        )
        found = pipeline.resolve([str(project)], settings)
    assert found.status is CellStatus.INFEASIBLE
    assert found.conflict is not None
    assert str(found.conflict.facts[0]).startswith("the host → has driver 550")
    assert any("for what driver 550 runs" in str(fact) for fact in found.conflict.facts)
    # 570.26 is the first driver that knows compute capability 12.0 (matrices/gpus.toml).
    assert found.conflict.advice[0].change == "--driver 570.26"


def test_the_python_that_the_wheels_are_for_is_tried_where_the_image_has_another(
    tmp_path: Path,
) -> None:
    path = kernels("one", tmp_path, 120).archive.write(tmp_path)
    project = tmp_path / "requirements.txt"
    project.write_text(f"{path}\n")
    world = {
        "torch": [
            FakeFile(make_wheel("torch", "2.9.1", tag=NATIVE.replace("312", python)))
            for python in ("310", "312")
        ]
    }
    with IndexServer(world) as server:
        settings = Settings(
            index=server.url,
            cache_dir=tmp_path / "cache",
            torch_index="default",
            image=("ubuntu22.04",),
        )
        found = pipeline.resolve([str(project)], settings)
    assert found.conflict is not None
    assert [one.change for one in found.conflict.advice] == ["--python 3.12"]
