"""The Python files of a tree, read and parsed at most once, within bounds."""

from __future__ import annotations

import ast
import gc
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torchsolve.model.values import dataclass, field
from torchsolve.project.tree import Tree

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading may cost; what lies beyond is named, never skipped in silence.

    Attributes:
        file: bytes of one file; a longer one is generated.
        parsed: bytes of source that are parsed in all, and ``seen`` the same as ``weight`` has it.
        memory: bytes of all syntax trees, with that of a file while it is parsed.
        run: weight of all modules that run: what they define holds their trees.
        held: bytes of texts that stay in memory; others are read again.
    """

    file: int = 4_000_000
    parsed: int = 10_000_000
    seen: int = 750_000
    memory: int = 225_000_000
    run: int = 495_000
    held: int = 24_000_000


@dataclass(slots=True)
class Sources:
    """The Python files of a tree.

    Attributes:
        unread: file → why it was not read, for people.
    """

    tree: Tree
    limits: Limits = field(default_factory=Limits)
    unread: dict[str, str] = field(default_factory=dict)
    _all: frozenset[str] | None = None
    _files: tuple[str, ...] | None = None
    _bytes: dict[str, bytes | None] = field(default_factory=dict)
    _trees: OrderedDict[str, ast.Module] = field(default_factory=OrderedDict)
    _kept: int = 0
    _parsed: int = 0
    _run: int = 0
    _signs: int = 0
    _held: int = 0
    _running: dict[str, ast.Module] = field(default_factory=dict)
    _weights: dict[str, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    @property
    def all_paths(self) -> frozenset[str]:
        """Every file of the tree."""
        if self._all is None:
            self._all = frozenset(self.tree.paths)
        return self._all

    @property
    def files(self) -> tuple[str, ...]:
        """Python files, sorted."""
        if self._files is None:
            self._files = tuple(sorted(p for p in self.all_paths if p.endswith(".py")))
        return self._files

    def load(self, path: str) -> bytes | None:
        """Bytes of a file of the tree; None where it is not there or too long."""
        if path in self._bytes:
            return self._bytes[path]
        if path not in self.all_paths:
            return None
        data = self._checked(path, self.tree.read((path,), self.limits.file + 1).get(path))
        if data is None or self._held <= self.limits.held:
            self._keep(path, data)
        return data

    def _keep(self, path: str, data: bytes | None) -> None:
        self._bytes[path] = data
        self._held += len(data or b"")

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read many files with few calls; a tree in git answers a batch in one process."""
        wanted = [p for p in dict.fromkeys(paths) if p not in self._bytes]
        for start in range(0, len(wanted), _AT_ONCE):
            if self._held > self.limits.held:
                return
            part = wanted[start : start + _AT_ONCE]
            known = [p for p in part if p in self.all_paths]
            self._bytes.update(dict.fromkeys(part))
            for path, data in self.tree.read(known, self.limits.file + 1).items():
                self._keep(path, self._checked(path, data))

    def _checked(self, path: str, data: bytes | None) -> bytes | None:
        if data is None:
            self.unread[path] = "listed, but its content is not there"
        elif len(data) > self.limits.file:
            self.unread[path] = f"over {self.limits.file:,} bytes are more than is read of one file"
            return None
        return data

    def to_run(self, path: str) -> ast.Module | None:
        """The syntax tree of a module that will hold it in memory, while that can be afforded."""
        tree = self.module(path)
        if tree is not None:
            weight = self._weight(path)
            if self._run + weight > self.limits.run:
                self.unread[path] = "more source than is kept in memory at once: not followed"
                return None
            self._run += weight
            self.drop(path)
            self._running[path] = tree
        return tree

    def module(self, path: str) -> ast.Module | None:
        """The syntax tree of a file; None where it cannot be had: ``unread`` says why."""
        tree = self._running.get(path)
        if tree is not None:
            return tree
        tree = self._trees.get(path)
        if tree is not None:
            self._trees.move_to_end(path)
            return tree
        data = self.load(path)
        if data is None or path in self.unread:
            return None
        return self._parse(path, data)

    def _parse(self, path: str, data: bytes) -> ast.Module | None:
        known = path in self._seen
        if not known:
            self._seen.add(path)
            self._parsed += len(data)
            self._signs += self._weight(path)
        if not known and (self._parsed > self.limits.parsed or self._signs > self.limits.seen):
            self.unread[path] = "more source than is read of one project: not reached"
            return None
        if not self._make_room(self._weight(path)):
            self.unread[path] = f"{len(data):,} bytes of source need more memory than is left"
            return None
        tree = parse(data)
        if isinstance(tree, str):
            self.unread[path] = tree
            return None
        self._trees[path] = tree
        self._kept += self._weight(path)
        return tree

    def _weight(self, path: str) -> int:
        if path not in self._weights:
            self._weights[path] = weight(self.load(path) or b"")
        return self._weights[path]

    def drop(self, path: str) -> None:
        """Let go of a syntax tree; it is parsed again where somebody asks for it."""
        if self._trees.pop(path, None) is not None:
            self._kept -= self._weight(path)

    def spare(self, path: str) -> None:
        """Nobody is known to ask for a syntax tree again: it goes first where room is needed."""
        if path in self._trees:
            self._trees.move_to_end(path, last=False)

    def drop_all(self) -> None:
        """Let go of all syntax trees."""
        self._trees.clear()
        self._running.clear()
        self._kept = 0

    def _make_room(self, weight: int) -> bool:
        """Let go of the oldest trees until one more can be parsed; False where it never can."""
        room = (self.limits.memory - weight * _PARSING) // _TREE - self._run
        while self._kept > room and self._trees:
            oldest, _ = self._trees.popitem(last=False)
            self._kept -= self._weight(oldest)
        return room >= 0


_TREE = 430
_PARSING = 1_000
"""Bytes that a unit of weight takes in memory, as a tree and while it is parsed: measured."""
_SIGNS = b"(,.=[\n+-*/%|&^<>;:@~"
_WORDS = (b" or ", b" and ", b" in ", b" is ", b" not ")
_TEXTS = re.compile(
    rb"#[^\n]*+"
    rb'|"""(?:[^"\\]++|\\.|"(?!""))*+"""'
    rb"|\x27{3}(?:[^\x27\\]++|\\.|\x27(?!\x27\x27))*+\x27{3}"
    rb'|"(?:[^"\\\n]++|\\.)*+"'
    rb"|\x27(?:[^\x27\\\n]++|\\.)*+\x27",
    re.DOTALL,
)
_USUAL, _MOST = 0.25, 2.6


def weight(data: bytes) -> int:
    """How large the syntax tree of a text is: signs outside of comments and texts.

    Generated source has more of them in a line than people write, and more of the tree for each.
    """
    bare = _TEXTS.sub(b"", data)
    count = len(bare) - len(bare.translate(None, _SIGNS)) + sum(map(bare.count, _WORDS))
    count += data.count(b"{")  # those of f-strings too
    return round(count * min(max(count / max(len(bare), 1) / _USUAL, 1), _MOST))


def parse(data: bytes) -> ast.Module | str:
    """The syntax tree, or why this Python cannot read the text."""
    with warnings.catch_warnings(), without_collection():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(data)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error) or "nested too deeply"


@contextmanager
def without_collection() -> Iterator[None]:
    """Syntax trees and a scan's heap live as long as the scan: collections only cost time there."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
