"""``facts extend`` on the real index: rows that were cut off come back as they were committed.

Of torch only what a wheel of the default index tells; of a companion all but its ``why``.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torchsolve.cli.app import run
from torchsolve.resources import share

pytestmark = pytest.mark.network
Rows = list[dict[str, Any]]
CUT: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    "torch": ("release", lambda row: row["version"] in ("2.15.0", "2.14.1")),
    "xformers": ("release", lambda row: row["version"].startswith("0.0.35")),
    "companions": (
        "companion",
        lambda row: (
            (row["package"], row["version"])
            in {
                ("torchvision", "==0.29.1"),
                ("torchvision", "==0.29.2"),
                ("torchaudio", "==2.11.0"),
                ("xformers", "==0.0.35"),
            }
        ),
    ),
}


def rows(path: Path, kind: str) -> Rows:
    return list(tomllib.loads(path.read_text())[kind])


def told(row: dict[str, Any]) -> dict[str, Any]:
    """What wheels of the default index tell."""
    builds = [build for build in row.get("builds", ()) if build["source"] == "default-wheel"]
    rest = {key: value for key, value in row.items() if key not in ("why", "builds")}
    return rest | ({"builds": builds} if builds else {})


@pytest.mark.parametrize("name", CUT)
def test_rows_come_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    kind, is_cut = CUT[name]
    committed = rows(share("matrices") / f"{name}.toml", kind)
    folder = Path(shutil.copytree(share("matrices"), tmp_path / "matrices"))
    path = folder / f"{name}.toml"
    parts = re.split(rf"^(?=\[\[{kind}\]\]$)", path.read_text(), flags=re.MULTILINE)
    kept = [part for part, row in zip(parts[1:], committed, strict=True) if not is_cut(row)]
    path.write_text(parts[0] + "".join(kept))
    assert run(["facts", "extend", name, "--matrices", str(folder)]) == 0
    found = [told(row) for row in rows(path, kind)]
    wanted = [told(row) for row in committed]
    assert sorted(found, key=str) == sorted(wanted, key=str)
