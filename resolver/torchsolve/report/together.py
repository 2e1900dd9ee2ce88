"""``inspect --together``: on which torch releases several wheels load in one process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from packaging.version import Version

from torchsolve.inspection import WheelFindings
from torchsolve.model.binary import Judgement
from torchsolve.model.values import dataclass
from torchsolve.model.version import dotted_key
from torchsolve.report.judged import carrying, judgement_json
from torchsolve.report.screen import Block, Cell, Screen, row

_ORDER = ("refuted", "unknown", "links", "loads")
_COLOURS = {"loads": "green", "links": "yellow", "refuted": "red", "unknown": "yellow"}
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Together:
    """Several wheels in one process.

    Attributes:
        releases: release, newest first → verdict of each compiled wheel on it.
        pure: wheels without compiled code: any torch will do.
        declared: of those releases the ones that METADATA of all admits.
        glibc, glibcxx: the newest that one of them needs.
    """

    releases: Mapping[Version, Mapping[str, Judgement]]
    pure: tuple[str, ...]
    declared: tuple[Version, ...]
    glibc: str | None
    glibcxx: str | None

    def verdict(self, version: Version) -> str:
        """The weakest of the wheels'."""
        found = {judgement.verdict for judgement in self.releases[version].values()}
        return next((v for v in _ORDER if v in found), "loads")


def together(wheels: Sequence[WheelFindings], releases: Iterable[Version]) -> Together:
    """``releases``: of the atlas. A wheel that could not be read is unknown on each."""
    rows = {version: dict(_row(wheels, version)) for version in sorted(releases, reverse=True)}
    surveys = [wheel.survey for wheel in wheels if wheel.survey]
    return Together(
        rows,
        tuple(w.file for w in wheels if w.survey is not None and not w.survey.torch),
        tuple(version for version in rows if _admitted(wheels, version)),
        _newest(found.glibc for found in surveys),
        _newest(found.glibcxx for found in surveys),
    )


def _row(wheels: Iterable[WheelFindings], version: Version) -> Iterator[tuple[str, Judgement]]:
    for wheel in wheels:
        if wheel.survey is None:
            yield wheel.file, Judgement("unknown", reason=wheel.unread or "it could not be read")
        elif wheel.survey.torch:
            yield wheel.file, wheel.survey.torch[version]


def _admitted(wheels: Iterable[WheelFindings], version: Version) -> bool:
    return all(
        declared.requirement.specifier.contains(version, prereleases=True)
        for wheel in wheels
        for declared in wheel.metadata.requires
        if declared.requirement.name.lower() == "torch" and declared.requirement.marker is None
    )


def _newest(versions: Iterable[str | None]) -> str | None:
    return max((v for v in versions if v), key=dotted_key, default=None)


def together_json(found: Together) -> dict[str, Any]:
    """Releases by verdict, and why of each wheel that does not simply load."""
    verdicts = {version: found.verdict(version) for version in found.releases}
    return {
        **{v: [str(r) for r, told in verdicts.items() if told == v] for v in reversed(_ORDER)},
        "because": {
            str(version): {
                wheel: judgement_json(judgement)
                for wheel, judgement in row_.items()
                if judgement.verdict != "loads"
            }
            for version, row_ in found.releases.items()
            if verdicts[version] != "loads"
        },
        "declared": list(map(str, found.declared)),
        "pure": list(found.pure),
        "glibc": found.glibc,
        "glibcxx": found.glibcxx,
        "images": list(carrying(found.glibc, found.glibcxx)),
    }


def together_screen(found: Together) -> Screen:
    """Runs of releases with one verdict for one reason; below a refused one each wheel's."""
    rows = []
    for (verdict, _), run in groupby(found.releases.items(), key=lambda item: _why(found, item)):
        items = list(run)
        span = _span([version for version, _ in items])
        told = [pair for pair in items[0][1].items() if pair[1].verdict != "loads"]
        lines = [(f"{_name(wheel)}:", _cut(judgement.reason)) for wheel, judgement in told]
        for at, (wheel, reason) in enumerate(lines or [("", "all of them")]):
            head = (Cell(verdict, _COLOURS[verdict]), Cell(span)) if at == 0 else (Cell(""),) * 2
            rows.append((*head, Cell(wheel), Cell(reason)))
    return (Block(tuple(rows), "together"), Block(tuple(_foot(found))))


def _foot(found: Together) -> Iterator[tuple[Cell, ...]]:
    allowed = " ".join(map(str, found.declared)) or "no release that is known"
    yield row("METADATA", f"of all allows {allowed}")
    if found.glibc or found.glibcxx:
        floors = [f"{n} {v}" for n, v in (("glibc", found.glibc), ("GLIBCXX", found.glibcxx)) if v]
        images = " ".join(carrying(found.glibc, found.glibcxx)) or "no image that is known"
        yield row("needs", f"{', '.join(floors)}: on {images}")


def _why(found: Together, item: tuple[Version, Mapping[str, Judgement]]) -> tuple[str, Any]:
    """Releases on which the same wheels fail by the same make one row."""
    version, judged = item
    causes = tuple(
        (wheel, j.verdict, j.cause, j.missing[:1])
        for wheel, j in judged.items()
        if j.verdict != "loads"
    )
    return found.verdict(version), causes


def _name(wheel: str) -> str:
    parts = wheel.rsplit("/", 2)[-2:]
    name = "-".join(parts[-1].split("-")[:2])
    return f"{parts[0]}/{name}" if len(parts) > 1 else name


def _span(versions: list[Version]) -> str:
    if len(versions) < 3:
        return " ".join(map(str, reversed(versions)))
    return f"{versions[-1]} to {versions[0]}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
