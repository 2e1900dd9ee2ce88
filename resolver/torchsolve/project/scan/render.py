"""Values → the path grammar of DESIGN section 7."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.project.scan import ospath
from torchsolve.project.scan.values import HOME, ROOT, Hole, Text

_OPEN_KINDS = frozenset({"user", "enum"})


def path_of(value: Text, *, folder: bool = False) -> str:
    """A path as people read it: ``models/…``, ``<cwd>/…``, ``{name}`` for what is open."""
    known = ospath.normal(value) if ospath.is_absolute(value) else value
    written = "".join(_part(part) for part in known.parts)
    if written.startswith("<hf-cache>"):
        return "<hf-cache>"
    if written.startswith(ROOT):
        written = written[1:].lstrip("/")
    elif written.startswith(HOME):
        written = "~" + written[1:]
    elif not written.startswith(("<", "/", "{")):
        written = "<cwd>/" + written.removeprefix("./")
    elif written.startswith("{outside}"):
        written = written.replace("{outside}", "<outside>", 1)
    if folder and written and not written.endswith("/"):
        written += "/"
    return written


def word_of(value: Text) -> str:
    """A repository, an address, a pattern."""
    return "".join(_part(part) for part in value.parts)


def _part(part: str | Hole) -> str:
    return part if isinstance(part, str) else "{" + (part.name or "name") + "}"


def undecided(value: Text) -> tuple[Hole, ...]:
    """Holes that nobody fills by choosing."""
    return tuple(hole for hole in value.holes if hole.kind not in _OPEN_KINDS)


def braces(paths: Sequence[str]) -> str:
    """Several paths as one: ``models/{a,b}/c``."""
    if len(paths) == 1:
        return paths[0]
    rows = [path.split("/") for path in paths]
    shortest = min(len(row) for row in rows)
    head = 0
    while head < shortest and len({row[head] for row in rows}) == 1:
        head += 1
    tail = 0
    while tail < shortest - head and len({row[len(row) - 1 - tail] for row in rows}) == 1:
        tail += 1
    if any(len(row) == head + tail for row in rows) and tail:
        # An alternative is never nothing: ``{a,}/b`` is no path, nor is ``a/{,b/}``.
        head, tail = (head - 1, tail) if head and not rows[0][-1] else (head, tail - 1)
    middles = list(dict.fromkeys("/".join(row[head : len(row) - tail]) for row in rows))
    parts = [*rows[0][:head], "{" + ",".join(middles) + "}", *rows[0][len(rows[0]) - tail :]]
    if tail == 0:
        parts = parts[: head + 1]
    return "/".join(parts)
