"""``torchsolve smoke``: the probes of a plan, run in its built image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchsolve.build.docker import DockerEngine
from torchsolve.build.triage import diagnose
from torchsolve.emit.lock import plan_from_lock
from torchsolve.emit.naming import image_tag
from torchsolve.model.engine import Engine, ImageConfig, Ran
from torchsolve.model.outcome import CheckResult, SmokeReport
from torchsolve.model.plan import Plan
from torchsolve.model.progress import Progress
from torchsolve.model.values import dataclass, field
from torchsolve.smoke.inputs import Probe, probes, python
from torchsolve.smoke.observed import write_observed
from torchsolve.smoke.startup import judge

_MARK = "@torchsolve "
_LABEL = "torchsolve.lock.sha256"


@dataclass(frozen=True, slots=True)
class SmokeOptions:
    """How to test.

    Attributes:
        image: instead of the tag that ``build`` gives.
        gpu: give the container the host's GPUs; what needs one is then no longer skipped.
        timeout: seconds for a whole probe. each: for one file or import. start: for ComfyUI.
        engine: None is docker's.
    """

    image: str | None = None
    gpu: bool = False
    timeout: float = 1800.0
    each: float = 120.0
    start: float = 300.0
    engine: Engine | None = None


@dataclass(slots=True)
class _Findings:
    """Results so far, and the texts in which causes are looked for."""

    checks: list[CheckResult] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def smoke(
    directory: Path, options: SmokeOptions | None = None, progress: Progress | None = None
) -> SmokeReport:
    """Test the image of a plan's folder; ``observed.json`` keeps the report beside the plan.

    A report whose status is ``failed`` is an answer, not an error.

    Raises:
        UsageError: no lock there, no such image, no engine, no GPU where one was asked for.
    """
    options = options or SmokeOptions()
    lock = directory / "pylock.toml"
    plan = plan_from_lock(lock)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    engine = options.engine or DockerEngine()
    config = engine.config(options.image or image_tag(plan))
    found = _Findings([*_same_lock(config, digest)])
    for probe in probes(plan, gpu=options.gpu, each=options.each, start=options.start):
        if progress:
            progress.stage(f"smoke test: {probe.name}")
        request = probe.request(config.ref, python(plan), options.timeout, gpu=options.gpu)
        ran = engine.run(request)
        _take(found, plan, probe, ran, options)
    report = _report(config.ref, found)
    write_observed(directory, report, image_id=config.id, lock=digest, gpu=options.gpu)
    return report


def _same_lock(config: ImageConfig, digest: str) -> Iterator[CheckResult]:
    label = dict(config.labels).get(_LABEL)
    if label == digest:
        yield CheckResult("lock", "passed", "the image was built from this lock", 0.0)
    elif label is not None:
        detail = f"the image was built from another lock ({label[:12]}, here {digest[:12]})"
        yield CheckResult("lock", "failed", detail, 0.0)


def _take(found: _Findings, plan: Plan, probe: Probe, ran: Ran, options: SmokeOptions) -> None:
    seen = list(records(ran.output))
    if probe.name == "comfyui" and seen:
        found.checks.extend(judge(plan, seen[-1], gpu=options.gpu))
        found.texts.append(seen[-1]["log"])
        return
    for record in seen:
        found.texts.append(record.get("output", ""))
        found.checks.append(
            CheckResult(record["name"], record["status"], record["detail"], record["seconds"])
        )
    # The last record of a probe bears its own name; without it the probe did not come to its end.
    if not seen or seen[-1]["name"] != probe.name:
        found.checks.append(CheckResult(probe.name, "failed", _broken(ran), ran.seconds))
        found.texts.append(ran.errors)


def records(output: str) -> Iterator[dict[str, Any]]:
    """The results among a probe's lines."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            yield json.loads(line.removeprefix(_MARK))


def _broken(ran: Ran) -> str:
    if ran.timed_out:
        return f"the probe did not end within {ran.seconds:.0f} s"
    said = [line for line in ran.errors.splitlines() if line.strip()][-1:] or ["no message"]
    return f"the probe ended with {ran.exit}: {said[0]}"


def _report(ref: str, found: _Findings) -> SmokeReport:
    failed = [check for check in found.checks if check.status == "failed"]
    if not failed:
        return SmokeReport("passed", ref, tuple(found.checks))
    details = (check.detail for check in failed)
    causes = diagnose("\n".join([*details, *filter(None, found.texts)]))
    return SmokeReport("failed", ref, tuple(found.checks), causes)
