"""Plans whose wheels need a newer C or C++ library than their tags say: another image is tried.

In: a context. Out: its resolution, with the link check of the plan that is shown. A wheel that is
tagged ``manylinux_2_17`` and yet needs GLIBC_2.38 is chosen by its tag, found out by the link check
and held against the image when the cells are tried once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from torchsolve.facts import Facts
from torchsolve.index.client import IndexClient
from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.link import LinkIssue, LinkKind
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Pin, Plan
from torchsolve.model.proof import Floor
from torchsolve.model.values import replace
from torchsolve.model.version import dotted_key
from torchsolve.solve.context import Context
from torchsolve.solve.strategy import resolve_in

if TYPE_CHECKING:
    from torchsolve.model.progress import Progress

# Each round finds out a file that no round before had; lies come alone.
_ROUNDS = 12
_VERSION = r"(GLIBC|GLIBCXX|CXXABI|GCC)_(\d+(?:\.\d+)*)"


def resolve_linked(
    context: Context, client: IndexClient, *, fetch: bool, progress: Progress | None = None
) -> Resolution:
    """The resolution whose plan no wheel's version needs contradict.

    Args:
        fetch: read wheels that no one has read yet.
    """
    for _ in range(_ROUNDS):
        found = resolve_in(context)
        if found.plan is None or not context.settings.reads_binaries:
            return found
        from torchsolve.links import with_links

        if fetch and progress is not None:
            progress.stage("reading what the plan's wheels need")
        driver = context.settings.driver
        plan = with_links(found.plan, client, context.tables, fetch=fetch, driver=driver)
        found = replace(found, plan=_told(plan, context.floors))
        new = [floor for floor in _floors(plan, context.tables) if floor not in context.floors]
        if not new:
            break
        context = replace(context, floors=(*context.floors, *new))
    return found


def _told(plan: Plan, floors: tuple[Floor, ...]) -> Plan:
    """The plan with the tags that were found out, of files that it still holds or has given up."""
    said = tuple(
        Disagreement(floor.evidence.subject, floor.claim, floor.evidence) for floor in floors
    )
    return replace(plan, disagreements=(*plan.disagreements, *said))


def _floors(plan: Plan, tables: Facts) -> Iterator[Floor]:
    for issue in plan.links.issues if plan.links is not None else ():
        if issue.kind is LinkKind.VERSION and issue.reached:
            for name in issue.wheels:
                pin = plan.pin(name)
                if pin is not None:
                    yield _floor(pin, issue, tables)


def _floor(pin: Pin, issue: LinkIssue, tables: Facts) -> Floor:
    subject, tag = f"{pin.name} {pin.version}", _platform(pin.file.filename)
    libstdcxx = _libstdcxx(issue.subject, tables)
    which = "libstdc++" if libstdcxx else "glibc"
    text = f"needs a newer {which} than {tag} promises: {issue.subject}"
    origin = " ".join([(pin.file.sha256 or pin.file.filename)[:12], issue.members[0]])
    return Floor(
        pin.file.filename,
        None if libstdcxx else issue.subject.rpartition("_")[2],
        libstdcxx,
        Evidence(subject, f"is tagged {tag}", Strength.CLAIMED, pin.file.filename),
        Evidence(subject, text, Strength.PROVEN, origin),
    )


def _platform(filename: str) -> str:
    return filename.removesuffix(".whl").rpartition("-")[2]


def _libstdcxx(version: str, tables: Facts) -> str | None:
    """The first GLIBCXX of a libstdc++ that has a version; None for one of glibc's."""
    match = re.fullmatch(_VERSION, version)
    if match is None or match[1] == "GLIBC":
        return None
    if match[1] == "GLIBCXX":
        return match[2]
    key = "cxxabi" if match[1] == "CXXABI" else "gcc"
    rows = (r for r in tables.libstdcxx if dotted_key(getattr(r, key)) >= dotted_key(match[2]))
    return next((row.glibcxx for row in rows), None)
