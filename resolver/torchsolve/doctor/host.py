"""This host, explained: driver, GPUs, kernel and container engine, as containers need them."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

from torchsolve.doctor.findings import Examined, Finding
from torchsolve.errors import UsageError
from torchsolve.facts import facts
from torchsolve.model.engine import EngineFacts
from torchsolve.model.values import dataclass
from torchsolve.model.version import dotted_key

_DRIVER = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)?)\b")
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)
_BPF = "nvidia-container-bpf"


@dataclass(frozen=True, slots=True)
class Host:
    """What was read of a host.

    Attributes:
        driver: ``580.65.06``; None: no NVIDIA kernel module is loaded.
        gpus: their names as the driver gives them.
        bpf_harden: net.core.bpf_jit_harden; None where it could not be read.
        engine: what the container engine says; None: none answers, for ``engine_error``.
    """

    kernel: str
    driver: str | None
    gpus: tuple[str, ...]
    bpf_harden: int | None
    engine: EngineFacts | None
    engine_error: str = ""


def read_host(engine: EngineFacts | UsageError, proc: Path = Path("/proc")) -> Host:
    """``proc``: where the kernel's files lie."""
    version = _read(proc / "driver/nvidia/version")
    driver = _DRIVER.search(version)
    found = sorted((proc / "driver/nvidia/gpus").glob("*/information"))
    models = (match for path in found if (match := _MODEL.search(_read(path))))
    harden = _read(proc / "sys/net/core/bpf_jit_harden").strip()
    answers = not isinstance(engine, UsageError)
    return Host(
        platform.release(),
        driver[1] if driver else None,
        tuple(match[1] for match in models),
        int(harden) if harden.isdigit() else None,
        engine if not isinstance(engine, UsageError) else None,
        "" if answers else str(engine),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def examine_host(host: Host) -> Examined:
    """What keeps containers from a GPU here, and what this driver can run."""
    return Examined(
        "host", platform.node() or "this host", tuple(_facts(host)), tuple(_wrong(host))
    )


def _facts(host: Host) -> Iterator[tuple[str, str]]:
    yield "kernel", host.kernel
    yield "driver", host.driver or "no NVIDIA driver is loaded"
    if host.driver:
        yield "runs", f"CUDA {_majors(host.driver)}"
    for gpu in host.gpus:
        yield "gpu", f"{gpu}{_capability(gpu)}"
    if host.engine:
        yield "engine", f"{host.engine.name} {host.engine.version}"
        yield "runtimes", " ".join(host.engine.runtimes)


def _majors(driver: str) -> str:
    has = dotted_key(driver)
    majors = [m for m, floor in sorted(facts.drivers.floors.items()) if dotted_key(floor) <= has]
    return " ".join(f"{major}.x" for major in majors) or "of no major that is known"


def _capability(gpu: str) -> str:
    """By the longest part of the driver's name that is known: ``A100-SXM4-80GB`` is an A100."""
    words = re.split(r"[\s-]+", gpu)
    for length in range(len(words), 0, -1):
        try:
            found = facts.gpus.find(" ".join(words[:length]))
        except UsageError:
            continue
        return f", compute capability {found.capability}"
    return ", not in the table of GPUs"


def _wrong(host: Host) -> Iterator[Finding]:
    if host.engine is None:
        fix = "start docker, or name its socket in DOCKER_HOST"
        yield Finding("no-engine", "engine", host.engine_error, "no container can be run here", fix)
    if host.driver is None:
        cause = "the kernel has no NVIDIA module: no container can use a GPU here"
        fix = "install the driver on the host; an image never brings it"
        yield Finding("no-nvidia-driver", "driver", "/proc/driver/nvidia is not there", cause, fix)
        return
    floor = min(facts.drivers.floors.values(), key=dotted_key)
    if dotted_key(host.driver) < dotted_key(floor):
        cause = f"the driver is older than {floor}: no torch build that is known runs on it"
        yield Finding("driver-too-old", "driver", host.driver, cause, "a newer driver")
    if host.engine and not ({"nvidia", "cdi"} & set(host.engine.runtimes)):
        known = next(row for row in facts.known_conflicts if row.id == "no-gpu-runtime")
        text = "runtimes: " + " ".join(host.engine.runtimes)
        yield Finding(known.id, "engine", text, known.cause, known.fix)
    if host.bpf_harden:
        known = next(row for row in facts.known_conflicts if row.id == _BPF)
        cause = f"docker run --gpus all may end in a BPF check here: {known.cause}"
        text = f"net.core.bpf_jit_harden = {host.bpf_harden}"
        yield Finding(_BPF, "kernel", text, cause, known.fix)
