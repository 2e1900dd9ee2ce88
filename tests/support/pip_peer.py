"""Asks pip's own parser what requirements files mean. Run as a script: paths in, JSON out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def pip_reads(paths: Sequence[Path]) -> list[list[Row]] | None:
    """For each file its requirements, or None where this Python has no pip."""
    arguments = [sys.executable, "-W", "ignore", __file__, *map(str, paths)]
    done = subprocess.run(arguments, capture_output=True, check=False)
    if b"No module named 'pip" in done.stderr:
        return None
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    rows: list[list[Row]] = json.loads(done.stdout)
    return rows


def _main(paths: Sequence[str]) -> None:
    from pip._internal.network.session import PipSession
    from pip._internal.req.constructors import install_req_from_parsed_requirement
    from pip._internal.req.req_file import parse_requirements

    session = PipSession()
    found = [
        [_row(install_req_from_parsed_requirement(p)) for p in parse_requirements(path, session)]
        for path in paths
    ]
    sys.stdout.write(json.dumps(found))


def _row(requirement: Any) -> Row:
    return {
        "name": requirement.name,
        "extras": sorted(requirement.extras),
        "marker": str(requirement.markers or ""),
        "specifier": str(requirement.req.specifier) if requirement.link is None else "",
        "url": requirement.link.url_without_fragment if requirement.link else None,
        "hashes": {k: sorted(v) for k, v in requirement.hash_options.items()},
    }


if __name__ == "__main__":
    _main(sys.argv[1:])
