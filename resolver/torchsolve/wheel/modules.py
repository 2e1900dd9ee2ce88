"""Which modules a wheel brings: from the paths of its members, as RECORD lists them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

_CODE = (".py", ".so", ".pyd")
_DATA = ("purelib", "platlib")


def modules_of(members: Iterable[str]) -> tuple[str, ...]:
    """Names that can be imported, sorted: the outermost packages and modules.

    Of a namespace package (a folder without ``__init__.py``) what lies in it: ``google.protobuf``.
    """
    files = [path for path in map(_installed, members) if path]
    packages = {str(PurePosixPath(f).parent) for f in files if PurePosixPath(f).stem == "__init__"}
    found = set()
    for file in files:
        if file.endswith(_CODE):
            found.add(_outermost(PurePosixPath(file), packages))
    return tuple(sorted(name for name in found if name))


def _installed(member: str) -> str | None:
    """Where a member ends up below ``site-packages``; None where it does not."""
    first, _, rest = member.partition("/")
    if first.endswith(".data"):
        kind, _, rest = rest.partition("/")
        return rest if kind in _DATA else None
    return None if first.endswith(".dist-info") else member


def _outermost(file: PurePosixPath, packages: set[str]) -> str | None:
    parents = [p for p in reversed(file.parents) if str(p) != "."]
    for parent in parents:
        if str(parent) in packages:
            return _dotted(parent)
    if len(parents) > 1:
        return None  # data files of a namespace, two folders deep
    return _dotted(file.with_name(file.name.partition(".")[0]))


def _dotted(path: PurePosixPath) -> str | None:
    return ".".join(path.parts) if all(part.isidentifier() for part in path.parts) else None
