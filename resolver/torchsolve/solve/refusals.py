"""Versions that another Python is asked for, as a search meets them.

A solver has no options for them. uv tries each of them where it is the newest in range, and each
try has a consequence for its order (``core``); so they are counted here, each once a search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.solve.keys import split_key
from torchsolve.solve.problem import Problem

Refused = tuple[Version, str]


class Refusals:
    """What is left of them, of each package."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._left: dict[str, list[Refused]] = {}

    def above(self, key: str, position: int, asked: Callable[[str], set[str]]) -> Iterator[str]:
        """Requires-Python of versions in range that are newer than an option, newest first.

        ``asked``: gives the specifiers that the range is made of.
        """
        left = self._left.get(key)
        if left is None:
            left = self._left[key] = self._read(key)
        if not left:
            return
        version = self._problem.package(key).options[position].version
        newer = [row for row in left if row[0] > version]
        specifiers = asked(key) if newer else ()
        for row in newer:
            if all(_contains(text, row[0]) for text in specifiers):
                left.remove(row)
                yield row[1]

    def _read(self, key: str) -> list[Refused]:
        page = self._problem.package(key).page
        if page is None or split_key(key)[0] in self._problem.rules.preferred:
            return []
        return [(_version(version), python) for version, python in page.refused]


_version = lru_cache(maxsize=8192)(Version)


@lru_cache(maxsize=8192)
def _contains(specifier: str, version: Version) -> bool:
    return SpecifierSet(specifier).contains(version)
