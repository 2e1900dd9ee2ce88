"""Whether a folder's files still follow from its lock (``emit --check``)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from torchsolve.emit.files import render
from torchsolve.emit.lock import read_lock
from torchsolve.emit.manifest import digest_of, is_script, read_manifest

_CONTEXT = "context/"


def check(directory: Path) -> str:
    """A unified diff from what is there to what the lock says; ``""`` when nothing is stale.

    Raises what ``read_lock`` and ``render`` raise, and UsageError("foreign-file").
    """
    plan, options = read_lock(directory / "pylock.toml")
    files = render(plan, options)
    known = read_manifest(directory)
    return "".join([*_rendered(files, known, directory), *_copied(known, directory)])


def _rendered(
    files: Mapping[str, bytes], known: Mapping[str, str], directory: Path
) -> Iterator[str]:
    leftovers = {name for name in known if not name.startswith(_CONTEXT)} - set(files)
    for name in sorted({*files, *leftovers}):
        path = directory / name
        there = path.read_bytes() if path.is_file() else None
        if there != files.get(name):
            yield from _diff(name, there, files.get(name))
        elif is_script(files[name]) and not path.stat().st_mode & 0o111:
            yield f"--- a/{name}\n+++ b/{name}\nold mode 100644\nnew mode 100755\n"


def _diff(name: str, there: bytes | None, wanted: bytes | None) -> Iterator[str]:
    lines = (_lines(there), _lines(wanted))
    old = f"a/{name}" if there is not None else "/dev/null"
    new = f"b/{name}" if wanted is not None else "/dev/null"
    changes = list(difflib.unified_diff(*lines, old, new))
    # An empty file that is missing has no lines to show, and is stale all the same.
    yield from changes or [f"--- {old}\n", f"+++ {new}\n"]


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode("utf-8", "replace")
    return [line + "\n" for line in text.split("\n")[: -1 if text.endswith("\n") else None] if text]


def _copied(known: Mapping[str, str], directory: Path) -> Iterator[str]:
    for name, digest in sorted(known.items()):
        if not name.startswith(_CONTEXT):
            continue
        path = directory / name
        found = digest_of(path) if path.is_file() else "missing"
        if found != digest:
            yield f"--- a/{name}\n+++ b/{name}\n-sha256 {found}\n+sha256 {digest}\n"
