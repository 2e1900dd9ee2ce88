"""A requirements file as text: encoding, logical lines, options. No meaning yet.

``pip-requirements-parser`` joins continuations, strips comments and knows pip's options. It is used
for those only: it does not expand environment variables, calls global options on a requirement line
an error where pip ignores them, lacks ``--config-settings``, and reads files from disk alone.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from optparse import OptionParser, Values

from pip_requirements_parser import (
    OptionParsingError,
    TextLine,
    break_args_options,
    build_parser,
    preprocess,
)

# Longest first: the mark of UTF-16-LE begins that of UTF-32-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"#.*coding[:=]\s*([-\w.]+)")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


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
    for item in preprocess(decode(data).replace("\0", "")):
        if isinstance(item, TextLine):
            yield _line(item.line_number, item.line, expand=expand)


def _line(number: int, raw: str, *, expand: bool) -> Line:
    text = _VARIABLE.sub(lambda m: os.environ.get(m[1]) or m[0], raw) if expand else raw
    requirement, rest = break_args_options(text)
    parser = _parser()
    try:
        words = shlex.split(rest)
        found, leftover = parser.parse_args(list(words), _defaults(parser))
    except OptionParsingError as error:
        return Line(number, raw, requirement, {}, error=error.msg.partition("error: ")[2].strip())
    except ValueError as error:
        return Line(number, raw, requirement, {}, error=str(error))
    options = {key: _values(value) for key, value in vars(found).items() if value}
    spelled = dict(_spelled(words, parser))
    return Line(number, raw, requirement.strip(), options, tuple(leftover), spelled=spelled)


@cache
def _parser() -> OptionParser:
    """pip's options; made once, for that takes longer than reading a line."""
    parser: OptionParser = build_parser()
    parser.add_option("-C", "--config-setting", "--config-settings", dest="config", action="append")
    return parser


def _defaults(parser: OptionParser) -> Values:
    """Fresh ones: an option that collects values would add them to the parser's own list."""
    values = vars(parser.get_default_values())
    return Values({k: list(v) if isinstance(v, list) else v for k, v in values.items()})


def _spelled(words: list[str], parser: OptionParser) -> Iterator[tuple[str, str]]:
    for word in words:
        typed = word.partition("=")[0] if word.startswith("--") else word[:2]
        option = parser.get_option(typed) if typed.startswith("-") else None
        if option is not None and option.dest:
            yield option.dest, typed


def _values(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
