"""The engine's API through the ``docker`` package: image facts and short runs.

podman serves the same API: ``DOCKER_HOST`` names its socket. Builds go through a command line
(``client.py``), since the package cannot pass secrets to BuildKit.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torchsolve.errors import UsageError
from torchsolve.model.engine import PROBE_DIR, EngineFacts, ImageConfig, Ran, RunRequest

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container


class DockerEngine:
    """An Engine over the API; ``url`` None is what the environment says (``DOCKER_HOST``)."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url

    @cached_property
    def _client(self) -> docker.DockerClient:
        import docker  # slow to import, and most commands need no engine

        with _no_engine(self._url):
            if self._url:
                return docker.DockerClient(base_url=self._url, version="auto")
            return docker.from_env(version="auto")

    def close(self) -> None:
        """Let the connection go."""
        if "_client" in self.__dict__:
            self._client.close()

    def facts(self) -> EngineFacts:
        """The engine itself. Raises UsageError ``no-engine``."""
        with _no_engine(self._url):
            told = self._client.info()
        runtimes = sorted(told.get("Runtimes") or {})
        cdi = ["cdi"] if told.get("CDISpecDirs") else []
        return EngineFacts("docker", str(told.get("ServerVersion", "")), (*runtimes, *cdi))

    def config(self, ref: str) -> ImageConfig:
        """See Engine."""
        from docker.errors import ImageNotFound

        with _no_engine(self._url):
            try:
                image = self._client.images.get(ref)
            except ImageNotFound:
                image = self._pull(ref)
        return _image_config(ref, image.attrs)

    def _pull(self, ref: str) -> Any:
        from docker.errors import APIError

        try:
            return self._client.images.pull(ref)
        except APIError as error:
            raise UsageError(
                "unknown-image",
                f"the engine has no image {ref} and could not pull it: {error.explanation}",
                hint="check the reference, or build it first: torchsolve build DIR",
            ) from error

    def run(self, request: RunRequest) -> Ran:
        """See Engine."""
        from docker.errors import APIError

        with _no_engine(self._url):
            try:
                container = self._create(request)
            except APIError as error:
                raise UsageError("cannot-run", f"{request.ref}: {error.explanation}") from error
            try:
                return _follow(container, request.timeout)
            except APIError as error:
                raise _not_started(request, error) from error
            finally:
                container.remove(force=True, v=True)

    def _create(self, request: RunRequest) -> Container:
        command = list(request.command)
        container = self._client.containers.create(
            request.ref,
            entrypoint=command[:1],
            command=command[1:],
            network_mode=None if request.network else "none",
            healthcheck={"test": ["NONE"]},
            mem_limit=request.memory,
            pids_limit=request.processes,
            user=request.user,
            **(self._gpu() if request.gpu else {}),
        )
        container.put_archive("/", _archive(request))
        return container

    def _gpu(self) -> dict[str, Any]:
        """NVIDIA's runtime where the engine knows it , else a device request."""
        import docker

        if "nvidia" in self._client.info().get("Runtimes", {}):
            return {"runtime": "nvidia", "environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}
        return {"device_requests": [docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])]}


@contextmanager
def _no_engine(url: str | None) -> Iterator[None]:
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise UsageError("engine-refused", str(error.explanation or error)) from error
    except (DockerException, OSError) as error:  # a connection that breaks is an OSError
        where = url or os.environ.get("DOCKER_HOST", "its default socket")
        raise UsageError(
            "no-engine",
            f"no container engine answers at {where}",
            hint="start docker, or name its socket in DOCKER_HOST",
        ) from error


def _not_started(request: RunRequest, error: Any) -> UsageError:
    text = str(error.explanation or error)
    if request.gpu and any(word in text for word in ("nvidia", "capabilities: [[gpu]]", "CDI")):
        return UsageError(
            "no-gpu-runtime",
            f"the engine cannot give a container a GPU: {text}",
            hint="install the NVIDIA container toolkit, or leave --gpu out",
        )
    return UsageError("cannot-run", f"{request.ref}: {text}")


def _image_config(ref: str, attrs: dict[str, Any]) -> ImageConfig:
    config = attrs.get("Config") or {}
    pairs = (entry.partition("=") for entry in config.get("Env") or ())
    digests = attrs.get("RepoDigests") or [""]
    return ImageConfig(
        ref=ref,
        id=attrs["Id"],
        digest=digests[0].partition("@")[2] or None,
        platform=f"{attrs['Os']}/{attrs['Architecture']}",
        user=config.get("User") or "",
        env=tuple(sorted((name, value) for name, _, value in pairs)),
        labels=tuple(sorted((config.get("Labels") or {}).items())),
    )


def _archive(request: RunRequest) -> bytes:
    """The run's files as a tar, readable by any user of the image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo(PROBE_DIR.strip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for parent in sorted({name.rpartition("/")[0] for name in request.files} - {""}):
            inner = tarfile.TarInfo(f"{folder.name}/{parent}")
            inner.type, inner.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(inner)
        for name, content in sorted(request.files.items()):
            member = tarfile.TarInfo(f"{folder.name}/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _follow(container: Container, timeout: float) -> Ran:
    start, late = time.monotonic(), False
    container.start()
    try:
        code = int(container.wait(timeout=timeout)["StatusCode"])
    except OSError:  # what the package raises when its answer takes too long
        late = True
        container.kill()
        code = int(container.wait()["StatusCode"])
    seconds = time.monotonic() - start
    output, errors = container.logs(stderr=False), container.logs(stdout=False)
    return Ran(code, _text(output), _text(errors), seconds, late)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
