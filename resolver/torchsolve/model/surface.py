"""What lies in a project beside its requirements and says how to install it (claimed)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from torchsolve.model.values import dataclass


class SurfaceKind(Enum):
    """What kind of file or folder says it."""

    REQUIREMENTS = "requirements"
    PYPROJECT = "pyproject"
    SCRIPT = "script"
    SETUP = "setup"
    ENVIRONMENT = "environment"
    BUILD = "build"
    SUBMODULE = "submodule"
    NATIVE = "native"
    JIT = "jit"
    DOCKERFILE = "dockerfile"
    README = "readme"


@dataclass(frozen=True, slots=True)
class Surface:
    """One of them.

    Attributes:
        place: its path, with a line where one says it.
        says: one sentence: what it asks for, and whether that is followed.
    """

    kind: SurfaceKind
    place: str
    says: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a README or a Dockerfile says that the project was tried with (claimed).

    Attributes:
        torch: ``2.7.0`` or ``2.7``; cuda: ``12.8`` or a tag; python: ``3.11``. None: not said.
        origin: ``README.md:37``.
    """

    origin: str
    torch: str | None = None
    cuda: str | None = None
    python: str | None = None


@dataclass(frozen=True, slots=True)
class OptionalImport:
    """An import that may fail: a feature is lost, or nodes.

    Attributes:
        name: PEP 503 name of the distribution that brings it; None where none is known.
        module: as imported.
        origin: ``file:line``.
        why: what makes it optional.
    """

    module: str
    origin: str
    why: str
    name: str | None = None

    def is_among(self, names: Iterable[str]) -> bool:
        """Whether one of the distributions is named like the module."""
        return any(bears(name, self.module.partition(".")[0]) for name in names)


def bears(distribution: str, module: str) -> bool:
    """Whether a name is a module's but for ``python`` or ``py``: ``ffmpeg-python``, ``ffmpeg``.

    A name promises nothing: what rests on it is claimed.
    """
    name, top = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (distribution, module))
    affixed = (f"{affix}{top}" for affix in ("", "python", "py"))
    return bool(top) and (name in affixed or name in (f"{top}python", f"{top}py"))


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Code that is compiled when it runs: needs a compiler, and nvcc where it is CUDA.

    Attributes:
        origin: ``file:line`` of the call.
        what: ``torch.utils.cpp_extension.load``.
        at_import: it runs when ComfyUI loads the node; else when a node does.
    """

    origin: str
    what: str
    at_import: bool
