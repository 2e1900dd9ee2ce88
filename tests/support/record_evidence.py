"""Records what the companions' wheels are into ``data/evidence``.

    python tests/support/record_evidence.py CACHE [PACKAGE ...]
    python tests/support/record_evidence.py --local WHEEL ...

The second form is for wheels of a sample's tree, with their GPU code.
For Linux on x86_64, releases that go with torch 2.0.1 and later, of every Python from 3.10 on, with
their GPU code; a wheel in CACHE is not read again.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.version import Version

from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import WheelBinary
from torchsolve.model.package import IndexFile
from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.filename import parse
from torchsolve.wheel.shipped import pack

# The first release that goes with torch 2.0.1.
FIRST = {
    "torchvision": "0.15.2",
    "torchaudio": "2.0.2",
    "xformers": "0.0.20",
    "torchao": "0.1",
    "torchcodec": "0.0.3",
    "triton": "2.0.0.post1",
    "bitsandbytes": "0.41.0",
}
FOLDER = Path(__file__).parent.parent.parent / "data" / "evidence"
_CPYTHON = re.compile(r"-cp3(\d+)-cp\d+t?-")


def files_of(client: IndexClient, name: str) -> list[IndexFile]:
    def fits(file: IndexFile) -> bool:
        match = _CPYTHON.search(file.filename)
        linux = "linux" in file.filename and "x86_64" in file.filename
        known = file.version >= Version(FIRST[name]) and not file.version.is_prerelease
        return file.is_wheel and linux and known and (match is None or int(match[1]) >= 10)

    return sorted(filter(fits, client.page(name).files), key=lambda file: file.filename)


def record(client: IndexClient, name: str) -> None:
    def read(file: IndexFile) -> WheelBinary | None:
        try:
            return client.read_remote(file, gpu=True)
        except UnknownError as error:
            print(f"{file.filename}: {error}")
            return None

    with ThreadPoolExecutor(4) as pool:
        found = [binary for binary in pool.map(read, files_of(client, name)) if binary]
    data = pack(found)
    (FOLDER / f"{name}.xz").write_bytes(data)
    print(f"{name}: {len(found)} wheels, {len(data):,} bytes")


def record_local(paths: Iterable[Path]) -> None:
    found: dict[str, list[WheelBinary]] = defaultdict(list)
    for path in paths:
        found[parse(path.name).name].append(read_binaries(path, path.name, gpu=True))
    for name, binaries in found.items():
        (FOLDER / f"{name}.xz").write_bytes(pack(binaries))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    if sys.argv[1] == "--local":
        record_local(map(Path, sys.argv[2:]))
        return
    with IndexClient(IndexSettings(Path(sys.argv[1]))) as client:
        for name in sys.argv[2:] or FIRST:
            record(client, name)


if __name__ == "__main__":
    main()
