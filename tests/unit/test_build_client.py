"""Which client builds: buildx, an old one with BuildKit inside, podman; or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchsolve.build.client import EngineName, find_client
from torchsolve.errors import UsageError


def command(folder: Path, name: str, script: str) -> Path:
    """A program on a PATH of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


NEW_WITHOUT_BUILDX = """
case "$1" in
buildx) echo "docker: 'buildx' is not a docker command." >&2; exit 1;;
version) echo 28.2.2; exit 1;;
esac"""
OLD = """
case "$1" in
buildx) echo "docker: 'buildx' is not a docker command." >&2; exit 1;;
version) echo 20.10.24+dfsg1; exit 1;;
esac"""
WITH_BUILDX = """
case "$1" in
buildx) echo github.com/docker/buildx 0.13.1; exit 0;;
esac"""


def client_on(*folders: Path, engine: EngineName = "auto") -> tuple[str, ...]:
    found = find_client(engine, {"PATH": ":".join(map(str, folders))})
    return (*(f"{name}={value}" for name, value in found.env), *found.command, *found.plain)


def test_buildx_is_used_where_it_is_there(tmp_path: Path) -> None:
    docker = command(tmp_path / "a", "docker", WITH_BUILDX)
    found = client_on(docker.parent)
    assert found == (str(docker), "buildx", "build", "--load", "--progress=plain")


def test_an_old_client_has_buildkit_inside(tmp_path: Path) -> None:
    docker = command(tmp_path / "a", "docker", OLD)
    expected = ("DOCKER_BUILDKIT=1", str(docker), "build", "--progress=plain")
    assert client_on(docker.parent) == expected


def test_a_client_that_cannot_is_passed_over_for_one_further_down_path(tmp_path: Path) -> None:
    new = command(tmp_path / "a", "docker", NEW_WITHOUT_BUILDX)
    old = command(tmp_path / "b", "docker", OLD)
    assert str(old) in client_on(new.parent, old.parent)


def test_podman_serves_where_no_docker_can(tmp_path: Path) -> None:
    new = command(tmp_path / "a", "docker", NEW_WITHOUT_BUILDX)
    podman = command(tmp_path / "b", "podman", "exit 0")
    assert client_on(new.parent, podman.parent) == (str(podman), "build", "--format=docker")


def test_no_buildkit_is_said_with_what_to_install(tmp_path: Path) -> None:
    new = command(tmp_path / "a", "docker", NEW_WITHOUT_BUILDX)
    with pytest.raises(UsageError) as caught:
        client_on(new.parent)
    assert caught.value.reference == "no-buildkit"
    assert "buildx" in caught.value.hint


@pytest.mark.parametrize("engine", ["auto", "docker", "podman"])
def test_no_engine_is_a_usage_error(tmp_path: Path, engine: EngineName) -> None:
    with pytest.raises(UsageError) as caught:
        client_on(tmp_path, engine=engine)
    assert caught.value.reference == "no-engine"


def test_docker_is_not_taken_for_podman(tmp_path: Path) -> None:
    docker = command(tmp_path / "a", "docker", WITH_BUILDX)
    with pytest.raises(UsageError, match="podman is not on PATH"):
        client_on(docker.parent, engine="podman")
