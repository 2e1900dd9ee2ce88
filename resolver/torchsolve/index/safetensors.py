"""The head of a safetensors file: data types and how many parameters of each.

Format: https://github.com/huggingface/safetensors, "Format": eight bytes, little-endian, give the
length N of the head; N bytes of JSON follow: tensor name → ``dtype``, ``shape``, ``data_offsets``.
"""

from __future__ import annotations

import json
import math
from collections import Counter

from torchsolve.errors import UnknownError

HEAD_LIMIT = 32 * 1024 * 1024
"""Bytes of a head that are read; the format allows 100 MB, real ones have a few."""

_DIMENSIONS = 64


def parameters_of(head: bytes, origin: str) -> tuple[tuple[str, int], ...]:
    """Data type → parameters, sorted by name, from the first bytes of a file.

    Raises UnknownError ``bad-safetensors``.
    """
    counts: Counter[str] = Counter()
    try:
        tensors = json.loads(_json(head))
        for name, tensor in tensors.items():
            if name != "__metadata__":
                counts[str(tensor["dtype"])] += math.prod(_sizes(tensor["shape"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnknownError("bad-safetensors", f"its head: {error}", origin=origin) from None
    return tuple(sorted(counts.items()))


def _json(head: bytes) -> bytes:
    length = int.from_bytes(head[:8], "little")
    if not 2 <= length <= len(head) - 8:
        raise ValueError(f"a head of {length} bytes in {len(head)}")
    return head[8 : 8 + length]


def _sizes(shape: object) -> list[int]:
    sizes = list(shape) if isinstance(shape, list) else None
    fits = sizes is not None and len(sizes) <= _DIMENSIONS
    if sizes is None or not fits or not all(type(s) is int and 0 <= s < 1 << 48 for s in sizes):
        raise ValueError(f"shape {shape!r}")
    return sizes
