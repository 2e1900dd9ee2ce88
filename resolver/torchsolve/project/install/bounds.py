"""What a call on a known value may cost: scripts come from anyone, and memory is not theirs."""

from __future__ import annotations

import re
from typing import Any

SIZE = 100_000
"""Characters of a text, or items of a list, that an evaluation may build."""

ITEMS = 5_000
"""Items that a list may grow to."""

_WIDTH = re.compile(r"\d{5,}")


def is_wide(text: str) -> bool:
    """Whether a format asks for a field of ten thousand characters or more."""
    return bool(_WIDTH.search(text))


def text_fits(owner: str, name: str, arguments: list[Any]) -> bool:
    """Whether the answer of a text's method stays small."""
    if name == "join":
        parts = arguments[0] if arguments and isinstance(arguments[0], list | tuple) else []
        return sum(len(str(part)) + len(owner) for part in parts[:SIZE]) <= SIZE
    if name == "replace" and len(arguments) > 1:
        times = owner.count(str(arguments[0]))
        return len(owner) + times * len(str(arguments[1])) <= SIZE
    if name == "zfill":
        return isinstance(arguments[0], int) and arguments[0] <= SIZE if arguments else False
    if name == "format":
        texts = sum(len(str(a)) for a in arguments)
        return not is_wide(owner) and len(owner) * (1 + texts) <= SIZE * 100
    return len(owner) <= SIZE


def list_fits(owner: list[Any], name: str, arguments: list[Any]) -> bool:
    """Whether a list stays small."""
    more = arguments[0] if name == "extend" and arguments else ()
    return len(owner) + (len(more) if isinstance(more, list | tuple | dict | set) else 1) <= ITEMS
