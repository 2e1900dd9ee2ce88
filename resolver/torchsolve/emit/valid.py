"""What a lock may say before files are made of it: it may come from a stranger, or be edited.

Values of a lock become words of commands in an image and on the host. Escaping keeps a word a word;
here is refused what no word may be: an option for a commit, a path that leaves its folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from torchsolve.emit.manifest import is_inside
from torchsolve.emit.portable import is_local
from torchsolve.model.plan import Layer, Pin, Plan
from torchsolve.model.project import ModelFile, SourceLocation

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9][^\s/\\]*")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

Check = tuple[str, str | None, Callable[[str], object]]


def refuse_unsafe(plan: Plan) -> Plan:
    """The portable plan of a lock as it is; ValueError with the value that no lock of ours has."""
    for what, value, holds in _checks(plan):
        if value is not None and not (value.isprintable() and holds(value)):
            raise ValueError(f"{what} {value!r} cannot be used")
    return plan


def _checks(plan: Plan) -> Iterator[Check]:
    for node in plan.nodes:
        yield from _source(node.source)
    if plan.comfyui is not None:
        comfyui = plan.comfyui
        yield from _source(SourceLocation(comfyui.url, comfyui.commit, comfyui.path))
    for pin in plan.pins:
        yield from _pin(pin)
    for weight in plan.weights:
        yield from _weight(weight)


def _source(source: SourceLocation) -> Iterator[Check]:
    yield "commit", source.commit, _COMMIT.fullmatch
    yield "address", source.url, _is_address
    yield "folder", source.path, _is_copied


def _pin(pin: Pin) -> Iterator[Check]:
    yield "package", pin.name, _WORD.fullmatch
    yield "version", pin.version, _WORD.fullmatch
    if pin.layer is Layer.BASE:
        return
    if pin.vcs is not None:
        url, commit, subdirectory = pin.vcs
        yield "address", url, lambda text: _is_address(text) or _is_copied(text)
        yield "commit", commit, _COMMIT.fullmatch
        yield "subdirectory", subdirectory, _is_path
        return
    yield "file", pin.file.filename, _WORD.fullmatch
    yield "sha256", pin.file.sha256, _SHA256.fullmatch
    yield "address", pin.file.url, lambda text: _is_address(text) or _is_copied(text)
    yield "place", pin.file.place, _is_path


def _weight(weight: ModelFile) -> Iterator[Check]:
    yield "model path", weight.path, _is_path
    yield "model repository", weight.repo, _REPO.fullmatch
    yield "model address", weight.url, _is_address
    yield "sha256", weight.sha256, _SHA256.fullmatch
    yield "re-upload", weight.mirror, _REPO.fullmatch
    yield "commit", weight.mirror_commit, _COMMIT.fullmatch
    if weight.files:
        yield "commit", weight.revision, _COMMIT.fullmatch
    for file in weight.files:
        yield "model file", file.name, _is_path
        yield "sha256", file.sha256, _SHA256.fullmatch
        yield "object id", file.blob, _COMMIT.fullmatch


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    host = parts.hostname or ""
    return parts.scheme in ("https", "http", "ssh") and bool(host) and not host.startswith("-")


def _is_copied(text: str) -> bool:
    return is_local(text) and _is_path(text)


def _is_path(text: str) -> bool:
    return is_inside(text) and not any(part.startswith("-") for part in text.split("/"))
