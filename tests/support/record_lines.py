"""Writes ``data/prints/assert_lines.json`` from unpacked headers.

    python tests/support/record_lines.py HEADERS

HEADERS holds one folder a release, each with what stands below ``torch/include/`` in its wheel.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.lines import check_lines, dump_lines
from torchsolve.resources import share


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text("utf-8", errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    table = {Version(path.name): check_lines(texts(path)) for path in Path(sys.argv[1]).iterdir()}
    target = share("data") / "prints" / "assert_lines.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(dump_lines(table))
