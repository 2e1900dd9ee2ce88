"""What binaries say of a wheel in a cell, as the solver asks and hears it."""

from __future__ import annotations

from packaging.version import Version

from torchsolve.model.binary import WheelBinary
from torchsolve.model.evidence import Evidence
from torchsolve.model.plan import WheelVerdict
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag, dotted_key


@dataclass(frozen=True, slots=True)
class Place:
    """The part of a cell that a binary depends on.

    Attributes:
        default: the build is the one that the default index serves, which the atlas has.
        glibc, libstdcxx: of the image; None is not held against a wheel.
    """

    torch: Version
    cuda: CudaTag
    default: bool
    glibc: str | None
    libstdcxx: str | None
    machine: str = "x86_64"


@dataclass(frozen=True, slots=True)
class Floor:
    """What a file was found to need of the image's C and C++ libraries, past what its tag says.

    Attributes:
        filename: the file.
        glibc: ``2.38``; libstdcxx: the newest GLIBCXX, ``3.4.32``; one of them is set.
        claim: its tag's; evidence: the binary's.
    """

    filename: str
    glibc: str | None
    libstdcxx: str | None
    claim: Evidence
    evidence: Evidence

    def fits(self, glibc: str, libstdcxx: str | None) -> bool:
        """Whether such libraries are new enough; an unknown libstdc++ is."""
        old = self.glibc is not None and dotted_key(self.glibc) > dotted_key(glibc)
        known = self.libstdcxx is not None and libstdcxx is not None
        return not old and not (
            known and dotted_key(str(self.libstdcxx)) > dotted_key(str(libstdcxx))
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """A verdict with its reason.

    Attributes:
        evidence: ``loads on torch 2.9.1: …``, with ``<sha256 prefix> <member> <symbol>``.
        binary: what was read; None where nothing could be.
    """

    verdict: WheelVerdict
    evidence: Evidence
    binary: WheelBinary | None = None
