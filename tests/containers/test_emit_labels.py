"""Escaping for a Dockerfile, judged by docker."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest

from torchsolve.build.client import find_client
from torchsolve.emit import escape

pytestmark = pytest.mark.docker

NASTY = ["$HOME ${x:-y} \\$z", 'say "hi"', "it's", "back\\slash\\", "#no comment", "ノード `id`"]


def test_docker_reads_labels_as_they_were(tmp_path: Path) -> None:
    lines = [f"LABEL l{n}={escape.docker(text)}" for n, text in enumerate(NASTY)]
    (tmp_path / "Dockerfile").write_text("\n".join(["FROM scratch", *lines, ""]))
    client, tag = find_client(), f"torchsolve-labels-{uuid.uuid4().hex[:12]}"
    engine = client.command[0]
    command = [*client.command, "-t", tag, str(tmp_path)]
    subprocess.run(command, env={**os.environ, **dict(client.env)}, check=True)
    try:
        inspect = [engine, "inspect", "-f", "{{json .Config.Labels}}", tag]
        shown = subprocess.run(inspect, capture_output=True, check=True)
    finally:
        subprocess.run([engine, "rmi", "-f", tag], capture_output=True, check=False)
    found = json.loads(shown.stdout)
    assert [found[f"l{n}"] for n in range(len(NASTY))] == NASTY
