"""Which command line can build with BuildKit (or podman's equal), for secrets and cache mounts.

Measured: a docker client of version 23 or later builds with BuildKit only through its buildx
plugin; an older one has it built in, behind ``DOCKER_BUILDKIT=1``. A machine may have several.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass

EngineName = Literal["auto", "docker", "podman"]


@dataclass(frozen=True, slots=True)
class Client:
    """A command that builds.

    Attributes:
        command: what stands before the options of a build.
        env: variables to set for it.
        plain: options that make its output line by line and complete.
    """

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    plain: tuple[str, ...] = ()


def find_client(engine: EngineName = "auto", environ: Mapping[str, str] = os.environ) -> Client:
    """The first client on PATH that can; with ``auto`` docker before podman.

    Raises:
        UsageError: ``no-engine`` without any command, ``no-buildkit`` where the commands that are
            there cannot build with secrets.
    """
    path = environ.get("PATH", "")
    dockers = list(_commands("docker", path)) if engine != "podman" else []
    for docker in dockers:
        client = _buildkit(docker)
        if client:
            return client
    if engine != "docker":
        for podman in _commands("podman", path):
            return Client((podman, "build", "--format=docker"))
    if dockers:
        raise UsageError(
            "no-buildkit",
            f"{dockers[0]} has no buildx plugin, and without BuildKit no secret reaches a build",
            hint="install docker-buildx (or docker-buildx-plugin), or podman",
        )
    wanted = "docker nor podman" if engine == "auto" else engine
    raise UsageError(
        "no-engine",
        f"neither {wanted} is on PATH" if engine == "auto" else f"{wanted} is not on PATH",
        hint="install docker with its buildx plugin, or podman",
    )


def _commands(name: str, path: str) -> Iterator[str]:
    for folder in dict.fromkeys(path.split(os.pathsep)):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield str(Path(found))


def _buildkit(docker: str) -> Client | None:
    plain = ("--progress=plain",)
    if _ask(docker, "buildx", "version")[0] == 0:
        return Client((docker, "buildx", "build", "--load"), plain=plain)
    # A client names its own version even where no engine answers, and fails only then.
    _, version = _ask(docker, "version", "--format", "{{.Client.Version}}")
    major = version.partition(".")[0]
    if major.isdigit() and 18 < int(major) < 23:
        return Client((docker, "build"), (("DOCKER_BUILDKIT", "1"),), plain)
    return None


def _ask(*command: str) -> tuple[int, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1, ""
    return done.returncode, done.stdout.strip()
