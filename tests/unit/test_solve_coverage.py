"""GPU coverage: expected values by NVIDIA's compatibility rules, of real wheels."""

from __future__ import annotations

import pytest
from packaging.version import Version

from torchsolve.facts import load_facts
from torchsolve.model.binary import ElfFile, Fatbin, GpuCode, WheelBinary
from torchsolve.model.version import CudaTag
from torchsolve.report.wheels_text import gpu_rows
from torchsolve.solve.coverage import Jit, plan_coverage, wheel_coverage
from torchsolve.solve.runtime import driver_minimum

FACTS = load_facts()
JIT = Jit(FACTS.drivers)
# What spconv-cu124 2.3.8 has: some files of it were compiled for sm_52 alone.
SPCONV = GpuCode(
    ("sm_52", "sm_70", "sm_80", "sm_86", "sm_90"),
    (("compute_52", "8.4"), ("compute_90", "8.4")),
    fatbins=(
        Fatbin(("sm_70", "sm_80", "sm_86", "sm_90"), ("compute_90",), 133),
        Fatbin(("sm_52",), ("compute_52",), 195),
    ),
)
# xformers 0.0.33: its own kernels, and FlashAttention-3 beside them.
XFORMERS = [
    ("xformers/_C.so", GpuCode(("sm_75", "sm_80", "sm_90a"), (("compute_80", "8.7"),))),
    ("xformers/flash_attn_3/_C.so", GpuCode(("sm_80", "sm_90a"), (("compute_80", "8.7"),))),
]


def coded(*rows: tuple[str, GpuCode]) -> WheelBinary:
    files = tuple(ElfFile(member, gpu=code) for member, code in rows)
    return WheelBinary("x.whl", None, verified=True, files=files)


def test_the_union_over_a_files_fatbins_is_not_what_runs() -> None:
    assert wheel_coverage([("core_cc.so", SPCONV)], "8.6") == "ptx"


@pytest.mark.parametrize(
    ("capability", "how"),
    [("7.5", "partial"), ("8.0", "native"), ("12.0", "ptx"), ("7.0", "missing")],
)
def test_a_file_for_other_gpus_beside_one_that_runs_leaves_a_part(
    capability: str, how: str
) -> None:
    assert wheel_coverage(XFORMERS, capability) == how


def test_of_files_for_each_cuda_one_is_opened() -> None:
    rows = [
        ("libbitsandbytes_cuda118.so", GpuCode(("sm_80", "sm_90"))),
        ("libbitsandbytes_cuda128.so", GpuCode(("sm_90", "sm_120"))),
    ]
    assert wheel_coverage(rows, "12.0") == "native"


def test_a_driver_compiles_ptx_up_to_its_own_isa() -> None:
    """ISA 8.7 is CUDA 12.8's, which came with driver 570.26; minor versions do not cover PTX."""
    code = GpuCode(("sm_80",), (("compute_90", "8.7"),))
    old, new = Jit(FACTS.drivers, "560.35.03"), Jit(FACTS.drivers, "570.26")
    assert wheel_coverage([("x.so", old.usable(code))], "12.0") == "missing"
    assert wheel_coverage([("x.so", new.usable(code))], "12.0") == "ptx"
    # Machine code runs on every driver of the major.
    assert wheel_coverage([("x.so", old.usable(code))], "8.6") == "native"


def test_a_plan_tells_machine_code_ptx_parts_and_gaps() -> None:
    build = FACTS.torch.build(Version("2.9.1"), CudaTag("cu128"), "x86_64")
    wheels = [("xformers", coded(*XFORMERS)), ("spconv", coded(("core_cc.so", SPCONV)))]
    found = plan_coverage(build, ("7.0", "7.5", "8.0", "9.0"), wheels, ("xformers", "unseen"), JIT)
    assert found.gpu.native == ()
    assert found.gpu.ptx == ("8.0", "9.0")
    assert found.gpu.missing == (("7.0", ("xformers",)),)
    assert found.gpu.partial == (("7.5", ("xformers",)),)
    assert (found.gpu.complete, found.gpu.unread) == (False, ("unseen",))


def test_the_driver_of_a_plan_compiles_the_ptx_that_serves_a_gpu() -> None:
    build = FACTS.torch.build(Version("2.9.1"), CudaTag("cu128"), "x86_64")
    wheels = [("x", coded(("x.so", GpuCode(("sm_80",), (("compute_80", "8.8"),)))))]
    found = plan_coverage(build, ("8.0", "9.0"), wheels, (), JIT)
    assert driver_minimum(CudaTag("cu128"), FACTS, ("8.0",), found) == "525.60.13"
    assert driver_minimum(CudaTag("cu128"), FACTS, ("9.0",), found) == "575.51.03"


def test_wheels_without_torch_are_covered_by_themselves() -> None:
    wheels = [("cupy", coded(("cupy.so", GpuCode(("sm_80",)))))]
    found = plan_coverage(None, ("8.0", "9.0"), wheels, ("cupy",), JIT)
    assert (found.gpu.native, found.gpu.complete) == (("8.0",), True)
    assert plan_coverage(None, ("8.0",), (), (), JIT).gpu.native == ()


# torchao 0.13.0: its general kernels, and two files that CUTLASS has for one architecture each.
TORCHAO = [
    ("torchao/_C.abi3.so", GpuCode(("sm_80", "sm_86"))),
    ("torchao/_C_cutlass_100a.abi3.so", GpuCode(("sm_100a",))),
    ("torchao/_C_cutlass_90a.abi3.so", GpuCode(("sm_90a",))),
]


@pytest.mark.parametrize(
    ("capability", "how"),
    [("8.6", "native"), ("9.0", "partial"), ("10.0", "partial"), ("12.0", "missing")],
)
def test_a_gpu_that_only_a_file_of_its_own_serves_is_served_in_part(
    capability: str, how: str
) -> None:
    assert wheel_coverage(TORCHAO, capability) == how


def test_a_plan_and_inspect_say_the_same_of_a_gpu() -> None:
    wheel = coded(*TORCHAO)
    shown = {row[0].text: row[1].text for row in gpu_rows(wheel)}
    found = plan_coverage(None, ("8.6", "9.0", "12.0"), [("torchao", wheel)], ["torchao"], JIT)
    assert found.gpu.native == ("8.6",)
    assert found.gpu.partial == (("9.0", ("torchao",)),)
    assert found.gpu.missing == (("12.0", ("torchao",)),)
    assert "9.0" in shown["in part on"]
    assert "12.0" in shown["not on"]


def test_ptx_that_a_driver_does_not_compile_leaves_a_file_what_it_was() -> None:
    """A file whose general code is PTX alone still lacks it beside one that runs."""
    rows = [("a.so", GpuCode(("sm_90",))), ("b.so", GpuCode(("sm_90a",), (("compute_80", "8.7"),)))]
    assert wheel_coverage(rows, "9.0", Jit(FACTS.drivers, "560.35.03")) == "native"
    rows = [("a.so", GpuCode(("sm_80",))), rows[1]]
    assert wheel_coverage(rows, "8.0", Jit(FACTS.drivers, "560.35.03")) == "partial"
    assert wheel_coverage(rows, "8.0", Jit(FACTS.drivers, "570.26")) == "ptx"
