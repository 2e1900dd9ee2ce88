"""What each probe is asked, from the plan of a lock."""

from __future__ import annotations

import json

from torchsolve.emit.naming import comfyui_home
from torchsolve.model.engine import PROBE_DIR, RunRequest
from torchsolve.model.plan import Plan
from torchsolve.model.values import dataclass
from torchsolve.resources import probe_files

INPUT = "input.json"
PORT = 18188
"""ComfyUI's port while it is probed; a service of a base image may hold the usual one."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One file of ``probes/`` with its input. ``network``: it may use more than loopback."""

    name: str
    question: dict[str, object]
    network: bool = False

    def input(self) -> bytes:
        """The JSON that it reads."""
        return json.dumps(self.question, sort_keys=True).encode()

    def request(self, ref: str, python: str, timeout: float, *, gpu: bool) -> RunRequest:
        """Its run by an interpreter of the image ``ref``; ``timeout``: seconds for all of it."""
        name = f"{self.name}.py"
        return RunRequest(
            ref,
            (python, f"{PROBE_DIR}/{name}", f"{PROBE_DIR}/{INPUT}"),
            {name: probe_files()[name], INPUT: self.input()},
            timeout,
            gpu=gpu,
            network=self.network,
        )


def probes(plan: Plan, *, gpu: bool, each: float, start: float) -> tuple[Probe, ...]:
    """The probes of a plan, quick ones first.

    Args:
        gpu: whether the container has one.
        each: seconds for one file or one import. start: seconds for ComfyUI's start.
    """
    found = [
        Probe("versions", {"pins": _versions(plan), "cuda": _cuda(plan)}),
        Probe("extensions", {"timeout": each, "gpu": gpu}),
        Probe("imports", {"dists": _names(plan), "timeout": each, "gpu": gpu}),
    ]
    home = comfyui_home(plan)
    if home is not None:
        question = {"path": home, "gpu": gpu, "timeout": start, "port": PORT}
        found.append(Probe("comfyui", question, network=True))
    return tuple(found)


def python(plan: Plan) -> str:
    """The interpreter that the plan installs for: the base's in a layered plan, else PATH's."""
    return plan.inventory.executable if plan.inventory else "python"


def _versions(plan: Plan) -> dict[str, str | None]:
    # What git sources call themselves may be computed while they are built.
    return {pin.name: None if pin.vcs else pin.version for pin in plan.pins}


def _names(plan: Plan) -> list[str]:
    return [pin.name for pin in plan.pins]


def _cuda(plan: Plan) -> str | None:
    return plan.cell.cuda.dotted if plan.torch_version else "any"
