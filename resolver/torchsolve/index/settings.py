"""What an ``IndexClient`` is told."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Where packages come from and how they are asked for.

    Attributes:
        cache_dir: for distilled pages and metadata; made where it is missing.
        default_url: root of the default index's simple API; None for pip's own default.
        extra: further indexes; a package is taken from the first that has it, these before the
            default one (as uv does; pip would mix them).
        find_links: URLs of flat HTML pages, or folders; their files join those of the index.
        by_package: PEP 503 name → URL of the one index that it is taken from.
        no_index: ask no index, but flat pages and folders, and what ``by_package`` names.
        torch_url: the PyTorch index of one CUDA tag; None where the default index serves torch.
        torch_family: PEP 503 names that are taken from ``torch_url`` alone.
        offline: never open a socket; what is not in the cache is unknown.
        exclude_newer: files uploaded at that time or later are left out (UTC).
        connections: requests at the same time.
        timeout: seconds that a connection or a read may take.
        retries: further attempts after a transient fault.
        backoff: seconds before the first of them; doubled each time.
        patience: seconds that an answer may take as a whole; more where much of it arrives.
        ca_bundle: authorities to trust (PEM), in place of the system's.
        snapshot: where to record what is read.
        from_snapshot: what to replay; nothing else is asked or read.
    """

    cache_dir: Path
    default_url: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    by_package: tuple[tuple[str, str], ...] = ()
    no_index: bool = False
    torch_url: str | None = None
    torch_family: frozenset[str] = frozenset()
    offline: bool = False
    exclude_newer: datetime | None = None
    connections: int = 20
    timeout: float = 20.0
    retries: int = 3
    backoff: float = 0.25
    patience: float = 120.0
    ca_bundle: Path | None = None
    snapshot: Path | None = None
    from_snapshot: Path | None = None
