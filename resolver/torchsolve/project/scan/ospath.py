"""``os.path`` and ``pathlib`` on strings with holes; POSIX rules, no file system."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.project.scan.strings import concat, join, pieces_of, starts_with
from torchsolve.project.scan.values import (
    HOME,
    ROOT,
    Hole,
    ListValue,
    PathValue,
    Text,
    Value,
    text,
)

_ABSOLUTE = (ROOT, HOME, "/")


def is_absolute(path: Text) -> bool:
    """Whether it starts at a root that is known."""
    first = path.parts[0] if path.parts else ""
    return isinstance(first, str) and first.startswith(_ABSOLUTE)


def starts_at_root(path: Text) -> bool | None:
    """``os.path.isabs``; None where it is not known. The names of a listing are relative."""
    first = path.parts[0] if path.parts else ""
    if isinstance(first, str):
        return is_absolute(path)
    return False if first.kind == "user" and ("typed", "") not in path.marks else None


def join_paths(parts: Sequence[Text]) -> Text:
    """``os.path.join``: an absolute part starts anew."""
    found: list[Text] = []
    for part in parts:
        if is_absolute(part):
            found = []
        if not part.parts and found:
            continue
        if found and starts_with(found[-1], "") and not _ends_with_slash(found[-1]):
            found.append(text("/"))
        found.append(part)
    return concat(found) if found else text("")


def _ends_with_slash(path: Text) -> bool:
    last = path.parts[-1] if path.parts else ""
    return isinstance(last, str) and last.endswith("/")


def normal(path: Text) -> Text:
    """``os.path.normpath``: ``..`` and ``.`` taken out, as far as they can be."""
    found: list[Text] = []
    for piece in pieces_of(path, "/"):
        word = piece.literal
        if word == "." or (word == "" and found):
            continue
        if word == ".." and found and found[-1].literal not in ("..", ROOT, "", HOME):
            found.pop()
        elif word == ".." and found and found[-1].literal == ROOT:
            found[-1] = Text((Hole("outside"),), path.marks)
        else:
            found.append(piece)
    return join(text("/"), found, path.marks)


def absolute(path: Text) -> Text:
    """``os.path.abspath``, as seen from the working directory."""
    known = normal(path)
    first = known.parts[0] if known.parts else ""
    if is_absolute(known) or not isinstance(first, str) or first.startswith("<"):
        return known
    return join_paths([text("<cwd>"), known]) if known.parts else known


def base_name(path: Text) -> Text:
    """``os.path.basename``."""
    return pieces_of(path, "/")[-1]


def directory(path: Text) -> Text:
    """``os.path.dirname``; of the root a hole."""
    pieces = pieces_of(path, "/")
    if len(pieces) == 1:
        if pieces[0].literal in (ROOT, HOME):
            return Text((Hole("outside"),), path.marks)
        return Text((), path.marks)
    return join(text("/"), pieces[:-1], path.marks)


def split_suffix(path: Text) -> tuple[Text, Text]:
    """``os.path.splitext``."""
    name = base_name(path)
    pieces = pieces_of(name, ".")
    last = pieces[-1]
    end = name.parts[-1] if name.parts else ""
    if isinstance(end, Hole):
        return path, Text((Hole("suffix", end.kind),), path.marks)
    if len(pieces) == 1 or last.holes or (len(pieces) == 2 and not pieces[0].parts):
        return path, Text((), path.marks)
    suffix = concat([text("."), last])
    head = join(text("."), pieces[:-1], path.marks)
    parent = pieces_of(path, "/")[:-1]
    return join(text("/"), [*parent, head], path.marks), Text(suffix.parts, path.marks)


def expand_home(path: Text) -> Text:
    """``os.path.expanduser``."""
    first = path.parts[0] if path.parts else ""
    if isinstance(first, str) and (first == "~" or first.startswith("~/")):
        return Text((HOME + first[1:], *path.parts[1:]), path.marks)
    return path


def relative(path: Text, start: Text) -> Text | None:
    """``os.path.relpath`` of a path below ``start``."""
    whole, base = pieces_of(normal(path), "/"), pieces_of(normal(start), "/")
    if whole[: len(base)] != base:
        return None
    return join(text("/"), whole[len(base) :], path.marks)


def path_attribute(path: Text, name: str) -> Value | None:
    """An attribute of ``pathlib.Path``."""
    match name:
        case "parent":
            return PathValue(directory(normal(path)))
        case "parents":
            found = normal(path)
            open_name = any(hole.kind == "user" for hole in base_name(found).holes)
            steps: list[Value] = []
            for up in range(8):
                found = directory(found)
                if up and open_name:  # a name out of a listing may have folders of its own
                    found = Text((Hole("folder around it"),), path.marks)
                steps.append(PathValue(found))
            return ListValue(steps)
        case "name":
            return base_name(path)
        case "stem":
            return split_suffix(base_name(path))[0]
        case "suffix":
            return split_suffix(path)[1]
        case _:
            return None
