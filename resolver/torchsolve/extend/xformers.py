"""Rows of ``xformers.toml``, and of ``companions.toml`` for what asks less than it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from packaging.version import InvalidVersion, Version

from torchsolve.errors import UnknownError
from torchsolve.extend.rows import NewRow, Value
from torchsolve.extend.source import Say, Source, by_version, requirement, sample, uploaded, wheels
from torchsolve.model.package import IndexFile
from torchsolve.wheel.filename import parse

SOURCE = "wheel"
MEMBER = re.compile(r"xformers/cpp_lib\.json")


def xformers_rows(source: Source, known: Sequence[Version], say: Say) -> Iterator[NewRow]:
    """Newest first; a release whose wheels carry no code has no row."""
    for version, files in by_version(wheels(source.files("xformers"))).items():
        if version <= max(known):
            continue
        file = sample(files)
        built = built_of(source, file)
        if built is None:
            continue
        say(f"xformers {version}")
        yield _row(source, file, files, built)


def built_of(source: Source, file: IndexFile) -> tuple[str, str] | None:
    """The torch that a wheel was built with, ``2.10.0+cu128``, and its arch list.

    None where it carries no code. Raises UnknownError ``bad-member``.
    """
    found = source.members(file, MEMBER)
    if not found:
        return None
    try:
        said: Any = json.loads(next(iter(found.values())))
        torch, codes = said["version"]["torch"], said["env"]["TORCH_CUDA_ARCH_LIST"]
        Version(torch)
    except (ValueError, KeyError, TypeError, InvalidVersion, RecursionError):
        message = "its cpp_lib.json does not say what it was built with"
        raise UnknownError("bad-member", message, origin=file.filename) from None
    return str(torch), str(codes or "")


def _row(
    source: Source, file: IndexFile, files: Sequence[IndexFile], built: tuple[str, str]
) -> NewRow:
    wanted = requirement(source.metadata(file), "torch")
    values: dict[str, Value] = {"version": str(file.version)}
    if day := uploaded(files):
        values["uploaded"] = date.fromisoformat(day)
    values["torch"] = str(wanted.specifier) if wanted else ""
    values |= {"built_with": built[0], "sm": built[1]}
    ordered = sorted(files, key=lambda f: _order(f.filename))
    values["tags"] = " ".join(_tags(one.filename) for one in ordered)
    values["source"] = SOURCE
    return NewRow("release", values)


def _tags(filename: str) -> str:
    return "-".join(filename.removesuffix(".whl").split("-")[-3:])


def _order(filename: str) -> tuple[int, str]:
    interpreter = next(iter(parse(filename).tags)).interpreter
    return int("".join(c for c in interpreter if c.isdigit()) or 0), filename
