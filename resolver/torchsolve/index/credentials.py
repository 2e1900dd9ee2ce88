"""Credentials of indexes: taken out of URLs, kept by origin, never printed and never stored.

In: URLs as users write them. Out: clean URLs, and for an origin the user and password to send.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from torchsolve.model.trace import looked_at

if TYPE_CHECKING:
    from netrc import netrc

Auth = tuple[str, str]
# Seconds that a keyring may take; one that asks the user gets no answer.
_PATIENCE = 30


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
    """Who we are at each origin: from the URLs given, else from the user's netrc file.

    The keyring is asked where an index wants to know more: it may take seconds, or ask the user.
    """

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._known: dict[str, Auth] = {}
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        for url in urls:
            self.add(url)

    def add(self, url: str) -> None:
        """Learns what another URL says."""
        auth = split_auth(url)[1]
        known = self._known.get(origin(url))
        # A user name alone does not take back the password that a keyring gave for it.
        if auth and (auth[1] or known is None or known[0] != auth[0]):
            self._known[origin(url)] = auth

    def of(self, url: str) -> Auth | None:
        """What to send with a request for ``url``; None for nothing."""
        known = self._known.get(origin(url))
        return known or self._from_netrc(urlsplit(url).hostname or "")

    def from_keyring(self, url: str) -> Auth | None:
        """What the keyring knows of an origin that refused us; asked once an origin."""
        place = origin(url)
        known = self.of(url)
        user, password = known or ("", "")
        if password:
            return None
        with self._lock:
            if place not in self._asked:
                self._asked.add(place)
                found = _keyring(split_auth(url)[0], user)
                if found is not None:
                    self._known[place] = found
        return self._known.get(place) if self._known.get(place) != known else None

    @cached_property
    def _netrc(self) -> netrc | None:
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        looked_at(path)
        if not os.path.exists(path):  # noqa: PTH110 - one that may not be read is none
            return None
        from netrc import NetrcParseError, netrc

        try:
            return netrc(str(path))
        except (OSError, NetrcParseError):
            return None

    def _from_netrc(self, host: str) -> Auth | None:
        found = self._netrc.authenticators(host) if self._netrc else None
        return (found[0], found[2]) if found else None


def _keyring(url: str, user: str) -> Auth | None:
    """What the ``keyring`` program keeps for an address, or for its host; None without either.

    A program and no import: its backends are the user's, and may be anything.
    """
    program = _keyring_command()
    if program is None:
        return None
    parts = urlsplit(url)
    for service in (url, parts.hostname or ""):
        found = _ask_keyring([*program, "get", service, user]) if user else None
        if found:
            return user, found[-1]
        both = _ask_keyring([*program, "--mode", "creds", "get", service])
        if len(both) == 2:
            return both[0], both[1]
    return None


def _keyring_command() -> list[str] | None:
    from importlib.util import find_spec
    from shutil import which

    if find_spec("keyring") is not None:
        return [sys.executable, "-m", "keyring"]
    found = which("keyring")
    return [found] if found else None


def _ask_keyring(command: list[str]) -> list[str]:
    import subprocess  # most runs need no keyring

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []
