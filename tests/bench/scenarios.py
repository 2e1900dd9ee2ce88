"""Resolver scenarios of others: which of them ``resolve REQS --index URL --python X.Y`` gets right.

    python tests/bench/scenarios.py FOLDER [NAME...] [--uv] [--options] [--json]

FOLDER holds packse scenarios (https://github.com/astral-sh/packse, ``scenarios/``), TOML files of
an index of tiny packages, what is asked, and what must come of it. Their wheels and sdists are made
here and served from 127.0.0.1. ``--uv`` asks ``uv pip compile`` in place of torchsolve;
``--options`` passes on what a scenario sets for the whole run (pre-releases, no binaries, no
builds); ``--json`` serves PEP 691 pages with PEP 658 metadata in place of plain HTML.

A scenario that can be satisfied is right when every package that it names has its version and no
other of them is there; one that cannot, when there is an error (of torchsolve: 3) and no pins.
Those for several platforms at once name no versions.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.index_server import FakeFile, IndexServer  # noqa: E402
from support.wheels import make_sdist, make_wheel  # noqa: E402

Scenario = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """How scenarios are put to a resolver."""

    uv: bool
    options: bool
    json: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What a resolver said; ``pins`` is None where it wrote none."""

    code: int
    pins: dict[str, str] | None
    text: str


def served(scenario: Scenario) -> dict[str, list[FakeFile]]:
    """The scenario's packages, as files of an index."""
    return {
        name: [
            file
            for version, facts in package["versions"].items()
            for file in _files(name, version, facts)
        ]
        for name, package in scenario["packages"].items()
    }


def _files(name: str, version: str, facts: Scenario) -> Iterator[FakeFile]:
    python = facts.get("requires_python", ">=3.12")
    extras = facts.get("extras", {})
    requires = [*facts.get("requires", ())]
    for extra, rows in extras.items():
        requires += [_for_extra(row, extra) for row in rows]
    yanked = "withdrawn" if facts.get("yanked") else None
    if facts.get("wheel", True):
        for tag in facts.get("wheel_tags") or ["py3-none-any"]:
            wheel = make_wheel(
                name, version, requires, tag=tag, requires_python=python, extras=extras
            )
            yield FakeFile(wheel, requires_python=python, yanked=yanked)
    if facts.get("sdist", True):
        more = {"pyproject.toml": _pyproject(name, version, python, requires).encode()}
        sdist = make_sdist(
            name, version, requires, requires_python=python, extras=extras, members=more
        )
        yield FakeFile(sdist, requires_python=python, yanked=yanked)


def _for_extra(row: str, extra: str) -> str:
    bare, _, marker = row.partition(";")
    marker = f"({marker.strip()}) and " if marker else ""
    return f"{bare.strip()} ; {marker}extra == '{extra}'"


def _pyproject(name: str, version: str, python: str, requires: list[str]) -> str:
    del requires  # PKG-INFO says them
    return (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\nrequires-python = "{python}"\n'
        'dynamic = ["dependencies", "optional-dependencies"]\n'
    )


def lines_of(scenario: Scenario, asked: Asked) -> str:
    """The requirements file."""
    rows = list(scenario["root"].get("requires", ()))
    options = scenario.get("resolver_options", {}) if asked.options else {}
    rows += ["--pre"] if options.get("prereleases") else []
    rows += [f"--no-binary {name}" for name in options.get("no_binary", ())]
    rows += [f"--only-binary {name}" for name in options.get("no_build", ())]
    return "\n".join([*rows, ""])


def python_of(scenario: Scenario) -> str:
    """``3.12``: the Python that the scenario is for."""
    text = scenario.get("resolver_options", {}).get("python")
    text = text or scenario.get("environment", {}).get("python", "3.12")
    return ".".join(str(text).split(".")[:2])


def run(scenario: Scenario, asked: Asked, folder: Path) -> Result:
    """One resolver on one scenario."""
    requirements, pins = folder / "requirements.txt", folder / "pins.txt"
    requirements.write_text(lines_of(scenario, asked))
    python = python_of(scenario)
    kind: Any = ("json", "announced") if asked.json else ("html", "none")
    with IndexServer(served(scenario), api=kind[0], metadata=kind[1]) as server:
        if asked.uv:
            command = ["uv", "pip", "compile", str(requirements), "--index-url", server.url]
            command += ["--python-version", python, "--no-config", "-o", str(pins)]
            command += ["--no-python-downloads"]

            command += ["--python-platform", "x86_64-manylinux_2_39", "--no-header"]
            options = scenario.get("resolver_options", {})
            if asked.options and options.get("prereleases"):
                command += ["--prerelease", "allow"]
            if options.get("universal"):
                command += ["--universal"]
                at = command.index("--python-platform")
                del command[at : at + 2]
        else:
            command = [sys.executable, "-m", "torchsolve", "resolve", str(requirements)]
            command += ["--index", server.url, "--python", python, "--pins", str(pins)]
        command += ["--cache-dir", str(folder / "cache")]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = os.environ | {"PYTHONPATH": str(ROOT / "resolver"), "PATH": path}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    found = _read(pins) if pins.exists() else None
    return Result(done.returncode, found, done.stdout + done.stderr)


def _read(pins: Path) -> dict[str, str]:
    rows = re.findall(r"^([\w.-]+)==(\S+)", pins.read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in rows}


def is_right(scenario: Scenario, result: Result, asked: Asked) -> bool:
    """Whether the result is what the scenario expects."""
    expected = scenario["expected"]
    if not expected["satisfiable"]:
        return result.code in ((1,) if asked.uv else (3,)) and result.pins is None
    named = expected.get("packages")
    return result.code == 0 and (named is None or named == result.pins)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--uv", action="store_true")
    parser.add_argument("--options", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    asked = Asked(given.uv, given.options, given.json)
    paths = sorted(p for p in given.folder.glob("*/*.toml") if p.parent.name != "examples")
    paths = [p for p in paths if not given.names or p.stem in given.names]

    def judge(path: Path) -> tuple[Path, bool, Result]:
        scenario = tomllib.loads(path.read_text())
        with tempfile.TemporaryDirectory() as scratch:
            result = run(scenario, asked, Path(scratch))
        return path, is_right(scenario, result, asked), result

    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(judge, paths))
    for path, right, result in rows:
        if not right:
            print(f"{path.parent.name}/{path.stem}: exit {result.code}, pins {result.pins}")
            print("    " + "\n    ".join(result.text.strip().splitlines()[-12:]))
    print(f"{sum(right for _, right, _ in rows)} of {len(rows)}")


if __name__ == "__main__":
    main()
