"""An image, explained: every extension opened and every package imported inside it."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from torchsolve.doctor.checks import examine_checks
from torchsolve.doctor.environment import unmet
from torchsolve.doctor.findings import Examined
from torchsolve.image.inspect import inspect
from torchsolve.inspection import unmet_requirements
from torchsolve.model.engine import Engine, Ran
from torchsolve.model.inventory import ImageInventory
from torchsolve.model.progress import Progress
from torchsolve.model.version import PythonVersion
from torchsolve.smoke.inputs import Probe
from torchsolve.smoke.run import records

_TIMEOUT = 1800.0
_EACH = 120.0


def examine_image(
    ref: str, engine: Engine, *, gpu: bool = False, progress: Progress | None = None
) -> Examined:
    """What of an image does not work, by running two probes of the smoke test in it.

    ``gpu``: give the container the host's GPUs; without, what asks for one counts for nothing.
    Raises UsageError as ``image inspect`` does.
    """
    inventory = inspect(ref, engine)
    failed: list[tuple[str, str]] = []
    notes: list[str] = []
    for probe in _probes(inventory, gpu=gpu):
        if progress:
            progress.stage(f"{probe.name} of {ref}")
        ran = engine.run(probe.request(ref, inventory.executable, _TIMEOUT, gpu=gpu))
        seen = list(records(ran.output))
        failed += [(r["name"], _said(r)) for r in seen if r["status"] == "failed"]
        if not seen or seen[-1]["name"] != probe.name:
            notes.append(f"the probe {probe.name} did not come to its end: {_end(ran)}")
    found = examine_checks("image", ref, failed, _facts(inventory))
    needs = _needs(inventory)
    findings = (*found.findings, *unmet(tuple(unmet_requirements(_python(inventory), needs))))
    return Examined("image", ref, found.facts, findings, found.unexplained, tuple(notes))


def _probes(inventory: ImageInventory, *, gpu: bool) -> Iterator[Probe]:
    yield Probe("extensions", {"timeout": _EACH, "gpu": gpu})
    names: list[object] = [str(dist.name) for dist in inventory.dists]
    yield Probe("imports", {"dists": names, "timeout": _EACH, "gpu": gpu})


def _said(record: dict[str, str]) -> str:
    return "\n".join(filter(None, (record["detail"], record.get("output", ""))))


def _end(ran: Ran) -> str:
    if ran.timed_out:
        return f"stopped after {ran.seconds:.0f} s"
    said = [line for line in ran.errors.splitlines() if line.strip()]
    return said[-1] if said else f"exit {ran.exit}"


def _facts(inventory: ImageInventory) -> tuple[tuple[str, str], ...]:
    return (
        ("os", f"{inventory.os}, glibc {inventory.glibc}"),
        ("python", inventory.python),
        ("torch", inventory.torch or "none"),
        ("comfyui", inventory.comfyui_version or inventory.comfyui or "none"),
        ("holds", f"{len(inventory.dists)} distributions"),
    )


def _python(inventory: ImageInventory) -> PythonVersion:
    return PythonVersion.parse(".".join(inventory.python.split(".")[:2]))


def _needs(
    inventory: ImageInventory,
) -> dict[NormalizedName, tuple[Version, list[Requirement]]]:
    found: dict[NormalizedName, tuple[Version, list[Requirement]]] = {}
    for dist in inventory.dists:
        try:
            version = Version(dist.version)
            found[dist.name] = (version, [Requirement(line) for line in dist.requires])
        except (InvalidVersion, InvalidRequirement):
            continue  # older than the standards: nothing that could be held against it
    return found
