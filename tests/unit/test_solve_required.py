"""``NVIDIA_REQUIRE_CUDA`` as the container runtime reads it: alternatives, each of conditions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.facts import load_facts
from torchsolve.model.outcome import Resolution
from torchsolve.model.version import CudaTag
from torchsolve.solve.cells import torch_cells
from torchsolve.solve.guards import guard_driver
from torchsolve.solve.required import cuda_of, gate, starts

# The variable of nvidia/cuda:12.0.0-base-ubuntu22.04, in part.
IMAGE = (
    "cuda>=12.0 brand=tesla,driver>=450,driver<451 brand=tesla,driver>=470,driver<471"
    " brand=geforce,driver>=470,driver<471 brand=tesla,driver>=515,driver<516"
)


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("550.54.14", True),
        ("525.60.13", True),
        # Between the branches that are named, and older than CUDA 12.0.
        ("520.61.05", False),
        ("418.87", False),
        # Which GPU there is decides.
        ("470.82.01", None),
        ("450.80.02", None),
    ],
)
def test_a_host_is_held_against_every_alternative(driver: str, expected: bool | None) -> None:
    assert starts(IMAGE, driver, cuda_of(driver, load_facts().drivers)) is expected


@pytest.mark.parametrize("required", ["", "nonsense", "cuda>=11.0"])
def test_what_asks_for_nothing_new_starts(required: str) -> None:
    assert starts(required, "550.54.14", "12.4") is True


def test_the_cuda_of_a_driver_is_the_newest_that_it_speaks() -> None:
    drivers = load_facts().drivers
    assert cuda_of("570.26", drivers) == "12.8"
    assert cuda_of("580.65.06", drivers) == "13.0"
    assert cuda_of("100.1", drivers) is None


BASE = Path(__file__).parent.parent / "data/inventories/torch2.6.0-cu124.json"


def layered(tmp_path: Path, driver: str, env: list[list[str]]) -> Resolution:
    inventory = json.loads(BASE.read_text()) | {"env": env}
    (tmp_path / "base.json").write_text(json.dumps(inventory))
    (tmp_path / "requirements.txt").write_text("small\n")
    with IndexServer({"small": [FakeFile(make_wheel("small", "1.0"))]}) as server:
        settings = Settings(
            index=server.url,
            cache_dir=tmp_path / "cache",
            base=str(tmp_path / "base.json"),
            driver=driver,
            policy="keep",
        )
        return pipeline.resolve([str(tmp_path / "requirements.txt")], settings)


def test_a_base_that_does_not_start_on_the_host_is_refused(tmp_path: Path) -> None:
    """Driver 545 runs CUDA 12.4's code by minor-version compatibility; the runtime looks before."""
    asks = ["NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=tesla,driver>=470,driver<471"]
    found = layered(tmp_path, "545.23.06", [asks])
    assert found.conflict is not None
    assert found.conflict.reference == "driver-too-old"
    assert any("cuda>=12.4" in fact.statement for fact in found.conflict.facts)


def test_the_gate_may_be_lifted_and_a_branch_may_serve(tmp_path: Path) -> None:
    asks = ["NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=tesla,driver>=545,driver<546"]
    assert layered(tmp_path, "545.23.06", [asks]).plan is not None
    asks = ["NVIDIA_REQUIRE_CUDA", "cuda>=12.4"]
    off = ["NVIDIA_DISABLE_REQUIRE", "1"]
    assert layered(tmp_path, "545.23.06", [asks, off]).plan is not None


def test_a_driver_below_the_floor_is_told_what_a_data_centre_may_do() -> None:
    tables = load_facts()
    cells = torch_cells(tables, Settings(cuda=(CudaTag("cu128"),)), None)
    found = guard_driver(cells[0], tables, (), "520.61.05")
    assert found is not None
    assert any("cuda-compat-12-8" in fact.statement for fact in found.facts)


def test_the_gate_of_an_image_of_ours_is_told() -> None:
    tables = load_facts()
    cell = torch_cells(tables, Settings(cuda=(CudaTag("cu128"),)), None)[0]
    (note,) = gate(cell.image, "535.54.03", tables.drivers)
    assert "570.26" in note
    assert gate(cell.image, "570.26", tables.drivers) == ()
    assert gate(cell.image, None, tables.drivers) == ()
