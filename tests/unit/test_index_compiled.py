"""A later run opens neither pages nor METADATA, and answers as one that never ran before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import UnknownError
from torchsolve.index import chosen, compiled
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.outcome import Resolution
from torchsolve.model.target import Platform, Target
from torchsolve.model.version import PythonVersion
from torchsolve.solve.options import BestFiles
from torchsolve.solve.question import Rules


def file(name: str, version: str, *requires: str, day: str = "2025-01-01", **more: str) -> FakeFile:
    extras = [r.partition("extra == ")[2].strip("'\"") for r in requires if "extra ==" in r]
    tag = more.pop("tag", "py3-none-any")
    wheel = make_wheel(name, version, requires, extras=extras, tag=tag)
    return FakeFile(wheel, upload_time=f"{day}T00:00:00Z", **more)


def world() -> dict[str, list[FakeFile]]:
    return {
        "app": [
            file("app", "1.0", "lib>=1", "old<2; python_version < '3.12'", "io; extra == 'fast'"),
            file("app", "2.0", "lib>=1", "old<2; python_version < '3.12'", "io; extra == 'fast'",
                 day="2025-06-01"),
        ],
        "lib": [
            file("lib", "1.0"),
            file("lib", "2.0", tag="py3-none-manylinux_2_39_x86_64"),
            file("lib", "1.5"),
        ],
        "old": [file("old", "1.0"), file("old", "2.0")],
        "io": [file("io", "1.0")],
    }  # fmt: skip


class Runs:
    """Resolves over one cache, and over an empty one to compare."""

    def __init__(self, folder: Path, server: IndexServer) -> None:
        self.folder, self.server, self.number = folder, server, 0

    def resolve(self, asked: str, cache: Path, **more: object) -> Resolution:
        path = self.folder / "asked.txt"
        path.write_text(asked)
        settings = Settings(cache_dir=cache, index=self.server.url, comfyui="none")
        settings = replace(settings, python=(PythonVersion(3, 12),), evidence="metadata")
        return pipeline.resolve([str(path)], replace(settings, **more))  # type: ignore[arg-type]

    def same(self, asked: str, **more: object) -> dict[str, str]:
        """Pins, which an empty cache gives too, with the same reasons and remarks."""
        found = self.resolve(asked, self.folder / "cache", **more)
        self.number += 1
        truth = self.resolve(asked, self.folder / f"empty{self.number}", **more)
        assert found.asked == truth.asked
        assert found.plan == truth.plan
        assert found.conflict == truth.conflict
        return {p.name: p.version for p in found.plan.pins} if found.plan is not None else {}


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with IndexServer(world()) as server:
        yield Runs(tmp_path, server)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read of caches, by kind."""
    kinds: list[str] = []
    read = Cache.read

    def watched(self: Cache, kind: str, key: str) -> Entry | None:
        kinds.append(f"{kind.split('/')[0]} {key}")
        return read(self, kind, key)

    monkeypatch.setattr(Cache, "read", watched)
    return kinds


def test_a_later_run_opens_one_file(runs: Runs, opened: list[str]) -> None:
    assert runs.same("app\n") == {"app": "2.0", "lib": "2.0"}
    opened.clear()
    found = runs.resolve("app>=1\n", runs.folder / "cache", offline=True)
    assert found.plan is not None
    # ``app>=1`` is a specifier that nobody asked before: that page alone is opened.
    assert {kind.split(" ")[0] for kind in opened} == {"compiled", "pages", "chosen"}
    assert {kind.split(" ")[1] for kind in opened if not kind.startswith("compiled")} == {"app"}
    opened.clear()
    runs.resolve("app>=1\n", runs.folder / "cache", offline=True)
    assert {kind.split(" ")[0] for kind in opened} == {"compiled"}


def test_pages_that_are_fresh_are_neither_asked_for_nor_opened(
    runs: Runs, opened: list[str]
) -> None:
    runs.same("app\n")
    opened.clear()
    asked = len(runs.server.requests)
    runs.resolve("app\n", runs.folder / "cache")
    assert len(runs.server.requests) == asked
    assert {kind.split(" ")[0] for kind in opened} == {"compiled"}


def test_an_extra_that_no_run_asked_for(runs: Runs) -> None:
    runs.same("app\n")
    assert runs.same("app[fast]\n") == {"app": "2.0", "io": "1.0", "lib": "2.0"}
    assert runs.same("app[fast]\n", offline=False)["io"] == "1.0"


@pytest.mark.parametrize(
    ("more", "pins"),
    [
        ({"exclude_newer": datetime(2025, 3, 1, tzinfo=UTC)}, {"app": "1.0", "lib": "2.0"}),
        ({"python": (PythonVersion(3, 11),)}, {"app": "2.0", "lib": "2.0", "old": "1.0"}),
        ({"image": ("ubuntu22.04",)}, {"app": "2.0", "lib": "1.5"}),
        ({"overrides": ("lib==1.0",)}, {"app": "2.0", "lib": "1.0"}),
        ({"no_deps": ("app",)}, {"app": "2.0"}),
        ({"no_deps": ("app:lib",)}, {"app": "2.0"}),
        ({"excludes": ("lib",)}, {"app": "2.0"}),
    ],
)
def test_another_target_and_other_rules(
    runs: Runs, more: dict[str, object], pins: dict[str, str]
) -> None:
    first = runs.same("app\n")
    assert runs.same("app\n", **more) == pins
    assert runs.same("app\n", **more) == pins
    assert runs.same("app\n") == first


def forget(folder: Path) -> None:
    """As if all pages had been fetched long ago."""
    cache = Cache(folder / "cache")
    for path in cache.path("pages", "").rglob("*"):
        if path.is_file():
            kind, key = f"pages/{path.parent.name}", path.name
            entry = cache.read(kind, key)
            assert entry is not None
            cache.write(kind, key, Entry({**entry.head, "fetched": 0.0}, entry.data))


@pytest.mark.parametrize(
    ("name", "files", "pins"),
    [
        ("app", [file("app", "3.0", "io")], {"app": "3.0", "io": "1.0"}),
        ("app", [file("app", "1.0", "lib<2"), file("app", "2.0", yanked="broken")],
         {"app": "1.0", "lib": "1.5"}),
        ("lib", [file("lib", "1.0")], {"app": "2.0", "lib": "1.0"}),
        ("lib", [], {}),
    ],
)  # fmt: skip
def test_a_page_that_changed(
    runs: Runs, name: str, files: list[FakeFile], pins: dict[str, str]
) -> None:
    runs.same("app\n")
    runs.server.projects[name] = files
    forget(runs.folder)
    assert runs.same("app\n") == pins
    assert runs.same("app\n") == pins


def test_pages_that_did_not_change_are_known_again(runs: Runs, opened: list[str]) -> None:
    runs.same("app\n")
    forget(runs.folder)
    runs.same("app\n")
    opened.clear()
    runs.resolve("app\n", runs.folder / "cache", offline=True)
    assert {kind.split(" ")[0] for kind in opened} == {"compiled"}


def test_another_index_and_another_torchsolve(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs.same("app\n")
    with IndexServer({"app": [file("app", "9.0")]}) as other:
        assert Runs(tmp_path, other).same("app\n") == {"app": "9.0"}
    monkeypatch.setattr(chosen, "__version__", "999")
    chosen.folder_name.cache_clear()
    forgotten = Cache(runs.folder / "cache").path("compiled", "")
    before = {path for path in forgotten.rglob("*") if path.is_file()}
    assert runs.same("app\n") == {"app": "2.0", "lib": "2.0"}
    assert {path for path in forgotten.rglob("*") if path.is_file()} > before
    chosen.folder_name.cache_clear()


def test_there_is_a_bound(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MOST_BYTES", 900)
    for _ in "12":
        assert runs.same("app[fast]\n") == {"app": "2.0", "io": "1.0", "lib": "2.0"}
    files = Cache(runs.folder / "cache").path("compiled", "").rglob("*-*")
    assert all(path.stat().st_size < 1200 for path in files if path.is_file())


TARGET = Target(PythonVersion(3, 12), Platform("linux/amd64"), (2, 39))


def learn(cache: Path, url: str, *names: str) -> IndexClient:
    client = IndexClient(IndexSettings(cache_dir=cache, default_url=url))
    for name in names:
        found = client.choices(name, BestFiles(TARGET, Rules(), canonicalize_name(name)))
        found.masks[">0"] = 1
    return client


def test_two_that_write_at_once_lose_nothing(runs: Runs, tmp_path: Path) -> None:
    first = learn(tmp_path, runs.server.url, "app")
    second = learn(tmp_path, runs.server.url, "lib")
    second.close()
    first.close()
    third = IndexClient(
        IndexSettings(cache_dir=tmp_path, offline=True, default_url=runs.server.url)
    )
    with third:
        for name in ("app", "lib"):
            assert third.choices(
                name, BestFiles(TARGET, Rules(), canonicalize_name(name))
            ).masks == {">0": 1}


def test_a_page_that_changes_under_a_run_is_an_error(runs: Runs, tmp_path: Path) -> None:
    learn(tmp_path, runs.server.url, "lib").close()
    with IndexClient(IndexSettings(cache_dir=tmp_path, default_url=runs.server.url)) as client:
        found = client.choices("lib", BestFiles(TARGET, Rules(), canonicalize_name("lib")))
        kind = next(Cache(tmp_path).path("pages", "").iterdir()).name
        entry = Cache(tmp_path).read(f"pages/{kind}", "lib")
        assert entry is not None
        newer = Entry({**entry.head, "digest": "another"}, entry.data)
        Cache(tmp_path).write(f"pages/{kind}", "lib", newer)
        with pytest.raises(UnknownError) as error:
            found[1]
    assert error.value.reference == "cache-changed"
