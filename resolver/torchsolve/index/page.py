"""Rows of a ``Listing`` → ``IndexFile`` values, as fast as may be: pages hold thousands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.model.package import IndexFile


def page_files(
    name: NormalizedName, label: str, text: str, prefix: str, cutoff: datetime | None
) -> Iterator[IndexFile]:
    """The files of a listing, newest version first, by name within a version.

    Args:
        label: what ``IndexFile.index`` is to say.
        text, prefix: of the ``Listing``.
        cutoff: files uploaded later are left out; those without an upload time are not.
    """
    limit = _as_text(cutoff) if cutoff else None
    for group in text.split("\n\n") if text else ():
        head, *rows = group.split("\n")
        number, _, earliest = head.partition("\t")
        if limit is not None and earliest > limit:
            continue
        version = Version(number)
        for row in rows:
            fields = row.split("\t")
            if limit is None or fields[0] <= limit:
                yield _file(name, version, label, prefix, fields)


def row_file(name: NormalizedName, label: str, row: str, prefix: str) -> IndexFile:
    """The file of a row of its own: ``file_row`` backwards."""
    number, _, rest = row.partition("\t")
    return _file(name, Version(number), label, prefix, rest.split("\t"))


def row_outline(row: str) -> tuple[Version, bool]:
    """Version of the file of a row, and whether it was yanked."""
    fields = row.split("\t", 7)
    return Version(fields[0]), fields[6] != ""


def file_row(file: IndexFile, prefix: str) -> str:
    """A row of a listing, with the version before it."""
    fields = (
        str(file.version),
        _as_text(file.upload_time) if file.upload_time else "",
        file.filename,
        file.sha256 or "",
        "" if file.size is None else str(file.size),
        file.requires_python or "",
        "" if file.yanked is None else f"y{file.yanked}",
        file.metadata_sha256 or "",
        short_url((file.url or "")[len(prefix) :], file.filename),
    )
    return "\t".join(fields)


def _file(
    name: NormalizedName, version: Version, label: str, prefix: str, fields: list[str]
) -> IndexFile:
    upload, filename, sha256, size, python, yanked, metadata, rest = fields
    return IndexFile(
        name,
        version,
        filename,
        url_of(prefix, rest, filename),
        label,
        sha256 or None,
        int(size) if size else None,
        python or None,
        yanked[1:] if yanked else None,
        datetime.fromisoformat(f"{upload}+00:00") if upload else None,
        metadata or None,
    )


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def short_url(url: str, filename: str) -> str:
    """Without the file name where that ends it."""
    return url.removesuffix(filename) if url.endswith(f"/{filename}") or url == filename else url


def url_of(prefix: str, rest: str, filename: str) -> str:
    """The URL that a row's last field stands for."""
    return prefix + rest + filename if rest == "" or rest.endswith("/") else prefix + rest
