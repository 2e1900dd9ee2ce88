"""From a lock to a report: what the engine is asked, what its answers come to, what is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.engine import FakeEngine, image
from support.plans import cpu, layered, pin, standalone
from torchsolve.emit.lock import plan_to_lock
from torchsolve.emit.naming import image_tag
from torchsolve.errors import UsageError
from torchsolve.model.engine import Ran, RunRequest
from torchsolve.model.plan import Plan
from torchsolve.smoke.inputs import probes
from torchsolve.smoke.run import SmokeOptions, smoke

Outputs = Mapping[str, Ran]


def folder(tmp_path: Path, plan: Plan) -> Path:
    """A folder with the plan's lock."""
    (tmp_path / "pylock.toml").write_bytes(plan_to_lock(plan))
    return tmp_path


def said(*records: dict[str, Any], errors: str = "", code: int = 0) -> Ran:
    """A run that prints these records among other lines."""
    lines = (f"\n@torchsolve {json.dumps(record)}\n" for record in records)
    return Ran(code, "a library says hello" + "".join(lines), errors, 1.5)


def record(name: str, status: str = "passed", detail: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "status": status, "detail": detail, "seconds": 0.25, **more}


def good() -> dict[str, Ran]:
    """Answers of all probes of a good image."""
    names = ("versions", "extensions", "imports")
    found = {name: said(record(f"{name}:torch"), record(name)) for name in names}
    start = {"name": "comfyui", "ready": True, "exit": None, "seconds": 9.0, "log": "", "error": ""}
    classes = {"MeshLoad": "custom_nodes.ComfyUI-Mesh", "X": "nodes"}
    for node in standalone().nodes:
        classes |= dict.fromkeys(node.classes, f"custom_nodes.{node.name}")
    found["comfyui"] = said(start | {"classes": classes})
    return found


def engine(plan: Plan, outputs: Outputs, lock: bytes | None = None) -> FakeEngine:
    """Knows the plan's image (built from ``lock``) and answers each probe."""

    def answer(request: RunRequest) -> Ran:
        return outputs[Path(request.command[1]).stem]

    labels = (("torchsolve.lock.sha256", hashlib.sha256(lock).hexdigest()),) if lock else ()
    return FakeEngine(answer, {image_tag(plan): image(image_tag(plan), labels)})


def test_a_good_image_passes_and_is_kept(tmp_path: Path) -> None:
    directory = folder(tmp_path, standalone())
    lock = (directory / "pylock.toml").read_bytes()
    report = smoke(directory, SmokeOptions(engine=engine(standalone(), good(), lock)))
    assert (report.status, report.diagnosis) == ("passed", ())
    assert report.checks[0].name == "lock"
    kept = json.loads((directory / "observed.json").read_text())
    assert kept["schema"] == "torchsolve.smoke/1"
    assert kept["lock_sha256"] == hashlib.sha256(lock).hexdigest()
    assert kept["image_id"] == f"sha256:{'ab' * 32}"
    assert [check["name"] for check in kept["checks"]] == [check.name for check in report.checks]
    assert not list(directory.glob("*.partial"))


def test_each_probe_is_asked_what_the_lock_says(tmp_path: Path) -> None:
    plan = standalone()
    fake = engine(plan, good())
    smoke(folder(tmp_path, plan), SmokeOptions(engine=fake))
    asked = {Path(r.command[1]).stem: json.loads(r.files["input.json"]) for r in fake.requests}
    assert list(asked) == ["versions", "extensions", "imports", "comfyui"]
    assert asked["versions"]["pins"]["torch"] == plan.torch_version
    assert asked["versions"]["cuda"] == "12.8"
    assert set(asked["imports"]["dists"]) == {pin.name for pin in plan.pins}
    assert asked["comfyui"]["path"] == "/opt/ComfyUI"
    assert [r.command[0] for r in fake.requests] == ["python"] * 4
    assert [r.network for r in fake.requests] == [False, False, False, True]


def test_a_layered_plan_is_tested_with_the_interpreter_of_its_base(tmp_path: Path) -> None:
    plan = layered()
    assert plan.inventory is not None
    fake = engine(plan, good())
    smoke(folder(tmp_path, plan), SmokeOptions(engine=fake))
    assert {request.command[0] for request in fake.requests} == {plan.inventory.executable}


def test_without_comfyui_three_probes_are_left_and_without_torch_any_cuda_will_do() -> None:
    asked = probes(cpu(), gpu=False, each=1, start=1)
    assert [probe.name for probe in asked] == ["versions", "extensions", "imports"]
    assert asked[0].question["cuda"] == "any"


def test_a_cpu_plan_wants_a_torch_without_cuda() -> None:
    torch = pin("torch-2.7.0-cp313-cp313-manylinux_2_28_x86_64.whl")
    asked = probes(replace(cpu(), pins=(torch,)), gpu=False, each=1, start=1)
    assert asked[0].question["cuda"] is None


def test_one_failure_fails_the_whole_and_names_the_cause(tmp_path: Path) -> None:
    symbol = "/x/_C.so: undefined symbol: _ZNK5torch8autograd4Node4nameEv"
    warning = "WARNING[XFORMERS]: xFormers can't load C++/CUDA extensions. xFormers was built for:"
    outputs = good() | {
        "extensions": said(record("extensions:x:_C.so", "failed", symbol), record("extensions")),
        "imports": said(record("imports:xformers", output=warning), record("imports")),
    }
    report = smoke(
        folder(tmp_path, standalone()), SmokeOptions(engine=engine(standalone(), outputs))
    )
    assert report.status == "failed"
    references = [cause.reference for cause in report.diagnosis]
    assert "xformers-mismatch" in references
    assert "torch-minor-mismatch-symbol" in references
    assert json.loads((tmp_path / "observed.json").read_text())["status"] == "failed"


def test_skipped_is_not_failed(tmp_path: Path) -> None:
    skipped = said(record("extensions:a", "skipped", "lacks only the driver's libcuda.so.1"))
    outputs = good() | {
        "extensions": Ran(0, skipped.output + said(record("extensions")).output, "", 1.0)
    }
    report = smoke(
        folder(tmp_path, standalone()), SmokeOptions(engine=engine(standalone(), outputs))
    )
    assert report.status == "passed"


@pytest.mark.parametrize("probe", ["versions", "extensions", "imports", "comfyui"])
@pytest.mark.parametrize(
    ("ran", "detail"),
    [
        (said(code=1, errors="Traceback\nMemoryError\n"), "the probe ended with 1: MemoryError"),
        (said(code=127), "the probe ended with 127: no message"),
        (Ran(137, "", "", 1800.0, timed_out=True), "the probe did not end within 1800 s"),
    ],
)
def test_a_probe_that_does_not_come_to_its_end_is_a_failure(
    tmp_path: Path, probe: str, ran: Ran, detail: str
) -> None:
    outputs = good() | {probe: ran}
    report = smoke(
        folder(tmp_path, standalone()), SmokeOptions(engine=engine(standalone(), outputs))
    )
    assert report.status == "failed"
    assert [c.detail for c in report.checks if c.name == probe] == [detail]


def test_a_probe_that_dies_half_way_keeps_what_it_said(tmp_path: Path) -> None:
    outputs = good() | {"imports": said(record("imports:torch"), code=139)}
    report = smoke(
        folder(tmp_path, standalone()), SmokeOptions(engine=engine(standalone(), outputs))
    )
    statuses = {check.name: check.status for check in report.checks}
    assert (statuses["imports:torch"], statuses["imports"]) == ("passed", "failed")


def test_an_image_of_another_lock_fails(tmp_path: Path) -> None:
    fake = engine(standalone(), good(), b"another")
    report = smoke(folder(tmp_path, standalone()), SmokeOptions(engine=fake))
    assert [check.name for check in report.checks if check.status == "failed"] == ["lock"]


def test_the_gpu_reaches_every_run(tmp_path: Path) -> None:
    fake = engine(standalone(), good())
    smoke(folder(tmp_path, standalone()), SmokeOptions(engine=fake, gpu=True))
    assert all(request.gpu for request in fake.requests)
    assert json.loads((tmp_path / "observed.json").read_text())["gpu"] is True


def test_no_image_and_no_lock_are_usage_errors(tmp_path: Path) -> None:
    fake = engine(standalone(), good())
    with pytest.raises(UsageError) as caught:
        smoke(tmp_path, SmokeOptions(engine=fake))
    assert caught.value.reference == "no-lock"
    with pytest.raises(UsageError) as caught:
        smoke(folder(tmp_path, standalone()), SmokeOptions(engine=fake, image="other:1"))
    assert caught.value.reference == "unknown-image"
    assert not (tmp_path / "observed.json").exists()
