"""Lines of torch's headers on which an inlined check can stand, release by release.

``TORCH_INTERNAL_ASSERT`` compiles its header's path and its own line into the file that includes
it (``… INTERNAL ASSERT FAILED at "…/c10/core/SymInt.h":90``). A release whose header has no such
check on that line is not the one that the file was compiled against. Compilers give a call that
spans lines the number of its first or of its last line; both count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from packaging.version import Version

from torchsolve.resources import share

ROOT = "torch/include/"
FILE = "prints/assert_lines.json"
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.DOTALL)
_SEEDS = frozenset(
    {"TORCH_INTERNAL_ASSERT", "TORCH_INTERNAL_ASSERT_DEBUG_ONLY", "AT_ASSERT", "AT_ASSERTM"}
)
_WORD = re.compile(r"\w+")
Lines = Mapping[str, frozenset[int]]


class LineTable:
    """Which lines are possible in which release.

    Args:
        states: header → ``(first release of this state, lines)``, oldest first.
        releases: those that were read, oldest first.
    """

    def __init__(
        self,
        releases: tuple[Version, ...],
        states: Mapping[str, tuple[tuple[Version, frozenset[int]], ...]],
    ) -> None:
        self.releases = releases
        self._states = states
        self._by_name: dict[str, list[str]] = {}
        for header in states:
            self._by_name.setdefault(header.rpartition("/")[2], []).append(header)

    def allows(self, release: Version, header: str, line: int) -> bool:
        """Whether ``header`` has a check on ``line``; a bare file name stands for any folder's."""
        headers = [header] if header in self._states else self._by_name.get(header, [])
        return any(line in self._lines(release, one) for one in headers)

    def knows(self, header: str) -> bool:
        """Whether any release has checks in this header."""
        return header in self._states or header in self._by_name

    def fitting(self, checks: Iterable[tuple[str, int]]) -> tuple[Version, ...]:
        """The releases that allow every check in a header that the table knows."""
        known = [check for check in checks if self.knows(check[0])]
        return tuple(r for r in self.releases if all(self.allows(r, *check) for check in known))

    def of(self, release: Version) -> Lines:
        """Header → lines of one release."""
        found = {header: self._lines(release, header) for header in self._states}
        return {header: lines for header, lines in found.items() if lines}

    def _lines(self, release: Version, header: str) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for since, lines in self._states[header]:
            if since <= release:
                found = lines
        return found


@lru_cache(maxsize=1)
def load_lines() -> LineTable:
    """The shipped table."""
    return read_lines(share("data") / FILE)


def read_lines(path: Path) -> LineTable:
    """A table from its file; an empty one where there is none."""
    if not path.exists():
        return LineTable((), {})
    data = json.loads(path.read_text("utf-8"))
    states = {
        header: tuple((Version(since), frozenset(lines)) for since, lines in rows)
        for header, rows in data["headers"].items()
    }
    return LineTable(tuple(Version(text) for text in data["releases"]), states)


def dump_lines(table: Mapping[Version, Lines]) -> bytes:
    """The file's bytes, from what ``check_lines`` gave for each release."""
    releases = sorted(table)
    headers: dict[str, list[tuple[str, list[int]]]] = {}
    for release in releases:
        for header in {*table[release], *headers}:
            lines = sorted(table[release].get(header, ()))
            rows = headers.setdefault(header, [])
            if not rows or rows[-1][1] != lines:
                rows.append((str(release), lines))
    body = ",\n".join(
        f"{json.dumps(header)}:{json.dumps(rows, separators=(',', ':'))}"
        for header, rows in sorted(headers.items())
    )
    listed = json.dumps([str(release) for release in releases])
    return f'{{"releases":{listed},\n"headers":{{\n{body}\n}}}}\n'.encode()


def check_lines(headers: Mapping[str, str]) -> dict[str, frozenset[int]]:
    """The lines of one release.

    Args:
        headers: text of each file below ``torch/include/``, by its path from there.
    """
    texts = {name: _NO_CODE.sub(_blank, text) for name, text in headers.items()}
    call = _calls(_checking_macros(texts.values()))
    found = {name: frozenset(_lines_of(text, call)) for name, text in texts.items()}
    return {name: lines for name, lines in found.items() if lines}


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _checking_macros(texts: Iterable[str]) -> frozenset[str]:
    """The checks, and every macro that expands to one."""
    words: dict[str, set[str]] = {}
    for text in texts:
        for match in _DEFINE.finditer(text):
            words.setdefault(match[1], set()).update(_WORD.findall(match[2]))
    found = _SEEDS
    while more := {name for name, body in words.items() if name not in found and body & found}:
        found |= more
    return found


def _calls(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(rf"\b(?:{'|'.join(longest_first)})\s*\(")


def _lines_of(text: str, call: re.Pattern[str]) -> Iterable[int]:
    defined = [match.span() for match in _DEFINE.finditer(text)]
    for match in call.finditer(text):
        if any(start <= match.start() < end for start, end in defined):
            continue
        yield text.count("\n", 0, match.start()) + 1
        yield text.count("\n", 0, _closing(text, match.end() - 1)) + 1


def _closing(text: str, opening: int) -> int:
    """Where the parenthesis that opens at ``opening`` closes; the end where it never does."""
    depth = 0
    for match in re.compile(r"[()]").finditer(text, opening):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.start()
    return len(text)
