from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from torchsolve.index.cache import Cache, Entry

ENTRY = Entry({"etag": '"1"', "fetched": 1.5}, "body\n\nwith é\n")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("pages/default", "demo", ENTRY)
    assert cache.read("pages/default", "demo") == ENTRY
    assert cache.read("pages/default", "other") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:20] + b"#" + data[21:],
        lambda data: data[:0],
        lambda data: b"not hex!" + data[8:],
        lambda data: b"00000000" + data[8:],
    ],
)
def test_a_damaged_entry_is_none(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    cache = Cache(tmp_path)
    cache.write("k", "demo", ENTRY)
    path = cache.path("k", "demo")
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read("k", "demo") is None


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    cache = Cache(tmp_path)
    cache.write("k", "demo", ENTRY)
    assert cache.read("k", "demo") is None


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("k", "demo", ENTRY)
    cache.write("k", "demo", ENTRY)
    assert [p.name for p in cache.path("k", "demo").parent.iterdir()] == ["demo"]


def test_threads_that_write_first_lose_nothing(tmp_path: Path) -> None:
    for attempt in range(50):
        cache = Cache(tmp_path / str(attempt))
        together = Barrier(4)

        def write(key: str, cache: Cache = cache, together: Barrier = together) -> None:
            together.wait()
            cache.write("kind", key, Entry({}, key))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, "abcd"))
        assert all(cache.read("kind", key) for key in "abcd")
