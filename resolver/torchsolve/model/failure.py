"""Failures with a recognizable text: from a log to causes and fixes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from torchsolve.model.outcome import Diagnosis


class KnownFailure(Protocol):
    """A row of matrices/: a pattern, what it means and what helps."""

    @property
    def id(self) -> str:
        """Kebab-case name."""

    @property
    def regex(self) -> str:
        """Searched for in a text, line ends included."""

    @property
    def cause(self) -> str:
        """May name groups of the pattern: ``{lib}``."""

    @property
    def fix(self) -> str:
        """Likewise."""


def recognize(text: str, known: Iterable[KnownFailure]) -> tuple[Diagnosis, ...]:
    """What ``text`` shows, in the order of the rows: a specific row stands before a generic one.

    A match inside one that a former row made is not told again.
    """
    return tuple(diagnosis_of(row, found[0]) for row, found in matches(text, known))


def matches(
    text: str, known: Iterable[KnownFailure]
) -> Iterator[tuple[KnownFailure, list[re.Match[str]]]]:
    """Each row that finds itself in ``text``, with all places that no former row took."""
    taken: list[tuple[int, int]] = []
    for row in known:
        found = [m for m in re.finditer(row.regex, text) if not _within(m.span(), taken)]
        if found:
            taken.extend(match.span() for match in found)
            yield row, found


def diagnosis_of(row: KnownFailure, match: re.Match[str]) -> Diagnosis:
    """The row's cause and fix, with what the match's groups say."""
    return Diagnosis(row.id, _fill(row.cause, match), _fill(row.fix, match))


def _within(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in taken)


def _fill(sentence: str, match: re.Match[str]) -> str:
    for name, value in match.groupdict().items():
        sentence = sentence.replace("{" + name + "}", value or "?")
    return sentence
