"""The lock and the requirements files, installed by the installers themselves."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

from support.plans import cpu, pin
from torchsolve.emit.files import render
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.write import write
from torchsolve.model.plan import Pin, Plan
from torchsolve.model.target import CellId, Platform
from torchsolve.model.version import PythonVersion

pytestmark = pytest.mark.network

WANTED = {"idna": "3.10", "certifi": "2025.1.31"}


def _pin(client: PyPISimple, name: str, version: str) -> Pin:
    page = client.get_project_page(name)
    file = next(
        file for file in page.packages if file.version == version and file.package_type == "wheel"
    )
    made = pin(file.filename, url=file.url)
    return replace(
        made,
        file=replace(
            made.file,
            sha256=file.digests["sha256"],
            size=file.size,
            upload_time=file.upload_time,
            requires_python=file.requires_python,
        ),
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Two wheels of the default index, for the interpreter that runs the tests."""
    machine = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
    python = PythonVersion(*sys.version_info[:2])
    cell = replace(CellId.parse("cp313-cpu-notorch-debian13"), python=python)
    with PyPISimple() as client:
        pins = tuple(_pin(client, name, WANTED[name]) for name in sorted(WANTED))
    return replace(
        cpu(),
        cell=replace(cell, platform=Platform(machine)),
        pins=pins,
        indexes=(("default", PYPI_SIMPLE_ENDPOINT),),
    )


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    write(render(plan, EmitOptions()), out)
    return out


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment whose pip reads pylock.toml."""
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    executable = venv / "bin" / "python"
    subprocess.run([executable, "-m", "pip", "install", "-q", "pip>=26"], check=True)
    return executable


def _installed(python: Path) -> dict[str, str]:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json"], capture_output=True, check=True
    )
    return {item["name"]: item["version"] for item in json.loads(listed.stdout)}


def test_pip_installs_the_lock(folder: Path, python: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--force-reinstall", "--no-deps", "-r"]
    subprocess.run([*command, str(folder / "pylock.toml")], check=True)
    assert _installed(python).items() >= WANTED.items()


def test_pip_takes_the_requirements_with_hashes_and_constraints(folder: Path, python: Path) -> None:
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--force-reinstall",
        "--no-deps",
        "--require-hashes",
    ]
    files = ["-r", str(folder / "requirements" / "rest.txt"), "-c", str(folder / "constraints.txt")]
    subprocess.run([*command, *files], check=True)
    assert _installed(python).items() >= WANTED.items()


def test_pip_refuses_other_bytes(folder: Path, python: Path) -> None:
    path = folder / "requirements" / "rest.txt"
    text = path.read_text()
    digest = text.split("sha256:")[1][:64]
    path.write_text(text.replace(digest, "0" * 64))
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--force-reinstall",
        "--no-deps",
        "-r",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "HASHES" in done.stderr


UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_uv_syncs_the_lock(folder: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([str(UV), "venv", "-q", "--python", sys.executable, str(venv)], check=True)
    command = [str(UV), "pip", "sync", "--python", str(venv), str(folder / "pylock.toml")]
    subprocess.run(command, check=True)
    listed = subprocess.run(
        [str(UV), "pip", "list", "--python", str(venv), "--format=json"],
        capture_output=True,
        check=True,
    )
    assert {item["name"]: item["version"] for item in json.loads(listed.stdout)} == WANTED
