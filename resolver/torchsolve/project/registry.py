"""A node by its id on the Comfy registry: the repository that the registry names.

``GET BASE/nodes/ID`` (https://docs.comfy.org/registry/api-reference): ``repository`` and
``latest_version``. The answer is kept under the cache folder, for ``--offline``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from torchsolve.errors import UnknownError, UsageError
from torchsolve.project.download import Download, small

BASE = "https://api.comfy.org"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class _Version(BaseModel):
    version: str


class _Node(BaseModel):
    repository: str | None = None
    latest_version: _Version | None = None


def repository_of(node: str, base: str, cache_dir: Path, download: Download | None) -> str:
    """The repository's address.

    Raises UsageError ``unknown-reference`` for an id that the registry does not have, or that names
    no repository; UnknownError ``registry-unreachable`` where it does not answer, ``offline-miss``
    where it may not be asked and the cache lacks it.
    """
    if not _ID.fullmatch(node):
        raise UsageError("unknown-reference", f"{node} is no id of a node", hint=_HINT)
    kept = cache_dir / "registry" / f"{node.lower()}.json"
    if download is None:
        return _address(_kept(kept, node), node)
    url = f"{base.rstrip('/')}/nodes/{quote(node)}"
    try:
        answer = small(url, download)
    except UnknownError as error:
        if error.message.endswith(" 404"):
            text = f"{node} is no file, no bundled sample, and no node of the Comfy registry"
            raise UsageError("unknown-reference", text, origin=url, hint=_HINT) from None
        raise UnknownError(
            "registry-unreachable",
            f"the Comfy registry did not say where {node} is: {error.message}",
            origin=url,
            hint="name its repository (owner/repo); TORCHSOLVE_REGISTRY sets another address",
        ) from None
    address = _address(answer, node)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(answer)
    return address


_HINT = "name a folder, a file, owner/repo, a sample, or the id of a node on the Comfy registry"


def _kept(path: Path, node: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UnknownError(
            "offline-miss",
            f"where {node} is was never asked",
            origin=node,
            hint="leave --offline out once, or name its repository (owner/repo)",
        ) from None


def _address(answer: bytes, node: str) -> str:
    try:
        repository = _Node.model_validate(json.loads(answer)).repository
    except (ValueError, ValidationError) as error:
        why = str(error).splitlines()[0]
        raise UnknownError(
            "registry-error", f"the registry's answer on {node} cannot be read: {why}", origin=node
        ) from None
    if not repository:
        raise UsageError(
            "unknown-reference",
            f"the registry names no repository of {node}",
            origin=node,
            hint="name the repository, or a folder that holds the node",
        )
    return repository
