"""Resolves real inputs beside uv and pip, pair by pair, and prints a table with the bars.

    python tests/bench/resolve.py [--runs N] [--cpu] [ROW[:W]...]

Rows: cold warm same infeasible pip core memory; ``cold:W2`` is that input alone.

Target of both: CPython 3.12, glibc 2.39, the same cut-off; what torchsolve's tables add (the torch
of the cell, companions) is given to uv as constraints. uv gets an interpreter by its path, so that
it searches for none. Needs an index in reach; offline rows are measured after one run online.
``--cpu`` prints processor time instead of wall time: on a machine that does other work as well.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT.parent / "resolver")]

from support.worlds import NoDirect, WorldIndex, question  # noqa: E402 - after the path
from torchsolve import pipeline  # noqa: E402
from torchsolve.config import Settings  # noqa: E402
from torchsolve.model.version import PythonVersion  # noqa: E402
from torchsolve.solve.core import CoreEngine  # noqa: E402
from torchsolve.solve.engine import Answer, Solved  # noqa: E402
from torchsolve.solve.packages import Library  # noqa: E402
from torchsolve.solve.problem import Problem  # noqa: E402
from torchsolve.solve.question import Rules  # noqa: E402

# Bytecode is kept, as in every installation.
ENVIRON = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPATH": str(ROOT.parent / "resolver")
}
WORKLOADS = ROOT / "data" / "workloads"
CUTOFF = "2026-11-20"
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or "uv"
BLOW_UPS = (("2.5.0", "0.0.28.post2"), ("2.5.0", "0.0.28.post3"), ("2.5.1", "0.0.28.post3"))
# No torch in it: pip would download gigabytes to read METADATA.
FOR_PIP = ("aiohttp", "alembic", "pydantic-settings", "tokenizers", "transformers", "requests")
# Counts what a run asks of indexes, whatever the command line shows.
COUNTING = """
import sys
from torchsolve.index.http import Http
close, total = Http.close, []
def counted(self):
    total.append(self.requests); self.requests = 0; close(self)
Http.close = counted
from torchsolve.cli.app import run
code = run(sys.argv[1:])
print("requests", sum(total), file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One input with all that both programs are told."""

    asked: Path
    folder: Path
    python: str = "3.12"
    constraints: Path | None = None

    @property
    def ours(self) -> list[str]:
        return [
            *("resolve", str(self.asked), "--evidence", "metadata", "--comfyui", "none"),
            *("--python", self.python, "--exclude-newer", CUTOFF),
            *("--cache-dir", str(self.folder / "ours")),
        ]

    @property
    def uv(self) -> list[str]:
        bound = ["--constraints", str(self.constraints)] if self.constraints else []
        return [
            *(UV, "pip", "compile", str(self.asked), "--python", sys.executable, *bound),
            *("--python-version", self.python, "--python-platform", "x86_64-manylinux_2_39"),
            *("--exclude-newer", f"{CUTOFF}T00:00:00Z", "--cache-dir", str(self.folder / "uv")),
            *("--no-config", "--quiet"),
        ]


def torchsolve(case: Case, *more: str) -> list[str]:
    return [sys.executable, "-m", "torchsolve", *case.ours, *more]


def run(line: list[str], environ: dict[str, str] | None = None) -> tuple[float, str, str]:
    """Seconds (wall, or with ``--cpu`` processor), stdout and stderr."""
    started = _now()
    done = subprocess.run(
        line, env=ENVIRON | (environ or {}), capture_output=True, text=True, check=False
    )
    return _now() - started, done.stdout, done.stderr


def _now() -> float:
    if not options.cpu:
        return time.perf_counter()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def pairs(ours: list[str], uv: list[str], before: Callable[[int], None]) -> tuple[float, float]:
    """Medians of both, one run of each in turn; ``before`` prepares each pair."""
    times: list[tuple[float, float]] = []
    for number in range(options.runs):
        before(number)
        times.append((run(ours)[0], run(uv)[0]))
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def row(what: str, figure: str, bar: str) -> None:
    print(f"{what:<46} {figure:<58} {bar}", flush=True)


def against(what: str, ours: float, theirs: float, bar: str, more: str = "") -> None:
    said = f"{ours * 1000:7.0f} ms, uv {theirs * 1000:7.0f} ms: {ours / theirs:.2f} x"
    row(what, f"{said}{more}", bar)


def workload(name: str, folder: Path) -> Case:
    """The input, with a first run of each program that fills the caches."""
    asked = folder / f"{name}.txt"
    shutil.copy(WORKLOADS / asked.name, asked)
    case = Case(asked, folder)
    told = json.loads(run(torchsolve(case, "--json", "--engine", "core"))[1])
    plan = told.get("plan")
    if plan is not None:
        versions = {pin["name"]: pin["version"] for pin in plan["pins"]}
        tied = [
            e["subject"].split(" ")[0] for e in told["evidence"] if "goes with" in e["statement"]
        ]
        bound = [n for n in dict.fromkeys(["torch", *tied]) if n in versions]
        case = replace(case, constraints=folder / f"{name}.constraints")
        assert case.constraints is not None
        case.constraints.write_text("".join(f"{n}=={versions[n]}\n" for n in bound))
    run(case.uv)
    return case


def cold(folder: Path) -> None:
    for name in chosen("W1", "W2", "W3", "W4"):
        case = workload(name, folder)

        def empty(_: int, case: Case = case) -> None:
            for cache in ("ours", "uv"):
                shutil.rmtree(case.folder / cache, ignore_errors=True)

        ours, theirs = pairs(torchsolve(case), case.uv, empty)
        empty(0)
        counted = run([sys.executable, "-c", COUNTING, *case.ours])[2].rsplit("requests", 1)[-1]
        log = run([*case.uv[:-1], "-v"], {"RUST_LOG": "trace"})[2]
        asked = f"; requests {counted.strip()}, uv {log.count('Handling request for')}"
        against(f"cold {name}", ours, theirs, "<= 1.0 x, fewer requests", asked)


def warm(folder: Path) -> None:
    for name in chosen("W2", "W4"):
        changed(f"offline {name}", workload(name, folder))


def same(folder: Path) -> None:
    for name in chosen("W2", "W4"):
        unchanged(f"offline {name}", workload(name, folder), "<= 1.0 x")


def changed(what: str, case: Case) -> None:
    """Another input for each pair, so that nothing can be remembered."""
    text = case.asked.read_text()

    def change(number: int) -> None:
        case.asked.write_text(f"{text}\ntqdm>=4.{number}\n")

    ours, theirs = pairs(torchsolve(case, "--offline"), [*case.uv, "--offline"], change)
    case.asked.write_text(text)
    against(f"{what}, changed", ours, theirs, "<= 2.0 x")


def unchanged(what: str, case: Case, bar: str) -> None:
    """The same input again, which torchsolve remembers (``cli.recall``)."""
    offline = torchsolve(case, "--offline")
    for _ in range(2):  # what the first learns of pages changes what the second reads
        run(offline)
    ours, theirs = pairs(offline, [*case.uv, "--offline"], lambda _: None)
    against(f"{what}, unchanged", ours, theirs, bar)


def infeasible(folder: Path) -> None:
    cases = {"W3": workload("W3", folder)}
    text = (WORKLOADS / "W2.txt").read_text()
    for torch, xformers in BLOW_UPS:
        asked = folder / f"blow-up-{torch}-{xformers}.txt"
        asked.write_text(
            text.replace("torch==2.7.0", f"torch=={torch}").replace(
                "xformers==0.0.30", f"xformers=={xformers}"
            )
        )
        cell = Case(asked, folder, python="3.13")
        run(torchsolve(cell))
        run(cell.uv)
        cases[f"torch {torch} {xformers}"] = cell
    for name, case in cases.items():
        changed(f"infeasible {name}", case)
        unchanged(f"infeasible {name}", case, "<= 2.0 x")


def pip(folder: Path) -> None:
    asked = folder / "for-pip.txt"
    asked.write_text("\n".join(FOR_PIP))
    case = Case(asked, folder, python=f"3.{sys.version_info.minor}")
    line = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"),
        *("--report", str(folder / "report.json"), "--no-cache-dir", "-r", str(asked)),
    ]
    times = []
    for _ in range(3):
        shutil.rmtree(folder / "ours", ignore_errors=True)
        times.append((run(torchsolve(case))[0], run(line)[0]))
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    said = f"{ours:7.2f} s, pip {theirs:7.2f} s: {theirs / ours:.1f} x as fast"
    row(f"pip's resolver, cold, {len(FOR_PIP)} requirements", said, ">= 5 x as fast")


def solved_problem(case: Case) -> Problem:
    """The problem of the plan, with every edge that the search needs in memory."""
    seen: list[Problem] = []

    class Watching(CoreEngine):
        def solve(self, problem: Problem, *more: object) -> Answer:
            answer = super().solve(problem)
            if isinstance(answer, Solved):
                seen.append(problem)
                # What was learnt of edges widens later searches, which may then look at others.
                super().solve(problem)
            return answer

    vars(pipeline)["CoreEngine"] = Watching
    settings = Settings(
        cache_dir=case.folder / "ours", comfyui="none", evidence="metadata", engine="core"
    )
    pipeline.resolve([str(case.asked)], replace(settings, python=(PythonVersion(3, 12),)))
    vars(pipeline)["CoreEngine"] = CoreEngine
    return seen[-1]


def core(folder: Path) -> None:
    for name, bar in (("W2", "<= 1 ms"), ("W4", "<= 5 ms")):
        problem = solved_problem(workload(name, folder))
        row(f"core alone, {name}", f"{best_ms(problem):.2f} ms", bar)
    for count in (100, 300, 1000, 3000):
        asked = question(["p0"])
        index = WorldIndex(dict(closure(count)))
        problem = Problem(asked, Library(asked.target, Rules(), index), NoDirect())
        ms = best_ms(problem)
        answer = CoreEngine().solve(problem)
        assert isinstance(answer, Solved)
        edges = sum(len(problem.edges(k, i)) for k, i in answer.picks.items())
        said = f"{ms:.2f} ms, {len(answer.picks)} packages, {edges} edges: "
        row(
            f"core alone, synthetic {count}", said + f"{ms * 1000 / edges:.2f} us an edge", "linear"
        )


def best_ms(problem: Problem) -> float:
    """Processor time; garbage is looked for as seldom as in a run of the command."""
    CoreEngine().solve(problem)
    gc.set_threshold(200_000)
    times = []
    for _ in range(25):
        started = time.process_time()
        CoreEngine().solve(problem)
        times.append((time.process_time() - started) * 1000)
    return min(times)


def closure(count: int) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Packages in five versions, each needing the next one and two farther ones."""
    for i in range(count):
        needs = {j for j in (i + 1, i * 2 + 1, i * 3 + 2) if j < count}
        yield f"p{i}", {f"{v}.0": [f"p{j}>={v}.0" for j in sorted(needs)] for v in range(1, 6)}


def memory(folder: Path) -> None:
    case = workload("W4", folder)
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    offline = int(run([sys.executable, "-c", script, *torchsolve(case, "--offline")])[1]) / 1024
    shutil.rmtree(folder / "ours")
    online = int(run([sys.executable, "-c", script, *torchsolve(case)])[1]) / 1024
    row("peak memory, W4", f"{offline:.0f} MiB offline, {online:.0f} MiB cold", "<= 120 MB")


def chosen(*names: str) -> tuple[str, ...]:
    """The inputs of a row that were asked for."""
    return tuple(name for name in names if not options.only or name == options.only)


@dataclass
class Options:
    """What the command line asks of the row that runs."""

    runs: int = 5
    cpu: bool = False
    only: str = ""


options = Options()
ROWS = {f.__name__: f for f in (cold, warm, same, infeasible, pip, core, memory)}


def main() -> int:
    parser = argparse.ArgumentParser(description="torchsolve beside uv and pip")
    parser.add_argument("rows", nargs="*", default=list(ROWS), metavar="ROW[:W]")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cpu", action="store_true")
    asked = parser.parse_args()
    options.runs, options.cpu = asked.runs, asked.cpu
    versions = [run([UV, "--version"])[1].split(" (")[0].strip()]
    versions.append(run([sys.executable, "-m", "pip", "--version"])[1].split(" from")[0])
    versions.append(f"Python {platform.python_version()}")
    load = os.getloadavg()[0]
    print(f"{', '.join(versions)}; {os.cpu_count()} cores, load {load:.1f}, {time.strftime('%F')}")
    with tempfile.TemporaryDirectory() as folder:
        for row_name in asked.rows:
            name, _, options.only = row_name.partition(":")
            if name not in ROWS:
                parser.error(f"no row is called {name}: {' '.join(ROWS)}")
            ROWS[name](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
