"""What ``covered`` says of a file, against what happens on the GPU of this machine.

Needs ``nvcc`` and torch with CUDA. A kernel of each source file writes 7 into a tensor of zeros;
the call itself never fails, so that the tensor alone tells whether it ran.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from torchsolve.model.gpu import covered
from torchsolve.wheel.elf import read_elf

torch = pytest.importorskip("torch")
NVCC = shutil.which("nvcc")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        NVCC is None or not torch.cuda.is_available(), reason="needs nvcc and an NVIDIA GPU"
    ),
]

# {0}: the name. The launch's own error is left where it is, as in most extensions.
KERNEL = """
__global__ void fill_{0}(int *out) {{ out[threadIdx.x] = 7; }}
extern "C" void run_{0}(int *out) {{ fill_{0}<<<1, 32>>>(out); }}
"""


def here() -> str:
    major, minor = torch.cuda.get_device_capability()
    return f"{major}.{minor}"


def real(arch: str) -> str:
    return f"arch=compute_{arch},code=sm_{arch}"


def build(folder: Path, *sources: list[str]) -> Path:
    """A library of one kernel a source, each compiled for its own targets."""
    objects = []
    for number, targets in enumerate(sources):
        source = folder / f"k{number}.cu"
        source.write_text(KERNEL.format(number))
        objects.append(str(source.with_suffix(".o")))
        flags = [word for target in targets for word in ("-gencode", target)]
        command = [str(NVCC), "-c", "-Xcompiler", "-fPIC", *flags, "-o", objects[-1], str(source)]
        subprocess.run(command, check=True, capture_output=True)
    path = folder / "kernels.so"
    # Its own run time, as wheels of another CUDA have: torch's does not see its errors.
    command = [str(NVCC), "-shared", "-cudart", "static", "-o", str(path), *objects]
    subprocess.run(command, check=True, capture_output=True)
    return path


def ran(path: Path, number: int) -> bool:
    """Whether a kernel did its work. The call returns nothing and raises nothing either way."""
    out = torch.zeros(32, dtype=torch.int32, device="cuda")
    getattr(ctypes.CDLL(str(path)), f"run_{number}")(ctypes.c_void_p(out.data_ptr()))
    torch.cuda.synchronize()
    return bool((out == 7).all())


def other() -> str:
    """A newer architecture, whose code does not run here."""
    return "120" if torch.cuda.get_device_capability() < (12, 0) else "121"


def mine() -> str:
    return here().replace(".", "")


@pytest.mark.parametrize(
    ("sources", "how", "runs"),
    [
        ([[real("{mine}")]], "native", [True]),
        ([["arch=compute_75,code=compute_75"]], "ptx", [True]),
        ([[real("{other}")]], "missing", [False]),
        ([["arch=compute_{other},code=compute_{other}"]], "missing", [False]),
        ([[real("{mine}")], [real("{other}")]], "partial", [True, False]),
        ([[real("{mine}")], ["arch=compute_75,code=compute_75"]], "ptx", [True, True]),
    ],
    ids=["machine code", "PTX", "another's", "newer PTX", "in part", "both kinds"],
)
def test_what_runs_is_what_was_said(
    tmp_path: Path, sources: list[list[str]], how: str, runs: list[bool]
) -> None:
    targets = [[one.format(mine=mine(), other=other()) for one in each] for each in sources]
    path = build(tmp_path, *targets)
    code = read_elf(path.read_bytes(), "kernels.so", gpu=True).gpu
    assert code is not None
    assert code.unread is None
    found = covered(code, here())
    assert found.how == how
    assert [ran(path, number) for number in range(len(sources))] == runs
    assert found.without == runs.count(False)
