"""A snapshot as a world: what may be committed of a real index, as sorted text.

    python tests/support/distil_snapshot.py FILE.snap > tests/worlds/NAME.json

Packages, versions, tags, Requires-Python, yanks, upload times and requirements stay, of those
versions whose metadata the solve read; addresses, hashes and sizes go. ``support.worlds`` serves
the rest from ``index.example``. Add the ``cases`` by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchsolve.index.cache import Entry
from torchsolve.index.snapshot import load

World = dict[str, dict[str, dict[str, Any]]]


def distil(path: Path) -> World:
    """Name → version → what ``support.worlds`` knows of one."""
    things = load(path)
    metadata = {key.replace("/", ""): e for (kind, key), e in things.items() if kind == "metadata"}
    world: World = {}
    for (kind, name), entry in things.items():
        if kind.startswith(("pages/", "links/")):
            for version, rows in _versions(entry):
                found = _version(rows, metadata)
                if found is not None:
                    world.setdefault(name, {})[version] = found
    return world


def _versions(page: Entry) -> Iterator[tuple[str, list[list[str]]]]:
    for group in page.body.split("\n\n") if page.body else ():
        head, *rows = group.split("\n")
        yield head.partition("\t")[0], [row.split("\t") for row in rows]


def _version(rows: list[list[str]], metadata: dict[str, Entry]) -> dict[str, Any] | None:
    """None where no file's metadata was read."""
    said = next((metadata[row[2]] for row in rows if row[2] in metadata), None)
    if said is None:
        return None
    wheels = [row[1] for row in rows if row[1].endswith(".whl")]
    sdist = len(wheels) < len(rows)
    found: dict[str, Any] = {
        "requires": sorted(json.loads(said.body)["requires"]) if said.body else [],
        "tags": sorted("-".join(name[:-4].rsplit("-", 3)[1:]) for name in wheels),
        "sdist": sdist,
        "dynamic": "unknown" in said.head,
        "python": rows[0][4] or None,
        "yanked": rows[0][5][1:] if rows[0][5] else None,
        "uploaded": f"{min(row[0] for row in rows)}+00:00" if rows[0][0] else None,
    }
    return {key: value for key, value in found.items() if value or key in ("requires", "tags")}


if __name__ == "__main__":
    document = {"packages": distil(Path(sys.argv[1])), "cases": []}
    print(json.dumps(document, indent=1, sort_keys=True))
