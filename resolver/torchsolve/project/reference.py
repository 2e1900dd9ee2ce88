"""What kind of thing a reference names.

The order is fixed, so that one text always means one thing:

1. a URL: a wheel (``https://…/x.whl``) or a git repository (``https://``, ``file://``);
2. an existing path, where the text looks like one: a separator, a leading ``.`` or ``~``, a suffix;
3. the name of a bundled sample;
4. an existing path without separator or suffix;
5. ``owner/repo[@rev]`` on GitHub;
6. an id of the Comfy registry, ``comfy:ID[@rev]`` or ``ID[@rev]`` alone.

So ``./trellis2`` is a folder and ``trellis2`` the sample, and a folder ``owner/repo`` under the
current directory hides the repository of that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from torchsolve.errors import UsageError
from torchsolve.model.trace import looked_at
from torchsolve.model.values import dataclass

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_SCP = r"[\w.-]+@[\w.-]+:(?!/)[^\s]+"
_GITHUB = r"(?P<owner>[A-Za-z0-9][A-Za-z0-9-]{0,38})/(?P<repo>[\w.-]+?)(?:\.git)?(?:@(?P<rev>.+))?"
_PAGE = r"(?P<repo>/[^/]+/[^/]+)/(?:tree|commit|releases/tag)/(?P<rev>.+)"
_REGISTRY = "comfy:"
_NODE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:@[\w./-]+)?"
_FILE_SUFFIXES = (".txt", ".in", ".toml", ".whl", ".cfg")


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A file or folder that exists, and the revision of a local repository after ``@``."""

    path: Path
    rev: str | None = None


@dataclass(frozen=True, slots=True)
class WheelUrl:
    """A wheel to download."""

    url: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository to fetch: an ``https`` or ``file`` URL, and the revision after ``@``."""

    url: str
    rev: str | None


@dataclass(frozen=True, slots=True)
class SampleName:
    """A bundled sample."""

    name: str


@dataclass(frozen=True, slots=True)
class RegistryId:
    """A node of the Comfy registry, and the revision of its repository after ``@``."""

    node: str
    rev: str | None


Reference = LocalPath | WheelUrl | Repository | SampleName | RegistryId


def classify(text: str, samples: Callable[[], tuple[str, ...]]) -> Reference:
    """The one meaning of ``text``; ``samples`` lists the bundled names.

    Raises UsageError: ``no-such-file``, ``unknown-reference``, ``unsupported-transport``,
    ``secret-in-url``.
    """
    if not text.strip():
        raise UsageError(
            "unknown-reference",
            "an empty reference names nothing",
            hint="name a folder, a file, owner/repo or a sample",
        )
    if text.startswith(_REGISTRY):
        return _registry(text.removeprefix(_REGISTRY))
    if re.match(_SCHEME, text) or re.fullmatch(_SCP, text):
        return _url(text)
    path = Path(text).expanduser()
    looked_at(path)
    if _looks_like_path(text) and path.exists():
        return LocalPath(path)
    if text in samples():
        return SampleName(text)
    if path.exists():
        return LocalPath(path)
    return _at_revision(text) or _github(text, samples)


def _at_revision(text: str) -> LocalPath | None:
    """A folder that exists, before the first ``@`` that leaves one."""
    for place, character in enumerate(text):
        folder = Path(text[:place]).expanduser()
        if character == "@" and text[place + 1 :] and text[:place] and folder.is_dir():
            return LocalPath(folder, text[place + 1 :])
    return None


def _looks_like_path(text: str) -> bool:
    return "/" in text or text.startswith((".", "~")) or bool(Path(text).suffix)


def _registry(text: str) -> RegistryId:
    node, _, rev = text.partition("@")
    return RegistryId(node, rev or None)


def _github(text: str, samples: Callable[[], tuple[str, ...]]) -> Repository | RegistryId:
    match = re.fullmatch(_GITHUB, text)
    if match and not text.endswith(_FILE_SUFFIXES):
        return Repository(f"https://github.com/{match['owner']}/{match['repo']}", match["rev"])
    if _looks_like_path(text):
        raise UsageError(
            "no-such-file",
            f"there is no file or folder {text}",
            origin=text,
            hint="check the path; a repository is owner/repo or its https:// address",
        )
    from difflib import get_close_matches

    close = get_close_matches(text, samples(), 1)
    if not close and re.fullmatch(_NODE, text):
        return _registry(text)
    raise UsageError(
        "unknown-reference",
        f"{text} is no file, no bundled sample and no owner/repo",
        hint=f"did you mean {close[0]}?" if close else "samples: " + ", ".join(samples()),
    )


def _url(text: str) -> WheelUrl | Repository:
    url = text.removeprefix("git+")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "file"):
        raise UsageError(
            "unsupported-transport",
            f"{parts.scheme or 'ssh'} is not a transport that torchsolve uses",
            origin=_without_userinfo(text),
            hint="use the https:// address; git's credential helper serves private repositories",
        )
    if parts.username is not None:
        raise UsageError(
            "secret-in-url",
            "an address with a user name or token in it ends up in logs and locks",
            origin=_without_userinfo(text),
            hint="leave it out; git's credential helper serves private repositories",
        )
    if parts.path.endswith(".whl") and parts.scheme == "https" and url == text:
        return WheelUrl(url)
    return _repository(url)


def _repository(url: str) -> Repository:
    parts = urlsplit(url)
    path, _, rev = parts.path.partition("@") if "@" in parts.path else (parts.path, "", "")
    page = re.fullmatch(_PAGE, path.rstrip("/")) if parts.netloc == "github.com" else None
    if page:
        path, rev = page["repo"], unquote(page["rev"])
    path = path.rstrip("/")
    if parts.netloc == "github.com":
        path = path.removesuffix(".git")
    return Repository(urlunsplit((parts.scheme, parts.netloc, path, "", "")), rev or None)


def _without_userinfo(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)
