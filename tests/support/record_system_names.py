"""Records the names that the C and C++ libraries of a system export into ``data/atlas``.

    python tests/support/record_system_names.py FOLDER

``FOLDER`` holds ``libc.so.6`` and its siblings, of any current glibc: none drops a name. Names of
GLIBC_PRIVATE are left out: no wheel may use them.
"""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

from torchsolve.abi.system_names import FILE

FOLDER = Path(__file__).parent.parent.parent / "data" / "atlas"
LIBRARIES = [
    "ld-linux-x86-64.so.2",
    *(f"lib{name}.so.1" for name in ("anl", "crypt", "gcc_s", "mvec", "nsl", "z")),
    *(f"lib{name}.so.6" for name in ("c", "m", "stdc++")),
    "libresolv.so.2",
]


def names_of(library: Path) -> list[str]:
    """Exported names, sorted, without their versions."""
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True
    )
    rows = [line.split()[-1] for line in listed.stdout.splitlines()]
    return sorted({row.partition("@")[0] for row in rows if "GLIBC_PRIVATE" not in row})


def main() -> None:
    folder = Path(sys.argv[1])
    found = {name: names_of(folder / name) for name in LIBRARIES}
    text = "\n".join(" ".join([soname, *names]) for soname, names in found.items())
    data = lzma.compress(text.encode(), preset=9)
    (FOLDER / FILE).write_bytes(data)
    print(f"{sum(map(len, found.values()))} names of {len(found)} libraries, {len(data):,} bytes")


if __name__ == "__main__":
    main()
