"""Logs, explained. The texts are of real runs: ComfyUI 0.3.64 on torch 2.7.0, docker 20.10."""

from __future__ import annotations

import pytest

from torchsolve.doctor.findings import Examined
from torchsolve.doctor.log import examine_log

HEAD = """Checkpoint files will always be loaded safely.
Total VRAM 24106 MB, total RAM 24106 MB
pytorch version: 2.7.0+cu126
xformers version: 0.0.30
Set vram state to: DISABLED
Device: cpu
Python version: 3.11.2 (main, May 12 2026, 05:17:27) [GCC 12.2.0]
ComfyUI version: 0.3.64
"""
BROKEN = (
    HEAD
    + """Traceback (most recent call last):
  File "/opt/ComfyUI/nodes.py", line 2131, in load_custom_node
    module_spec.loader.exec_module(module)
  File "/opt/ComfyUI/custom_nodes/bad_import/__init__.py", line 1, in <module>
    import nonexistent_pkg_xyz
ModuleNotFoundError: No module named 'nonexistent_pkg_xyz'

Cannot import /opt/ComfyUI/custom_nodes/bad_import module for custom nodes: No module named 'nonexistent_pkg_xyz'
Traceback (most recent call last):
  File "/opt/ComfyUI/nodes.py", line 2131, in load_custom_node
    module_spec.loader.exec_module(module)
  File "/opt/ComfyUI/custom_nodes/bad_syntax/__init__.py", line 1
    def x(:
          ^
SyntaxError: invalid syntax

Cannot import /opt/ComfyUI/custom_nodes/bad_syntax module for custom nodes: invalid syntax (__init__.py, line 1)
Skip /opt/ComfyUI/custom_nodes/no_map module for custom nodes due to the lack of NODE_CLASS_MAPPINGS or NODES_LIST (need one).

To see the GUI go to: http://0.0.0.0:8188
"""  # noqa: E501 - as it was printed
)
UNDESCRIBED = (
    HEAD
    + """[ERROR] An error occurred while retrieving information for the 'GetTrackRange' node.
Traceback (most recent call last):
  File "/opt/ComfyUI/server.py", line 622, in get_object_info
    out[x] = node_info(x)
AttributeError: module 'comfy_api.latest._io' has no attribute 'Tracks'
[ERROR] An error occurred while retrieving information for the 'AddNoise' node.
Traceback (most recent call last):
  File "/opt/ComfyUI/server.py", line 622, in get_object_info
    out[x] = node_info(x)
AttributeError: module 'comfy_api.latest._io' has no attribute 'Tracks'
To see the GUI go to: http://0.0.0.0:8188
"""
)


def told(text: str) -> list[tuple[str, str]]:
    return [(one.reference, one.where) for one in examine_log(text, "a.log").findings]


def only(text: str) -> Examined:
    found = examine_log(text, "a.log")
    assert len(found.findings) == 1, found.findings
    return found


def test_each_node_that_does_not_load_is_told_with_its_line() -> None:
    found = examine_log(BROKEN, "a.log")
    assert told(BROKEN) == [
        ("module-not-found", "2 lines from 14 on"),
        ("node-not-loaded", "line 16"),
        ("node-not-loaded", "line 25"),
        ("node-not-loaded", "line 26"),
    ]
    assert [one.text for one in found.findings[1:]] == ["bad_import", "bad_syntax", "no_map"]
    assert dict(found.facts)["torch"] == "2.7.0+cu126"
    assert found.unexplained == ()


def test_classes_that_one_reason_keeps_away_are_one_finding() -> None:
    references = dict(told(UNDESCRIBED))
    assert references["class-not-described"] == "2 lines from 9 on"
    assert references["comfyui-api-differs"] == "2 lines from 13 on"


def test_a_start_without_complaints_that_comes_up_is_fine() -> None:
    found = examine_log(HEAD + "To see the GUI go to: http://0.0.0.0:8188\n", "a.log")
    assert (found.findings, found.unexplained) == ((), ())


def test_a_start_that_stops_without_a_word_is_not_fine() -> None:
    assert told(HEAD) == [("ended-without-a-word", "line 8")]


def test_what_no_row_knows_is_unexplained_and_never_dropped() -> None:
    found = examine_log("Traceback (most recent call last):\n  File x\nKeyError: 'boo'\n", "a.log")
    assert found.findings == ()
    assert found.unexplained == (("line 3", "KeyError: 'boo'"),)


@pytest.mark.parametrize(
    ("line", "reference", "detail"),
    [
        (
            "ImportError: /x.so: undefined symbol: _ZNK3c107SymBool14guard_or_falseEPKcl",
            "torch-minor-mismatch-symbol",
            "exported by torch 2.8.0 to 2.15.0",
        ),
        (
            (
                "ImportError: /x.so: undefined symbol: cudaGetDriverEntryPointByVersion,"
                " version libcudart.so.12"
            ),
            "cudart-symbol-missing",
            "libcudart.so.12 has it from 12.5",
        ),
        (
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "library-not-found",
            "apt-get install libgl1 (",
        ),
        (
            "ImportError: /lib64/libc.so.6: version `GLIBC_2.38' not found (required by /x.so)",
            "glibc-too-old",
            "ubuntu24.04 (2.39)",
        ),
        (
            "/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /x.so)",
            "glibcxx-too-old",
            "ubuntu24.04 (3.4.33)",
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 11060).",
            "driver-too-old",
            "knows CUDA up to 11.6",
        ),
        (
            (
                "NVIDIA GeForce RTX 5070 Ti with CUDA capability sm_120 is not compatible with the"
                " current PyTorch installation."
            ),
            "no-kernel-image",
            "code for 12.0: 2.",
        ),
        (
            (
                "WARNING[XFORMERS]: xFormers can't load C++/CUDA extensions. xFormers was built"
                " for:\n    PyTorch 2.6.0+cu124 with CUDA 1204 (you have 2.7.0+cu126)"
            ),
            "xformers-mismatch",
            "for torch 2.7.0: xformers 0.0.30",
        ),
        (
            "ModuleNotFoundError: No module named 'cv2'",
            "module-not-found",
            "the distribution opencv",
        ),
    ],
)
def test_the_names_in_a_complaint_are_looked_up(line: str, reference: str, detail: str) -> None:
    (finding,) = only(line).findings
    assert finding.reference == reference
    assert any(detail in text for text in finding.details), finding.details


def test_colours_and_carriage_returns_hide_nothing() -> None:
    text = "\x1b[31mModuleNotFoundError: No module named 'requests'\x1b[0m\r\nready\r\n"
    assert told(text) == [("module-not-found", "line 1")]


def test_a_gpu_that_was_not_passed() -> None:
    engine = 'docker: Error response from daemon: could not select device driver "" with'
    assert told(f"{engine} capabilities: [[gpu]]") == [("no-gpu-runtime", "line 1")]
