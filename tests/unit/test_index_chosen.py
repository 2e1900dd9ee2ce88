"""What a target can choose of a page is kept, and made again when anything behind it changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve.index import pages
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.target import Platform, Target
from torchsolve.model.version import PythonVersion
from torchsolve.solve.options import BestFiles
from torchsolve.solve.question import Rules

DEMO = canonicalize_name("demo")
TARGET = Target(PythonVersion(3, 12), Platform("linux/amd64"), (2, 35))


def files(*versions: str) -> dict[str, list[FakeFile]]:
    return {"demo": [FakeFile(make_wheel("demo", v), upload_time=f"202{v[0]}-01-01T00:00:00Z")
                     for v in versions]}  # fmt: skip


def choose(
    tmp_path: Path, url: str, chooser: Chooser | None = None, *, offline: bool = False
) -> tuple[Choices, list[str]]:
    settings = IndexSettings(cache_dir=tmp_path, default_url=url, offline=offline)
    with IndexClient(settings) as client:
        found = client.choices(DEMO, chooser or BestFiles(TARGET, Rules(), DEMO))
        return found, [str(choice.file.version) for choice in found]


def test_a_second_run_reads_what_the_first_one_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with IndexServer(files("1.0", "2.0")) as server:
        first, versions = choose(tmp_path, server.url)
        assert versions == ["2.0", "1.0"]
        monkeypatch.setattr(pages, "page_files", None)
        second, _ = choose(tmp_path, server.url, offline=True)
        assert list(second) == list(first)
        assert second.page == first.page


def test_bit_sets_are_kept_with_the_choices(tmp_path: Path) -> None:
    with IndexServer(files("1.0", "2.0")) as server:
        settings = IndexSettings(cache_dir=tmp_path, default_url=server.url)
        with IndexClient(settings) as client:
            client.choices(DEMO, BestFiles(TARGET, Rules(), DEMO)).masks[">1"] = 1
        assert choose(tmp_path, server.url)[0].masks == {">1": 1}


def test_a_page_that_changed_is_chosen_from_again(tmp_path: Path) -> None:
    with IndexServer(files("1.0")) as server:
        choose(tmp_path, server.url)
        server.projects["demo"] = files("1.0", "3.0")["demo"]
        forget_freshness(tmp_path)
        assert choose(tmp_path, server.url)[1] == ["3.0", "1.0"]


def forget_freshness(tmp_path: Path) -> None:
    """As if the pages had been fetched long ago."""
    for path in (tmp_path / "index").glob("*/pages/*/*"):
        path.unlink()


def test_other_rules_choose_for_themselves(tmp_path: Path) -> None:
    with IndexServer(files("1.0", "3.0")) as server:
        assert choose(tmp_path, server.url)[1] == ["3.0", "1.0"]
        before = Rules(exclude_newer=datetime(2022, 1, 1, tzinfo=UTC))
        assert choose(tmp_path, server.url, BestFiles(TARGET, before, DEMO))[1] == ["1.0"]
        hashes = {DEMO: frozenset({"sha256:none of them"})}
        assert choose(tmp_path, server.url, BestFiles(TARGET, Rules(hashes=hashes), DEMO))[1] == []
        assert choose(tmp_path, server.url)[1] == ["3.0", "1.0"]
