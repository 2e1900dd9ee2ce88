"""Prints what ``inspect`` says of wheels beside what the dynamic linker said.

    python tests/bench/beside_linker.py TRUTH.jsonl [NAME==VERSION ...] [--env PYTHON]

A row of TRUTH is one shared object under one torch release (see truth.py). With ``--env``, a Python
that has torch, each file of the wheels is opened there too, after ``import torch``: for wheels
that no row is about. The outcomes of ``tests/data`` are looked up too.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT / "resolver")}
WHEELS = ("xformers==0.0.30", "torchvision==0.23.0", "torchao==0.18.0")
RECORDED = Path(__file__).parents[1] / "data" / "dlopen_outcomes.jsonl.xz"
OPEN = """
import ctypes, json, os, sys, torch
found = {}
for path in sys.argv[1:]:
    try:
        ctypes.CDLL(path, os.RTLD_NOW)
        found[path] = None
    except OSError as error:
        found[path] = str(error)
print(json.dumps([torch.__version__, found]))
"""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """One row a line; may be compressed (``.xz``)."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def inspected(text: str, python: str | None) -> dict[str, Any]:
    """The wheel of ``inspect --json``."""
    argv = [sys.executable, "-m", "torchsolve", "inspect", text, "--json"]
    argv += ["--python", python] if python else []
    done = subprocess.run(argv, env=ENVIRON, capture_output=True, text=True, check=True)
    wheel: dict[str, Any] = json.loads(done.stdout)["wheels"][0]
    return wheel


def told(rows: list[dict[str, Any]], text: str) -> dict[tuple[str, str], str]:
    """(file, torch) → what the linker said, of the rows about a wheel of that name and version."""
    name, _, version = text.partition("==")
    start = f"{name.replace('-', '_')}-{version}-"
    return {
        (row["so"], row["torch"]): "loaded"
        if row["loaded"]
        else str(row["error"]).split(": ", 1)[-1]
        for row in rows
        if row["wheel"].startswith(start)
    }


def opened(text: str, python: str, env: Path) -> dict[tuple[str, str], str]:
    """The same of a live process: the wheel is unpacked, not installed."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder]
        tags = ["manylinux_2_28_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64"]
        platforms = [word for tag in tags for word in ("--platform", tag)]
        asked = ["--only-binary", ":all:", "--python-version", python, *platforms, text]
        subprocess.run([*pip, *asked], check=True, capture_output=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        files = [str(path) for path in sorted(Path(folder).rglob("*.so"))]
        done = subprocess.run([env, "-c", OPEN, *files], capture_output=True, text=True, check=True)
        version, found = json.loads(done.stdout.splitlines()[-1])
        return {
            (str(Path(path).relative_to(folder)), version.partition("+")[0]): (
                error.removeprefix(f"{path}: ") if error else "loaded"
            )
            for path, error in found.items()
        }


def show(wheel: dict[str, Any], linker: dict[tuple[str, str], str]) -> tuple[int, int]:
    """One line a file and release; how many agree, of how many that were decided."""
    verdicts = {file["member"]: file["torch"] for file in wheel["extensions"]}
    agree = decided = 0
    for (member, torch), said in sorted(linker.items(), key=lambda item: item[0]):
        mine = verdicts.get(member, {}).get(torch)
        if mine is None:
            continue
        verdict = mine["verdict"]
        by_layout = verdict == "refuted" and mine["by"] == "layout"
        if verdict != "unknown" and not by_layout:
            decided += 1
            agree += (verdict == "refuted") == (said != "loaded")
        print(f"  {member:<38} {torch:<7} {verdict:<8} {said[:90]}")
        if verdict == "refuted":
            print(f"  {'':<38} {'':<7} {'':<8} ours: {mine['reason'][:110]}")
    return agree, decided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("wheels", nargs="*", default=WHEELS)
    parser.add_argument("--env", type=Path)
    parser.add_argument("--python", default="3.12")
    asked = parser.parse_args()
    rows = rows_of(asked.truth) + rows_of(RECORDED)
    for text in asked.wheels or WHEELS:
        wheel = inspected(text, asked.python)
        linker = told(rows, text)
        if asked.env:
            linker |= opened(text, asked.python, asked.env)
        loads = ", ".join(wheel["torch"]["loads"]) or "none"
        print(f"{text}: loads on {loads}")
        if not linker:
            print("  no row is about it; --env PYTHON opens its files there")
            continue
        agree, decided = show(wheel, linker)
        print(f"  {agree} of {decided} decided outcomes agree, {len(linker)} rows\n")


if __name__ == "__main__":
    main()
