"""What a start of ComfyUI says, judged. The lines are those of ComfyUI 0.3.64 (docker logs)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.plans import standalone
from torchsolve.model.outcome import CheckResult
from torchsolve.model.plan import NodeSource, Plan
from torchsolve.model.project import SourceLocation
from torchsolve.smoke.startup import judge, read_log

BROKEN = """\
Traceback (most recent call last):
  File "/opt/ComfyUI/nodes.py", line 2131, in load_custom_node
    module_spec.loader.exec_module(module)
ModuleNotFoundError: No module named 'nonexistent_pkg_xyz'

Cannot import /opt/ComfyUI/custom_nodes/bad_import module for custom nodes: No module named \
'nonexistent_pkg_xyz'
Cannot import /opt/ComfyUI/custom_nodes/bad_syntax module for custom nodes: invalid syntax \
(__init__.py, line 1)
Skip /opt/ComfyUI/custom_nodes/no_map module for custom nodes due to the lack of \
NODE_CLASS_MAPPINGS or NODES_LIST (need one).

Import times for custom nodes:
   0.0 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/no_map
   0.0 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/bad_syntax
   0.0 seconds: /opt/ComfyUI/custom_nodes/websocket_image_save.py
   0.0 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/bad_import

"""
HEALTHY = """\
Device: cpu
ComfyUI version: 0.3.64

Import times for custom nodes:
   0.3 seconds: /opt/ComfyUI/custom_nodes/Mesh

To see the GUI go to: http://0.0.0.0:8188
"""
NO_GPU = """\
Mesh: PatchTritonVAE node could not be imported. PatchTritonVAE will be unavailable.
RuntimeError: 0 active drivers ([]). There should only be one.
"""
NO_INFO = """\
[ERROR] An error occurred while retrieving information for the 'AddNoiseToTrackPath' node.
Traceback (most recent call last):
AttributeError: module 'comfy_api.latest._io' has no attribute 'Tracks'
"""


def plan(*classes: str, name: str = "Mesh") -> Plan:
    """A plan with one node that registers these classes."""
    return replace(standalone(), nodes=(NodeSource(name, True, SourceLocation(), classes),))


def facts(log: str = HEALTHY, **changes: Any) -> dict[str, Any]:
    """What the probe saw of a start that went well, unless changed."""
    classes = {"KSampler": "nodes", "MeshLoad": "custom_nodes.Mesh"}
    found = {"ready": True, "exit": None, "seconds": 16.7, "log": log, "classes": classes}
    return found | {"error": ""} | changes


def results(plan: Plan, facts: dict[str, Any], *, gpu: bool = False) -> dict[str, CheckResult]:
    """Name → result."""
    return {check.name: check for check in judge(plan, facts, gpu=gpu)}


def test_each_failed_node_is_named_once_with_its_reason() -> None:
    found = read_log(BROKEN)
    assert dict(found.failed) == {
        "bad_import": "No module named 'nonexistent_pkg_xyz'",
        "bad_syntax": "invalid syntax (__init__.py, line 1)",
        "no_map": "the lack of NODE_CLASS_MAPPINGS or NODES_LIST (need one).",
    }


def test_a_failure_without_a_reason_is_still_one() -> None:
    log = "   0.0 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/Mesh\n"
    assert list(read_log(log).failed) == ["Mesh"]


def test_a_healthy_log_has_no_failures() -> None:
    found = read_log(HEALTHY)
    assert (dict(found.failed), found.undescribed, found.gpu_wanted) == ({}, (), None)


def test_a_good_start_with_the_classes_that_were_expected() -> None:
    found = results(plan("MeshLoad"), facts())
    assert found["comfyui"].status == "passed"
    assert found["comfyui"].seconds == 16.7
    assert "2 node classes" in found["comfyui"].detail
    assert found["comfyui:Mesh"] == CheckResult(
        "comfyui:Mesh", "passed", "1 classes registered", 0.0
    )


def test_without_expectations_one_class_of_the_folder_is_enough() -> None:
    assert results(plan(), facts())["comfyui:Mesh"].status == "passed"
    nothing = facts(classes={"KSampler": "nodes"})
    assert results(plan(), nothing)["comfyui:Mesh"].status == "failed"


def test_a_missing_class_fails_a_node_that_looks_healthy() -> None:
    found = results(plan("MeshLoad", "MeshSave"), facts())
    assert found["comfyui:Mesh"].status == "failed"
    assert found["comfyui:Mesh"].detail == "1 of 2 classes missing: MeshSave"


def test_a_class_lost_to_a_missing_gpu_is_no_defect_without_one() -> None:
    expected = plan("MeshLoad", "PatchTritonVAE")
    found = results(expected, facts(NO_GPU + HEALTHY))["comfyui:Mesh"]
    assert found.status == "skipped"
    assert "0 active drivers" in found.detail
    assert results(expected, facts(NO_GPU + HEALTHY), gpu=True)["comfyui:Mesh"].status == "failed"


def test_a_node_that_wants_a_gpu_at_import_is_skipped_without_one() -> None:
    why = "0 active drivers ([]). There should only be one."
    log = f"Cannot import /opt/ComfyUI/custom_nodes/Mesh module for custom nodes: {why}\n"
    found = results(plan("MeshLoad"), facts(log, classes={}))["comfyui:Mesh"]
    assert (found.status, found.detail) == ("skipped", f"asks for a GPU at import: {why}")
    with_gpu = results(plan("MeshLoad"), facts(log, classes={}), gpu=True)["comfyui:Mesh"]
    assert with_gpu.status == "failed"


def test_classes_that_cannot_be_described_are_told() -> None:
    assert "AddNoiseToTrackPath" in results(plan(), facts(HEALTHY + NO_INFO))["comfyui"].detail


def test_a_failure_of_another_node_is_told_and_is_not_ours() -> None:
    found = results(plan("MeshLoad"), facts(BROKEN + HEALTHY))
    assert found["comfyui:Mesh"].status == "passed"
    assert found["comfyui:bad_import"].status == "skipped"
    assert "No module named 'nonexistent_pkg_xyz'" in found["comfyui:bad_import"].detail


def test_an_end_without_a_message_is_told_by_its_code() -> None:
    log = "ComfyUI frontend version: 1.27.10\n[Prompt Server] web root: /opt/x\n"
    found = results(plan("MeshLoad"), facts(log, ready=False, exit=3, classes={}))
    assert found["comfyui"].status == "failed"
    assert found["comfyui"].detail.startswith("it ended with 3; last line: [Prompt Server]")
    assert found["comfyui:Mesh"].status == "failed"


def test_a_start_that_hangs() -> None:
    found = results(plan(), facts("Device: cpu\n", ready=False, classes={}))
    assert found["comfyui"].detail == "no GUI in time; last line: Device: cpu"


def test_no_output_at_all() -> None:
    found = results(plan(), facts("", ready=False, exit=1, classes={}))
    assert found["comfyui"].detail == "it ended with 1; last line: no output"


def test_a_gui_line_without_object_info_fails() -> None:
    found = results(plan("MeshLoad"), facts(error="/object_info: HTTP Error 500", classes={}))
    assert found["comfyui"] == CheckResult(
        "comfyui", "failed", "/object_info: HTTP Error 500", 16.7
    )
