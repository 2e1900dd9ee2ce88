"""METADATA and PKG-INFO (core metadata) as declared evidence.

In: the text. Out: ``DistMetadata``. ``packaging`` reads the headers: wheel-inspect's parser for
METADATA fails as a whole on the first line that is no requirement (a variant marker,
``pytz (>dev)``), and such lines are to be set aside one by one. wheel-inspect reads WHEEL and
RECORD (``archive``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DistMetadata
from torchsolve.model.version import has_endless_number

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

# PEP 817's markers; packaging 26.3 raises InvalidRequirement on each of them.
_VARIANT_MARKER = r"\bvariant_(label|properties|features|namespaces)\b"
_SHOWN = 160
_GARBAGE = "set aside, not a requirement: "
_BUILD_AGAIN = "pip refuses such a file too: build it again"
_HEADERS_END = r"\r?\n\r?\n"

# Old metadata that pip once took and uv still takes, and what it means.
_REPAIRS = (
    (r"(>=|<=|~=|>|<)\s*(\d+(?:\.\d+)*)\.\*", r"\1\2"),
    (r"!=\s*~\s*(\d+(?:\.\d+)*)", r"!=\1.*"),
    (r">\s*dev\b", ">0.0.0.dev0"),
    (r"(\d)\s*(>=|<=|==|!=|~=|>|<)", r"\1,\2"),
    (r",\s*(?=$|\))", ""),
)


def parse_metadata(text: str, origin: str) -> DistMetadata:
    """Reads a METADATA or PKG-INFO file.

    Args:
        origin: where the text is from, as it is to stand in the evidence: ``METADATA of x.whl``.

    Raises:
        UsageError: ``bad-metadata`` where Name or Version is missing or malformed.
    """
    raw = read_headers(text)
    asked = raw.get("requires_dist", ())
    lines, notes = usable(asked, origin)
    name, version = _identity(raw, origin)
    numbers = dict(zip(asked, _numbers(text), strict=False))
    return build_metadata(
        name,
        version,
        lines,
        origin=origin,
        requires_python=raw.get("requires_python"),
        extras=raw.get("provides_extra", ()),
        notes=notes,
        numbers=[numbers.get(line, 0) for line in lines],
    )


def _numbers(text: str) -> list[int]:
    """The lines of a file at which requirements begin, from 1."""
    headers = re.split(_HEADERS_END, text, maxsplit=1)[0]
    rows = enumerate(headers.splitlines(), 1)
    return [number for number, row in rows if row.lower().startswith("requires-dist:")]


def split_number(origin: str) -> tuple[str, int]:
    """``METADATA of x.whl:14`` → ``METADATA of x.whl`` and 14; 0 where no line is named."""
    place, _, number = origin.rpartition(":")
    return (place, int(number)) if place and number.isdecimal() else (origin, 0)


def with_number(origin: str, number: int) -> str:
    """The inverse of ``split_number``."""
    return f"{origin}:{number}" if number else origin


def read_headers(text: str) -> RawMetadata:
    """The header fields alone: the description, most of the file, says nothing to a solver."""
    # Imported late: a run that the index's cache answers parses no headers.
    from packaging.metadata import parse_email

    return parse_email(re.split(_HEADERS_END, text, maxsplit=1)[0] + "\n\n")[0]


def build_metadata(
    name: str,
    version: str,
    requires: list[str],
    *,
    origin: str,
    requires_python: str | None,
    extras: list[str] | tuple[str, ...],
    notes: list[str],
    strength: Strength = Strength.DECLARED,
    numbers: Sequence[int] = (),
) -> DistMetadata:
    """Metadata from fields that hold: each line of ``requires`` is one that ``usable`` passed.

    ``numbers``: where each stands in the file, from 1; 0 or none where that is not known.
    """
    subject = f"{name} {version}"
    at = {line: with_number(origin, n) for line, n in zip(requires, numbers, strict=False)}
    return DistMetadata(
        canonicalize_name(name),
        Version(version),
        tuple(
            Declared(
                requirement(line),
                Evidence(subject, f"needs {line}", strength, at.get(line, origin)),
            )
            for line in requires
        ),
        requires_python,
        frozenset(map(canonicalize_name, extras)),
        tuple(notes),
    )


def usable(lines: Iterable[str], origin: str) -> tuple[list[str], list[str]]:
    """The lines that are requirements, and a note on each that is none."""
    notes: list[str] = []
    return [line for line in lines if _usable(line, origin, notes)], notes


@lru_cache(maxsize=65536)
def requirement(line: str) -> Requirement:
    """One Requires-Dist line, with the repairs that old metadata needs.

    The value is shared and must not be changed. Raises InvalidRequirement where it
    is none.
    """
    if has_endless_number(line):
        raise InvalidRequirement("a number in it is too long")
    head, mark, condition = line.partition(";")
    if not mark or "@" in head:
        return _whole(line) if mark else _head(head)
    found = _head(head)
    found.marker = _marker(condition.strip())
    return found


def _whole(text: str) -> Requirement:
    try:
        return Requirement(text)
    except RecursionError:
        raise InvalidRequirement("its marker is nested too deeply") from None


def _head(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement:
        for pattern, meant in _REPAIRS:
            text = re.sub(pattern, meant, text)
        return Requirement(text)


@lru_cache(maxsize=4096)
def _marker(condition: str) -> Marker:
    # Markers take most of the time of a requirement, and few of them differ: extra == "test".
    try:
        return Marker(condition)
    except (InvalidMarker, RecursionError) as error:
        why = str(error) if isinstance(error, InvalidMarker) else "its marker is nested too deeply"
        raise InvalidRequirement(why) from None


def has_variant_marker(line: str) -> bool:
    """Whether the marker of a requirement asks for wheel variants (PEP 817, PEP 825).

    No installer takes such a line unless it is asked to.
    """
    return bool(re.search(_VARIANT_MARKER, line.partition(";")[2]))


def check_identity(metadata: DistMetadata, name: str, version: Version, origin: str) -> None:
    """Holds METADATA against the file name, which has to say the same; pip asks for it too.

    Raises UsageError ``bad-metadata`` where either name or version differ.
    """
    if canonicalize_name(name) == metadata.name and version == metadata.version:
        return
    raise UsageError(
        "bad-metadata",
        f"its METADATA says {metadata.name} {metadata.version}, its file name says "
        f"{canonicalize_name(name)} {version}",
        origin=origin,
        hint="pip refuses such a file: build it again, or give it the name it was built with",
    )


def check_requires(metadata: DistMetadata, origin: str) -> None:
    """Refuses metadata with a line that nobody can read: what it needs is not known.

    Raises UsageError ``bad-metadata``; a line for wheel variants alone is none of them.
    """
    bad = next((note for note in metadata.notes if note.startswith(_GARBAGE)), None)
    if bad is not None:
        line = bad.removeprefix(_GARBAGE).rpartition(" [")[0]
        raise UsageError(
            "bad-metadata",
            f"its metadata asks for what is no requirement: “{line}”",
            origin=origin,
            hint="installers refuse such a file: choose another version",
        )


def _usable(line: str, origin: str, notes: list[str]) -> bool:
    try:
        requirement(line)
    except InvalidRequirement:
        head = "set aside, variant marker: " if has_variant_marker(line) else _GARBAGE
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        notes.append(f"{head}{shown} [{origin}]")
        return False
    return True


def _identity(raw: RawMetadata, origin: str) -> tuple[str, str]:
    name, version = raw.get("name"), raw.get("version")
    if not name or not version:
        missing = "Version" if name else "Name"
        raise UsageError("bad-metadata", f"there is no {missing}", origin=origin, hint=_BUILD_AGAIN)
    try:
        Version(version)
    except ValueError:
        message = f"Version is {version!r}, which is no version"
        raise UsageError("bad-metadata", message, origin=origin, hint=_BUILD_AGAIN) from None
    return name, version
