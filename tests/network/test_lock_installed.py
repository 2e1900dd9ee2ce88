"""A real lock, installed by pip and uv into fresh environments; then every extension is opened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.version import PythonVersion

pytestmark = pytest.mark.network
ASKED = ("numpy", "pillow", "safetensors", "pyyaml")
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
# Run by the environment's own Python, for what it says is about that one.
OPEN = """
import ctypes, importlib.metadata, json, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_paths()["purelib"])
import PIL.Image, numpy, safetensors, yaml
opened = [ctypes.CDLL(str(p)) and p.name for p in site.rglob("*.so*") if "pip" not in p.parts]
names = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
print(json.dumps({"opened": len(opened), "names": names}))
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of a plan for the interpreter that runs the tests, and its pins."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "requirements.txt").write_text("\n".join(ASKED))
    settings = Settings(
        cache_dir=folder / "cache",
        comfyui="none",
        python=(PythonVersion(*sys.version_info[:2]),),
    )
    found = pipeline.resolve([str(folder / "requirements.txt")], settings)
    assert found.plan is not None
    pipeline.write_plan(found, settings, folder / "out")
    return folder / "out", {pin.name: pin.version for pin in found.plan.pins}


def check(python: Path, pins: dict[str, str]) -> None:
    done = subprocess.run([python, "-c", OPEN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["names"].items() >= pins.items()
    assert found["opened"] > 20


def test_pip(plan: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "pip>=26"], check=True)
    lock = str(plan[0] / "pylock.toml")
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps", "-r", lock]
    subprocess.run(install, check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    check(python, plan[1])


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_uv(plan: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([str(UV), "venv", "-q", "--python", sys.executable, str(venv)], check=True)
    sync = [str(UV), "pip", "sync", "-q", "--python", str(venv), str(plan[0] / "pylock.toml")]
    subprocess.run(sync, check=True)
    check(venv / "bin/python", plan[1])
