"""Texts of settings → their values. Each function raises ValueError with what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.model.trace import looked_at


def parse_torch(text: str) -> SpecifierSet:
    """``2.7`` → ``==2.7.*``; ``2.7.0`` → ``==2.7.0``; a specifier stays. Raises ValueError."""
    try:
        version = Version(text)
    except InvalidVersion:
        try:
            return SpecifierSet(text)
        except InvalidSpecifier as error:
            raise ValueError(f"not a version or specifier: {text!r}") from error
    if len(version.release) < 3 and version.local is None and not version.is_prerelease:
        return SpecifierSet(f"=={version.public}.*")
    return SpecifierSet(f"=={version}")


def parse_moment(text: str) -> datetime:
    """An ISO date (the whole day counts, UTC) or date and time; UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date and no moment of ISO 8601") from error
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
        moment += timedelta(days=1)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_as_of(text: str) -> str | datetime:
    """``commit``, ``now`` or a moment."""
    return text if text in ("commit", "now") else parse_moment(text)


def one_of(*allowed: str, later: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """A parser of these words; ``later``: words of another version, with what to do meanwhile."""

    def parse(text: str) -> str:
        if later and text in later:
            raise ValueError(f"{text!r} is not there in this version: {later[text]}")
        if text not in allowed:
            raise ValueError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def parse_driver(text: str) -> str:
    """``570.26``."""
    if not re.fullmatch(r"\d{3}(\.\d+){0,2}", text):
        raise ValueError(f"not a driver version: {text!r}")
    return text


def parse_edge(text: str) -> str:
    """``NAME`` or ``NAME:DEP``, normalized."""
    names = text.split(":")
    if len(names) > 2:
        raise ValueError(f"neither NAME nor NAME:DEP: {text!r}")
    return ":".join(canonicalize_name(name.strip(), validate=True) for name in names)


def parse_name(text: str) -> str:
    """A normalized name (PEP 503, PEP 685)."""
    return canonicalize_name(text, validate=True)


def parse_requirement(text: str) -> str:
    """A PEP 508 requirement, as packaging writes it."""
    return str(Requirement(text))


def parse_index_url(text: str) -> str:
    """An address of an index."""
    if not re.match(r"(https?|file)://[^/\s]*/?\S*$", text):
        raise ValueError("not an http, https or file URL")
    return text


def parse_place(text: str) -> tuple[str | None, str]:
    """An address of an index; ``NAME=URL`` ties the package NAME to it."""
    name, mark, url = text.partition("=")
    if mark and re.fullmatch(r"[A-Za-z0-9._-]+", name):
        return canonicalize_name(name), parse_index_url(url)
    return None, parse_index_url(text)


def parse_links(text: str) -> str:
    """A flat page or a folder; a folder as a whole path."""
    if re.match(r"https?://", text):
        return parse_index_url(text)
    path = Path(text.removeprefix("file://")).expanduser()
    if not path.is_dir():
        raise ValueError(f"there is no folder {path}")
    return str(path.resolve())


def parse_file(text: str) -> Path:
    """A file that is there."""
    path = Path(text).expanduser()
    looked_at(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def parse_model(text: str) -> str:
    """A model repository, with or without a revision and a place."""
    from torchsolve.model.named_model import named_model  # few runs name a model

    named_model(text)
    return text


def parse_names(text: str) -> str:
    """A normalized name, ``:all:`` or ``:none:``."""
    return text if text in (":all:", ":none:") else parse_name(text)


def parse_torch_index(text: str) -> str:
    """``auto``, ``default`` or an address."""
    return text if text in ("auto", "default") else parse_index_url(text)


def parse_text(text: str) -> str:
    """Any text but an empty one."""
    if not text.strip():
        raise ValueError("empty")
    return text
