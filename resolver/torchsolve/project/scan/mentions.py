"""Where a module's code names something: comments, texts and import statements left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchsolve.model.values import dataclass

_NO_CODE = re.compile(
    rb'(?P<long>"""(?:[^"\\]++|\\.|"(?!""))*+"""'
    rb"|\x27{3}(?:[^\x27\\]++|\\.|\x27(?!\x27\x27))*+\x27{3})"
    rb'|(?P<text>"(?:[^"\\\n]++|\\.)*+"|\x27(?:[^\x27\\\n]++|\\.)*+\x27)'
    rb"|\#[^\n]*+"
    rb"|\n(?:if\s+__name__\s*==[^\n]*+(?:\n(?:[ \t][^\n]*+)?+(?=\n|\Z))*+"
    rb"|[ \t]*+(?:from\b[^\n]*?\bimport\b|import\b)[ \t]*(?:\([^)]*\)|(?:\\\n|[^\n])*+))",
    re.DOTALL,
)
"""Each way begins with one of four characters: what lies between them is passed over at once."""
_FORMATS = re.compile(rb"\b[rRbB]?[fF][rRbB]?\Z")
_NAME_ALONE = re.compile(rb"[\"'](?!\d)\w+[\"']")
_WORDLY = re.compile(rb"\w")
_RECEIVER = re.compile(rb"(?:(?P<name>\b\w[\w.]*)|[)\]\"'])\s*\.\s*$")


@dataclass(frozen=True, slots=True)
class Mention:
    """One place.

    Attributes:
        receiver: the dotted name before the last dot; ``""`` without a dot, ``?`` where it has
            none.
        quoted: the name is the whole of a text: ``getattr(x, "name")``, a key of a table.
        before, after: the rest of the line.
    """

    line: int
    receiver: str
    quoted: bool
    before: str
    after: str


def code_of(data: bytes) -> bytes:
    """The text with its lines kept, of which only code and texts that are one name remain."""
    return _NO_CODE.sub(_blank, b"\n" + data)[1:]


def _blank(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if match.lastgroup and _is_kept(match, found):
        return found
    return b"\n" * found.count(b"\n")


def _is_kept(match: re.Match[bytes], found: bytes) -> bool:
    """A text that is one name, or an f-string: there is code in it."""
    start = match.start()
    formats = _FORMATS.search(match.string, max(start - 3, 0), start)
    return formats is not None or (match["text"] and _NAME_ALONE.fullmatch(found)) is not None


def mentions(code: bytes, name: str) -> Iterator[Mention]:
    """Every place that names ``name``, in order."""
    word = name.encode()
    line, start = 1, 0
    place = code.find(word)
    while place >= 0:
        end = place + len(word)
        if not _WORDLY.match(code[place - 1 : place]) and not _WORDLY.match(code[end : end + 1]):
            line += code.count(b"\n", start, place)
            start = place
            yield _mention(code, line, place, end)
        place = code.find(word, end)


def _mention(code: bytes, line: int, place: int, end: int) -> Mention:
    before = code[code.rfind(b"\n", 0, place) + 1 : place]
    stop = code.find(b"\n", end)
    after = code[end : stop if stop >= 0 else len(code)]
    quoted = before[-1:] in (b'"', b"'") and after[:1] == before[-1:]
    known = _RECEIVER.search(before) if before.rstrip().endswith(b".") else None
    receiver = "" if known is None else (known["name"] or b"?").decode("utf-8", "replace")
    return Mention(line, receiver, quoted, _text(before), _text(after))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
