"""Names of the packages of a problem: ``torch``, ``torch[extra]``, and the virtual ones."""

from __future__ import annotations

from packaging.utils import NormalizedName, canonicalize_name

PYTHON = "<python>"
CUDA = "<cuda>"


def make_key(name: str, extra: str = "") -> str:
    """``torch`` or ``torch[extra]``, normalized (PEP 503, PEP 685)."""
    base = canonicalize_name(name)
    return f"{base}[{canonicalize_name(extra)}]" if extra else base


def split_key(key: str) -> tuple[NormalizedName, str]:
    """The inverse of ``make_key``."""
    name, _, rest = key.partition("[")
    return NormalizedName(name), rest.removesuffix("]")
