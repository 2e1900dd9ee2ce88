"""What was read from what the user pointed at (DESIGN sections 2 and 4)."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from torchsolve.model.claim import Claim
from torchsolve.model.evidence import Evidence
from torchsolve.model.install import Installer
from torchsolve.model.models import ModelScan
from torchsolve.model.package import Declared, DistMetadata, IndexFile
from torchsolve.model.surface import OptionalImport, Surface, Toolchain, Trial
from torchsolve.model.values import dataclass, field


class ProjectKind(Enum):
    """What kind of thing the user named."""

    NODE = "node"
    PROJECT = "project"
    WHEEL = "wheel"
    REQUIREMENTS = "requirements"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where the project's own files come from, for the Dockerfile.

    Attributes:
        url: ``https://github.com/owner/repo`` for a clone; None for a folder without a remote.
        commit: 40 hex digits; None outside git.
        path: the local folder, for ``--source copy``; None for a remote.
        date: commit date, UTC.
    """

    url: str | None = None
    commit: str | None = None
    path: str | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class WheelFact:
    """A wheel found in the project's tree.

    Attributes:
        file: name, version, place, sha256 (None when its bytes could not be read).
        metadata: None when it could not be read: then ``unread`` says why.
        claims: what name, local version and folder say (torch, CUDA, ABI, platform), as evidence.
        torch: specifier on torch that the claims add up to (``==2.7.*``), None without.
        cuda: CUDA tag or major that they claim: ``cu126`` or ``cu12``; None without.
        required: whether the project imports it unguarded at module level (claimed).
        unread: why bytes or metadata could not be read, None when they were.
        modules: what it brings to import, by the names of its members.
    """

    file: IndexFile
    metadata: DistMetadata | None
    claims: tuple[Evidence, ...] = ()
    torch: str | None = None
    cuda: str | None = None
    required: bool = True
    unread: str | None = None
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of a Hub repository, at the commit that ``ModelFile.revision`` names.

    Attributes:
        name: path in the repository, ``vae/diffusion_pytorch_model.safetensors``.
        size: bytes; None when the Hub does not tell.
        sha256: of the file where the Hub keeps it by that (LFS, Xet); None for a file of git.
        blob: git's object id of a file of git: sha1 of ``blob SIZE``, a zero byte and the bytes.
        parameters: data type → number of parameters, from a safetensors header; empty when unread.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    blob: str | None = None
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A model repository of the Hub at one commit.

    Attributes:
        commit: 40 hex digits.
        gated: ``manual`` (a person decides), ``auto`` (a form is enough), False; None unknown.
        licence: the card's own word, None without one.
        files: every file, by name.
    """

    repo: str
    commit: str
    gated: str | bool | None
    licence: str | None
    files: tuple[WeightFile, ...]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A weight that the project loads (DESIGN section 7, ``weights``).

    Attributes:
        path: relative to ComfyUI's root, ``models/…``.
        repo: Hub repository, ``url`` a direct address; both None when unknown.
        site: ``nodes.py:221``, where the project loads it.
        mechanism: as in DESIGN section 7, ``scan --json``.
        gated: ``manual``, ``auto``, False when known not to be, None when unknown.
        note: what a reader must know, one sentence.
        revision: branch, tag or commit that the project asks for; the commit once the Hub told it.
        allow: patterns of the repository's files that the project fetches; empty for all.
        ignore: patterns of files that it leaves out.
        files: what the Hub has of it there; empty when it was not asked.
        licence: the repository's own word (``apache-2.0``), None when unknown.
        snippet: the source lines that build the path, as the project wrote them; None unrecorded.
        mirror: a re-upload that is known (claimed); ``mirror_commit``: its commit, where it has
            the same bytes by their sha256, else None.
    """

    path: str
    site: str
    mechanism: str
    repo: str | None = None
    url: str | None = None
    size: int | None = None
    sha256: str | None = None
    gated: str | bool | None = None
    required: bool = True
    note: str | None = None
    revision: str | None = None
    allow: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    files: tuple[WeightFile, ...] = ()
    licence: str | None = None
    snippet: str | None = None
    mirror: str | None = None
    mirror_commit: str | None = None


@dataclass(frozen=True, slots=True)
class IndexOption:
    """An index or flat page that somebody asks for: a file, a flag, the user's configuration.

    Attributes:
        kind: ``--index-url``, ``--extra-index-url``, ``--find-links``; ``--no-index`` has no URL.
        url: as pip would use it; environment variables may have put credentials in it.
        origin: ``file:line``, a variable, a flag.
        name: of the index, where it has one.
        package: the only package that comes from it; None for any.
    """

    kind: str
    url: str
    origin: str
    name: str | None = None
    package: str | None = None

    @property
    def public_url(self) -> str:
        """``url`` without credentials: the only form to show or to write."""
        scheme, mark, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else self.url


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """All that is known of one project without solving.

    Attributes:
        name: for people: ``ComfyUI-Trellis2``; also the folder under ``custom_nodes``.
        reference: what the user typed.
        requirements: declared ones, with file and line.
        constraints: ``-c`` files: they bound versions and ask for nothing.
        undeclared: imported but declared nowhere (claimed requirements).
        wheels: wheels of the tree for Linux; ``foreign`` names those for other systems.
        notes: what was set aside and why, one line each.
        cutoff: a sample's own date: files uploaded later are not considered.
        scan: every line that handles a model; None where the source was not read for it.
        node_classes: names that the node registers, when known (for the smoke test).
        optional: imports that may fail; ``--with NAME`` asks for one.
        installer: its scripts, for the target of a cell; None without any.
        surfaces: what else of it says how to install it.
        tested: what it says that it was tried with.
        compiles: code that is compiled when it runs.
        readme: paths and repositories that its README names.
        lacking: what ``--with`` and ``--group`` ask for and it has not: ``extra x``, ``group y``.
        untold: why what it needs is not known: only a build could tell. No plan is sure then.
    """

    name: str
    reference: str
    kind: ProjectKind
    requirements: tuple[Declared, ...] = ()
    constraints: tuple[Declared, ...] = ()
    undeclared: tuple[Declared, ...] = ()
    wheels: tuple[WheelFact, ...] = ()
    foreign: tuple[str, ...] = ()
    models: tuple[ModelFile, ...] = ()
    indexes: tuple[IndexOption, ...] = ()
    no_binary: frozenset[str] = frozenset()
    pre: bool = False
    only_binary: frozenset[str] = frozenset()
    require_hashes: bool = False
    hashes: tuple[tuple[str, frozenset[str]], ...] = ()
    source: SourceLocation = field(default_factory=SourceLocation)
    requires_python: str | None = None
    cutoff: datetime | None = None
    node_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scan: ModelScan | None = None
    optional: tuple[OptionalImport, ...] = ()
    installer: Installer | None = None
    surfaces: tuple[Surface, ...] = ()
    tested: tuple[Trial, ...] = ()
    compiles: tuple[Toolchain, ...] = ()
    readme: tuple[Claim, ...] = ()
    lacking: frozenset[str] = frozenset()
    untold: tuple[Evidence, ...] = ()

    @property
    def is_node(self) -> bool:
        """Whether it is a ComfyUI node; ComfyUI's own requirements then join the solve."""
        return self.kind in (ProjectKind.NODE, ProjectKind.SAMPLE)


@dataclass(frozen=True, slots=True)
class ComfyUI:
    """The ComfyUI that a node is solved with.

    Attributes:
        version: ``0.3.64``; or the short commit where the release is not known.
        commit: 40 hex digits; None for a local checkout outside git.
        path: local checkout (``--comfyui PATH``), None when cloned.
        requirements: lines of its requirements.txt with origin.
    """

    version: str
    commit: str | None
    path: str | None
    requirements: tuple[Declared, ...]
    url: str = "https://github.com/Comfy-Org/ComfyUI"
