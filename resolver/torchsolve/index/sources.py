"""Every word on where packages come from → ``IndexSettings``, and lines that say whose it was.

The rows come in the order of precedence: flags, then the files of the projects, then the user's
own configuration. The first default index wins; further ones are asked in their order, each before
the default; an index that a row ties to one package serves that package alone and no other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.utils import canonicalize_name

from torchsolve.index.credentials import redact, split_auth
from torchsolve.index.settings import IndexSettings
from torchsolve.model.project import IndexOption
from torchsolve.model.uv_config import DEFAULT, EXTRA, LINKS, NONE
from torchsolve.model.values import replace


def with_rows(base: IndexSettings, rows: Sequence[IndexOption]) -> IndexSettings:
    """``base`` with what the rows name."""
    general = [row for row in rows if row.package is None]
    tied = {canonicalize_name(str(row.package)): row.url for row in reversed(rows) if row.package}
    urls = {kind: _distinct(general, kind) for kind in (DEFAULT, EXTRA, LINKS)}
    return replace(
        base,
        default_url=next(iter(urls[DEFAULT]), None),
        extra=urls[EXTRA],
        find_links=urls[LINKS],
        by_package=tuple(sorted(tied.items())),
        no_index=any(row.kind == NONE for row in general),
    )


def _distinct(rows: Sequence[IndexOption], kind: str) -> tuple[str, ...]:
    """URLs of a kind; of two that differ in their credentials alone the first."""
    found: dict[str, str] = {}
    for row in rows:
        if row.kind == kind:
            found.setdefault(split_auth(row.url)[0].rstrip("/"), row.url)
    return tuple(found.values())


def told(rows: Sequence[IndexOption]) -> Iterator[str]:
    """One line a row: what it is, and who said so."""
    default = False
    for row in rows:
        if row.kind == NONE:
            yield f"no index is asked, only --find-links [{row.origin}]"
            continue
        what = f"{row.package} alone" if row.package else _WHAT[row.kind]
        if row.kind == DEFAULT and row.package is None:
            what, default = ("not used, another one is the default" if default else what), True
        yield f"{redact(row.url)}  {what} [{row.origin}]"


_WHAT = {DEFAULT: "the default index", EXTRA: "asked before it", LINKS: "files beside the index"}
