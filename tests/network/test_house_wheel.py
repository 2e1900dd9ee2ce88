"""The wheel of torchsolve, installed away from the checkout, does what the checkout does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LARGEST_WHEEL = 15 * 1024 * 1024
pytestmark = [pytest.mark.network, pytest.mark.xdist_group("house")]


def _run(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir")
    done = _run(*pip, folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that holds the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("away")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    done = _run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin" / "torchsolve"


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= LARGEST_WHEEL


def test_shipped_files_are_found(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "facts", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    probe = "from torchsolve.resources import share; print(share('data'))"
    where = _run(installed.parent / "python", "-c", probe, cwd=tmp_path).stdout
    assert "site-packages" in where


def test_the_demo_runs_there(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "resolve", "trellis2", "-o", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"Dockerfile", "pylock.toml", "README.md", "compose.yaml", "docker-bake.hcl"} <= {
        path.name for path in (tmp_path / "demo").iterdir()
    }
    fresh = _run(installed, "emit", "demo", "--check", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stdout
    again = _run(installed, "resolve", "trellis2", "--offline", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["status"] == "solved", again.stderr


def test_the_readme_shows_what_the_demo_shows(installed: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(
        r"<!-- transcript: torchsolve ([^\n]*) -->\n```\n\$ [^\n]*\n(.*?)```", readme, re.DOTALL
    )
    assert shown is not None
    done = _run(installed, *shown[1].split(), cwd=tmp_path)
    assert (done.stdout + done.stderr).split("\n") == shown[2].split("\n")
