"""What a text claims of a project, and what the source says of the same."""

from __future__ import annotations

from enum import Enum

from torchsolve.model.values import dataclass


class ClaimKind(Enum):
    """What a sentence speaks of."""

    PATH = "path"
    REPOSITORY = "repository"
    URL = "url"
    PORT = "port"
    TORCH = "torch"
    CUDA = "cuda"
    PYTHON = "python"
    WHEELS = "wheels"
    DEPENDENCY = "dependency"
    LOADING = "loading"
    GATED = "gated"
    HARDWARE = "hardware"
    VRAM = "vram"
    DOWNLOAD = "download"


class Standing(Enum):
    """How a claim stands against the source; ``unknown``: nothing here can tell."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a text says.

    Attributes:
        value: the path, repository, URL, number or name.
        subject: who it is said of, where the sentence names one; ``""`` otherwise.
        origin: ``notes.md:12``.
    """

    kind: ClaimKind
    value: str
    origin: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim with what the source says; ``fact_origin`` is where it says so."""

    claim: Claim
    standing: Standing
    fact: str
    fact_origin: str = ""
