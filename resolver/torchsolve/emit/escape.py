"""Escaping: the one place where text that we did not write enters a file that something parses.

Each function takes any string and gives a token of its language that reads back as that string, or
raises UsageError("control-character") where the language has no way to say it.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from torchsolve.errors import UsageError

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_SHELL_SAFE = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^/\s?#]*)@", re.IGNORECASE)


def quoted(text: str) -> str:
    """A double-quoted string that TOML and YAML 1.2 read alike."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted_character(char) for char in text) + '"'


def _quoted_character(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if 0xD800 <= ord(char) <= 0xDFFF:  # a lone surrogate: no UTF-8 file can hold it
        return "\\uFFFD"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def compose(text: str) -> str:
    """A YAML string that compose leaves alone: it would interpolate ``$``."""
    return quoted(text).replace("$", "$$")


def hcl(text: str) -> str:
    """An HCL string; ``${`` and ``%{`` open templates there."""
    return quoted(text).replace("${", "$${").replace("%{", "%%{")


def shell(text: str) -> str:
    """One word of POSIX sh, on one line, as a Dockerfile's RUN needs it."""
    _refuse_controls(text)
    if _SHELL_SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def docker(text: str) -> str:
    """The value of an ENV, LABEL or ARG, in double quotes; docker expands ``$`` in these."""
    _refuse_controls(text)
    return '"' + re.sub(r'([\\"$])', r"\\\1", text) + '"'


def comment(text: str) -> str:
    """The rest of a comment line: no line break or control character survives."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def markdown(text: str) -> str:
    """Plain text in Markdown, also in a cell of a table."""
    line = re.sub(r"([\\`*\[\]<>|~#&])", r"\\\1", comment(text))
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", line)


def code(text: str) -> str:
    """A code span, also in a cell of a table."""
    line = comment(text)
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def link(url: str) -> str:
    """A link's destination in angle brackets."""
    return "<" + re.sub(r"[<>|\s\\]", lambda found: quote(found[0]), comment(url)) + ">"


def slug(text: str) -> str:
    """A folder name that no shell, YAML or path rule touches: ``My Node`` becomes ``My-Node``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "project"


def tag(text: str) -> str:
    """A name that an image repository, a compose project and a bake target may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "project"


def without_credentials(text: str) -> str:
    """Every URL in ``text`` without its user and password; ``ssh://git@host`` keeps its user."""
    return _USERINFO.sub(_without_userinfo, text)


def _without_userinfo(match: re.Match[str]) -> str:
    user, _, secret = match["user"].partition(":")
    keeps_user = match["scheme"].lower().endswith("ssh://")
    return f"{match['scheme']}{user}@" if keeps_user and not secret else match["scheme"]


def _refuse_controls(text: str) -> None:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise UsageError(
            "control-character",
            f"{text!r} holds a control character and cannot stand in a Dockerfile",
            hint="rename the file or the project",
        )
