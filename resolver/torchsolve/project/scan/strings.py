"""Methods of ``str`` on strings with holes. A hole counts as one character that is none of those
asked for: ``"{model}".split("/")`` is one piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torchsolve.project.scan.values import (
    FALSE,
    NO_MARKS,
    TRUE,
    Const,
    Hole,
    ListValue,
    Marks,
    Part,
    Text,
    Value,
    options,
    text,
)

_LIMIT = 20_000
"""Characters of a string."""
_OF_HOLE = 100
"""What a hole counts for: a string with hundreds of them is no path."""
_ASKED = frozenset(
    ["isdigit", "isalpha", "isalnum", "isdecimal", "isspace", "isupper", "islower", "isidentifier"]
)


def concat(pieces: Sequence[Text]) -> Text:
    """The strings one after the other."""
    parts: list[Part] = []
    marks: Marks = NO_MARKS
    length = 0
    for piece in pieces:
        if piece.marks and piece.marks is not marks:
            marks = marks | piece.marks
        for part in piece.parts:
            length += len(part) if isinstance(part, str) else _OF_HOLE
            if length > _LIMIT:
                return Text((Hole("long"),), frozenset().union(*(p.marks for p in pieces)))
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
    return Text(tuple(parts), marks)


def pieces_of(value: Text, separator: str, most: int = -1) -> list[Text]:
    """``str.split(separator, most)``."""
    found: list[list[Part]] = [[]]
    for part in value.parts:
        if isinstance(part, Hole) or (0 <= most < len(found)):
            found[-1].append(part)
            continue
        room = most - len(found) + 1 if most >= 0 else -1
        words = part.split(separator, room) if room else [part]
        _extend(found, words)
    return [_text(parts, value.marks) for parts in found]


def pieces_from_right(value: Text, separator: str, most: int) -> list[Text]:
    """``str.rsplit(separator, most)``."""
    pieces = pieces_of(value, separator)
    if most < 0 or len(pieces) <= most + 1:
        return pieces
    head = pieces[: len(pieces) - most]
    return [join(text(separator), head, value.marks), *pieces[len(pieces) - most :]]


def _extend(found: list[list[Part]], words: list[str]) -> None:
    if words[0]:
        found[-1].append(words[0])
    found.extend([word] if word else [] for word in words[1:])


def _text(parts: list[Part], marks: Marks) -> Text:
    return concat([Text((part,), marks) for part in parts]) if parts else Text((), marks)


def join(separator: Text, items: Sequence[Text], marks: Marks = frozenset()) -> Text:
    """``separator.join(items)``."""
    found: list[Text] = [Text((), marks)]
    for index, item in enumerate(items):
        if index:
            found.append(separator)
        found.append(item)
    return concat(found)


def each(value: Text, change: Callable[[str], str]) -> Text:
    """Every known part changed; holes stay."""
    parts = [part if isinstance(part, Hole) else change(part) for part in value.parts]
    return _text([part for part in parts if part != ""], value.marks)


def starts_with(value: Text, prefix: str) -> bool | None:
    """None where a hole hides it."""
    first = value.parts[0] if value.parts else ""
    if isinstance(first, Hole):
        return None if prefix else True
    if len(first) >= len(prefix) or len(value.parts) == 1:
        return first.startswith(prefix)
    return None if prefix.startswith(first) else False


def ends_with(value: Text, suffix: str) -> bool | None:
    """None where a hole hides it."""
    last = value.parts[-1] if value.parts else ""
    if isinstance(last, Hole):
        return None if suffix else True
    if len(last) >= len(suffix) or len(value.parts) == 1:
        return last.endswith(suffix)
    return None if suffix.endswith(last) else False


def contains(value: Text, word: str) -> bool | None:
    """``word in value``; None where a hole may hold it."""
    if any(isinstance(part, str) and word in part for part in value.parts):
        return True
    return None if value.holes else False


def truth(known: bool | None, marks: Marks = frozenset()) -> Value | None:
    """A value for a known answer."""
    return None if known is None else Const(known, marks)


def _affix(
    value: Text, args: Sequence[Value], ask: Callable[[Text, str], bool | None]
) -> Value | None:
    if not args:
        return None
    wanted = args[0]
    words = wanted.items if isinstance(wanted, ListValue) else [wanted]
    answers = [
        ask(value, word.literal) if isinstance(word, Text) and word.literal is not None else None
        for word in words
    ]
    if any(answers):
        return TRUE
    return None if None in answers else Const(False, value.marks)


def _literal(args: Sequence[Value], index: int) -> str | None:
    argument = args[index] if index < len(args) else None
    return argument.literal if isinstance(argument, Text) else None


def _number(args: Sequence[Value], index: int, default: int) -> int:
    argument = args[index] if index < len(args) else None
    known = argument.value if isinstance(argument, Const) else default
    return known if isinstance(known, int) else default


def _split(value: Text, args: Sequence[Value], *, right: bool) -> Value | None:
    most = _number(args, 1, -1)
    separator = _literal(args, 0)
    if separator is None:
        known = value.literal
        words = known.split(None, most) if known is not None and not args else None
        return ListValue([text(w, value.marks) for w in words]) if words is not None else None
    if not separator:
        return None
    cut = pieces_from_right if right else pieces_of
    return ListValue(list(cut(value, separator, most)))


def _partition(value: Text, args: Sequence[Value], *, right: bool) -> Value | None:
    separator = _literal(args, 0)
    if not separator:
        return None
    cut = pieces_from_right if right else pieces_of
    pieces = cut(value, separator, 1)
    empty = Text((), value.marks)
    if len(pieces) == 1:
        items = [empty, empty, pieces[0]] if right else [pieces[0], empty, empty]
    else:
        items = [pieces[0], text(separator), pieces[1]]
    return ListValue(list(items), kind="tuple")


def _replace(value: Text, args: Sequence[Value]) -> Value | None:
    old, new = _literal(args, 0), args[1] if len(args) > 1 else None
    if not old or not isinstance(new, Text):
        return None
    return join(new, pieces_of(value, old), value.marks)


def _join(value: Text, args: Sequence[Value]) -> Value | None:
    items = args[0] if args else None
    if not isinstance(items, ListValue):
        return None
    if items.rest is not None:  # the characters of a string that is not known, or some of them
        whole = all(isinstance(o, Text) for o in options(items.rest))
        return items.rest if whole and not items.items and not value.parts else None
    words = [item for item in items.items if isinstance(item, Text)]
    return join(value, words, value.marks) if len(words) == len(items.items) else None


def _strip(value: Text, args: Sequence[Value], *, left: bool, right: bool) -> Value:
    characters = _literal(args, 0)
    parts = list(value.parts)
    if left and parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip(characters)
    if right and parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip(characters)
    return Text(tuple(part for part in parts if part != ""), value.marks)


def _remove(value: Text, args: Sequence[Value], *, prefix: bool) -> Value | None:
    word = _literal(args, 0)
    if word is None or not value.parts:
        return None
    parts = list(value.parts)
    place = 0 if prefix else -1
    part = parts[place]
    if isinstance(part, str):
        parts[place] = part.removeprefix(word) if prefix else part.removesuffix(word)
    return Text(tuple(p for p in parts if p != ""), value.marks)


def _count(value: Text, args: Sequence[Value], how: str) -> Value | None:
    word, known = _literal(args, 0), value.literal
    if word is None or known is None:
        return None
    return Const(getattr(known, how)(word), value.marks)


def _is(value: Text, how: str) -> Value | None:
    known = value.literal
    return None if known is None else Const(getattr(known, how)(), value.marks)


def method(value: Text, name: str, args: Sequence[Value]) -> Value | None:
    """``value.name(*args)``; None where it is not told."""
    match name:
        case "lower" | "upper" | "title" | "capitalize" | "casefold" | "swapcase":
            return each(value, getattr(str, name))
        case "strip" | "lstrip" | "rstrip":
            return _strip(value, args, left=name != "rstrip", right=name != "lstrip")
        case "split" | "rsplit":
            return _split(value, args, right=name == "rsplit")
        case "partition" | "rpartition":
            return _partition(value, args, right=name == "rpartition")
        case "startswith" | "endswith":
            return _affix(value, args, starts_with if name == "startswith" else ends_with)
        case _:
            return _more(value, name, args)


def _more(value: Text, name: str, args: Sequence[Value]) -> Value | None:
    match name:
        case "replace":
            return _replace(value, args)
        case "join":
            return _join(value, args)
        case "removeprefix" | "removesuffix":
            return _remove(value, args, prefix=name == "removeprefix")
        case "count" | "find" | "index" | "rfind":
            return _count(value, args, name) if name != "index" else None
        case (
            "isdigit"
            | "isalpha"
            | "isalnum"
            | "isdecimal"
            | "isspace"
            | "isupper"
            | "islower"
            | "isidentifier"
        ):
            return _is(value, name)
        case "encode" | "decode":
            return value
        case "splitlines":
            known = value.literal
            lines = known.splitlines() if known is not None else None
            return None if lines is None else ListValue([text(x, value.marks) for x in lines])
        case _:
            return None


_CLASS = re.compile(r"(?:\[\^?[^\[\]]+\]|\\[wWsSdD])[+*]?")


def substituted(pattern: Value, new: Value, value: Text) -> Text | None:
    """``re.sub`` of a class of characters: patterns of any other kind may take for ever."""
    known, word = _literal([pattern], 0), _literal([new], 0)
    if known is None or word is None or "\\" in word or not _CLASS.fullmatch(known):
        return None
    try:
        wanted = re.compile(known)
    except re.error:
        return None
    return each(value, lambda part: wanted.sub(word, part))


def compare(left: Text, right: Text) -> bool | None:
    """``left == right``; None where holes leave it open."""
    if left.literal is not None and right.literal is not None:
        return left.literal == right.literal
    for one, other in ((left, right), (right, left)):
        first, last = (one.parts[0], one.parts[-1]) if one.parts else ("", "")
        if isinstance(first, str) and starts_with(other, first) is False:
            return False
        if isinstance(last, str) and ends_with(other, last) is False:
            return False
    return None


__all__ = ["FALSE", "compare", "concat", "contains", "each", "join", "method", "pieces_of"]
