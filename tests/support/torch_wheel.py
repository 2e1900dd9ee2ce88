"""A wheel that looks like torch's to a builder of the atlas: tiny libraries, tiny headers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.elf import shared
from support.wheels import Archive, make_wheel

_ERROR = "_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
C10 = f"""
void {_ERROR}(void) {{}}
void _ZN3c104usedEv(void) {{}}
void _ZN12_GLOBAL__N_16hiddenEv(void) {{}}
long _ZTVN3c1010TensorImplE[31];
int c10_inside(void) {{ return 1; }}
"""
CPU = "void _ZN2at3addEv(void) {} void _ZN3c104usedEv(void) {}"
PYTHON = "void THPVariable_Wrap(void) {}"
INIT = """
def _preload_cuda_deps(lib_folder, lib_name):
    "libnothing.so"

def _load_global_deps():
    try:
        CDLL(global_deps_lib_path)
        try:
            _preload_cuda_deps("cuda_nvrtc", "libnvrtc.so.*[0-9]")
        except Exception:
            pass
    except OSError as err:
        _preload_cuda_deps("cublas", "libcublas.so.*[0-9]")
"""
_ATEN = """
#pragma once
#define TORCH_INTERNAL_ASSERT(x) ((void)(x))
namespace at { struct Tensor { void* impl; }; }
namespace c10 {
struct TensorImpl { long held[23]; };
inline void check(bool x) { TORCH_INTERNAL_ASSERT(x); }
enum class DispatchKey : unsigned short { Undefined = 0, CPU, CUDA = 49 };
}
"""
_HEADERS = {
    "ATen/ATen.h": _ATEN,
    "torch/library.h": "namespace torch { struct CppFunction { char held[96]; }; }",
    "torch/csrc/autograd/function.h": "",
    "torch/csrc/autograd/custom_function.h": "",
}


def torch_wheel(
    folder: Path,
    version: str,
    *,
    cuda: str = "12.6",
    requires: tuple[str, ...] = (),
    c10: str = C10,
    members: Mapping[str, bytes] | None = None,
) -> Archive:
    """The wheel; its libraries are compiled in ``folder``. ``members`` replace or join its own."""
    core = shared(folder / "libc10.so", c10, soname="libc10.so")
    cpu = shared(folder / "libtorch_cpu.so", CPU, soname="libtorch_cpu.so", needs=[core])
    python = shared(folder / "libtorch_python.so", PYTHON, needs=[cpu])
    libraries = {f"torch/lib/{path.name}": path.read_bytes() for path in (core, cpu, python)}
    files = {
        "torch/__init__.py": INIT.encode(),
        "torch/version.py": f"cuda: Optional[str] = '{cuda}'\nhip = None\n".encode(),
        **{f"torch/include/{name}": text.encode() for name, text in _HEADERS.items()},
        **libraries,
        **(members or {}),
    }
    tag = "cp311-cp311-manylinux_2_28_x86_64"
    return make_wheel("torch", version, requires, tag=tag, members=files)


def cuda_wheel(folder: Path, version: str, names: tuple[str, ...]) -> Archive:
    """A wheel of a CUDA runtime that exports these names."""
    source = "".join(f"void {name}(void) {{}}\n" for name in names)
    library = shared(folder / "libcudart.so.12", source, soname="libcudart.so.12")
    return make_wheel(
        "nvidia-cuda-runtime-cu12",
        version,
        tag="py3-none-manylinux_2_17_x86_64",
        members={"nvidia/cuda_runtime/lib/libcudart.so.12": library.read_bytes()},
    )
