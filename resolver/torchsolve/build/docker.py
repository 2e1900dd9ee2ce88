"""The engine's API through the ``docker`` package: image facts, short runs, files of an image.

podman serves the same API at its own socket. Builds go through a command line (``client.py``),
since the package cannot pass secrets to BuildKit.
"""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchsolve.errors import UsageError
from torchsolve.model.engine import PROBE_DIR, ImageConfig, OnLine, Ran, RunRequest

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

_LARGEST_FILE = 64 * 1024 * 1024


def podman_socket() -> str:
    """Where podman's API service listens: the user's own socket, else the system's."""
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "podman/podman.sock")
    return f"unix://{own if own.exists() else Path('/run/podman/podman.sock')}"


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

    def run(self, request: RunRequest, on_line: OnLine | None = None) -> Ran:
        """See Engine."""
        from docker.errors import APIError

        with _no_engine(self._url):
            try:
                container = self._create(request)
            except APIError as error:
                raise UsageError("cannot-run", f"{request.ref}: {error.explanation}") from error
            try:
                return _follow(container, request, on_line)
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
            user=request.user,
            healthcheck={"test": ["NONE"]},
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

    def read(self, ref: str, path: str) -> bytes | None:
        """See Engine. A file of more than 64 MiB is not read (None)."""
        from docker.errors import APIError, NotFound

        with _no_engine(self._url):
            try:
                container = self._client.containers.create(ref, entrypoint=["-"], command=[])
            except APIError as error:
                raise UsageError("cannot-run", f"{ref}: {error.explanation}") from error
            try:
                stream, facts = container.get_archive(path)
                return _one_file(stream) if facts["size"] <= _LARGEST_FILE else None
            except NotFound:
                return None
            finally:
                container.remove(force=True, v=True)


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
        workdir=config.get("WorkingDir") or "",
    )


def _archive(request: RunRequest) -> bytes:
    """The run's files as a tar, readable by any user of the image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo(PROBE_DIR.strip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, content in sorted(request.files.items()):
            member = tarfile.TarInfo(f"{folder.name}/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _one_file(stream: Iterator[bytes]) -> bytes | None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        member = tar.next()
        file = tar.extractfile(member) if member and member.isfile() else None
        return file.read() if file else None


def _follow(container: Container, request: RunRequest, on_line: OnLine | None) -> Ran:
    start = time.monotonic()
    late = threading.Event()

    def kill() -> None:
        late.set()
        container.kill()

    timer = threading.Timer(request.timeout, kill)
    streams = container.attach(stdout=True, stderr=True, stream=True, logs=True, demux=True)
    try:
        container.start()
        timer.start()
        output, errors = _drain(streams, on_line)
        code = int(container.wait()["StatusCode"])
    finally:
        timer.cancel()
        streams.close()
    seconds = time.monotonic() - start
    return Ran(code, output, errors, seconds, late.is_set())


def _drain(
    streams: Iterator[tuple[bytes | None, bytes | None]], on_line: OnLine | None
) -> tuple[str, str]:
    output, errors, open_line = bytearray(), bytearray(), b""
    for out, err in streams:
        output += out or b""
        errors += err or b""
        if on_line and err:
            *lines, open_line = (open_line + err).split(b"\n")
            for line in lines:
                on_line(line.decode("utf-8", "replace"))
    return output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
