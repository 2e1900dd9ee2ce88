"""What an index, a project or an image offers: pages, files, metadata, candidates."""

from __future__ import annotations

from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.model.evidence import Evidence
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One wheel or sdist of a project page, or of a project's own tree.

    Attributes:
        name: PEP 503 name.
        version: from the file name.
        filename: as on the page.
        url: absolute URL; ``file:`` or a raw repository URL for a project's own wheel; None when
            only a recorded fact exists (samples), or for what a base image already holds.
        index: ``default``, ``torch``, ``project``, ``base``, ``direct``, or a further index's URL.
        sha256: None where the index gives none (such a file is never locked).
        size: bytes, None when not given.
        requires_python: the page's ``data-requires-python``; None when not given.
        yanked: the reason, ``""`` when yanked without one, None when not yanked (PEP 592).
        upload_time: UTC (PEP 700), None when not given.
        metadata_sha256: hash of the PEP 658 file; None when not announced.
        place: a project's own wheel: its path in the tree, ``wheels/Linux/Torch270/x.whl``.
    """

    name: NormalizedName
    version: Version
    filename: str
    url: str | None
    index: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    yanked: str | None = None
    upload_time: datetime | None = None
    metadata_sha256: str | None = None
    place: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; else it is an sdist."""
        return self.filename.endswith(".whl")

    @property
    def is_folder(self) -> bool:
        """Whether a requirement named a folder of this machine: ``filename`` is what it said."""
        return " @ file:" in self.filename


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says of its project, beside the files.

    Attributes:
        status: PEP 792: ``archived``, ``deprecated``, ``quarantined``; empty for an active one.
        reason: why, in the index's words; empty without.
        tracks, alternates: PEP 708: pages of other indexes that are the same project.
    """

    status: str = ""
    reason: str = ""
    tracks: tuple[str, ...] = ()
    alternates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexPage:
    """A project page: its files, and notes on what was set aside (PEP 825 names and the like)."""

    name: NormalizedName
    files: tuple[IndexFile, ...]
    notes: tuple[str, ...] = ()
    about: PageFacts = PageFacts()


@dataclass(frozen=True, slots=True)
class Declared:
    """One requirement with the evidence that states it."""

    requirement: Requirement
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class DistMetadata:
    """Core metadata of one file.

    Attributes:
        requires: Requires-Dist, each with its origin (``METADATA of <file>``).
        requires_python: Requires-Python, None when not given.
        extras: Provides-Extra, PEP 685 normalized.
        notes: lines set aside (variant markers, lines that are no requirement).
    """

    name: NormalizedName
    version: Version
    requires: tuple[Declared, ...]
    requires_python: str | None = None
    extras: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectFile:
    """What a direct reference (PEP 508 ``name @ url``) leads to.

    Attributes:
        file: name and version as far as they are known; version ``0`` when only a build can tell.
        metadata: None when it cannot be read without running code: ``unread`` says why.
        vcs: ``(url, commit, subdirectory)`` for git.
    """

    file: IndexFile
    metadata: DistMetadata | None
    vcs: tuple[str, str, str | None] | None = None
    unread: str | None = None
