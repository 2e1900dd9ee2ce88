"""Where a project loads its models from (DESIGN section 7, ``scan --json``)."""

from __future__ import annotations

from enum import Enum

from torchsolve.model.values import dataclass


class Mechanism(Enum):
    """How a model is found or fetched."""

    FOLDER_PATHS = "folder_paths"
    MODELS_DIR = "models_dir"
    FROM_PRETRAINED = "from_pretrained"
    SNAPSHOT_DOWNLOAD = "snapshot_download"
    HF_HUB_DOWNLOAD = "hf_hub_download"
    TORCH_HUB = "torch_hub"
    URL = "url"
    HARDCODED = "hardcoded"
    LOAD = "load"
    LIBRARY = "library"
    BUNDLED = "bundled"


class Choice(Enum):
    """Who decides which file it is."""

    FIXED = "fixed"
    ENUM = "enum"
    USER = "user"
    CONFIG = "config"
    ENV = "env"


class Reach(Enum):
    """Whether the line runs in a container."""

    NODE = "node"
    IMPORT = "import"
    INSTALL = "install"
    VENDORED = "vendored"
    DEAD = "dead"
    BUNDLED = "bundled"


@dataclass(frozen=True, slots=True)
class SiteSource:
    """What goes to one of several paths: the repository and the patterns of its files."""

    path: str
    repo: str
    allow: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSite:
    """A line that names, finds, fetches or opens a model.

    Attributes:
        file, line: where; 1-based.
        mechanism: the kind; ``api`` is the very callable: ``torch.load``.
        path: as in DESIGN section 7, relative to ComfyUI's root; None where nothing is known.
        paths: the same, one by one, where there are several and all are known.
        repos, urls: where it comes from; several where a choice decides.
        sources: path by path where it comes from, where a choice decides both.
        category: of ``folder_paths``.
        decided: whether path and source follow from the source code; ``why`` not, one sentence.
        guard: the existence check that keeps the download from happening.
        trap: what goes wrong with that check.
        risk: ``trust_remote_code`` and the like.
        snippet: the lines that build the path, as they stand in the file.
    """

    file: str
    line: int
    mechanism: Mechanism
    api: str
    path: str | None
    decided: bool
    choice: Choice
    reach: Reach
    paths: tuple[str, ...] = ()
    repos: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    sources: tuple[SiteSource, ...] = ()
    category: str | None = None
    revision: str | None = None
    allow_patterns: tuple[str, ...] = ()
    ignore_patterns: tuple[str, ...] = ()
    guard: str | None = None
    trap: str | None = None
    risk: str | None = None
    why: str | None = None
    gated: str | bool | None = None
    snippet: str | None = None


@dataclass(frozen=True, slots=True)
class ModelScan:
    """What was read of a tree.

    Attributes:
        unread: files that could not be read, each with the reason.
        unfinished: where the interpreter's bounds ended it, ``file:line`` each.
        files: how many Python files were there; ``reached`` of them are imported by the node.
    """

    sites: tuple[ModelSite, ...]
    unread: tuple[tuple[str, str], ...] = ()
    unfinished: tuple[str, ...] = ()
    files: int = 0
    reached: int = 0
