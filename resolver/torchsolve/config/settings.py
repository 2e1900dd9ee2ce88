"""One run's settings, as one value."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.model.target import CellId, Platform
from torchsolve.model.values import dataclass, field
from torchsolve.model.version import CudaTag, PythonVersion

_AMD64 = Platform("linux/amd64")


def _default_cache() -> Path:
    import platformdirs  # only where no cache folder was given

    return platformdirs.user_cache_path("torchsolve")


@dataclass(frozen=True, slots=True)
class Settings:
    """One run's settings. Tuples are alternatives; an empty one means that nothing was asked for.

    Attributes:
        torch: any of these; a bare ``2.7.0`` became ``==2.7.0``, ``2.7`` became ``==2.7.*``.
        gpus: as typed; ``facts.gpus.find`` reads them. All of them must be covered.
        driver: of the host, ``570.26``.
        image: references of base images for a standalone plan, or their OS names.
        base: an image, a Dockerfile or an inventory (``*.json``) to layer on.
        policy: ``newest``, ``oldest``, ``tested`` (as READMEs say) or ``keep`` (needs ``base``).
        no_deps: PEP 503 ``name`` (all its edges are dropped) or ``name:dep`` (one is).
        excludes: PEP 503 names that nobody gets: every edge to them is dropped.
        prefer: of distributions that write one import name, those that stay.
        constraints: files whose lines bound versions and ask for nothing.
        no_binary, only_binary: PEP 503 names, ``:all:`` for every one.
        pre: pre-releases of every package, even where a stable version fits.
        overrides: requirements that replace whatever anyone else asks of the same name.
        evidence: how far torch-coupled wheels are read: ``names`` (not even their METADATA),
            ``metadata`` or ``binary``.
        engine: which one answers; ``both``: the core, with resolvelib as a witness.
        comfyui: a version, a path, ``none``, or None: chosen by date for a node.
        index: None is the default index, or what the user's own configuration names.
        extra_index: further simple indexes.
        package_index: package and URL of the only index that it is taken from.
        find_links: flat pages and folders, whose files join those of the index.
        ca_bundle: authorities to trust, in place of the system's.
        torch_index: ``auto``, ``default`` (never ask the torch index) or its URL.
        exclude_newer: files uploaded at this moment or later do not exist.
        as_of: the same by name: ``commit`` (of the project), ``now``, or a moment; None is ``now``,
            and for a sample its recorded date.
        snapshot: where to record every page and metadata file that the solve touches.
        from_snapshot: a recording to solve from, without an index.
        registry: address of the Comfy registry's API; None: its own.
        pins: where to write plain ``name==version`` lines.
        groups: dependency groups of the project (PEP 735) that are asked for.
        lock: an earlier lock, whose pins are preferred; with ``-o DIR`` that of the folder.
        upgrade: nothing is preferred; ``upgrade_packages``: these names are not.
        claims: notes whose claims are held against the source.
        models: ``owner/name[@rev][=models/…]``: weights that only the user knows of.
        build_metadata: sdists that say nothing are built in a container to learn what they need.
        build_image: the image of that container; None for that of the first cell.
        undeclared: whether imports that no requirement declares join the solve.
        verbosity: -1 quiet, 0 normal, 1 and 2 verbose.
    """

    torch: tuple[SpecifierSet, ...] = ()
    cuda: tuple[CudaTag, ...] = ()
    python: tuple[PythonVersion, ...] = ()
    gpus: tuple[str, ...] = ()
    driver: str | None = None
    image: tuple[str, ...] = ()
    base: str | None = None
    standalone: bool = False
    policy: Literal["newest", "oldest", "tested", "keep"] = "newest"
    platform: Platform = _AMD64
    no_deps: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    constraints: tuple[Path, ...] = ()
    no_binary: tuple[str, ...] = ()
    pre: bool = False
    only_binary: tuple[str, ...] = ()
    trust_labels: bool = False
    allow_unknown: bool = False
    evidence: Literal["names", "metadata", "binary"] = "binary"
    engine: Literal["core", "resolvelib", "both"] = "both"
    comfyui: str | None = None
    cell: CellId | None = None
    source: Literal["clone", "copy"] = "clone"
    index: str | None = None
    extra_index: tuple[str, ...] = ()
    package_index: tuple[tuple[str, str], ...] = ()
    find_links: tuple[str, ...] = ()
    ca_bundle: Path | None = None
    torch_index: str = "auto"
    rev: str | None = None
    registry: str | None = None
    exclude_newer: datetime | None = None
    as_of: Literal["commit", "now"] | datetime | None = None
    snapshot: Path | None = None
    from_snapshot: Path | None = None
    pins: Path | None = None
    claims: Path | None = None
    models: tuple[str, ...] = ()
    weights: Literal["bake", "mount", "none"] = "mount"
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    lock: Path | None = None
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    build_metadata: bool = False
    build_image: str | None = None
    undeclared: bool = True
    offline: bool = False
    cache_dir: Path = field(default_factory=_default_cache)
    verbosity: int = 0

    @property
    def reads_binaries(self) -> bool:
        """Whether what binaries are may rule wheels out."""
        return self.evidence == "binary" and not self.trust_labels

    def allows_torch(self, version: Version) -> bool:
        """Whether ``--torch`` leaves this release; pre-releases only where one was named."""
        return not self.torch or any(spec.contains(version) for spec in self.torch)
