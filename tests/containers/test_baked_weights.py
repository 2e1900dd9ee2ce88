"""``--weights bake``: a node whose source says what it loads, a hub, an engine; no torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.hub_server import FakeRepo, HubServer, safetensors
from support.standin.base import CACHE, CannotStandInError, best, ensure, run

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.xdist_group("engine")]

MODEL = safetensors({"w": ("F16", [64, 64])}, padding=3000)
REPO = FakeRepo(
    {"model.safetensors": MODEL, "config.json": b"{}", "old.bin": b"x" * 2000},
    gated="auto",
    token="hf_of_the_test",
)
SOURCE = """\
import os

from huggingface_hub import snapshot_download

HERE = os.path.dirname(os.path.abspath(__file__))


class Mesh:
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def load(self):
        folder = os.path.join(HERE, "weights", "mesh")
        snapshot_download("acme/mesh", local_dir=folder, ignore_patterns=["*.bin"])


NODE_CLASS_MAPPINGS = {"Mesh": Mesh}
"""
TAG = "torchsolve-test:baked"


def torchsolve(*arguments: str | Path, **environment: str) -> str:
    """The command line, in a process of its own; it must end well. Its stdout."""
    command = [sys.executable, "-m", "torchsolve", *map(str, arguments)]
    known = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    done = subprocess.run(command, capture_output=True, text=True, env=known, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_weights_are_in_the_image_and_the_token_is_not(tmp_path: Path) -> None:
    try:
        kind = best()
    except CannotStandInError as error:
        pytest.skip(str(error))
    node = tmp_path / "mesh-node"
    node.mkdir()
    (node / "__init__.py").write_text(SOURCE)
    (node / "requirements.txt").write_text("huggingface_hub<1\n")
    plan = tmp_path / "plan"
    with HubServer({"acme/mesh": REPO}) as hub:
        hub_of_the_test = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_of_the_test"}
        asked = ["--comfyui", "none", "--image", kind.os, "--weights", "bake", "--json"]
        told = json.loads(torchsolve("resolve", node, *asked, "-o", plan, **hub_of_the_test))
        dockerfile = (plan / "Dockerfile").read_text()
        ensure(kind, re.findall(r"^ARG BASE_IMAGE=(\S+)", dockerfile, re.MULTILINE), CACHE)
        bundle = os.environ.get("SSL_CERT_FILE", "")
        torchsolve(
            "build", plan, "--tag", TAG, "--network", "host",
            "--build-arg", f"HF_ENDPOINT={hub.url}", "--secret", "id=hf_token,env=HF_TOKEN",
            *(["--ca-bundle", bundle] if bundle else []), **hub_of_the_test,
        )  # fmt: skip
    try:
        (weight,) = told["plan"]["weights"]
        assert (weight["gated"], weight["size"]) == ("auto", len(MODEL) + 2)
        assert [file["name"] for file in weight["files"]] == ["config.json", "model.safetensors"]
        folder = "/opt/app/mesh-node/weights/mesh"
        listed = run(["docker", "run", "--rm", "--entrypoint", "ls", TAG, "-ln", folder])
        rows = [line.split() for line in listed.splitlines()[1:]]
        assert [(row[2], row[4], row[-1]) for row in rows] == [
            ("1000", "2", "config.json"),
            ("1000", str(len(MODEL)), "model.safetensors"),
        ]
        everything = run(["docker", "history", "--no-trunc", TAG]) + "".join(
            path.read_text() for path in plan.rglob("*") if path.suffix in (".sh", ".toml", ".log")
        )
        assert "hf_of_the_test" not in everything
    finally:
        run(["docker", "rmi", "-f", TAG])
