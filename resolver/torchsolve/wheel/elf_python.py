"""Which Pythons an extension module loads on, by the names of the C API that it uses.

The limited API and the version that first has each of its names: ``abi3info``, made from CPython's
``Misc/stable_abi.toml``. A file name ``.abi3.`` is an intent, the names are the fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from torchsolve.model.binary import Undefined

_NAME = re.compile(r"_?Py[A-Z_]\w*|_Py\w+")
_SUFFIX = re.compile(r"\.cpython-(\d{2,4}t?)-|\.(cp\d{2,4}t?)-")
_ENTRY = re.compile(r"PyInit_\w+|PyModExport_\w+")


def python_abi(
    member: str, undefined: Iterable[Undefined], defined: Iterable[str]
) -> tuple[str | None, str | None]:
    """``(abi, floor)`` of a file.

    ``abi``: ``abi3`` where it uses the limited API alone, ``cp312`` by its file name where it uses
    more, ``cp`` where the name does not say; None where it is no extension module. ``floor``: the
    first Python with all names that it uses (``3.9``), for ``abi3`` only.
    """
    if not any(_ENTRY.fullmatch(name) for name in defined if name.startswith("Py")):
        return None, None
    limited = _limited_api()
    used = [symbol.name for symbol in undefined if _NAME.fullmatch(symbol.name)]
    if all(name in limited for name in used):
        floor = max((limited[name] for name in used), default=(3, 2))
        return "abi3", ".".join(map(str, floor))
    match = _SUFFIX.search(member)
    return (match[2] or f"cp{match[1]}") if match else "cp", None


@lru_cache(1)
def _limited_api() -> dict[str, tuple[int, int]]:
    """Imported late: it is 400 KB of tables that only extension modules need."""
    from abi3info import DATAS, FUNCTIONS

    added = [(s.name, v.added) for table in (FUNCTIONS, DATAS) for s, v in table.items()]
    return {name: (version.major, version.minor) for name, version in added}
