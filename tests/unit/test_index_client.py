from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.index_server import FakeFile, Fault, IndexServer
from support.wheels import make_sdist, make_wheel
from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings

DEMO = {
    "demo": [
        FakeFile(make_wheel("demo", "1.0", ["six"]), upload_time="2025-01-01T00:00:00Z"),
        FakeFile(make_wheel("demo", "2.0", ["six>1"]), upload_time="2025-06-01T00:00:00Z"),
    ]
}


def settings(tmp_path: Path, server: IndexServer, **more: object) -> IndexSettings:
    base = IndexSettings(cache_dir=tmp_path, default_url=server.url, backoff=0.01, timeout=5)
    return replace(base, **more)  # type: ignore[arg-type]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 9
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert true()


def versions(client: IndexClient, name: str) -> list[str]:
    return [str(file.version) for file in client.page(name).files]


@pytest.mark.parametrize("api", ["json", "html"])
def test_a_page_in_both_forms(tmp_path: Path, api: str) -> None:
    with (
        IndexServer(DEMO, api="json" if api == "json" else "html") as server,
        IndexClient(settings(tmp_path, server)) as client,
    ):
        page = client.page("Demo")
    assert [f.filename for f in page.files] == [
        "demo-2.0-py3-none-any.whl",
        "demo-1.0-py3-none-any.whl",
    ]
    assert {f.index for f in page.files} == {"default"}
    assert page.files[1].url == server.file_url("demo-1.0-py3-none-any.whl")
    assert page.files[1].sha256 == DEMO["demo"][0].archive.sha256


def test_a_project_that_no_index_has_is_a_page_without_files(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server, IndexClient(settings(tmp_path, server)) as client:
        assert client.page("absent").files == ()
        assert client.page("absent").files == ()
        assert server.paths() == ["/simple/absent/"]


def test_nothing_is_asked_twice_at_the_same_time(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server, IndexClient(settings(tmp_path, server)) as client:
        answer = threading.Event()
        server.fail("/simple/demo/", Fault(hold=answer))
        threads = [threading.Thread(target=client.page, args=("demo",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: server.paths() == ["/simple/demo/"])
        answer.set()
        for thread in threads:
            thread.join()
        assert server.paths() == ["/simple/demo/"]
        assert client.requests == 1
        assert client.received > 0


def test_prefetch_is_concurrent_and_its_errors_come_when_asked(tmp_path: Path) -> None:
    names = [f"p{i}" for i in range(8)]
    with (
        IndexServer({name: [] for name in names}) as server,
        IndexClient(settings(tmp_path, server)) as client,
    ):
        all_there = threading.Event()
        for name in names:
            server.fail(f"/simple/{name}/", Fault(hold=all_there))
        client.prefetch(names)
        until(lambda: len(server.paths()) == len(names))
        all_there.set()
        server.fail("/simple/bad/", Fault(status=500))
        client.prefetch(["bad", *names])
        with pytest.raises(UnknownError) as caught:
            client.page("bad")
        for name in names:
            client.page(name)
        assert sorted(server.paths()) == ["/simple/bad/", *(f"/simple/{n}/" for n in names)]
    assert caught.value.reference == "index-error"


def test_a_second_client_reads_the_cache_and_offline_opens_no_socket(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        with IndexClient(settings(tmp_path, server)) as client:
            page = client.page("demo")
            metadata = client.metadata(page.files[0])
            client.page("absent")
        asked = len(server.requests)
        config = settings(tmp_path, server, offline=True)
    with IndexClient(config) as client:
        assert client.page("demo") == page
        assert client.metadata(page.files[0]) == metadata
        assert client.page("absent").files == ()
        assert client.requests == 0
        client.prefetch(["other"])
        with pytest.raises(UnknownError) as caught:
            client.page("other")
    assert caught.value.reference == "offline-miss"
    assert "other" in caught.value.message
    assert "--offline" in caught.value.hint
    assert len(server.requests) == asked


def test_offline_metadata_that_is_not_there(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server, IndexClient(settings(tmp_path, server)) as client:
        file = client.page("demo").files[0]
        config = settings(tmp_path, server, offline=True)
    with IndexClient(config) as client, pytest.raises(UnknownError) as caught:
        client.metadata(file)
    assert caught.value.reference == "offline-miss"
    assert "demo-2.0" in caught.value.message


class TestFreshness:
    def asked(self, tmp_path: Path, server: IndexServer, **more: object) -> list[str]:
        before = len(server.requests)
        with IndexClient(settings(tmp_path, server, **more)) as client:
            client.page("demo")
        return [r.headers.get("if-none-match", "-") for r in server.requests[before:]]

    def test_within_max_age_nothing_is_asked(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, cache_control="public, max-age=600") as server:
            assert len(self.asked(tmp_path, server)) == 1
            assert self.asked(tmp_path, server) == []

    def test_after_it_the_etag_is_sent_and_a_304_keeps_the_page(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, cache_control="max-age=0") as server:
            assert self.asked(tmp_path, server) == ["-"]
            (etag,) = self.asked(tmp_path, server)
            assert etag.startswith('"')
            with IndexClient(settings(tmp_path, server)) as client:
                assert versions(client, "demo") == ["2.0", "1.0"]

    def test_a_changed_page_is_taken(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, cache_control="no-cache") as server:
            self.asked(tmp_path, server)
            server.projects["demo"] = server.projects["demo"][:1]
            with IndexClient(settings(tmp_path, server)) as client:
                assert versions(client, "demo") == ["1.0"]

    def test_no_store_keeps_nothing(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, cache_control="no-store") as server:
            self.asked(tmp_path, server)
            config = settings(tmp_path, server, offline=True)
        with IndexClient(config) as client, pytest.raises(UnknownError):
            client.page("demo")

    def test_a_page_fetched_a_day_after_the_cut_off_is_not_asked_again(
        self, tmp_path: Path
    ) -> None:
        now = datetime.now(UTC)
        with IndexServer(DEMO, cache_control="max-age=0") as server:
            self.asked(tmp_path, server)
            assert self.asked(tmp_path, server, exclude_newer=now - timedelta(days=2)) == []
            assert len(self.asked(tmp_path, server, exclude_newer=now - timedelta(hours=2))) == 1

    def test_nor_is_an_undated_page_trusted(self, tmp_path: Path) -> None:
        undated = {"demo": [FakeFile(make_wheel("demo", "1.0"))]}
        cutoff = datetime.now(UTC) - timedelta(days=2)
        with IndexServer(undated, cache_control="max-age=0") as server:
            self.asked(tmp_path, server)
            assert len(self.asked(tmp_path, server, exclude_newer=cutoff)) == 1

    def test_a_corrupt_entry_is_fetched_again(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, cache_control="max-age=600") as server:
            self.asked(tmp_path, server)
            (path,) = (p for p in tmp_path.rglob("demo") if p.is_file())
            path.write_bytes(path.read_bytes()[:-5])
            assert self.asked(tmp_path, server) == ["-"]
            assert self.asked(tmp_path, server) == []


def test_the_cut_off_is_applied(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        config = settings(tmp_path, server, exclude_newer=datetime(2025, 3, 1, tzinfo=UTC))
        with IndexClient(config) as client:
            assert versions(client, "demo") == ["1.0"]


class TestRouting:
    def test_the_torch_family_is_taken_from_the_torch_index_alone(self, tmp_path: Path) -> None:
        torch = FakeFile(make_wheel("torch", "2.7.0+cu128"))
        ours = {"torch": [FakeFile(make_wheel("torch", "2.8.0"))], **DEMO}
        with IndexServer({"torch": [torch]}) as special, IndexServer(ours) as server:
            config = settings(
                tmp_path,
                server,
                torch_url=special.url.rstrip("/"),
                torch_family=frozenset({"torch", "torchvision"}),
            )
            with IndexClient(config) as client:
                page = client.page("torch")
                assert client.page("torchvision").files == ()
                assert versions(client, "demo") == ["2.0", "1.0"]
            assert [(str(f.version), f.index) for f in page.files] == [("2.7.0+cu128", "torch")]
            assert server.paths() == ["/simple/demo/"]

    def test_a_client_for_another_cell_shares_what_was_read(self, tmp_path: Path) -> None:
        torch = {"torch": [FakeFile(make_wheel("torch", "2.7.0+cu128"))]}
        ours = {"torch": [FakeFile(make_wheel("torch", "2.8.0"))], **DEMO}
        with (
            IndexServer(torch, auth="me:s3cret") as special,
            IndexServer(ours) as server,
            IndexClient(settings(tmp_path, server)) as client,
        ):
            demo = client.page("demo")
            url = special.url.replace("http://", "http://me:s3cret@")
            other = client.with_torch(url, frozenset({"torch"}))
            assert other.page("demo") is demo
            assert versions(other, "torch") == ["2.7.0+cu128"]
            assert versions(client, "torch") == ["2.8.0"]
            assert other.requests == client.requests == 3

    def test_403_of_the_torch_index_means_that_it_has_no_such_page(self, tmp_path: Path) -> None:
        with IndexServer() as special, IndexServer() as server:
            special.fail("/simple/xformers/", Fault(status=403))
            family = frozenset({"xformers"})
            config = settings(tmp_path, server, torch_url=special.url, torch_family=family)
            with IndexClient(config) as client:
                assert client.page("xformers").files == ()

    def test_the_first_further_index_that_has_it_serves_it(self, tmp_path: Path) -> None:
        first = {"demo": [FakeFile(make_wheel("demo", "0.1"))]}
        second = {
            "demo": [FakeFile(make_wheel("demo", "0.2"))],
            "b": [FakeFile(make_wheel("b", "0.2"))],
        }
        with IndexServer(first) as one, IndexServer(second) as two, IndexServer(DEMO) as server:
            config = settings(tmp_path, server, extra=(one.url, two.url))
            with IndexClient(config) as client:
                assert versions(client, "demo") == ["0.1"]
                assert client.page("demo").files[0].index == one.url
                assert versions(client, "b") == ["0.2"]
            assert server.requests == []

    def test_find_links_join_the_index(self, tmp_path: Path) -> None:
        make_wheel("demo", "3.0").write(tmp_path / "wheels")
        make_wheel("demo-more", "1.0").write(tmp_path / "wheels")
        with IndexServer(DEMO) as server:
            server.flat["/flat.html"] = b'<a href="files/demo-1.5-py3-none-any.whl">x</a>'
            flat = f"http://{server.host}/flat.html"
            config = settings(tmp_path / "c", server, find_links=(flat, str(tmp_path / "wheels")))
            with IndexClient(config) as client:
                files = client.page("demo").files
                assert [str(f.version) for f in files] == ["3.0", "2.0", "1.5", "1.0"]
                assert files[2].index == flat
                assert files[0].url is not None
                assert files[0].url.startswith("file:")
                assert files[0].sha256 == make_wheel("demo", "3.0").sha256
                assert client.metadata(files[0]).name == "demo"
                client.page("other")
                assert server.paths().count("/flat.html") == 1

    def test_an_index_in_a_folder(self, tmp_path: Path) -> None:
        archive = make_sdist("demo", "1.0", ["six"])
        archive.write(tmp_path / "simple" / "demo")
        index = tmp_path / "simple" / "demo" / "index.html"
        index.write_text(f'<a href="demo-1.0.tar.gz#sha256={archive.sha256}">x</a>')
        url = (tmp_path / "simple").as_uri()
        with IndexClient(IndexSettings(tmp_path / "c", url, offline=True)) as client:
            (file,) = client.page("demo").files
            assert [str(d.requirement) for d in client.metadata(file).requires] == ["six"]
            assert client.page("absent").files == ()


def test_the_cache_of_one_index_is_not_that_of_another(tmp_path: Path) -> None:
    other = {"demo": [FakeFile(make_wheel("demo", "9.0"))]}
    with IndexServer(DEMO) as one, IndexServer(other) as two:
        for server, expected in ((one, "2.0"), (two, "9.0")):
            with IndexClient(settings(tmp_path, server)) as client:
                assert versions(client, "demo")[0] == expected


def test_a_metadata_entry_that_does_not_suit_is_fetched_again(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server, IndexClient(settings(tmp_path, server)) as client:
        file = client.page("demo").files[0]
        assert file.sha256 is not None
        key = f"{file.sha256[:2]}/{file.sha256[2:]}"
        Cache(tmp_path).write("metadata", key, Entry({}, json.dumps({"name": "demo"})))
        assert client.metadata(file).name == "demo"


def test_a_download_is_whole_or_an_error(tmp_path: Path) -> None:
    archive = DEMO["demo"][0].archive
    with IndexServer(DEMO) as server, IndexClient(settings(tmp_path, server)) as client:
        url = server.file_url(archive.filename)
        server.fail(f"/files/{archive.filename}", Fault(truncate=9))
        target = io.BytesIO()
        assert client.download(url, target) == len(archive.content)
        assert target.getvalue() == archive.content
        with pytest.raises(UnknownError) as caught:
            client.download(server.file_url("absent.whl"), target)
    assert caught.value.reference == "index-error"


def test_a_closed_client_opens_no_connection(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        client = IndexClient(settings(tmp_path, server))
        client.close()
        with pytest.raises(UnknownError) as caught:
            client.page("demo")
        assert server.requests == []
    assert caught.value.reference == "index-closed"
