"""What a run depends on and opening a file does not show, told as audit events.

Who remembers answers listens (``cli.recording``); to anyone else a word costs nothing.
"""

from __future__ import annotations

import sys
from os import PathLike, fspath

LOOKED_AT = "torchsolve.looked_at"
FRESH_UNTIL = "torchsolve.fresh_until"


def looked_at(path: str | PathLike[str]) -> None:
    """Whether something is at ``path``, and whether it is a folder, decides what follows."""
    sys.audit(LOOKED_AT, fspath(path))


def fresh_until(moment: float) -> None:
    """What was read holds until then, in seconds since 1970: later it is to be asked for again."""
    sys.audit(FRESH_UNTIL, moment)


def unwatched() -> None:
    """What is read now is more than files that are opened: an answer from it is not kept."""
    sys.audit(FRESH_UNTIL, 0.0)
