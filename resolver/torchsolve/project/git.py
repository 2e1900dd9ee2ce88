"""Running git: no hooks, no filters, no prompts, no transport that was not asked for."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from torchsolve.errors import UsageError

# The caller's repository and its traces are none of ours; its credential settings are.
_DROPPED = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_TRACE", "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET", "GIT_CURL_VERBOSE", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND",
)  # fmt: skip
_SAFE = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null",
    "submodule.recurse=false", "fetch.recurseSubmodules=false", "protocol.allow=never",
    "gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false",
)  # fmt: skip
LOCAL = "none"
REMOTE = "https:file"


def environment(transports: str) -> dict[str, str]:
    """The environment of a git process that may use ``transports`` (``LOCAL`` or ``REMOTE``)."""
    kept = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    return kept | {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": transports,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "60",
    }


def command(git_dir: Path | None, arguments: Sequence[str]) -> list[str]:
    """The argument list of one git call.

    An explicit ``--git-dir`` also means that git does not ask who owns the folder: the user named
    it, and no call of ours runs anything that its configuration names.
    """
    safe = [part for setting in _SAFE for part in ("-c", setting)]
    place = [f"--git-dir={git_dir}"] if git_dir else []
    return ["git", *safe, *place, *arguments]


def run(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    transports: str = LOCAL,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run git and return what it said, whatever its exit code.

    Raises UsageError ``git-missing``.
    """
    try:
        return subprocess.run(
            command(git_dir, arguments),
            input=stdin,
            capture_output=True,
            check=False,
            env=environment(transports),
        )
    except FileNotFoundError:
        raise missing() from None


@contextmanager
def answering(arguments: Sequence[str], git_dir: Path, request: bytes) -> Iterator[IO[bytes]]:
    """What git answers to a request, while it answers.

    Raises UsageError ``git-missing``.
    """
    with tempfile.TemporaryFile() as asked:
        asked.write(request)
        asked.seek(0)
        try:
            process = subprocess.Popen(
                command(git_dir, arguments),
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(LOCAL),
            )
        except FileNotFoundError:
            raise missing() from None
    with process:
        if process.stdout is not None:
            yield process.stdout


def missing() -> UsageError:
    """The error for a machine without git."""
    return UsageError(
        "git-missing",
        "git is not on PATH, and this project is a git repository",
        hint="install git, or point at a folder without --rev",
    )


def text(arguments: Sequence[str], *, git_dir: Path | None = None) -> str | None:
    """Output of a local call, stripped; None where it failed."""
    done = run(arguments, git_dir=git_dir)
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
