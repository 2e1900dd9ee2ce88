"""A folder for what a build unpacks, which goes with the build, even with one that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "reading-"


@contextmanager
def scratch(work: Path) -> Iterator[Path]:
    """A new folder in ``work``; those of builds that are no more are removed first.

    Each is locked as long as its build lives (flock(2)): the kernel unlocks it, however that ends.
    """
    with _locked(work, wait=True):
        for folder in work.glob(f"{_PREFIX}*"):
            with _locked(folder, wait=False) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=work))
        lock = _open(own)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Whether the lock was to be had."""
    handle = _open(folder)
    try:
        yield _lock(handle, wait)
    finally:
        os.close(handle)


def _lock(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
