"""The layout of a release: sizes of classes and values of enumerations, out of its own headers.

The compiler is asked for an assembly listing, which holds the numbers: nothing of a wheel is ever
run. The fields are those that were seen to change, or whose change would be felt, between releases.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from torchsolve.errors import UnknownError

_HEADERS = (
    "ATen/ATen.h",
    "torch/library.h",
    "torch/csrc/autograd/function.h",
    "torch/csrc/autograd/custom_function.h",
)
_SIZES = {
    "Tensor": "at::Tensor",
    "TensorImpl": "c10::TensorImpl",
    "StorageImpl": "c10::StorageImpl",
    "IValue": "c10::IValue",
    "FunctionSchema": "c10::FunctionSchema",
    "Argument": "c10::Argument",
    "KernelFunction": "c10::KernelFunction",
    "CppFunction": "torch::CppFunction",
    "Library": "torch::Library",
    "OperatorName": "c10::OperatorName",
    "TensorOptions": "c10::TensorOptions",
    "SymInt": "c10::SymInt",
    "SymNodeImpl": "c10::SymNodeImpl",
    "Error": "c10::Error",
    "Node": "torch::autograd::Node",
    "AutogradContext": "torch::autograd::AutogradContext",
    "DispatchKeySet": "c10::DispatchKeySet",
    "intrusive_ptr_target": "c10::intrusive_ptr_target",
    "AutogradMeta": "torch::autograd::AutogradMeta",
    "Storage": "c10::Storage",
    "Scalar": "c10::Scalar",
    "Device": "c10::Device",
    "AliasInfo": "c10::AliasInfo",
    "Generator": "at::Generator",
    "GeneratorImpl": "c10::GeneratorImpl",
    "Stream": "c10::Stream",
    "Allocator": "c10::Allocator",
    "DataPtr": "c10::DataPtr",
    "OperatorHandle": "c10::OperatorHandle",
    "VariableInfo": "torch::autograd::VariableInfo",
    "SavedVariable": "torch::autograd::SavedVariable",
    "TensorBase": "at::TensorBase",
    "TensorIterator": "at::TensorIterator",
    "TensorIteratorBase": "at::TensorIteratorBase",
}
_KEYS = {
    "DK_Undefined": "Undefined",
    "DK_CPU": "CPU",
    "DK_CUDA": "CUDA",
    "DK_XPU": "XPU",
    "DK_Meta": "Meta",
    "DK_PrivateUse1": "PrivateUse1",
    "DK_QuantizedCPU": "QuantizedCPU",
    "DK_QuantizedCUDA": "QuantizedCUDA",
    "DK_SparseCPU": "SparseCPU",
    "DK_SparseCUDA": "SparseCUDA",
    "DK_BackendSelect": "BackendSelect",
    "DK_Functionalize": "Functionalize",
    "DK_AutogradCPU": "AutogradCPU",
    "DK_AutogradCUDA": "AutogradCUDA",
    "DK_AutocastCPU": "AutocastCPU",
    "DK_AutocastCUDA": "AutocastCUDA",
    "DK_Autograd": "Autograd",
    "DK_CIA": "CompositeImplicitAutograd",
    "DK_CEA": "CompositeExplicitAutograd",
}
_TYPES = {
    "ST_Float": "Float",
    "ST_BFloat16": "BFloat16",
    "ST_Float8_e4m3fn": "Float8_e4m3fn",
    "ST_Undefined": "Undefined",
    "ST_NumOptions": "NumOptions",
}
FIELDS: Mapping[str, str] = {
    **{field: f"sizeof({name})" for field, name in _SIZES.items()},
    **{field: f"(unsigned long)c10::DispatchKey::{name}" for field, name in _KEYS.items()},
    **{field: f"(unsigned long)c10::ScalarType::{name}" for field, name in _TYPES.items()},
}
# Older releases do not compile as C++20, the newest as nothing less.
_STANDARDS = ("c++17", "c++20")
_REJECTED = re.compile(r"^field_(\w+):\d+:(?:\d+:)? error", re.MULTILINE)
_VALUE = re.compile(r"^print_(\w+):\n\s+\.(?:quad\s+(\d+)|zero\s+8)", re.MULTILINE)


def read_layout(include: Path, *, cxx11_abi: bool, compiler: str = "g++") -> dict[str, int]:
    """Field → bytes or value, of the release whose ``torch/include`` this is.

    A field that the release does not know is absent.

    Raises:
        UnknownError: ``no-compiler``, ``headers-not-compiled``.
    """
    errors = ""
    for standard in _STANDARDS:
        fields = set(FIELDS)
        while fields:
            done = _compile(include, fields, [compiler, f"-std={standard}", _abi(cxx11_abi)])
            if done.returncode == 0:
                return {found[1]: int(found[2] or 0) for found in _VALUE.finditer(done.stdout)}
            errors = done.stderr
            rejected = fields.intersection(_REJECTED.findall(errors))
            if not rejected:
                break
            fields -= rejected
    first = next((line for line in errors.splitlines() if "error" in line), errors[:200])
    raise UnknownError("headers-not-compiled", first, origin=str(include))


def _abi(cxx11: bool) -> str:
    return f"-D_GLIBCXX_USE_CXX11_ABI={int(cxx11)}"


def _compile(
    include: Path, fields: Iterable[str], command: list[str]
) -> subprocess.CompletedProcess[str]:
    folders = (include, include / "torch" / "csrc" / "api" / "include")
    paths = [f"-I{folder}" for folder in folders]
    # No optimisation and no warnings: only constants are wanted.
    flags = ["-O0", "-w", "-fmax-errors=0", "-S", "-o", "-", "-x", "c++", "-"]
    try:
        return subprocess.run(
            [*command, *paths, *flags],
            input=_source(fields),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        hint = "install g++, or name a compiler with --compiler"
        raise UnknownError("no-compiler", "there is no C++ compiler", hint=hint) from error


def _source(fields: Iterable[str]) -> str:
    includes = [f"#include <{header}>" for header in _HEADERS]
    lines = [
        f'#line 1 "field_{field}"\nextern "C" const unsigned long print_{field};'
        f"constexpr unsigned long print_{field} = {FIELDS[field]};"
        for field in sorted(fields)
    ]
    return "\n".join([*includes, *lines, ""])
