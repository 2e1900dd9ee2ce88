"""One file of a wheel before one torch release and a host: what a judge asks questions of."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from torchsolve.abi.closure import Closure
from torchsolve.abi.host import Host
from torchsolve.abi.symbols import Wanted
from torchsolve.abi.view import NO_TORCH, AtlasView, ReleaseView
from torchsolve.model.binary import Cause, ElfFile, Judgement
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One file with its siblings, before one release.

    ``stems``: names without versions of all that any torch and its CUDA wheels bring; ``inside``:
    another file of the wheel opens it, together with what that one names.
    """

    file: ElfFile
    opened: Closure
    want: Wanted
    is_stable: bool
    version: Version
    release: ReleaseView
    atlas: AtlasView
    host: Host
    stems: frozenset[str]
    inside: bool

    @property
    def place(self) -> str:
        """``torch 2.7.0``, or the environment that has none."""
        return "this environment" if self.version == NO_TORCH else f"torch {self.version}"

    def refuted(self, cause: Cause, missing: Iterable[str], reason: str) -> Judgement:
        """The file's refutation."""
        return Judgement("refuted", cause, tuple(missing), reason, self.file.member)

    def brought(self, soname: str) -> bool:
        """Whether torch and the wheels that it requires have the library."""
        return soname in self.release.mapped or soname in self.release.sonames
