"""Credentials of indexes: taken out of URLs, kept by origin, never printed and never stored.

In: URLs as users write them. Out: clean URLs, and for an origin the user and password to send.
"""

from __future__ import annotations

import netrc
import os
from functools import cached_property
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

Auth = tuple[str, str]


def split_auth(url: str) -> tuple[str, Auth | None]:
    """The URL without ``user:password@`` and without fragment, and what was taken out."""
    parts = urlsplit(url)
    clean = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    if parts.username is None:
        return clean, None
    return clean, (unquote(parts.username), unquote(parts.password or ""))


def redact(url: str) -> str:
    """The URL as it may be shown: without credentials and query."""
    clean = urlsplit(split_auth(url)[0])
    return urlunsplit(clean._replace(query=""))


def origin(url: str) -> str:
    """``https://host:port`` that credentials belong to; they go nowhere else."""
    parts: SplitResult = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


class Credentials:
    """Who we are at each origin: from the URLs given, else from the user's netrc file."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._known: dict[str, Auth] = {}
        for url in urls:
            self.add(url)

    def add(self, url: str) -> None:
        """Learns what another URL says."""
        auth = split_auth(url)[1]
        if auth:
            self._known[origin(url)] = auth

    def of(self, url: str) -> Auth | None:
        """What to send with a request for ``url``; None for nothing."""
        known = self._known.get(origin(url))
        return known or self._from_netrc(urlsplit(url).hostname or "")

    @cached_property
    def _netrc(self) -> netrc.netrc | None:
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        try:
            return netrc.netrc(str(path))
        except (OSError, netrc.NetrcParseError):
            return None

    def _from_netrc(self, host: str) -> Auth | None:
        found = self._netrc.authenticators(host) if self._netrc else None
        return (found[0], found[2]) if found else None
