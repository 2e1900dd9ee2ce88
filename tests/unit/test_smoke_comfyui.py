"""The probe that starts ComfyUI, on the tests' own stand-in with a torch that is only a name."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import support.standin
from torchsolve.resources import probe_files

STANDIN = Path(support.standin.__file__).parent / "comfyui"
TORCH = """
__version__ = "2.7.0"
class cuda:
    @staticmethod
    def current_device():
        raise RuntimeError("Found no NVIDIA driver on your system.")
"""


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    shutil.copytree(STANDIN, tmp_path / "ComfyUI")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/torch.py").write_text(TORCH)
    return tmp_path / "ComfyUI"


def started(comfyui: Path, *, gpu: bool = False, timeout: float = 30) -> dict[str, Any]:
    """What the probe reports of a start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script, asked = comfyui.parent / "comfyui.py", comfyui.parent / "input.json"
    script.write_bytes(probe_files()["comfyui.py"])
    question = {"path": str(comfyui), "gpu": gpu, "timeout": timeout, "port": port}
    asked.write_text(json.dumps(question))
    environment = os.environ | {"PYTHONPATH": str(comfyui.parent / "site")}
    done = subprocess.run(
        [sys.executable, str(script), str(asked)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(li for li in done.stdout.splitlines() if li.startswith("@torchsolve "))
    found: dict[str, Any] = json.loads(line.removeprefix("@torchsolve "))
    return found


def test_a_start_with_its_classes(comfyui: Path) -> None:
    found = started(comfyui)
    assert (found["ready"], found["exit"], found["error"]) == (True, None, "")
    assert found["classes"] == {"StandinExample": "custom_nodes.example"}
    assert "To see the GUI go to" in found["log"]


def test_a_node_that_breaks_is_in_the_log_and_the_start_goes_on(comfyui: Path) -> None:
    (comfyui / "custom_nodes/bad.py").write_text("import nonexistent_pkg_xyz\n")
    found = started(comfyui)
    assert found["ready"]
    why = "module for custom nodes: No module named 'nonexistent_pkg_xyz'"
    assert f"Cannot import {comfyui}/custom_nodes/bad.py {why}" in found["log"]
    assert "(IMPORT FAILED)" in found["log"]


def test_a_node_that_ends_the_process(comfyui: Path) -> None:
    (comfyui / "custom_nodes/bad.py").write_text("import sys; sys.exit(3)\n")
    found = started(comfyui)
    assert (found["ready"], found["exit"], found["classes"]) == (False, 3, {})


def test_a_start_that_hangs_is_given_up(comfyui: Path) -> None:
    (comfyui / "custom_nodes/bad.py").write_text("import time; time.sleep(600)\n")
    found = started(comfyui, timeout=1)
    assert (found["ready"], found["exit"]) == (False, None)
    assert "Device: cpu" in found["log"]


def test_with_a_gpu_it_is_not_told_to_use_the_cpu(comfyui: Path) -> None:
    found = started(comfyui, gpu=True)
    assert (found["ready"], found["exit"]) == (False, 1)
    assert "Found no NVIDIA driver" in found["log"]
