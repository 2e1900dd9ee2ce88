"""Output files: written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from torchsolve.errors import UsageError


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
