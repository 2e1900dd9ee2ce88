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
from torchsolve.model.binary import Cause
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


def test_gradients_registered_for_another_key_refute() -> None:
    # Seen in a dump of its kernels: on 2.7.1 none is left for Autograd, on 2.8.0 there are 43.
    name = next(name for name in wheels() if name.startswith("fbgemm_gpu_cpu-1.3.0-"))
    binary = load_binary(wheels()[name], name)
    file = next(f for f in binary.files if f.member.endswith("fbgemm_gpu_tbe_index_select.so"))
    judge = Judge(binary, load_atlas(), HOST)
    found = judge.file(file, Version("2.7.1"))
    assert (found.verdict, found.cause) == ("refuted", Cause.LAYOUT)
    assert "DK_Autograd" in found.missing
    assert judge.file(file, Version("2.8.0")).verdict == "loads"
