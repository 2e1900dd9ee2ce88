"""The engines against brute force over random worlds, in numbers.

    python tests/bench/worlds.py [WORLDS] [FIRST]

A wrong verdict of the core, or of any engine's plan, is printed with the world's number and fails
the run. resolvelib is known to call some solvable graphs impossible, and to fail over cycles that
nothing needs any more; these are counted apart.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT.parent / "resolver")]

from support.random_worlds import make_world, solvable, verdict  # noqa: E402 - after the path
from torchsolve.solve.core import CoreEngine  # noqa: E402
from torchsolve.solve.resolvelib_engine import ResolvelibEngine  # noqa: E402


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    core, witness = CoreEngine(), ResolvelibEngine()
    found: Counter[str] = Counter()
    started = time.perf_counter()
    for seed in range(first, first + count):
        world = make_world(seed)
        truth = solvable(world)
        found["solvable" if truth else "impossible"] += 1
        if verdict(world, core) is not truth:
            found["wrong: core"] += 1
            print(f"world {seed}: the core is wrong, the truth is {truth}")
        second = verdict(world, witness)
        if second is None:
            found["resolvelib gave up"] += 1
        elif second is not truth:
            kind = "known defect: resolvelib says impossible" if truth else "wrong: resolvelib"
            found[kind] += 1
    print(f"{count} worlds from {first} on in {time.perf_counter() - started:.0f} s")
    for what, number in sorted(found.items()):
        print(f"  {number:6}  {what}")
    return 1 if found["wrong: core"] or found["wrong: resolvelib"] else 0


if __name__ == "__main__":
    sys.exit(main())
