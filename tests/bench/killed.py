"""kill -9 in the middle of 200 runs: nothing is lost and nothing is wrong.

    python tests/bench/killed.py [RUNS]

Whole resolves over a local index, against one cache, each killed at a random moment; every tenth
time the cache is empty again. After each round a run to the end must give the pins of an untouched
cache, and an offline run the same ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT.parent / "resolver")]

from support.index_server import IndexServer  # noqa: E402 - after the path
from support.killed import ENVIRON, chain, command, kill_runs  # noqa: E402

ROUND = 10


def run(line: list[str]) -> None:
    subprocess.run(line, stdout=subprocess.DEVNULL, check=True, env=ENVIRON)


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    killed = wrong = harmed = 0
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the server tells of each cut connection
    with tempfile.TemporaryDirectory() as folder, IndexServer(chain(40)) as server:
        here = Path(folder)
        (here / "requirements.txt").write_text("p0\n")
        asked = here / "requirements.txt"
        started = time.perf_counter()
        run(command(asked, server.url, here / "untouched", here / "truth"))
        longest = time.perf_counter() - started
        truth = (here / "truth").read_bytes()
        for number in range(-(-runs // ROUND)):
            cache = here / f"cache{number}"
            line = command(asked, server.url, cache, here / "pins")
            found = kill_runs(line, min(ROUND, runs - number * ROUND), longest, cache, number)
            killed, harmed = killed + found.killed, harmed + len(found.damaged)
            for end in ([], ["--offline"]):
                (here / "pins").unlink(missing_ok=True)
                run([*line, *end])
                wrong += (here / "pins").read_bytes() != truth
    print(f"{runs} runs, {killed} killed, {harmed} entries damaged, {wrong} wrong answers")
    return 1 if wrong or harmed else 0


if __name__ == "__main__":
    sys.exit(main())
