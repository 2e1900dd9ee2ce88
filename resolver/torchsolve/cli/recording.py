"""What a run reads and says, kept so that the same run need not be made again.

An audit hook hears of every file that Python opens; what only decides by being there is told
(``model.trace``). The state of a file is taken before it is opened: what replaces it in the middle
of the run is another state, and the answer is not given again.

Not kept: a run that opened a socket or started a program, that was interrupted or failed for any
reason but its input, that writes more than ``--pins``, or reads a folder; and one that read what
changed so short a time ago that a second change could leave the same state.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from torchsolve.cli.recall import ABSENT, FOLDER, UNTOLD, Answer, Slot, state
from torchsolve.errors import TorchsolveError
from torchsolve.files import replace_file
from torchsolve.model.trace import FRESH_UNTIL, LOOKED_AT

if TYPE_CHECKING:
    from torchsolve.config import Settings

# 3 and 4 without a request and without a program follow from the input alone.
_LASTING = (0, 3, 4)
_MOST = 64
_LONGEST = 4 * 1024 * 1024
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_OUTSIDE = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
    *("os.putenv", "os.unsetenv", "os.chdir"),
)
# A clock tick of a kernel is 10 ms at most; some file systems count whole seconds.
_TICK, _SECOND = 50_000_000, 2_000_000_000


class Recording:
    """One run that may be remembered."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._started = time.time_ns()
        self._origins: dict[str, str] = {}
        self._until = float("inf")
        self._chunks: list[tuple[str, str]] = []
        self._pins: Path | None = None
        self._renamed: set[str] = set()
        self._lasts = True
        self._allowed = False

    def hear(self, event: str, told: tuple[Any, ...]) -> None:
        """An audit event."""
        if event == "open":
            self._opened(*told)
        elif event == LOOKED_AT:
            self._origin(told[0])
        elif event == FRESH_UNTIL:
            self._until = min(self._until, told[0])
        elif event == "os.rename":
            self._renamed.add(os.fsdecode(told[1]))
        elif event in _OUTSIDE:
            self._lasts = False

    def allow(self, settings: Settings, output: Path | None) -> None:
        """What the command line turned out to ask for."""
        self._pins = settings.pins
        self._allowed = (
            os.path.abspath(settings.cache_dir) == self._slot.folder  # noqa: PTH100 - of the slot
            and not _writes_or_wanders(settings, output)
        )

    def run(self, work: Callable[[], int]) -> int:
        """Does the work and hears what it says; returns its exit code."""
        said = [
            cast("TextIO", _Heard(sys.stdout, "1", self._chunks)),
            cast("TextIO", _Heard(sys.stderr, "2", self._chunks)),
        ]
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = said
        try:
            return work()
        finally:
            sys.stdout, sys.stderr = before

    def keep(self, code: int) -> None:
        """Keeps the answer where it lasts; a disk that cannot be written costs speed alone."""
        if self._lasts and self._allowed and code in _LASTING:
            with suppress(OSError, TorchsolveError):
                self._keep(code)

    def _opened(self, path: object, _mode: object, flags: object) -> None:
        if (isinstance(flags, int) and flags & _WRITES) or isinstance(path, int):
            return
        with suppress(TypeError):
            name = os.fsdecode(cast("str", path))
            if not name.endswith(".pyc"):  # for code its source is looked at
                self._origin(name)

    def _origin(self, path: str) -> None:
        now = state(path)
        if now == UNTOLD or self._origins.setdefault(path, now) != now or not _settled(now):
            self._lasts = False

    def _keep(self, code: int) -> None:
        pins = ("", "")
        if self._pins is not None and str(self._pins) in self._renamed:
            pins = (str(self._pins), self._pins.read_text(encoding="utf-8"))
        answer = Answer(code, _joined(self._chunks), pins)
        data = self._slot.encoded(answer, self._until, [*self._origins.items(), *self._code()])
        if data is None or len(data) > _LONGEST or not self._lasts or self._until <= time.time():
            return
        path = Path(self._slot.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
        _evict(path.parent)

    def _code(self) -> list[tuple[str, str]]:
        """The sources of all modules, which may not have changed since they were read."""
        files = {getattr(module, "__file__", None) for module in tuple(sys.modules.values())}
        found = [(path, state(path)) for path in sorted(filter(None, files))]
        if any(now in (ABSENT, FOLDER) or not _settled(now, self._started) for _, now in found):
            self._lasts = False
        return found


class _Heard:
    """A stream, and what is written to it."""

    def __init__(self, stream: TextIO, name: str, chunks: list[tuple[str, str]]) -> None:
        self._stream, self._name, self._chunks = stream, name, chunks

    def write(self, text: str) -> int:
        self._chunks.append((self._name, text))
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Ear:
    """The one audit hook of the process, which cannot be taken away again."""

    def __init__(self) -> None:
        self.recording: Recording | None = None
        self._hooked = False

    def listen(self, recording: Recording | None) -> None:
        self.recording = recording
        if not self._hooked:
            self._hooked = True
            sys.addaudithook(self._hear)

    def _hear(self, event: str, told: tuple[Any, ...]) -> None:
        if self.recording is not None:
            self.recording.hear(event, told)


_ear = _Ear()


def recorded(slot: Slot, work: Callable[[], int]) -> int:
    """Does the work, remembering it where it can be; returns its exit code."""
    recording = Recording(slot)
    _ear.listen(recording)
    try:
        code = recording.run(work)
    finally:
        _ear.listen(None)
    recording.keep(code)
    return code


def allow(settings: Settings, output: Path | None) -> None:
    """Tells the recording, where one is made, what is asked for."""
    if _ear.recording is not None:
        _ear.recording.allow(settings, output)


def _writes_or_wanders(settings: Settings, output: Path | None) -> bool:
    """Whether the run leaves more than what is replayed, or asks more than files."""
    written = output is not None or settings.snapshot is not None
    outside = settings.base is not None or settings.build_metadata
    return written or outside or not _may_be_replaced(settings.pins)


def _may_be_replaced(pins: Path | None) -> bool:
    return pins is None or pins.is_file() or not pins.exists()


def _joined(chunks: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """One piece for what went to one stream in a row."""
    pieces = groupby(chunks, key=lambda chunk: chunk[0])
    return [(stream, "".join(text for _, text in said)) for stream, said in pieces]


def _settled(now: str, before: int | None = None) -> bool:
    """Whether a file that changes after ``before`` (ns since 1970; now) gets another state."""
    if now in (ABSENT, FOLDER):
        return True
    newest = max(map(int, now.split(" ")[:2]))
    whole = newest % 1_000_000 == 0
    return (time.time_ns() if before is None else before) - newest > (_SECOND if whole else _TICK)


def _evict(folder: Path) -> None:
    """The oldest go, and drafts of runs that were killed with them."""
    with os.scandir(folder) as entries:
        ages = sorted((entry.stat().st_mtime, entry.path) for entry in entries)
    for _, path in ages[:-_MOST]:
        with suppress(OSError):
            Path(path).unlink()
