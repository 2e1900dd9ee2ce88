"""Evidence that ships with torchsolve: what well-known wheels are, by their sha256.

One file a package in ``data/evidence``: records of ``record.dump_binary``, one a line, behind the
wheel's sha256, packed together since they repeat each other. Made from the index by
``tests/support/record_evidence.py``.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from functools import lru_cache

from torchsolve.errors import UnknownError
from torchsolve.model.binary import WheelBinary
from torchsolve.model.values import replace
from torchsolve.resources import share
from torchsolve.wheel.record import distil, dump_binary, load_binary


def shipped(name: str, sha256: str) -> WheelBinary | None:
    """The record of a package's wheel; None where there is none.

    Raises UnknownError ``bad-evidence`` where the file is damaged.
    """
    row = _rows(name).get(sha256.encode())
    return None if row is None else load_binary(row, f"data/evidence/{name}.xz")


def pack(binaries: Iterable[WheelBinary]) -> bytes:
    """A file of ``data/evidence``: the same bytes for the same wheels."""
    rows = sorted(
        (str(binary.sha256), dump_binary(distil(replace(binary, bytes_read=0))))
        for binary in binaries
    )
    rows.sort(key=lambda row: row[1])
    return lzma.compress(
        b"".join(f"{sha256} ".encode() + record for sha256, record in rows), preset=9
    )


@lru_cache(maxsize=16)
def _rows(name: str) -> dict[bytes, bytes]:
    path = share("data") / "evidence" / f"{name}.xz"
    if not path.is_file():
        return {}
    try:
        lines = lzma.decompress(path.read_bytes()).splitlines()
    except (OSError, lzma.LZMAError) as error:
        raise UnknownError("bad-evidence", str(error), origin=f"data/evidence/{name}.xz") from None
    return {line[:64]: line[65:] for line in lines}
