"""Brute force, the core and resolvelib agree on random worlds (20,000 in ``tests/bench``)."""

from __future__ import annotations

import pytest

from support.random_worlds import make_world, solvable, verdict
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.resolvelib_engine import ResolvelibEngine


@pytest.mark.parametrize("first", range(0, 500, 100))
def test_engines_agree_with_brute_force(first: int) -> None:
    for seed in range(first, first + 100):
        world = make_world(seed)
        truth = solvable(world)
        assert verdict(world, CoreEngine()) is truth, seed
        # It may give up, or call a solvable graph impossible; it never invents a plan.
        assert truth or not verdict(world, ResolvelibEngine()), seed
