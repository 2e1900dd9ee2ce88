"""Without an engine there is one clear error; no test here needs one."""

from __future__ import annotations

import os
import subprocess
import sys

from torchsolve.build.docker import _image_config


def test_no_engine_is_said_where_it_was_looked_for() -> None:
    environment = os.environ | {
        "DOCKER_HOST": "unix:///no/such.sock",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "torchsolve", "image", "inspect", "x:1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no-engine" in done.stderr
    assert "/no/such.sock" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_as_docker_describes_it() -> None:
    attributes = {
        "Id": "sha256:00",
        "RepoDigests": ["nvidia/cuda@sha256:79cab2c2"],
        "Os": "linux",
        "Architecture": "amd64",
        "Config": {
            "User": "1000:1000",
            "Env": ["PATH=/opt/venv/bin:/usr/bin", "FLAGS=--a=b", "EMPTY="],
            "Labels": {"b": "2", "a": "1"},
        },
    }
    found = _image_config("x:1", attributes)
    assert (found.digest, found.platform, found.user) == (
        "sha256:79cab2c2",
        "linux/amd64",
        "1000:1000",
    )
    assert found.env == (("EMPTY", ""), ("FLAGS", "--a=b"), ("PATH", "/opt/venv/bin:/usr/bin"))
    assert found.labels == (("a", "1"), ("b", "2"))


def test_an_image_that_was_imported_has_no_labels_no_user_and_no_digest() -> None:
    attributes = {"Id": "sha256:00", "RepoDigests": [], "Os": "linux", "Architecture": "arm64"}
    found = _image_config("x:1", attributes | {"Config": {"Env": None, "Labels": None}})
    assert (found.digest, found.user, found.env, found.labels) == (None, "", (), ())
    assert found.platform == "linux/arm64"
