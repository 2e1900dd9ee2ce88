"""A plan without this machine in it: what the files are made of, and what the lock gives back.

Local folders become places under ``context/``, credentials leave every URL, and a wheel that a
project brings gets the address that a stranger can fetch it from. ``portable`` is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.version import Version

from torchsolve.emit.codec import decode, encode
from torchsolve.emit.escape import slug, without_credentials
from torchsolve.emit.options import EmitOptions
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import NodeSource, Pin, Plan
from torchsolve.model.project import ComfyUI, SourceLocation
from torchsolve.model.values import replace

WHEELS = "context/wheels"
NODES = "context/nodes"
VCS = "context/vcs"
COMFYUI = "context/ComfyUI"


def portable(plan: Plan, options: EmitOptions) -> Plan:
    """The same plan for any machine.

    Raises UsageError("no-source") for a project that can neither be cloned nor copied,
    UsageError("same-folder") for two that would land in one folder, and UnknownError("no-address")
    for a wheel of a clone whose host has no known address for single files.
    """
    nodes = tuple(_node(node, options) for node in plan.nodes)
    _refuse_collisions(nodes)
    torch = plan.cell.torch
    moved = replace(
        plan,
        cell=replace(plan.cell, torch=Version(torch.public) if torch else None),
        nodes=nodes,
        comfyui=_comfyui(plan.comfyui),
    )
    moved_node = dict(zip(plan.nodes, nodes, strict=True))
    homes = (owner(plan, pin) for pin in plan.pins)
    pins = (
        _pin(pin, moved_node[home] if home else None)
        for pin, home in zip(plan.pins, homes, strict=True)
    )
    moved = replace(moved, pins=tuple(pins))
    return decode(Plan, _map_text(encode(moved), _scrubber(plan)))


def owner(plan: Plan, pin: Pin) -> NodeSource | None:
    """The project whose tree holds the pin's wheel; None for one of an index or of ``context/``.

    By address or folder where these tell; a wheel known by its place alone (a recorded fact) goes
    to the project that asks for it, or to the only one.
    """
    file = pin.file
    if file.index != "project" or not file.is_wheel or file.place is None or is_local(file.url):
        return None
    inside = [node for node in plan.nodes if _is_inside(file.url, node.source)]
    if inside or _is_remote(file.url):
        return inside[0] if inside else None
    named = [node for node in plan.nodes if node.name in pin.requested_by]
    if file.url is not None and not named:
        return None
    return next(iter(named or (plan.nodes if len(plan.nodes) == 1 else ())), None)


def is_local(url: str | None) -> bool:
    """Whether a portable plan's URL is a place under ``context/``."""
    return url is not None and url.startswith("context/")


def is_cloned(source: SourceLocation) -> bool:
    """Whether the Dockerfile clones it (a portable plan keeps a path only for what is copied)."""
    return source.path is None


def raw_url(source: SourceLocation, place: str) -> str | None:
    """Address of one file of a commit; None where the host's scheme is not known."""
    if not source.url or not source.commit:
        return None
    parts = urlsplit(source.url)
    repository, path = parts.path.strip("/").removesuffix(".git"), quote(place)
    if parts.hostname == "github.com":
        return f"https://raw.githubusercontent.com/{repository}/{source.commit}/{path}"
    if parts.hostname == "gitlab.com":
        return f"https://gitlab.com/{repository}/-/raw/{source.commit}/{path}"
    if parts.hostname == "huggingface.co":
        return f"https://huggingface.co/{repository}/resolve/{source.commit}/{path}"
    return None


def _is_inside(url: str | None, source: SourceLocation) -> bool:
    if not url:
        return False
    if source.path is not None and urlsplit(url).scheme == "file":
        return Path(unquote(urlsplit(url).path)).is_relative_to(source.path)
    if not source.url or not source.commit:
        return False
    repository = urlsplit(source.url).path.strip("/").removesuffix(".git")
    return source.commit in url and repository.lower() in url.lower()


def _node(node: NodeSource, options: EmitOptions) -> NodeSource:
    return replace(node, source=_source(node, options))


def _source(node: NodeSource, options: EmitOptions) -> SourceLocation:
    source = node.source
    clonable = _is_remote(source.url) and source.commit is not None
    if clonable and (options.source == "clone" or source.path is None):
        return replace(source, path=None)
    if source.path is None:
        raise UsageError(
            "no-source",
            f"{node.name} has neither a remote with a commit nor a local folder",
            hint="give its git URL, or a folder with --source copy",
        )
    url = source.url if _is_remote(source.url) else None
    return replace(source, url=url, path=f"{NODES}/{slug(node.name)}")


def _is_remote(url: str | None) -> bool:
    return url is not None and urlsplit(url).scheme in ("https", "http", "ssh")


def _refuse_collisions(nodes: tuple[NodeSource, ...]) -> None:
    folders = [slug(node.name).lower() for node in nodes]
    for node, folder in zip(nodes, folders, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(
                "same-folder", f"two projects would both be placed in {slug(node.name)}"
            )


def _comfyui(comfyui: ComfyUI | None) -> ComfyUI | None:
    if comfyui is None or (comfyui.path is None and comfyui.commit is not None):
        return comfyui
    if comfyui.path is None:
        raise UsageError("no-source", "ComfyUI has neither a commit nor a local folder")
    return replace(comfyui, path=COMFYUI)


def _pin(pin: Pin, home: NodeSource | None) -> Pin:
    if pin.vcs is not None:
        url, commit, subdirectory = pin.vcs
        url = url.removeprefix("git+")
        place = url if _is_remote(url) or is_local(url) else f"{VCS}/{slug(pin.name)}"
        return replace(pin, vcs=(place, commit, subdirectory))
    if pin.file.index in ("project", "direct") and not is_local(pin.file.url):
        return replace(pin, file=replace(pin.file, url=_wheel_url(pin, home)))
    return pin


def _wheel_url(pin: Pin, home: NodeSource | None) -> str | None:
    file = pin.file
    if home is None:
        return file.url if _is_remote(file.url) else _in_context(file)
    if not is_cloned(home.source) or file.place is None:
        return _in_context(file)
    address = file.url if _is_remote(file.url) else raw_url(home.source, file.place)
    if address is None:
        raise UnknownError(
            "no-address",
            f"nobody knows under which address {home.source.url} serves {file.place}",
            hint="clone it and give the folder with --source copy",
        )
    return address


def _in_context(file: IndexFile) -> str:
    return f"{WHEELS}/{file.filename}"


def _scrubber(plan: Plan) -> Callable[[str], str]:
    """Takes credentials, and the folders that the plan itself knows to be local, out of a text."""
    folders = [node.source.path for node in plan.nodes]
    folders += [plan.comfyui.path if plan.comfyui else None]
    local = sorted({f.rstrip("/") for f in folders if f and Path(f).is_absolute()}, key=len)

    def scrub(text: str) -> str:
        for folder in reversed(local):
            text = text.replace(folder + "/", "").replace(folder, ".")
        return without_credentials(text)

    return scrub


def _map_text(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, list):
        return [_map_text(item, change) for item in data]
    if isinstance(data, dict):
        return {key: _map_text(item, change) for key, item in data.items()}
    return data
