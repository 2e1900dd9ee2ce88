"""Where an output file may lie: a device or a pipe is written to and never replaced."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from torchsolve.files import replace_file
from torchsolve.index.cache import Entry
from torchsolve.index.snapshot import Recording


def recorded(path: Path) -> None:
    recording = Recording(path.parent / "cache", path)
    recording.through("page", "a", lambda: Entry({}, "text"))
    recording.touch("page", "a")
    recording.finish()


@pytest.mark.parametrize("write", [lambda path: replace_file(path, b"content"), recorded])
def test_a_pipe_stays_a_pipe(write: Callable[[Path], None], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert len(read[0]) > 0
