"""Requirements under conditions, as ``requires.txt`` and ``pyproject.toml`` group them.

In: sections, each with its extra and marker. Out: Requires-Dist lines, the form that a wheel's
METADATA has them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import copy

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from torchsolve.model.values import dataclass
from torchsolve.wheel.metadata import requirement

_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True, slots=True)
class Section:
    """Requirement lines that hold for an extra (None: always), where a marker (None: any) does."""

    lines: tuple[str, ...]
    extra: str | None = None
    marker: str | None = None


def requires_dist(sections: Iterable[Section]) -> Iterator[str]:
    """Each line with the conditions of its section added to its own.

    A line that is no requirement, or stands under what is no marker, comes out as none.
    """
    for section in sections:
        conditions = [section.marker] if section.marker else []
        if section.extra is not None:
            conditions.append(f'extra == "{canonicalize_name(section.extra)}"')
        for line in section.lines:
            yield _under(line, conditions) if conditions else line


def _under(line: str, conditions: list[str]) -> str:
    try:
        found = copy(requirement(line))
        own = [str(found.marker)] if found.marker else []
        found.marker = Marker(" and ".join(f"({part})" for part in (*own, *conditions)))
    except (InvalidRequirement, InvalidMarker):
        return f"{line} ; {' and '.join(conditions)}"
    return str(found)


def parse_requires_txt(text: str) -> tuple[Section, ...] | None:
    """The sections of an egg-info's ``requires.txt``; None where it is malformed.

    ``[extra]``, ``[:marker]`` and ``[extra:marker]`` head the lines below them; those above the
    first head hold always (setuptools, ``setuptools/command/_requirestxt.py``).
    """
    sections, lines = [], list[str]()
    extra = marker = None
    for line in _content(text):
        if not line.startswith("["):
            lines.append(line)
            continue
        if not line.endswith("]"):
            return None
        sections.append(Section(tuple(lines), extra, marker))
        lines = []
        extra, marker = _head(line[1:-1])
    return (*sections, Section(tuple(lines), extra, marker))


def _head(text: str) -> tuple[str | None, str | None]:
    extra, _, marker = (part.strip() for part in text.partition(":"))
    return extra or None, marker or None


def _content(text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = _COMMENT.sub("", line).strip()
        if bare:
            yield bare
