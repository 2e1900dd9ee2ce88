"""When a cached page is asked for again (RFC 9111), and how.

After its ``max-age``; where the server says nothing, after ten minutes; then with its ETag or date,
so that an unchanged page costs no transfer. One rule is our own: with a cut-off date, a page of
dated files that was fetched a day or more after that date is used as it is, for no later upload can
matter to it (a later yank would be missed).
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

from torchsolve.errors import UnknownError
from torchsolve.index.cache import Entry
from torchsolve.index.http import Response
from torchsolve.index.settings import IndexSettings
from torchsolve.model.trace import fresh_until

_LIFETIME = 600.0
_DAY = timedelta(days=1)
_DIRECTIVE = re.compile(r'(?P<name>[^\s,;="]+)(?:\s*=\s*(?P<value>"[^"]*"|[^\s,;"]*))?')


def usable(entry: Entry, settings: IndexSettings) -> bool:
    """Whether the entry may be used without asking; offline every entry may."""
    if settings.offline or _closed(entry, settings.exclude_newer):
        return True
    fetched: float = entry.head["fetched"]
    until: float = fetched + entry.head["lifetime"]
    if not fetched <= time.time() < until:
        return False
    fresh_until(until)
    return True


def _closed(entry: Entry, cutoff: datetime | None) -> bool:
    if cutoff is None or not entry.head["dated"]:
        return False
    return datetime.fromtimestamp(entry.head["fetched"], cutoff.tzinfo) >= cutoff + _DAY


def conditions(entry: Entry | None) -> dict[str, str]:
    """Headers that ask for a page only where it changed."""
    head = entry.head if entry else {}
    asked = {"If-None-Match": head.get("etag"), "If-Modified-Since": head.get("modified")}
    return {key: value for key, value in asked.items() if value}


def freshness(response: Response) -> dict[str, object]:
    """What the head of an entry keeps of an answer."""
    return {
        "fetched": time.time(),
        "lifetime": _lifetime(response.headers.get("cache-control", "")),
        "etag": response.headers.get("etag"),
        "modified": response.headers.get("last-modified"),
    }


def storable(response: Response) -> bool:
    """Whether the server lets the answer be kept."""
    return "no-store" not in _directives(response.headers.get("cache-control", ""))


def offline_miss(what: str, name: str) -> UnknownError:
    """The error of an offline client for a thing that the cache does not hold."""
    return UnknownError(
        "offline-miss",
        f"{what} is not in the cache",
        origin=name,
        hint="run once without --offline",
    )


def _lifetime(control: str) -> float:
    said = _directives(control)
    if said.keys() & {"no-cache", "no-store"}:
        return 0.0
    seconds = said.get("max-age")
    if seconds is None:
        return _LIFETIME
    # RFC 9111, 4.2.1: a lifetime that cannot be read is over.
    return float(seconds) if seconds.isdecimal() and seconds.isascii() else 0.0


def _directives(control: str) -> dict[str, str]:
    """The first value of each directive (RFC 9111, 5.2): names in any case, values also quoted."""
    said: dict[str, str] = {}
    for row in _DIRECTIVE.finditer(control):
        said.setdefault(row["name"].lower(), (row["value"] or "").strip('"'))
    return said
