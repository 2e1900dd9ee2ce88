"""What a README or a Dockerfile says that a project was tried with: torch, CUDA and Python."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchsolve.model.surface import Trial

# Words of a line that reports a trial or names what is meant to be used.
_TRIAL = re.compile(
    r"\b(?:tested|test(?:ed)? (?:on|with)|verified|developed (?:on|with)|works? (?:on|with)|"
    r"working (?:on|with)|known to work|confirmed|recommended|environment)\b",
    re.IGNORECASE,
)
_BETWEEN = r"[\s=:v`*|()-]{0,6}"
_TORCH = re.compile(
    rf"(?<![\w-])(?:py)?torch(?:\s*version)?{_BETWEEN}(\d+\.\d+(?:\.\d+)?)", re.IGNORECASE
)
_CUDA = re.compile(
    rf"(?<![\w.])(?:cuda(?:\s*toolkit)?{_BETWEEN}(\d{{2}}\.\d)|cu(\d{{3}})(?!\d))", re.IGNORECASE
)
_PYTHON = re.compile(rf"(?<![\w-])python{_BETWEEN}(3\.\d{{1,2}})", re.IGNORECASE)
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)?(\S+)", re.IGNORECASE)
_ARG = re.compile(r"^\s*ARG\s+(\w+)=(\S+)", re.IGNORECASE)
_TAGGED = re.compile(
    r"nvidia/cuda:(\d{2}\.\d)|pytorch/pytorch:(\d+\.\d+(?:\.\d+)?)-cuda(\d{2}\.\d)"
)
_TABLE = re.compile(r"^\s*\|")
_MOST = 20


def in_readme(path: str, text: str) -> tuple[Trial, ...]:
    """Lines and table rows that name torch, CUDA or Python beside a word of trial.

    A row of a table counts where its head or the line before it speaks of a trial.
    """
    found, trial_table = [], False
    for number, line in enumerate(text.splitlines(), start=1):
        is_row = bool(_TABLE.match(line))
        trial = bool(_TRIAL.search(line))
        trial_table = trial or (trial_table and (is_row or not line.strip()))
        if trial or (is_row and trial_table):
            known = _named(f"{path}:{number}", line)
            found += [known] if known else []
    return tuple(found[:_MOST])


def _named(origin: str, line: str) -> Trial | None:
    torch, cuda, python = _TORCH.search(line), _CUDA.search(line), _PYTHON.search(line)
    if not torch and not (cuda and python):
        return None
    toolkit = (cuda[1] or f"{cuda[2][:2]}.{cuda[2][2]}") if cuda else None
    return Trial(origin, torch and torch[1], toolkit, python and python[1])


def in_dockerfile(path: str, text: str) -> tuple[Trial, ...]:
    """The base image and the torch that a Dockerfile installs."""
    values: dict[str, str] = {}
    found: list[Trial] = []
    for number, line in enumerate(text.splitlines(), start=1):
        argument = _ARG.match(line)
        if argument:
            values[argument[1]] = argument[2].strip("\"'")
        found += _of_line(f"{path}:{number}", line, values)
    return tuple(found[:_MOST])


def _of_line(origin: str, line: str, values: dict[str, str]) -> Iterator[Trial]:
    base = _FROM.match(line)
    if base:
        image = re.sub(r"\$\{?(\w+)\}?", lambda m: values.get(m[1], m[0]), base[1])
        tag = _TAGGED.search(image)
        if tag:
            yield Trial(origin, tag[2], tag[1] or tag[3])
        return
    torch = re.search(r"(?<![\w-])torch==(\d+\.\d+(?:\.\d+)?)(?:\+cu(\d{3}))?", line)
    if torch:
        page = re.search(r"/whl/cu(\d{3})", line)
        digits = torch[2] or (page[1] if page else None)
        yield Trial(origin, torch[1], f"{digits[:2]}.{digits[2]}" if digits else None)
