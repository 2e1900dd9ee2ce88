"""Credentials never reach a report, an error or a log."""

from __future__ import annotations

import re

# Without the scheme: to look for one at each letter of a long text takes time by its square.
_USERINFO = re.compile(r"://[^/@\s]+@")


def redact(text: str) -> str:
    """``https://user:token@host/…`` → ``https://***@host/…``, wherever it stands in the text."""
    return _USERINFO.sub("://***@", text)
