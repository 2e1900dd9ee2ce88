"""What a judge asks of the atlas, so that it can judge over a small one as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from packaging.version import Version

from torchsolve.abi.cuda_names import CudaNames

NO_TORCH = Version("0")
"""Stands for an environment without torch; what else is installed is its ``ReleaseView``."""


class ReleaseView(Protocol):
    """One torch release; see ``atlas.ReleaseFacts``."""

    @property
    def sonames(self) -> Collection[str]:
        """What it and the wheels that it requires bring."""

    @property
    def mapped(self) -> Collection[str]:
        """What is in the process after ``import torch``."""

    @property
    def wheels(self) -> Mapping[str, str]:
        """CUDA package → version that it pins."""

    @property
    def layout(self) -> Mapping[str, int]:
        """Sizes of classes, values of enumerations."""

    @property
    def vtables(self) -> Mapping[str, int]:
        """Symbol → bytes."""


class AtlasView(Protocol):
    """All of them; see ``atlas.Atlas``."""

    @property
    def releases(self) -> Sequence[Version]:
        """Those that were read."""

    @property
    def cuda(self) -> CudaNames:
        """Names of CUDA's own libraries."""

    def release(self, version: Version) -> ReleaseView | None:
        """None where it was not read."""

    def missing(self, version: Version, names: Iterable[str]) -> Collection[str]:
        """Those that the release does not export."""

    def library_of(self, name: str, version: Version) -> str | None:
        """The library of the release that exports it, None where none does."""

    def first_with(self, name: str) -> Version | None:
        """The oldest release that exports it."""

    def known(self, name: str) -> bool:
        """Whether any release exports it."""
