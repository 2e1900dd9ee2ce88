"""One requirement string, as pip takes it: PEP 508, an address, or a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from torchsolve.model.values import dataclass
from torchsolve.model.version import has_endless_number

_URL = r"(?i)(?:(?:git|hg|svn|bzr)\+)?[a-z][a-z0-9.-]*:(?://|/)"
_VCS = r"(?i)(?:git|hg|svn|bzr)\+"
_EXTRAS = r"(?P<path>.+?)\[(?P<extras>[^\[\]]+)\]"
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz")
_GITHUB_ARCHIVE = r"/[^/]+/(?P<repo>[^/]+)/(?:archive|tarball|zipball)/.+"


class RequirementError(ValueError):
    """The text is no requirement; its message says why."""


@dataclass(frozen=True, slots=True)
class Named:
    """A requirement with a name.

    Attributes:
        requirement: its URL never holds a user name with a password, or a token.
        claimed: how the name was found, where nothing states it; None where it is stated.
        redacted: whether credentials were taken out of its URL.
        typed: the words that it was read from; empty where they hold an address.
    """

    requirement: Requirement
    claimed: str | None = None
    redacted: bool = False
    typed: str = ""

    def __str__(self) -> str:
        return self.typed or str(self.requirement)


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A requirement that is a path: a wheel, an sdist or a folder."""

    path: str
    extras: frozenset[str]
    editable: bool


def parse(text: str, *, editable: bool = False) -> Named | LocalPath:
    """What ``text`` asks for.

    An address without a name (pip would build the project to learn it) is named after ``#egg=``,
    the file name, or the last part of the path; the last is ``claimed``.
    Raises RequirementError.
    """
    if re.match(_URL, text):
        body, _, marker = text.partition("; ")
        if body.lower().startswith("file:"):
            return _path(unquote(urlsplit(body.strip()).path), editable=editable)
        return _address(body.strip(), marker.strip())
    if editable or _is_path(text):
        return _path(text.partition(";")[0].strip(), editable=editable)
    return _pep508(text)


def _is_path(text: str) -> bool:
    body = text.partition(";")[0].strip()
    if re.match(r"[A-Za-z0-9._-]+\s*(?:\[[^]]*\])?\s*@", body):
        return False
    body = re.fullmatch(_EXTRAS, body)["path"] if re.fullmatch(_EXTRAS, body) else body  # type: ignore[index]
    return body.startswith(".") or "/" in body or body.lower().endswith(_ARCHIVES)


def _path(text: str, *, editable: bool) -> LocalPath:
    match = re.fullmatch(_EXTRAS, text)
    if not match:
        return LocalPath(text, frozenset(), editable)
    extras = frozenset(extra.strip() for extra in match["extras"].split(","))
    return LocalPath(match["path"], extras, editable)


def _pep508(text: str) -> Named:
    requirement = _requirement(text)
    if not requirement.url:
        return Named(requirement, typed=" ".join(text.split()))
    clean = without_secrets(requirement.url)
    redacted = clean != requirement.url
    requirement.url = clean
    return Named(requirement, redacted=redacted)


def _requirement(text: str) -> Requirement:
    if has_endless_number(text):
        raise RequirementError("a number in it is too long")
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise RequirementError(str(error).splitlines()[0]) from None
    except RecursionError:
        raise RequirementError("its marker is nested too deeply") from None


def _address(url: str, marker: str) -> Named:
    parts = urlsplit(url)
    pairs = (part.partition("=") for part in parts.fragment.split("&"))
    fragment = {key: value for key, _, value in pairs if key}
    egg = fragment.pop("egg", "")
    name, claimed = (
        (_egg(egg), None) if egg else _name_of(parts.path, vcs=bool(re.match(_VCS, url)))
    )
    rest = "&".join(f"{key}={value}" for key, value in fragment.items())
    full = urlunsplit(parts._replace(fragment=rest))
    clean = without_secrets(full)
    suffix = f" ; {marker}" if marker else ""
    return Named(_requirement(f"{name} @ {clean}{suffix}"), claimed, redacted=clean != full)


def _egg(egg: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+(?:\[[^]]*\])?", unquote(egg))
    if not match:
        raise RequirementError(f"#egg={egg} is not a name")
    return match[0]


def _name_of(path: str, *, vcs: bool) -> tuple[str, str | None]:
    last = PurePosixPath(unquote(path)).name
    if vcs:
        name = last.partition("@")[0].removesuffix(".git")
        return _checked(name), "the last part of its address"
    if last.lower().endswith(".whl"):
        try:
            return str(parse_wheel_filename(last)[0]), None
        except InvalidWheelFilename as error:
            raise RequirementError(str(error)) from None
    archive = re.fullmatch(_GITHUB_ARCHIVE, path)
    if archive:
        return _checked(archive["repo"]), "the repository in its address"
    try:
        return str(parse_sdist_filename(last)[0]), "its file name"
    except InvalidSdistFilename:
        return _checked(re.sub(r"\.(zip|tgz|tar(\.\w+)?)$", "", last)), "its file name"


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise RequirementError(f"no name can be told from the address ({name!r})")
    return name


def without_secrets(url: str) -> str:
    """``url`` without a password or token; the user name of ``git+ssh://git@…`` stays."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")
    plain_user = parts.scheme.endswith("ssh") and parts.password is None
    if not host[1] or plain_user:
        return url
    return urlunsplit(parts._replace(netloc=host[2]))
