"""Output files: written whole or not at all."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from torchsolve.errors import UsageError

_NUMBERS = count()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to, and stays what it is.

    Raises UsageError("cannot-write").
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            path.write_bytes(content)
            return
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError("cannot-write", why, origin=str(path), hint="name another file") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def open_draft(folder: Path) -> tuple[int, str]:
    """A new file of this process in a folder, for its owner alone: its number and its path.

    ``tempfile`` does this too, and takes longer to import than all files of a run take to write.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    while True:
        draft = f"{folder}/{os.getpid()}-{time.time_ns():x}-{next(_NUMBERS)}"
        with suppress(FileExistsError):
            return os.open(draft, flags, 0o600), draft
