"""What rooms ask of a container engine: facts of an image, and short runs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torchsolve.model.values import dataclass

PROBE_DIR = "/torchsolve-probe"
"""Where the files of a run lie inside the container."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image as its engine describes it.

    Attributes:
        id: ``sha256:…`` of the config. digest: of the repository, None where it was never pulled.
        platform: ``linux/amd64``.
        user: USER, ``""`` for root.
        env, labels: pairs, sorted by name.
    """

    ref: str
    id: str
    digest: str | None
    platform: str
    user: str
    env: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine as it describes itself: ``docker``, ``28.2.2``, the runtimes that it knows."""

    name: str
    version: str
    runtimes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended. ``timed_out``: it was killed, ``exit`` is then that of the kill."""

    exit: int
    output: str
    errors: str
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run: ``command`` in a throw-away container of ``ref``.

    Attributes:
        command: replaces entrypoint and command of the image.
        files: name → content, laid under ``PROBE_DIR`` before the start.
        timeout: seconds until the container is killed.
        gpu: give it the host's GPUs.
        network: whether it has any beyond loopback.
        memory: bytes that it may use; processes: how many it may start; None for the engine's.
        user: instead of the image's own.
    """

    ref: str
    command: Sequence[str]
    files: Mapping[str, bytes]
    timeout: float
    gpu: bool = False
    network: bool = False
    memory: int | None = None
    processes: int | None = None
    user: str | None = None


class Engine(Protocol):
    """Docker or podman; without one that answers each method raises UsageError ``no-engine``."""

    def config(self, ref: str) -> ImageConfig:
        """Facts of an image, pulled where it is not there. Raises UsageError ``unknown-image``."""

    def run(self, request: RunRequest) -> Ran:
        """Run to the end, as the image's own user.

        Raises UsageError ``no-gpu-runtime`` and ``cannot-run``.
        """
