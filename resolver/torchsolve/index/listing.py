"""Project pages as indexes send them → the rows that a resolver for Linux can use.

In: PEP 691 JSON or PEP 503 HTML. Out: ``Listing``, whose text is what the cache keeps. JSON is read
by hand: a page of 2 MB takes 15 ms so, and ten times that through models of each file.

A file whose entry is malformed (no name, no address, another form than the standard's) is set aside
with a note; so is one at an address that is not http's: a remote page has no say over those.
Left out: files for other systems and machines, for PyPy, for Pythons before 3.8 and free-threaded
ones, eggs and installers. Where a version has no wheel for Linux, one of the others stays: its
metadata speaks for an sdist that says nothing statically (uv does the same).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.credentials import redact, split_auth
from torchsolve.index.http import Response
from torchsolve.index.page import short_url
from torchsolve.model.package import PageFacts
from torchsolve.model.values import dataclass, field, replace
from torchsolve.wheel.filename import parse_sdist, variant_label

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.01"
)
_SDISTS = (".tar.gz", ".zip")

_MALFORMED = (ValueError, TypeError, AttributeError, KeyError)
_HEX = "0123456789abcdef"

_BUILD = re.compile(r"\d\w*(?:\.\w+)*")
_LINUX = re.compile(r"any|(many)?linux\w*_(x86_64|aarch64)")

RawFile = Mapping[str, Any]
# Stands in a page of JSON where a file stood that was taken.
_TAKEN = object()


@dataclass(frozen=True, slots=True)
class Listing:
    """The usable files of one project on one index.

    Attributes:
        text: groups divided by an empty line, newest version first; a group's first line is the
            version and the earliest upload time of its files, each further line a file: upload
            time, name, sha256, size, Requires-Python, yanked (``y`` and the reason), sha256 of the
            metadata file, URL after ``prefix`` (without the file name where that ends it).
        prefix: what all URLs start with.
        dated: whether every file has an upload time.
        notes: what was set aside by name.
        about: what the page says of the project.
    """

    text: str
    prefix: str
    dated: bool
    notes: tuple[str, ...]
    about: PageFacts = field(default_factory=PageFacts)


def read_page(response: Response) -> tuple[list[RawFile], PageFacts]:
    """The files of a page, as PEP 691 writes them, with absolute URLs, and what else it says.

    Raises UnknownError ``bad-index-page`` where it is neither JSON nor HTML of the simple API.
    """
    with _well_formed(response.url):
        return _from_json(response) if _is_json(response) else _from_html(response)


def read_listing(name: NormalizedName, response: Response) -> Listing:
    """The usable files of a project's page, of a quarantined one none (PEP 792).

    Raises UnknownError as ``read_page`` does.
    """
    with _well_formed(response.url):
        read = _distill_json(name, response) if _is_json(response) else None
    if read is None:
        files, about = read_page(response)
        read = distill(name, files), about
    found, about = read
    if about.status == "quarantined":
        found = distill(name, ())
    return replace(found, about=about)


@contextmanager
def _well_formed(url: str) -> Iterator[None]:
    try:
        yield
    except (*_MALFORMED, RecursionError) as error:
        raise UnknownError(
            "bad-index-page",
            f"the index's answer is no page of the simple API ({type(error).__name__}: {error})",
            origin=redact(url),
            hint="an index's URL usually ends in /simple/",
        ) from None


def _is_json(response: Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.endswith("json") or response.body[:1] == b"{"


def _distill_json(name: NormalizedName, response: Response) -> tuple[Listing, PageFacts] | None:
    """A page whose files are let go as soon as each was read: they are thousands.

    None where they stand not all in their place: such a page is read as a whole.
    """
    found, taken = _Distiller(name), []

    def take(row: dict[str, Any]) -> Any:
        if "filename" not in row or "url" not in row:
            return row
        row["url"] = _absolute(response.url, row["url"])
        found.add(row)
        taken.append(_TAKEN)
        return _TAKEN

    page = json.loads(response.body, object_hook=take)
    if not isinstance(page, dict) or page.get("files") != taken:
        return None
    _check_version(page)
    return found.listing(), _about(page, page["meta"])


def _check_version(page: Mapping[str, Any]) -> None:
    version = str(page["meta"]["api-version"])
    if version.partition(".")[0] != "1":
        raise ValueError(f"its API version is {version}")


def _from_json(response: Response) -> tuple[list[RawFile], PageFacts]:
    page = json.loads(response.body)
    _check_version(page)
    for file in page["files"]:
        file["url"] = _absolute(response.url, file["url"])
    files: list[RawFile] = page["files"]
    return files, _about(page, page["meta"])


def _about(page: Mapping[str, Any], meta: Mapping[str, Any]) -> PageFacts:
    status = page.get("project-status") or {}
    word = status.get("status") or "active"
    return PageFacts(
        "" if word == "active" else " ".join(str(word).split()),
        " ".join(str(status.get("reason") or "").split()),
        tuple(map(str, meta.get("tracks") or ())),
        tuple(map(str, page.get("alternate-locations") or ())),
    )


def _absolute(base: str, url: object) -> str:
    """Nothing where it is no address that a page there may name."""
    if not isinstance(url, str) or not url:
        return ""
    if url.startswith("https://") and "@" not in url and "#" not in url:
        return url
    try:
        found = split_auth(urljoin(base, url))[0]
    except ValueError:
        return ""
    return found if found.startswith(("https:", "http:")) or base.startswith("file:") else ""


def _from_html(response: Response) -> tuple[list[RawFile], PageFacts]:
    from pypi_simple import RepositoryPage, UnsupportedRepoVersionError

    try:
        # As a text: what guesses the encoding of bytes would write its doubts to stderr.
        page = RepositoryPage.from_html(
            response.body.decode("utf-8-sig", "replace"), base_url=response.url
        )
    except UnsupportedRepoVersionError as error:
        raise ValueError(str(error)) from None
    status = {"status": page.status, "reason": page.status_reason}
    said = {"project-status": status, "alternate-locations": page.alternate_locations}
    files = [_from_link(response.url, link.url, link.attrs) for link in page.links]
    return files, _about(said, {"tracks": page.tracks})


def _from_link(base: str, url: str, attributes: Mapping[str, str | list[str]]) -> RawFile:
    parts = urlsplit(url)
    algorithm, _, digest = parts.fragment.partition("=")
    metadata = attributes.get("data-core-metadata") or attributes.get("data-dist-info-metadata")
    key, _, metadata_hash = str(metadata or "").partition("=")
    return {
        "filename": unquote(parts.path.rpartition("/")[2]),
        "url": _absolute(base, url),
        "hashes": {algorithm: digest.partition("&")[0]} if digest else {},
        "requires-python": attributes.get("data-requires-python"),
        "yanked": attributes.get("data-yanked", False),
        "core-metadata": {key: metadata_hash} if metadata_hash else bool(metadata),
    }


def distill(name: NormalizedName, files: Iterable[RawFile]) -> Listing:
    """The usable files of project ``name`` among ``files``, which may hold other projects too."""
    found = _Distiller(name)
    for file in files:
        found.add(file)
    return found.listing()


class _Distiller:
    """Takes files of a project one by one; of those for other systems it holds one a version."""

    def __init__(self, name: NormalizedName) -> None:
        self._name = name
        self._groups: dict[Version, list[tuple[str, ...]]] = {}
        self._foreign: dict[Version, tuple[str, ...]] = {}
        self._notes: list[str] = []
        self._broken: list[object] = []

    def add(self, file: RawFile) -> None:
        """Takes note of a file; of one that is malformed, that it is."""
        try:
            found = _classify(self._name, file["filename"], self._notes)
            row = _row(file) if found else ()
        except _MALFORMED:
            self._broken.append(file.get("filename"))
            return
        if found is None:
            return
        version, usable = found
        if usable:
            self._groups.setdefault(version, []).append(row)
        elif version not in self._foreign or row[1] < self._foreign[version][1]:
            self._foreign[version] = row

    def listing(self) -> Listing:
        """The usable files of all that were added."""
        broken, notes = self._broken, self._notes
        if broken:
            more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
            notes.append(f"{broken[0] or 'a file'} is set aside: its entry is malformed{more}")
        for version, row in self._foreign.items():
            group = self._groups.setdefault(version, [])
            if not any(other[1].endswith(".whl") for other in group):
                group.append(row)
        return _listing(self._groups, notes)


def _listing(groups: dict[Version, list[tuple[str, ...]]], notes: list[str]) -> Listing:
    urls = [row[-1] for rows in groups.values() for row in rows]
    prefix = _common_start(urls)
    texts = []
    dated = True
    for version in sorted(groups, reverse=True):
        rows = sorted(groups[version], key=lambda row: row[1])
        earliest = min(row[0] for row in rows)
        dated = dated and bool(earliest)
        lines = [f"{version}\t{earliest}"]
        lines += ["\t".join((*row[:-1], short_url(row[-1][len(prefix) :], row[1]))) for row in rows]
        texts.append("\n".join(lines))
    return Listing("\n\n".join(texts), prefix, dated, tuple(notes))


def _common_start(urls: list[str]) -> str:
    """What all URLs share up to a slash; ``""`` for none."""
    if not urls:
        return ""
    first, last = min(urls), max(urls)
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[: first.rfind("/", 0, same) + 1]


def _classify(name: NormalizedName, filename: str, notes: list[str]) -> tuple[Version, bool] | None:
    """Version, and whether a Linux target may install it; None for what is left out."""
    if not filename.endswith(".whl"):
        return _classify_sdist(name, filename)
    parts = filename[:-4].split("-")
    if len(parts) > 5 and (label := variant_label(filename)):
        notes.append(f"{filename} is set aside: wheel variant {label}")
        return None
    plain = len(parts) == 5 or (len(parts) == 6 and _BUILD.fullmatch(parts[2]))
    version = _version(parts[1]) if plain else None
    if version is None:
        notes.append(f"{filename} is set aside: no wheel's name")
        return None
    if _normalized(parts[0]) != name:
        return None
    return version, _for_linux(*parts[-3:])


def _classify_sdist(name: NormalizedName, filename: str) -> tuple[Version, bool] | None:
    if not filename.endswith(_SDISTS):
        return None
    try:
        found, version = parse_sdist(filename)
    except UsageError:
        return None
    return (version, True) if found == name else None


@lru_cache(maxsize=65536)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=4096)
def _normalized(text: str) -> NormalizedName:
    return canonicalize_name(text)


@lru_cache(maxsize=65536)
def _for_linux(python: str, abi: str, platform: str) -> bool:
    return any(map(_LINUX.fullmatch, platform.split("."))) and any(
        _for_cpython(part, abi) for part in python.split(".")
    )


def _for_cpython(python: str, abi: str) -> bool:
    if python.startswith("py"):
        return python.startswith("py3")
    if not python.startswith("cp3") or not python[3:].isdigit():
        return False
    if all(part.endswith("t") for part in abi.split(".")):
        return False
    return abi in ("abi3", "none") or int(python[3:]) >= 8


def _row(file: RawFile) -> tuple[str, ...]:
    yanked = file.get("yanked")
    reason = yanked if isinstance(yanked, str) else ""
    if not file["url"]:
        raise ValueError("no address")
    row = (
        _time(file.get("upload-time")),
        file["filename"],
        _sha256(file["hashes"].get("sha256")),
        _size(file.get("size")),
        file.get("requires-python") or "",
        "" if yanked is False or yanked is None else f"y{reason}",
        _metadata_hash(file),
        file["url"],
    )
    return tuple([" ".join(field.split()) if field else "" for field in row])


def _sha256(value: str | None) -> str:
    """The hash; nothing for what is none: it names files of the cache."""
    found = (value or "").lower()
    return found if len(found) == 64 and not found.strip(_HEX) else ""


def _size(value: object) -> str:
    """Bytes; nothing where the page says what no file has."""
    return str(value) if type(value) is int and value > 0 else ""


def _metadata_hash(file: RawFile) -> str:
    # PEP 714: the old name is looked at only where the new one is missing.
    for key in ("core-metadata", "data-dist-info-metadata", "dist-info-metadata"):
        value = file.get(key)
        if value is not None:
            return str(value.get("sha256", "")) if isinstance(value, dict) else ""
    return ""


def _time(text: str | None) -> str:
    """UTC without a zone, so that text order is time order."""
    if not text or text.endswith("Z"):
        return (text or "").removesuffix("Z")
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat()


def local_files(folder: str, paths: Iterable[tuple[str, str]]) -> list[RawFile]:
    """Files of a folder (name, sha256) in the form of a page's."""
    return [
        {"filename": name, "url": f"file://{quote(folder)}/{quote(name)}", "hashes": {"sha256": h}}
        for name, h in paths
    ]
