"""Closures of real requirement sets beside uv's: which names and versions differ.

    python tests/bench/agreement.py OUT [NAME...] [--pythons 3.10,3.12] [--images any,ubuntu22.04]

The sets are ``tests/agreement/sets.json``: what real projects ask for, without direct references
and index options. Each is solved for every Python and image as DESIGN section 9 says (no ComfyUI,
METADATA only, one cut-off date) and by ``uv pip compile`` for the same target and date; the torch
of our plan and what our tables tie to it are constraints for uv. OUT gets one line a run.

A package of which only running code could tell its requirements is named and left out on both
sides, as is the second distribution of one import name (opencv has four): uv is told to exclude it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import TorchsolveError
from torchsolve.model.plan import Plan
from torchsolve.model.version import PythonVersion

CUTOFF = datetime(2026, 11, 20, tzinfo=UTC)
SETS = Path(__file__).parent.parent / "agreement" / "sets.json"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# The newest base that the torch of the plan has an image for (2.39 and later), and an older one.
IMAGES = ("any", "ubuntu22.04")
_NEWEST_FOR_UV = "2.40"
CACHE = Path(tempfile.gettempdir()) / "torchsolve-agreement"


@dataclass(frozen=True, slots=True)
class Run:
    """One set for one target."""

    name: str
    python: str
    image: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``equal``, ``infeasible`` (on both sides) or ``differs``, and what is to be said of it."""

    word: str
    pins: int
    detail: str = ""


def ours(lines: Path, run: Run, cache: Path) -> Plan | str:
    """The plan, or why there is none."""
    settings = Settings(
        cache_dir=cache,
        comfyui="none",
        exclude_newer=CUTOFF,
        undeclared=False,
        evidence="metadata",
        torch_index="default",
        python=(PythonVersion.parse(run.python),),
        image=() if run.image == "any" else (run.image,),
    )
    try:
        found = pipeline.resolve([str(lines)], settings)
    except TorchsolveError as error:
        return f"{error.reference} {error.message}"
    if found.plan is not None:
        return found.plan
    conflict = found.conflict
    facts = " | ".join(str(fact) for fact in (conflict.facts if conflict else found.reasons))
    return f"{found.status.value}: {facts}"


def uv(lines: Path, run: Run, plan: Plan | None, cache: Path) -> dict[str, str] | str:
    """uv's pins, or its last words."""
    extra: list[str | Path] = []
    if plan is not None:
        bound = {e.subject.split(" ")[0] for e in plan.companions} | {"torch"}
        rows = [f"{pin.name}=={pin.version}" for pin in plan.pins if pin.name in bound]
        extra += ["--constraints", _write(lines.with_name("constraints.txt"), rows)]
        extra += ["--excludes", _write(lines.with_name("excludes.txt"), left_out(plan))]
    target = ["--python-version", run.python, "--no-python-downloads", "--no-config", "-q"]
    glibc = min(plan.image.glibc, _NEWEST_FOR_UV) if plan is not None else "2.39"
    target += ["--python-platform", f"x86_64-manylinux_{glibc.replace('.', '_')}"]
    target += ["--exclude-newer", CUTOFF.isoformat(), "--no-header", "--no-annotate"]
    command = ["uv", "pip", "compile", lines, *extra, *target, "--cache-dir", cache]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        return " ".join(done.stderr.split())
    found = re.findall(r"^([\w.-]+)==(\S+)", done.stdout, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def unread(plan: Plan) -> list[str]:
    """Packages whose requirements nobody could read."""
    return [pin.name for pin in plan.pins if pin.unread is not None]


def left_out(plan: Plan) -> list[str]:
    """Those, and the second distribution of an import name, which a plan of ours leaves out."""
    pinned = {pin.name for pin in plan.pins}
    dropped = {canonicalize_name(Requirement(row.dropped).name) for row in plan.exceptions}
    return sorted({*unread(plan), *(dropped - pinned)})


def _write(path: Path, rows: list[str]) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def judge(run: Run) -> tuple[Run, Verdict]:
    """Both resolvers on one set."""
    sets = json.loads(SETS.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        lines = _write(Path(scratch, "requirements.txt"), sets[run.name]["requirements"])
        plan = ours(lines, run, CACHE / "ours")
        theirs = uv(lines, run, plan if isinstance(plan, Plan) else None, CACHE / "uv")
    return run, compare(plan, theirs)


def compare(plan: Plan | str, theirs: dict[str, str] | str) -> Verdict:
    """What the two answers have in common."""
    if isinstance(plan, str):
        if isinstance(theirs, str):
            return Verdict("infeasible", 0, f"{plan[:200]} || uv: {theirs[:300]}")
        return Verdict("differs", 0, f"{plan} || uv has {len(theirs)} pins")
    blind = left_out(plan)
    pins = {pin.name: pin.version for pin in plan.pins if pin.name not in blind}
    if isinstance(theirs, str):
        return Verdict("differs", len(pins), f"uv: {theirs}")
    names = sorted({*pins, *theirs} - set(blind))
    other = [
        f"{name} {pins.get(name)} uv {theirs.get(name)}"
        for name in names
        if pins.get(name) != theirs.get(name)
    ]
    said = f"without {', '.join(blind)}" if blind else ""
    return Verdict(
        "differs" if other else "equal", len(pins), "; ".join([*other, said]).strip("; ")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pythons", default=",".join(PYTHONS))
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    names = given.names or sorted(json.loads(SETS.read_text()))
    runs = [
        Run(name, python, image)
        for image in given.images.split(",")
        for python in given.pythons.split(",")
        for name in names
    ]
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with ProcessPoolExecutor(given.workers) as pool, given.out.open("a") as out:
        for done in as_completed([pool.submit(judge, run) for run in runs]):
            run, verdict = done.result()
            row = (run.name, run.python, run.image, verdict.word, str(verdict.pins), verdict.detail)
            print("\t".join(row), file=out, flush=True)


if __name__ == "__main__":
    main()
