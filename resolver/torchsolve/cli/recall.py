"""Answers of earlier runs, given again while everything that they were made from is unchanged.

Imported before anything else of a run, so only what Python has loaded already. An answer is kept
under a digest of the command line, the folder, the environment, the terminal and this installation;
with it lies the state of every file that was read or looked for, and of the code itself. Where one
differs, a page is no longer fresh, or the file is not whole, the answer is not used.

A run whose command line or environment holds an address with credentials is not remembered: the
name of a file must not let a password be guessed.
"""

from __future__ import annotations

import os
import stat
import sys
import time
import zlib
from collections.abc import Sequence

from torchsolve import __version__

try:
    # hashlib loads OpenSSL first, which takes longer than all the rest.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

_COMMANDS = ("resolve",)
_FORM = "1"
ABSENT = "-"
FOLDER = "/"
UNTOLD = "?"
FOREVER = "inf"


class Answer:
    """What a run said: ``chunks`` of (stream, text), stream ``1`` or ``2``; the pins it wrote."""

    __slots__ = ("chunks", "code", "pins")

    def __init__(self, code: int, chunks: list[tuple[str, str]], pins: tuple[str, str]) -> None:
        self.code, self.chunks, self.pins = code, chunks, pins

    def give(self) -> int:
        """Says it all again; returns the exit code. Raises OSError, and UsageError for the pins."""
        path, text = self.pins
        if path:
            from pathlib import Path

            from torchsolve.files import replace_file

            replace_file(Path(path), text.encode())
        for stream, said in self.chunks:
            place = sys.stdout if stream == "1" else sys.stderr
            place.write(said)
            place.flush()
        return self.code


class Slot:
    """Where the answer to a command line is kept.

    Attributes:
        folder: what the command line and the environment say is the cache.
    """

    __slots__ = ("folder", "path")

    def __init__(self, folder: str, key: str) -> None:
        self.folder = folder
        self.path = f"{folder}/answers/{key}"

    def read(self) -> Answer | None:
        """The answer; None where there is none that still holds."""
        try:
            with open(self.path, "rb") as file:
                data = file.read()
            fields = data[8:].decode("utf-8", "surrogateescape").split("\0")
            if int(data[:8], 16) != zlib.crc32(data[8:]) or fields[0] != self._name:
                return None
            return _answer(fields)
        except (OSError, ValueError, IndexError):
            return None

    def encoded(
        self, answer: Answer, until: float, origins: Sequence[tuple[str, str]]
    ) -> bytes | None:
        """The content of ``path``: what ``read`` reads; None where it cannot be written down."""
        fields = [self._name, str(answer.code), repr(time.time()), repr(until), *answer.pins]
        for rows in (answer.chunks, origins):
            fields.append(str(len(rows)))
            fields.extend(field for row in rows for field in row)
        if any("\0" in field for field in fields):
            return None
        data = "\0".join(fields).encode("utf-8", "surrogateescape")
        return b"%08x" % zlib.crc32(data) + data

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2]


def slot(argv: Sequence[str]) -> Slot | None:
    """Where the answer to this command line is kept; None for what is never remembered."""
    if not argv or argv[0] not in _COMMANDS or sys.stdout is None or sys.stderr is None:
        return None
    told = [*argv, *(f"{key}={value}" for key, value in sorted(os.environ.items()))]
    if any("://" in text and "@" in text for text in told):
        return None
    try:
        words = [_FORM, __version__, sys.version, sys.executable, *sys.path, os.getcwd()]
    except OSError:
        return None
    text = "\0".join((*words, "", *_terminal(), "", *told))
    key = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=20).hexdigest()
    return Slot(_cache_folder(argv), key)


def state(path: str) -> str:
    """The state of a file, the same only while it is: times, size, inode; or what else is there."""
    try:
        found = os.stat(path)
    except OSError as error:
        return ABSENT if isinstance(error, FileNotFoundError | NotADirectoryError) else UNTOLD
    except ValueError:
        return UNTOLD
    if stat.S_ISDIR(found.st_mode):
        return FOLDER
    if not stat.S_ISREG(found.st_mode):
        return UNTOLD
    return f"{found.st_mtime_ns} {found.st_ctime_ns} {found.st_size} {found.st_ino} {found.st_dev}"


def _answer(fields: list[str]) -> Answer | None:
    """Raises ValueError, IndexError where the fields are none of ours."""
    _, code, made, until, pins, text, count = fields[:7]
    if until != FOREVER and not float(made) <= time.time() < float(until):
        return None
    end = 7 + 2 * int(count)
    chunks, origins = fields[7:end], fields[end + 1 :]
    if len(origins) != 2 * int(fields[end]):
        return None
    if any(state(path) != was for path, was in _pairs(origins)):
        return None
    return Answer(int(code), _pairs(chunks), (pins, text))


def _pairs(fields: list[str]) -> list[tuple[str, str]]:
    return list(zip(fields[::2], fields[1::2], strict=True))


def _terminal() -> list[str]:
    """What the streams do to the output: colour, width, encoding."""
    words = []
    for stream in (sys.stdout, sys.stderr):
        terminal = stream.isatty()
        words += [str(terminal), str(stream.encoding), str(stream.errors)]
        if terminal:
            try:
                words.append(str(os.get_terminal_size(stream.fileno())))
            except OSError:
                words.append("")
    return words


def _cache_folder(argv: Sequence[str]) -> str:
    """As the settings have it; where a file says otherwise, the run is not recorded."""
    folder = os.environ.get("TORCHSOLVE_CACHE_DIR", "").strip()
    for at, word in enumerate(argv):
        if word == "--cache-dir":
            folder = argv[at + 1] if at + 1 < len(argv) else ""
        elif word.startswith("--cache-dir="):
            folder = word.partition("=")[2]
    if not folder:
        base = os.environ.get("XDG_CACHE_HOME", "")
        folder = f"{base if base.strip() else '~/.cache'}/torchsolve"
    return os.path.abspath(os.path.expanduser(folder))
