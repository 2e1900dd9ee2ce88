"""``manifest.json``: which files of a folder are ours, and what they were when we wrote them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from torchsolve.emit.options import Content
from torchsolve.errors import UsageError

NAME = "manifest.json"
SCHEMA = "torchsolve.manifest/1"


def manifest(digests: Mapping[str, str]) -> bytes:
    """The file, of path → sha256."""
    document = {"schema": SCHEMA, "files": dict(sorted(digests.items()))}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def read_manifest(directory: Path) -> dict[str, str]:
    """Path → sha256 of what we wrote before; empty without a manifest.

    Raises UsageError("foreign-file") for a manifest.json that is not ours, or names places outside.
    """
    path = directory / NAME
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_bytes())
        files = {str(name): str(digest) for name, digest in document["files"].items()}
        ours = document["schema"] == SCHEMA and all(is_inside(name) for name in files)
    except (ValueError, KeyError, TypeError, AttributeError):
        ours = False
    if not ours:
        raise UsageError(
            "foreign-file",
            "this manifest.json is not torchsolve's",
            origin=str(path),
            hint="move it away, or choose another folder",
        )
    return files


def is_inside(name: str) -> bool:
    """Whether a relative path stays in its folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def is_script(content: bytes) -> bool:
    """Whether a file of ours is written with its executable bits set."""
    return content.startswith(b"#!")


def digest_of(content: Content) -> str:
    """sha256 of bytes or of a file, in chunks."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
