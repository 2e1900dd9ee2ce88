"""``context/``: the local files that the image needs, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from torchsolve.emit.manifest import digest_of
from torchsolve.emit.options import Content, EmitOptions
from torchsolve.emit.portable import COMFYUI, is_local, owner, portable
from torchsolve.errors import UsageError
from torchsolve.model.plan import Pin, Plan
from torchsolve.model.project import SourceLocation

_LEFT_BEHIND = frozenset({".git", "__pycache__", ".venv", "venv", ".mypy_cache", ".ruff_cache"})


def context_files(plan: Plan, options: EmitOptions) -> dict[str, Content]:
    """Relative path under ``context/`` → content, sorted; empty where everything is cloned.

    ``plan`` is the original one with local folders, or one from a lock with ``options.root``.
    Raises UsageError("no-source") for a folder that is not there, UsageError("changed-wheel") for a
    wheel that is not the one that was solved with.
    """
    moved = portable(plan, options)
    found: dict[str, Content] = {}
    for before, after in zip(plan.nodes, moved.nodes, strict=True):
        if after.source.path is not None:
            found |= _tree(before.source, after.source.path, options)
    if plan.comfyui is not None and moved.comfyui is not None and moved.comfyui.path:
        source = SourceLocation(commit=plan.comfyui.commit, path=plan.comfyui.path)
        found |= _tree(source, COMFYUI, options)
    for pin, after_pin in zip(plan.pins, moved.pins, strict=True):
        found |= _pin_files(plan, pin, after_pin, options)
    return dict(sorted(found.items()))


def _pin_files(plan: Plan, pin: Pin, after: Pin, options: EmitOptions) -> dict[str, Content]:
    if pin.vcs is not None and after.vcs is not None:
        if not is_local(after.vcs[0]):
            return {}
        source = SourceLocation(commit=pin.vcs[1], path=_local_path(pin.vcs[0]))
        return _tree(source, after.vcs[0], options, keep_wheels=True)
    if not is_local(after.file.url) or after.file.url is None:
        return {}
    return {after.file.url: _wheel(plan, pin, options)}


def _wheel(plan: Plan, pin: Pin, options: EmitOptions) -> Content:
    content = _find_wheel(plan, pin, options)
    if digest_of(content) != pin.file.sha256:
        raise UsageError(
            "changed-wheel",
            f"{pin.file.filename} is no longer the file that the plan was solved with",
            origin=pin.file.place or str(pin.file.url),
            hint="resolve again",
        )
    return content


def _find_wheel(plan: Plan, pin: Pin, options: EmitOptions) -> Content:
    url = pin.file.url
    if url is not None and (is_local(url) or urlsplit(url).scheme in ("", "file")):
        path = _at(_local_path(url), options)
        if path.is_file():
            return path
    home = owner(plan, pin)
    if home is not None and home.source.path is not None:
        for name, content in _read(home.source, options):
            if name == pin.file.place:
                return content
    raise UsageError("no-source", f"{pin.file.filename} is not there to be copied", origin=str(url))


def _tree(
    source: SourceLocation, place: str, options: EmitOptions, *, keep_wheels: bool = False
) -> dict[str, Content]:
    return {
        f"{place}/{name}": content
        for name, content in _read(source, options)
        if keep_wheels or not name.endswith(".whl")
    }


def _read(source: SourceLocation, options: EmitOptions) -> Iterable[tuple[str, Content]]:
    if source.path is None:
        raise UsageError("no-source", "there is no local folder to copy", origin=source.url or "")
    if options.tree is not None and not is_local(source.path):
        return options.tree(source)
    return _walk(_at(source.path, options))


def _walk(root: Path) -> Iterator[tuple[str, Content]]:
    if not root.is_dir():
        raise UsageError("no-source", "the folder to copy is not there", origin=str(root))
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not _LEFT_BEHIND.intersection(relative.parts):
            yield relative.as_posix(), path


def _at(path: str, options: EmitOptions) -> Path:
    return options.root / path if options.root is not None and is_local(path) else Path(path)


def _local_path(url: str) -> str:
    parts = urlsplit(url.removeprefix("git+"))
    return unquote(parts.path) if parts.scheme == "file" else url
