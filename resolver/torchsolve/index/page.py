"""Rows of a ``Listing`` → ``IndexFile`` values, as fast as may be: pages hold thousands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.index.listing import url_of
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
            upload, filename, sha256, size, python, yanked, metadata, rest = row.split("\t")
            if limit is not None and upload > limit:
                continue
            yield IndexFile(
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
