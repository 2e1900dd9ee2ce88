"""Names of all releases in a small file: which build exports a name, and in which library.

A name is kept as 64 bits of its BLAKE2b hash: the names asked about come with the question. Most
names appear once and go once, so a few thousand different histories serve all of them: a history is
one byte a build, 0 where the name is absent, else one more than the index of the library.

The file: a magic line, then four parts, each behind its length: the builds (so that it is never
read beside a list of others), hashes in order, the number of the history of each (compressed), the
histories (compressed).
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass

_MAGIC = b"torchsolve-names-1\n"
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class NameTable:
    """The table, as it was read.

    Attributes:
        hashes: sorted.
        numbers: index into ``histories`` for each hash.
        histories: one byte a build.
    """

    hashes: array[int]
    numbers: array[int]
    histories: tuple[bytes, ...]

    def history(self, name: str) -> bytes | None:
        """Where the name is; None where no build has it."""
        key = hash_of(name)
        place = bisect_left(self.hashes, key)
        if place == len(self.hashes) or self.hashes[place] != key:
            return None
        return self.histories[self.numbers[place]]

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Hash and history of every name."""
        for key, number in zip(self.hashes, self.numbers, strict=True):
            yield key, self.histories[number]


def hash_of(name: str) -> int:
    """The 64 bits that stand for a name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def pack(rows: Mapping[int, bytes], builds: Sequence[str]) -> bytes:
    """The file for these histories by hash; the same rows give the same bytes."""
    histories = sorted(set(rows.values()))
    number = {history: index for index, history in enumerate(histories)}
    hashes = sorted(rows)
    parts = (
        "\n".join(builds).encode(),
        _bytes(array("Q", hashes)),
        zlib.compress(_bytes(array("H", (number[rows[key]] for key in hashes))), 9),
        zlib.compress(b"".join(histories), 9),
    )
    return _MAGIC + b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack(data: bytes, builds: Sequence[str]) -> NameTable:
    """Reads a file of ``pack`` that is of these builds. Raises UnknownError ``bad-atlas``."""
    try:
        return _unpacked(data, builds)
    except (ValueError, struct.error, zlib.error) as error:
        raise UnknownError("bad-atlas", f"the atlas cannot be read: {error}") from error


def _unpacked(data: bytes, builds: Sequence[str]) -> NameTable:
    if not data.startswith(_MAGIC):
        raise ValueError("it is of another form")
    named, first, second, third = _parts(memoryview(data)[len(_MAGIC) :])
    if bytes(named).decode().splitlines() != list(builds):
        raise ValueError("its files are of different builds")
    hashes, numbers = array("Q"), array("H")
    hashes.frombytes(first)
    numbers.frombytes(zlib.decompress(second))
    if sys.byteorder == "big":
        hashes.byteswap()
        numbers.byteswap()
    width = max(1, len(builds))
    joined = zlib.decompress(third)
    histories = tuple(joined[at : at + width] for at in range(0, len(joined), width))
    if len(hashes) != len(numbers) or (numbers and max(numbers) >= len(histories)):
        raise ValueError("its parts do not fit")
    return NameTable(hashes, numbers, histories)


def _parts(data: memoryview) -> Iterator[memoryview]:
    while data:
        (length,) = _LENGTH.unpack_from(data)
        yield data[_LENGTH.size : _LENGTH.size + length]
        data = data[_LENGTH.size + length :]


def _bytes(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
