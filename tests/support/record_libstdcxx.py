"""Records which version of libstdc++ first has a name into ``data/atlas``.

    python tests/support/record_libstdcxx.py LIBSTDCXX.SO

Of the newest GCC at hand: libstdc++ drops no name.
"""

from __future__ import annotations

import lzma
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.libstdcxx import FILE

FOLDER = Path(__file__).parent.parent.parent / "data" / "atlas"
# What GCC 4.8 has is everywhere.
_OLDEST = {"GLIBCXX": Version("3.4.19"), "CXXABI": Version("1.3.7")}
_VERSION = re.compile(r"(GLIBCXX|CXXABI)_(\d[\d.]*)")


def names_of(library: Path) -> dict[str, list[str]]:
    """Version node → names, of the nodes that are newer than GCC 4.8's."""
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = defaultdict(list)
    for line in listed.stdout.splitlines():
        name, _, node = line.split()[-1].replace("@@", "@").partition("@")
        match = _VERSION.fullmatch(node)
        if match and Version(match[2]) > _OLDEST[match[1]]:
            found[node].append(name)
    return found


def main() -> None:
    found = names_of(Path(sys.argv[1]))
    lines = [" ".join([node, *sorted(set(found[node]))]) for node in sorted(found)]
    data = lzma.compress("\n".join(lines).encode(), preset=9)
    (FOLDER / FILE).write_bytes(data)
    print(f"{sum(map(len, found.values()))} names of {len(found)} versions, {len(data):,} bytes")


if __name__ == "__main__":
    main()
