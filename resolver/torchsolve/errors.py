"""The error tree: every failure a user can meet, with its exit code.

An error is a value: a kebab-case ``reference`` that can be searched for, a ``message`` that says
what is wrong, an ``origin`` that says where, a ``hint`` that says what to do, and the ``facts``
that led there. The exit code belongs to the class (DESIGN section 6); a test holds the codes apart.
Only ``cli/`` turns an error into text.
"""

from __future__ import annotations

import re
from typing import ClassVar

_REFERENCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class TorchsolveError(Exception):
    """Base of all expected failures.

    Args:
        reference: kebab-case name of the failure, stable across releases.
        message: what is wrong, without a trailing full stop.
        origin: where: ``file:line``, a URL, a wheel member, a flag; empty where it is nowhere.
        hint: what to do about it; empty where nothing can be done.
        facts: one line a fact, ``who → what [origin]``.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        reference: str,
        message: str,
        *,
        origin: str = "",
        hint: str = "",
        facts: tuple[str, ...] = (),
    ) -> None:
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(f"not a kebab-case reference: {reference!r}")
        super().__init__(message)
        self.reference = reference
        self.message = message
        self.origin = origin
        self.hint = hint
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.reference}: {self.message}" + (f" [{self.origin}]" if self.origin else "")


class UsageError(TorchsolveError):
    """Bad input: a flag, a file, a requirement, a wheel that is none."""

    exit_code = 2


class NoPlanError(TorchsolveError):
    """Every cell that the filters leave is refuted or infeasible."""

    exit_code = 3


class UnknownError(TorchsolveError):
    """A needed fact could not be read, or an index was out of reach."""

    exit_code = 4


class BuildError(TorchsolveError):
    """An image did not build, or did not pass its smoke test."""

    exit_code = 5


class StaleError(TorchsolveError):
    """Generated files differ from what the lock says (``emit --check``)."""

    exit_code = 6


class CheckError(TorchsolveError):
    """A check that was asked for failed (``facts check``, ``--fail-on``)."""

    exit_code = 7
