"""Wheel and sdist file names: PEP 427 (form), PEP 425 (tags), PEP 625 (sdists), PEP 825 (labels).

In: a file name. Out: name, version, build and tags. Nothing is opened.
"""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass

_LABEL = r"[0-9a-z_.]+"
_PLATFORM = r"any$|(many|musl)?linux|win|macosx|ios|android|emscripten|wasm|pyodide"


@dataclass(frozen=True, slots=True)
class WheelName:
    """What a wheel's file name says.

    Attributes:
        name: PEP 503 name.
        version: with its local part.
        build: ``()`` without a build tag, ``(3, "")`` for ``-3-``; the greater one is preferred.
        tags: all combinations of a compressed tag set.
    """

    name: NormalizedName
    version: Version
    build: BuildTag
    tags: frozenset[Tag]


def parse(filename: str) -> WheelName:
    """Reads the name of a wheel file.

    Raises:
        UsageError: ``variant-wheel-name`` where it ends in a variant label (PEP 825), which no
            installer takes yet unless asked to; ``bad-wheel-name`` where it is no wheel's name.
    """
    label = variant_label(filename)
    if label is not None:
        raise UsageError(
            "variant-wheel-name",
            f"{filename} is a wheel variant, label {label}",
            origin=filename,
            hint="use the wheel of the same version without a label",
        )
    try:
        return _parse(filename)
    except InvalidWheelFilename as error:
        raise UsageError(
            "bad-wheel-name",
            f"{filename!r} is not the name of a wheel file",
            origin=filename,
            hint=f"a wheel is named NAME-VERSION-PYTHON-ABI-PLATFORM.whl: {_reason(error)}",
        ) from None


@lru_cache(maxsize=16384)
def _parse(filename: str) -> WheelName:
    return WheelName(*parse_wheel_filename(filename))


def _reason(error: InvalidWheelFilename) -> str:
    found = re.search(r"\(([^()]+)\)", str(error))
    return found[1] if found else "a part of it is malformed"


def variant_label(filename: str) -> str | None:
    """The variant label (PEP 825): ``cuda13.0`` of ``torch-2.13.0-cp312-cp312-…-cuda13.0.whl``.

    None where there is none. A label follows the platform tag; a build tag starts with a digit and
    stands before the Python tag, which never does.
    """
    stem = filename.removesuffix(".whl").split("-")
    if stem[2:3] and stem[2][:1].isdigit():
        del stem[2]
    if len(stem) != 6 or not re.match(_PLATFORM, stem[4]) or not re.fullmatch(_LABEL, stem[5]):
        return None
    return stem[5]


def without_label(filename: str) -> str:
    """The name that the wheel would have were it no variant."""
    label = variant_label(filename)
    return filename if label is None else f"{filename.removesuffix(f'-{label}.whl')}.whl"


@lru_cache(maxsize=16384)
def parse_sdist(filename: str) -> tuple[NormalizedName, Version]:
    """Name and version of a ``.tar.gz`` or ``.zip`` sdist.

    Raises UsageError ``bad-sdist-name`` for anything else.
    """
    try:
        return parse_sdist_filename(filename)
    except InvalidSdistFilename:
        raise UsageError(
            "bad-sdist-name",
            f"{filename!r} is not the name of a source distribution",
            origin=filename,
            hint="a source distribution is named NAME-VERSION.tar.gz",
        ) from None
