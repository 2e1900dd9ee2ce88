"""A cache that two processes write, that is cut off or that another version made heals itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from support.index_server import IndexServer
from support.killed import ENVIRON, chain, damaged, kill_runs
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.index.cache import Cache, Entry

SCRIPT = """
import json, sys
from pathlib import Path
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings

with IndexClient(IndexSettings(cache_dir=Path(sys.argv[2]), default_url=sys.argv[1])) as client:
    names = [f"p{i}" for i in range(20)]
    client.prefetch(names)
    pages = [client.page(name) for name in names]
    files = [file for page in pages for file in page.files]
    client.prefetch_metadata(files)
    print(json.dumps({f.filename: [str(d.requirement) for d in client.metadata(f).requires]
                      for f in files}))
"""


def reader(index: IndexServer, cache: Path) -> list[str]:
    return [sys.executable, "-c", SCRIPT, index.url, str(cache)]


def answer(line: list[str]) -> str:
    return subprocess.run(line, capture_output=True, text=True, check=True, env=ENVIRON).stdout


def test_killed_runs_lose_nothing(tmp_path: Path) -> None:
    with IndexServer(chain(20)) as index:
        truth = answer(reader(index, tmp_path / "untouched"))
        line = reader(index, tmp_path / "cache")
        for seed in range(4):
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            found = kill_runs(line, 5, 0.4, tmp_path / "cache", seed)
            assert found.damaged == ()
            assert answer(line) == truth


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    with IndexServer(chain(20)) as index:
        line = reader(index, tmp_path / "cache")
        both = [
            subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=ENVIRON) for _ in "12"
        ]
        first, second = (process.communicate()[0] for process in both)
        assert first == second
        assert [process.returncode for process in both] == [0, 0]
        assert damaged(tmp_path / "cache") == ()


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "swapped", "older"])
def test_a_damaged_cache_heals(tmp_path: Path, damage: str) -> None:
    (tmp_path / "asked.txt").write_text("p0\n")
    cache = tmp_path / "cache"
    with IndexServer(chain(5)) as index:
        settings = Settings(cache_dir=cache, index=index.url)
        truth = pins(tmp_path, settings)
        entries = [path for path in cache.rglob("*") if path.is_file()]
        assert len(entries) > 10
        contents = [path.read_bytes() for path in entries]
        for path, data, other in zip(entries, contents, contents[1:] + contents[:1], strict=True):
            key = str(path.relative_to(Cache(cache).path("", "")))
            path.write_bytes(_damaged(damage, key, data, other))
        assert pins(tmp_path, settings) == truth
        assert pins(tmp_path, replace(settings, offline=True)) == truth
        assert damaged(cache) == ()


def pins(tmp_path: Path, settings: Settings) -> dict[str, str]:
    found = pipeline.resolve([str(tmp_path / "asked.txt")], settings)
    assert found.plan is not None
    return {pin.name: pin.version for pin in found.plan.pins}


def _damaged(damage: str, key: str, data: bytes, other: bytes) -> bytes:
    if damage == "older":
        # Whole, and of a form that this version does not know.
        text = json.dumps({"form": 0}).encode() + b"\nwhat it once was"
        return b"%08x" % zlib.crc32(text, zlib.crc32(key.encode())) + text
    return {
        "cut": data[: len(data) // 2],
        "changed": data[:-2] + b"#" + data[-1:],
        "empty": b"",
        "swapped": other,
    }[damage]


def test_drafts_of_killed_runs_are_swept_away(tmp_path: Path) -> None:
    drafts = Cache(tmp_path).path("drafts", "")
    drafts.mkdir(parents=True)
    (drafts / "old").write_text("half of an ent")
    (drafts / "new").write_text("half of an ent")
    os.utime(drafts / "old", (0, 0))
    Cache(tmp_path).write("k", "demo", Entry({}, "whole"))
    assert [path.name for path in drafts.iterdir()] == ["new"]
