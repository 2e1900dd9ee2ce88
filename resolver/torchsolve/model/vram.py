"""What weights alone need of a GPU: lower bounds from their heads and sizes, never a promise."""

from __future__ import annotations

from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile, WeightFile
from torchsolve.model.values import dataclass

# Bytes of one parameter, by the names of the safetensors format.
_WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("BF16", "F16", "I16", "U16"), 2),
    **dict.fromkeys(("BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8"), 1),
}
_TENSORS = (".bin", ".ckpt", ".gguf", ".onnx", ".pt", ".pth", ".safetensors", ".sft")


@dataclass(frozen=True, slots=True)
class Bound:
    """A weight's lower bound.

    Attributes:
        types: data type → parameters, of the files whose heads were read.
        bytes: of its tensors as they are stored; of whole files where no head was read.
        by_size: whether the size of a file had to do for its tensors.
    """

    path: str
    types: tuple[tuple[str, int], ...]
    bytes: int
    by_size: bool


def bounds(plan: Plan) -> tuple[Bound, ...]:
    """Of every weight of which something is known, in the plan's order; a path once."""
    found = {weight.path: _bound(weight) for weight in plan.weights}
    return tuple(bound for bound in found.values() if bound is not None)


def _bound(weight: ModelFile) -> Bound | None:
    files = [file for file in weight.files if file.name.endswith(_TENSORS)]
    if not files and weight.size is not None and weight.path.endswith(_TENSORS):
        files = [WeightFile(weight.path, weight.size)]
    counts: dict[str, int] = {}
    for file in files:
        for kind, number in file.parameters:
            counts[kind] = counts.get(kind, 0) + number
    total = sum(_tensor_bytes(file) for file in files)
    if not total:
        return None
    by_size = any(not _is_read(file) for file in files)
    return Bound(weight.path, tuple(sorted(counts.items())), total, by_size)


def stored(bound: Bound) -> str:
    """``6,738.4 M BF16``: parameters by type, as a reader sees them."""
    if not bound.types:
        return "not read: the size of the file"
    types = ", ".join(f"{number / 1e6:,.1f} M {kind}" for kind, number in bound.types)
    return f"{types}; the rest by size" if bound.by_size else types


def _tensor_bytes(file: WeightFile) -> int:
    """Bytes of its tensors; its size where they were not counted; 0 where nothing is known."""
    if _is_read(file):
        return sum(number * _WIDTHS[kind] for kind, number in file.parameters)
    return file.size or 0


def _is_read(file: WeightFile) -> bool:
    return bool(file.parameters) and all(kind in _WIDTHS for kind, _ in file.parameters)
