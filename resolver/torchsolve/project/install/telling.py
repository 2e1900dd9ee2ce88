"""Which functions of a file are worth reading for installations: a look at their text."""

from __future__ import annotations

import re

from torchsolve.project.install.values import Function

CALLS = re.compile(
    rb"""["']pip3?["']|-m pip\b|\bpip3? install|\bpip\.main|["']git["']|git clone|clone_from\(|"""
    rb"""clone_repository\("""
)


_STEMS = (
    b"'pip",
    b'"pip',
    b"pip install",
    b"pip3 install",
    b"-m pip",
    b"pip.main",
    b"'git",
    b'"git',
)
_CLONES = (b"git clone", b"clone_from(", b"clone_repository(")


def may_install(data: bytes) -> bool:
    """Whether a module may install or clone something; most are told from fixed words alone."""
    return any(stem in data for stem in (*_STEMS, *_CLONES)) and CALLS.search(data) is not None


class Telling:
    """Which functions of a file install or clone something, or call one that does."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        defined = re.finditer(r"^ *def (\w+)\(", text, re.MULTILINE)
        starts = [(match[1], text.count("\n", 0, match.start())) for match in defined]
        ends = [line for _, line in starts[1:]] + [len(self._lines)]
        bodies = ((name, line, end) for (name, line), end in zip(starts, ends, strict=True))
        names = [name for name, line, end in bodies if CALLS.search(self._text(line, end))]
        pattern = "|".join(map(re.escape, names))
        self._names = re.compile(rf"\b(?:{pattern})\(".encode()) if names else None

    def _text(self, start: int, end: int) -> bytes:
        return "\n".join(self._lines[start:end]).encode()

    def of(self, function: Function) -> bool:
        """Whether a function is worth reading."""
        text = self._text(function.node.lineno - 1, function.node.end_lineno or 0)
        return bool(CALLS.search(text) or (self._names and self._names.search(text)))
