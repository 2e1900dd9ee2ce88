"""Credentials never reach a report, an error or a log."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)


def redact(text: str) -> str:
    """``https://user:token@host/…`` → ``https://***@host/…``, wherever it stands in the text."""
    return _USERINFO.sub(r"\g<scheme>***@", text)
