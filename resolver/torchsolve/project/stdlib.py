"""Which top-level modules come with Python itself."""

from __future__ import annotations

import sys


def words(text: str) -> frozenset[str]:
    """The words of a text: a table that stays readable."""
    return frozenset(text.split())


# Of Pythons that this one no longer speaks for; https://peps.python.org/pep-0594/ and what's new.
_GONE = words("""
    aifc asynchat asyncore audioop binhex cgi cgitb chunk crypt distutils imghdr imp lib2to3
    mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
""")


def is_standard(module: str) -> bool:
    """Whether a top-level module is of the standard library of some Python 3."""
    return module in sys.stdlib_module_names or module in _GONE or module == "__main__"
