"""The only module that knows where the files shipped beside the code lie."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def share(kind: Literal["matrices", "dockerfiles", "data"]) -> Path:
    """The folder of shipped files: inside an installed wheel, else at the root of the checkout.

    Raises FileNotFoundError where neither is there: the installation is broken.
    """
    checkout = _PACKAGE.parent.parent
    for folder in (_PACKAGE / "_share" / kind, checkout / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"torchsolve is not installed whole: {kind}/ is missing")


def probe_files() -> dict[str, bytes]:
    """The probes that run inside images, by file name, sorted."""
    folder = _PACKAGE / "smoke" / "probes"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
