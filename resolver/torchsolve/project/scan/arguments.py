"""Arguments of calls of other packages."""

from __future__ import annotations

from torchsolve.project.scan import strings
from torchsolve.project.scan.values import (
    NONE,
    Called,
    Const,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    options,
    text,
)

Args = list[Value]
Keywords = dict[str, Value]


def argument(args: Args, keywords: Keywords, place: int, *names: str) -> Value:
    """An argument by any of its names, else by its place."""
    for name in names:
        if name in keywords:
            return keywords[name]
    return args[place] if len(args) > place else Unknown(names[0] if names else "")


def given(value: Value | None) -> Value | None:
    """An argument that was given and is not None or empty."""
    if value is None or value == NONE:
        return None
    if isinstance(value, Unknown) and value.label in ("dst", "filename", "root", "name"):
        return None
    left = [o for o in options(value) if o != NONE and not (isinstance(o, Text) and not o.parts)]
    return any_of(left) if left else None


def is_object(value: Value) -> bool:
    """Whether it is no path: an open file, a buffer, a model."""
    if isinstance(value, Called):
        return not is_open(value)
    return not isinstance(value, Text | PathValue | Unknown | Const) and not (
        hasattr(value, "options")
    )


def is_open(value: Value) -> bool:
    """Whether it is a file that was opened by its path."""
    return isinstance(value, Called) and value.name.rpartition(".")[2] == "open"


def behind(value: Value) -> Value:
    """The path of an open file, or of what was read from one into memory."""
    if isinstance(value, Called) and value.args:
        inner = value.args[0]
        if is_open(value) or (value.name == "io.BytesIO" and is_open(inner)):
            return behind(inner)
    return value


def is_default(value: Value) -> bool:
    """Whether an environment variable says nothing."""
    return value == NONE or isinstance(value, Unknown)


def cache_folder(repo: Text) -> Text:
    """The folder of a repository in the cache of the Hub: ``models--org--name``."""
    pieces = strings.pieces_of(repo, "/")
    return strings.concat([text("models--"), strings.join(text("--"), pieces)])


def url_name(url: Text) -> Text:
    """The file name that an address ends in."""
    name = strings.pieces_of(url, "/")[-1]
    return strings.pieces_of(name, "?")[0]


def short(name: str) -> str:
    """A dotted name as it is shown."""
    return name.removeprefix("builtins.")


def api(name: str, usual: str) -> str:
    """The Hub's function, unless it is one of another hub."""
    return name if name.startswith("modelscope") else usual
