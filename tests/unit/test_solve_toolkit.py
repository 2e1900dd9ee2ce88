"""Plans without torch whose wheels load CUDA from the system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve.cli.app import run

TAG = "cp312-cp312-manylinux_2_17_x86_64"
CUBLAS = ["nvidia-cublas; extra == 'cuda'"]
PACKAGES = {
    "onnxruntime-gpu": [
        FakeFile(
            make_wheel(
                "onnxruntime-gpu",
                version,
                ["nvidia-cublas; extra == 'cuda'"],
                tag=TAG,
                extras=["cuda"],
            )
        )
        for version in ("1.20.0", "1.28.0")
    ],
    "cupy-cuda12x": [FakeFile(make_wheel("cupy-cuda12x", "13.6.0", tag=TAG))],
    "nvidia-cublas": [FakeFile(make_wheel("nvidia-cublas", "13.1"))],
    "plain": [FakeFile(make_wheel("plain", "1.0"))],
}


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with IndexServer(PACKAGES) as server:
        yield server.url


@pytest.mark.parametrize(
    ("line", "flags", "image"),
    [
        ("onnxruntime-gpu", (), "nvidia/cuda:13."),
        ("onnxruntime-gpu==1.20.0", (), "nvidia/cuda:12."),
        ("cupy-cuda12x", (), "nvidia/cuda:12."),
        ("cupy-cuda12x", ("--image", "rockylinux9"), "nvidia/cuda:12."),
        ("cupy-cuda12x", ("--image", "ubuntu24.04"), "nvidia/cuda:12."),
        ("onnxruntime-gpu", ("--image", "rockylinux9", "--cuda", "cu130"), "nvidia/cuda:13."),
        ("onnxruntime-gpu", ("--cuda", "cpu"), "python:3.12-slim"),
        ("onnxruntime-gpu[cuda]", (), "python:3.12-slim"),
        ("plain", (), "python:3.12-slim"),
    ],
)
def test_image_has_what_wheels_load(
    line: str,
    flags: tuple[str, ...],
    image: str,
    index: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.txt").write_text(f"{line}\n")
    where = ["--index", index, "--cache-dir", str(tmp_path / "cache"), "--evidence", "metadata"]
    assert run(["resolve", "r.txt", "--python", "3.12", "--json", *where, *flags]) == 0
    plan: Any = json.loads(capsys.readouterr().out)["plan"]
    assert plan["image"]["ref"].startswith(image)
    assert ("runtime" in plan["image"]["ref"]) == image.startswith("nvidia")
    if "--image" in flags:
        assert plan["image"]["os"] == flags[1]
    assert plan["torch"] is None
