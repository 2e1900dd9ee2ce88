"""A requirements file as text: encoding, logical lines, options. No meaning yet.

Where no line has an option, a continuation or a variable, stripping comments is all there is to do;
any other file goes through ``option_lines``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from torchsolve.model.values import dataclass, field

# Longest first: the mark of UTF-16-LE begins that of UTF-32-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"#.*coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line.

    Attributes:
        number: of its first physical line, from 1.
        raw: its text before variables were expanded, safe to show.
        requirement: the part before the first option; empty for an option line.
        options: option name as ``pip_requirements_parser`` calls it → values.
        leftover: words after an option that takes none; pip ignores them.
        error: why the options could not be read; None when they were.
        spelled: option name → how it was typed: ``--config-settings``, ``-C``.
    """

    number: int
    raw: str
    requirement: str
    options: dict[str, list[str]]
    leftover: tuple[str, ...] = ()
    error: str | None = None
    spelled: dict[str, str] = field(default_factory=dict)

    def typed(self, option: str) -> str:
        """The option as the file has it."""
        return self.spelled.get(option, "--" + option.replace("_", "-"))


def decode(data: bytes) -> str:
    """Text by byte order mark, PEP 263 line, or UTF-8; bytes that are none of it as Latin-1.

    Names, versions and options are ASCII in each of these, so a comment in another code page harms
    nothing.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for line in data.split(b"\n")[:2]:
        match = _CODING.match(line)
        if match:
            return _decode_as(data, match[1].decode("ascii", "replace"))
    return _decode_as(data, "utf-8")


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return data.decode("latin-1")


def logical_lines(data: bytes, *, expand: bool) -> Iterator[Line]:
    """Every line that says something; ``expand`` puts environment variables in, as pip does."""
    text = decode(data).replace("\0", "")
    plain = _plain_lines(text)
    if plain is not None:
        return iter(plain)
    from torchsolve.project.option_lines import read_lines

    return read_lines(text, expand=expand)


def _plain_lines(text: str) -> list[Line] | None:
    """The lines of a file without options; None for a file that has more to it."""
    if "\\" in text or "${" in text:
        return None
    said = [_COMMENT.sub("", line).strip() for line in text.splitlines()]
    if any(line.startswith("-") or " -" in line for line in said):
        return None
    return [Line(number, line, line, {}) for number, line in enumerate(said, 1) if line]
