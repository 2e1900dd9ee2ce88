"""Lines of a requirements file with pip's options, continuations and environment variables.

``pip-requirements-parser`` joins continuations, strips comments and knows pip's options. It is used
for those only: it does not expand environment variables, calls global options on a requirement line
an error where pip ignores them, lacks ``--config-settings``, and reads files from disk alone.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from optparse import OptionParser, Values

from pip_requirements_parser import (
    OptionParsingError,
    TextLine,
    break_args_options,
    build_parser,
    preprocess,
)

from torchsolve.project.lines import Line

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def read_lines(text: str, *, expand: bool) -> Iterator[Line]:
    """Every line that says something; ``expand`` puts environment variables in, as pip does."""
    for item in preprocess(text):
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
