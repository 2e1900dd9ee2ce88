"""The source lines of a site, for a reader who wants to see why a path is what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torchsolve.model.models import ModelSite
from torchsolve.model.values import replace

_BEFORE = 3
_AFTER = 6
_WIDEST = 200


def with_snippets(
    sites: Iterable[ModelSite], load: Callable[[str], bytes | None]
) -> tuple[ModelSite, ...]:
    """The sites, each with its line and those before it in the same block."""
    texts: dict[str, list[str]] = {}

    def lines(path: str) -> list[str]:
        if path not in texts:
            texts[path] = (load(path) or b"").decode("utf-8", "replace").splitlines()
        return texts[path]

    return tuple(replace(site, snippet=snippet(lines(site.file), site.line)) for site in sites)


def snippet(lines: list[str], line: int) -> str | None:
    """The given line (1-based) to the end of its call, and what precedes it; None if not there."""
    if not 1 <= line <= len(lines):
        return None
    depth = _depth(lines[line - 1])
    first = line - 1
    while first > max(0, line - 1 - _BEFORE) and _belongs(lines[first - 1], depth):
        first -= 1
    shown = [text[:_WIDEST].rstrip() for text in lines[first : _end(lines, line)]]
    return "\n".join(text for text in shown if text) or None


def _end(lines: list[str], line: int) -> int:
    """Where the call that begins on the line ends, by its brackets; a few lines at most."""
    for end in range(line, min(len(lines), line + _AFTER)):
        text = "".join(lines[line - 1 : end])
        if sum(map(text.count, "([{")) <= sum(map(text.count, ")]}")):
            return end
    return min(len(lines), line + _AFTER)


def _belongs(text: str, depth: int) -> bool:
    """Of the same block, or a line that opens it; no blank line and no new definition."""
    words = text.split()
    return bool(words) and words[0] not in ("def", "class", "async", "@") and _depth(text) <= depth


def _depth(text: str) -> int:
    return len(text) - len(text.lstrip())
