"""Verdicts beside what ``dlopen`` said of real wheels; ``tests/bench/truth.py`` takes all of them.

``tests/data/dlopen_outcomes.jsonl.xz``: 127 wheels before 15 torch releases on Debian 12, without a
GPU, FFmpeg or CUDA of its own, one process a file; the wheels' files as they were read beside it.
"""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path

import pytest
from packaging.version import Version

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.host import Host
from torchsolve.abi.judge import Judge
from torchsolve.model.binary import ElfFile
from torchsolve.wheel.record import load_binary

DATA = Path(__file__).parent.parent / "data"
HOST = Host("2.36", "3.4.30")
# Each broke a rule once: scope of symbols, copies of libstdc++'s, builds for several torches.
WHEELS = (
    "intel_extension_for_pytorch-2.8.0",
    "lmcache-0.5.6",
    "sphericart_torch-2.0.4",
    "torch_harmonics-0.9.3",
    "metatensor_torch-0.8.0",
    "sgl_kernel-0.1.0",
    "torchpairwise-0.3.0",
    "vllm_flash_attn-2.6.2",
)


@cache
def outcomes() -> list[dict[str, str | bool]]:
    rows = lzma.decompress((DATA / "dlopen_outcomes.jsonl.xz").read_bytes()).splitlines()
    return [json.loads(row) for row in rows]


@cache
def wheels() -> dict[str, bytes]:
    rows = lzma.decompress((DATA / "dlopen_wheels.xz").read_bytes()).splitlines()
    return {row.split(b"\t")[0].decode(): row.split(b"\t")[2] for row in rows}


@pytest.mark.parametrize("start", WHEELS)
def test_no_verdict_is_against_the_linker(start: str) -> None:
    name = next(name for name in wheels() if name.startswith(f"{start}-"))
    binary, judged = load_binary(wheels()[name], name), 0
    judge = Judge(binary, load_atlas(), HOST)
    for row in outcomes():
        if row["wheel"] != name:
            continue
        file = next(file for file in binary.files if file.member == row["so"])
        found = judge.file(file, Version(str(row["torch"])))
        opened = row["loaded"] or bool(row["assisted_loaded"])
        said = found.cause.value if found.cause else ""
        assert opened or found.verdict != "loads", (row, found.reason)
        assert not opened or found.verdict != "refuted" or said == "layout", (row, found.reason)
        judged += found.verdict in ("loads", "refuted")
    assert judged > 10


def of(start: str, ending: str) -> tuple[Judge, ElfFile]:
    name = next(name for name in wheels() if name.startswith(f"{start}-"))
    binary = load_binary(wheels()[name], name)
    file = next(file for file in binary.files if file.member.endswith(ending))
    return Judge(binary, load_atlas(), HOST), file


def test_no_symbol_tells_that_gradients_are_registered_for_another_key() -> None:
    # A dump of its kernels shows it (on 2.7.1 none is left for Autograd, on 2.8.0 there are 43),
    # but a file that calls autograd functions in kernels for CPU looks the same.
    judge, file = of("fbgemm_gpu_cpu-1.3.0", "fbgemm_gpu_tbe_index_select.so")
    found = judge.file(file, Version("2.7.1"))
    assert found.verdict == "links"
    assert any(difference.startswith("DK_Autograd 151") for difference in found.missing)
    assert judge.file(file, Version("2.8.0")).verdict == "loads"


def test_a_class_that_a_sibling_registers_is_not_there_yet() -> None:
    # Opened alone on 2.4.1 it aborts: Unknown custom class type _core_C.ScalarType.
    judge, file = of("vllm-0.6.3", "_moe_C.abi3.so")
    found = judge.file(file, Version("2.4.1"))
    assert found.verdict == "links"
    assert "vllm/_core_C.abi3.so" in found.reason
    _, registering = of("vllm-0.6.3", "_core_C.abi3.so")
    assert judge.file(registering, Version("2.4.1")).verdict == "loads"
    # Its Python code opens both, in that order.
    assert judge.wheel(Version("2.4.1")).verdict == "loads"


@pytest.mark.parametrize("torch", ["2.1.2", "2.7.0", "2.15.0"])
def test_what_every_compile_would_give_loads_wherever_it_fits(torch: str) -> None:
    # The helper's code is the same, compiled for each of 2.6 to 2.14.
    judge, file = of("sphericart_torch-2.0.0", "torch-2.7/lib/libsphericart_torch_cuda_stream.so")
    assert judge.file(file, Version(torch)).verdict == "loads"
    judge, file = of("sphericart_torch-2.0.0", "torch-2.7/lib/libsphericart_torch.so")
    assert judge.file(file, Version(torch)).verdict != "loads"
