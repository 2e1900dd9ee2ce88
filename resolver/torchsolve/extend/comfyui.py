"""Rows of ``comfyui.toml``, out of the git history of a checkout; nothing of it is run.

A release is the commit that raised ``comfyui_version.py``. Where the requirements differ at HEAD,
HEAD is one more state of the newest release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from packaging.version import InvalidVersion, Version

from torchsolve.errors import UsageError
from torchsolve.extend.rows import NewRow, Value
from torchsolve.facts.comfyui import ComfyRow
from torchsolve.model.values import dataclass
from torchsolve.project import git
from torchsolve.project.gitdir import git_dir_of

_FILE = "comfyui_version.py"
_VERSION = re.compile(r"""^__version__\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_BLOB = 12


@dataclass(frozen=True, slots=True)
class State:
    """One commit: ``blob`` is the git object of requirements.txt."""

    version: str
    commit: str
    day: date
    blob: str


def comfyui_rows(
    checkout: Path, known: Sequence[ComfyRow]
) -> tuple[tuple[NewRow, ...], Mapping[str, str]]:
    """Rows that are newer than the newest release, newest first, and the texts that they name.

    Raises UsageError ``not-comfyui`` where the folder is no git repository of it.
    """
    git_dir = git_dir_of(checkout) if checkout.is_dir() else None
    if git_dir is None or git.text(["show", f"HEAD:{_FILE}"], git_dir=git_dir) is None:
        message = f"it is no git repository whose HEAD has {_FILE}"
        hint = "a clone of ComfyUI with its history"
        raise UsageError("not-comfyui", message, origin=str(checkout), hint=hint)
    newest = max((Version(row.version) for row in known if row.version), default=Version("0"))
    have = {(row.version, row.requirements) for row in known}
    found = [(state, _text(git_dir, state)) for state in _states(git_dir, newest)]
    new = [(s, text) for s, text in found if (s.version, tuple(text.splitlines())) not in have]
    rows = tuple(_row(state) for state, _ in reversed(new))
    return rows, {state.blob[:_BLOB]: text for state, text in reversed(new)}


def _text(git_dir: Path, state: State) -> str:
    return git.text(["cat-file", "blob", state.blob], git_dir=git_dir) or ""


def _states(git_dir: Path, newest: Version) -> Iterator[State]:
    """Oldest first: each commit that raised the version, then HEAD where it asks for more."""
    log = git.text(["log", "--reverse", "--format=%H %cs", "HEAD", "--", _FILE], git_dir=git_dir)
    last: State | None = None
    for line in (log or "").splitlines():
        state = _state(git_dir, *line.split())
        if state is None or (last is not None and state.version == last.version):
            continue
        last = state
        if _newer(state.version, newest):
            yield state
    head = git.text(["log", "-1", "--format=%H %cs", "HEAD"], git_dir=git_dir)
    state = _state(git_dir, *head.split()) if head else None
    if state and last and state.blob != last.blob and _newer(state.version, newest, same=True):
        yield state


def _state(git_dir: Path, commit: str, day: str) -> State | None:
    text = git.text(["show", f"{commit}:{_FILE}"], git_dir=git_dir)
    blob = git.text(["rev-parse", f"{commit}:requirements.txt"], git_dir=git_dir)
    found = _VERSION.search(text or "")
    if not found or not blob:
        return None
    return State(found[1], commit, date.fromisoformat(day), blob.strip())


def _newer(version: str, than: Version, *, same: bool = False) -> bool:
    try:
        found = Version(version)
    except InvalidVersion:
        return False
    return found >= than if same else found > than


def _row(state: State) -> NewRow:
    values: dict[str, Value] = {
        "version": state.version,
        "commit": state.commit,
        "date": state.day,
        "requirements": state.blob[:_BLOB],
        "source": "git",
    }
    return NewRow("release", values)


def with_texts(text: str, states: Mapping[str, str]) -> str:
    """The file with the texts that its ``[requirements]`` lacks, first in that table.

    Raises UsageError ``bad-table``.
    """
    head = "[requirements]\n"
    if head not in text:
        raise UsageError("bad-table", "has no [requirements]", origin="matrices/comfyui.toml")
    new = {key: lines for key, lines in states.items() if f"\n{key} = " not in text}
    at = text.index(head) + len(head)
    block = "".join(f"{key} = '''\n{lines.rstrip()}\n'''\n" for key, lines in new.items())
    return text[:at] + block + text[at:]
