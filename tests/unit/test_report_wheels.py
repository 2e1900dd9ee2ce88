"""``inspect`` for people: GPUs and where the facts come from. GPU code as ``cuobjdump`` lists it of
xformers 0.0.30, whose FlashAttention-3 is made for sm_90a alone."""

from __future__ import annotations

from dataclasses import replace

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.survey import survey
from torchsolve.inspection import WheelFindings
from torchsolve.model.binary import ElfFile, Fatbin, GpuCode, WheelBinary
from torchsolve.report.wheels_text import wheels_screen
from torchsolve.wheel.claims import claims
from torchsolve.wheel.metadata import parse_metadata

NAME = "xformers-0.0.30-cp312-cp312-manylinux_2_28_x86_64.whl"
SASS = ("sm_60", "sm_70", "sm_75", "sm_80", "sm_90a")
PTX = ("compute_60", "compute_80")
METADATA = """Metadata-Version: 2.1
Name: xformers
Version: 0.0.30
Requires-Dist: torch==2.7.0
Requires-Dist: pytest; extra == "dev"
"""


def member(name: str, sass: tuple[str, ...], ptx: tuple[str, ...] = ()) -> ElfFile:
    code = GpuCode(sass, tuple((one, "") for one in ptx), fatbins=(Fatbin(sass, ptx, 18),))
    return ElfFile(f"xformers/{name}.so", machine="x86_64", needed=("libc.so.6",), gpu=code)


def told(*files: ElfFile, bytes_read: int = 0) -> dict[str, str]:
    binary = WheelBinary(
        NAME, "0" * 64, verified=False, files=files, bytes_read=bytes_read, bytes_total=31_521_318
    )
    found = WheelFindings(
        NAME,
        binary.sha256,
        parse_metadata(METADATA, NAME),
        ("cp312-cp312-manylinux_2_28_x86_64",),
        claims(NAME),
        binary,
        survey(binary, load_atlas()),
    )
    rows = [row for block in wheels_screen((found,)) for row in block.rows]
    return {row[0].text: row[1].text for row in rows if len(row) > 1}


GENERAL = member("_C", SASS, PTX)
HOPPER = member("_C_flashattention3", ("sm_90a",))


def test_code_for_one_architecture_takes_nothing_away() -> None:
    rows = told(GENERAL, HOPPER)
    assert "8.0 (A100)" in rows["runs on"]
    assert "9.0 (H100)" in rows["runs on"]
    assert "12.0" in rows["by PTX on"]
    assert "5.2" in rows["not on"]
    assert rows["besides"] == "xformers/_C_flashattention3.so, for sm_90a alone"


def test_a_gpu_that_only_the_addition_serves_is_served_in_part() -> None:
    rows = told(member("_C", ("sm_80",)), HOPPER)
    assert "9.0" in rows["in part on"]
    assert "9.0" not in rows["runs on"]


def test_only_what_python_imports_is_called_an_extension() -> None:
    rows = told(GENERAL, replace(HOPPER, python="abi3"))
    assert rows["library"] == "xformers/_C.so"
    assert rows["extension"] == "xformers/_C_flashattention3.so"


def test_gpu_code_that_could_not_be_read_is_told_and_nothing_is_ruled_out() -> None:
    code = GpuCode(("sm_80",), unread="the fatbin at 0x40 claims 9 bytes")
    rows = told(replace(GENERAL, gpu=code))
    assert rows["unread"] == "GPU code of xformers/_C.so: the fatbin at 0x40 claims 9 bytes"
    assert "8.0 (A100)" in rows["runs on"]
    assert "not on" not in rows


def test_shipped_evidence_is_told_from_a_read() -> None:
    assert "ships with torchsolve" in told(GENERAL)["read"]
    assert told(GENERAL, bytes_read=100)["read"].startswith("100 of 31,521,318 bytes")


def test_requirements_of_extras_are_counted() -> None:
    rows = told(GENERAL)
    assert rows["requires"] == "torch==2.7.0"
    assert rows[""] == "and 1 more for extras: --json"
