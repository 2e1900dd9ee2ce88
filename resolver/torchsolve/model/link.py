"""What the dynamic linker will find in an image that does not exist yet (DESIGN section 4)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import Enum

from torchsolve.model.values import dataclass

# A builder's own folder, as against a build system's.
_HOMES = ("/home/", "/root/", "/Users/")
_CUDA = r"lib(cu|nv|nccl)"
_NAMED = 3


class LinkKind(Enum):
    """What is wrong, or may be, with how libraries find each other; worst first."""

    LIBRARY = "library"
    """Nothing in the image brings it."""
    VERSION = "version"
    """The image's glibc or libstdc++ is older than it."""
    SYMBOL = "symbol"
    """Nothing in the process has it."""
    OVERLAP = "overlap"
    """Two wheels install different files under one path: the last one stays."""
    MAJORS = "majors"
    """Two majors of one CUDA library in one process."""
    COPIES = "copies"
    """Two wheels bring different files under one soname: the first that is opened serves both."""
    HIDDEN = "hidden"
    """A wheel brings it, but the loader is not led there: only where Python code opens it first."""
    PATH = "path"
    """A search path of the machine that built the wheel."""


@dataclass(frozen=True, slots=True)
class LinkIssue:
    """One finding.

    Attributes:
        subject: soname, symbol version, symbol as it is mangled, or path.
        wheels: names of the pins that it is about, sorted.
        members: files that ask for it, sorted; at most a few.
        reached: an extension module brings it along, or fails for it; else it matters only where
            Python code opens the file by name (plugins, drivers).
        by: the pin that brings what is hidden.
    """

    kind: LinkKind
    subject: str
    wheels: tuple[str, ...]
    members: tuple[str, ...]
    detail: str
    reached: bool = True
    by: str = ""

    @property
    def matters(self) -> bool:
        """Whether a person is to see it; plugins that nobody may ever open stand in JSON."""
        if self.kind is LinkKind.PATH:
            return self.subject.startswith(_HOMES)
        if self.kind is LinkKind.HIDDEN:
            # A wheel's Python code opens its own libraries in their order.
            return self.by not in self.wheels and (
                self.reached or re.match(_CUDA, self.subject) is not None
            )
        return self.reached


@dataclass(frozen=True, slots=True)
class SystemNeed:
    """A library that the image's operating system has to bring, and the pins that need it."""

    soname: str
    wheels: tuple[str, ...]
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Links:
    """The link check of a plan.

    Attributes:
        wheels: compiled wheels that were read.
        files: ELF files in them.
        unread: ``(pin, why)`` of compiled wheels that were not.
        system: needs of the system's libraries, sorted by soname.
    """

    wheels: tuple[str, ...] = ()
    files: int = 0
    unread: tuple[tuple[str, str], ...] = ()
    issues: tuple[LinkIssue, ...] = ()
    system: tuple[SystemNeed, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """Pins with an extension module that the image's loader will not open, sorted."""
        return tuple(
            sorted({n for i in self.issues if i.kind in _FATAL and i.reached for n in i.wheels})
        )

    def told(
        self, paths_of: frozenset[str] | None = None, spoken: Callable[[str], str] = str
    ) -> list[tuple[tuple[str, ...], str]]:
        """``(wheels, finding)`` for people: what matters, worst first, alike ones in one line.

        ``paths_of``: the wheels whose search paths are of interest; None: all. ``spoken``: how a
        subject is called (symbols are mangled).
        """
        groups: dict[tuple[LinkKind, tuple[str, ...], str], list[str]] = defaultdict(list)
        for issue in self.issues:
            told = paths_of is None or not paths_of.isdisjoint(issue.wheels)
            if issue.matters and (told or issue.kind is not LinkKind.PATH):
                groups[issue.kind, issue.wheels, issue.detail].append(spoken(issue.subject))
        kinds = list(LinkKind)
        ordered = sorted(groups.items(), key=lambda item: (kinds.index(item[0][0]), item[0][1:]))
        return [(wheels, f"{_listed(names)}: {text}") for (_, wheels, text), names in ordered]


_FATAL = (LinkKind.LIBRARY, LinkKind.VERSION, LinkKind.SYMBOL)


def _listed(subjects: Iterable[str]) -> str:
    first, *rest = names = list(subjects)
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{first} and {len(rest)} more"
