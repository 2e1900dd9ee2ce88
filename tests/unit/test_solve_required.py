"""``NVIDIA_REQUIRE_CUDA`` as the container runtime reads it: alternatives, each of conditions."""

from __future__ import annotations

import pytest

from torchsolve.facts import load_facts
from torchsolve.solve.required import cuda_of, starts

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
