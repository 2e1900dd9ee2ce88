from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from support.index_server import FakeFile, Fault, IndexServer
from support.wheels import Archive, make_metadata, make_sdist, make_wheel
from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import DistMetadata, IndexFile

WHEEL = make_wheel("demo", "1.0", ["torch==2.7.0", "six; extra == 'x'"], extras=["x"])
EGG_INFO = make_sdist(
    "demo", "1.0", metadata_version="2.1", members={"demo.egg-info/requires.txt": b"six\n"}
)
# Larger than the tail that is read first, and no zip can make it smaller.
NOISE = bytes(i * i * 7919 % 251 ^ (i >> 8) % 256 for i in range(300_000))
LARGE = make_wheel("demo", "1.0", ["six"], members={f"demo/{i}.so": NOISE for i in range(3)})


def client_of(tmp_path: Path, server: IndexServer) -> IndexClient:
    return IndexClient(IndexSettings(tmp_path, server.url, backoff=0.01, retries=1, timeout=5))


def read(
    tmp_path: Path, server: IndexServer, change: dict[str, object] | None = None
) -> DistMetadata:
    with client_of(tmp_path, server) as client:
        file = client.page("demo").files[0]
        return client.metadata(replace(file, **(change or {})))  # type: ignore[arg-type]


def requires(metadata: DistMetadata) -> list[str]:
    return [str(d.requirement) for d in metadata.requires]


def old_entry(tmp_path: Path, archive: Archive, entry: Entry) -> None:
    """Keeps an entry as it was written before entries told their form."""
    digest = archive.sha256
    Cache(tmp_path).write("metadata", f"{digest[:2]}/{digest[2:]}", entry)


def file_paths(server: IndexServer) -> list[str]:
    return [path.removeprefix("/files/") for path in server.paths() if "/files/" in path]


@pytest.mark.parametrize("how", ["announced", "unannounced"])
def test_the_file_beside_the_wheel_is_enough(
    tmp_path: Path, how: Literal["announced", "unannounced"]
) -> None:
    with IndexServer({"demo": [FakeFile(WHEEL)]}, metadata=how) as server:
        found = read(tmp_path, server)
        assert file_paths(server) == [f"{WHEEL.filename}.metadata"]
    assert requires(found) == ["torch==2.7.0", 'six; extra == "x"']
    assert found.extras == {"x"}
    assert found.requires[0].evidence.origin == f"METADATA of {WHEEL.filename}:5"


def test_ranges_read_the_directory_and_one_member(tmp_path: Path) -> None:
    with IndexServer({"demo": [FakeFile(LARGE)]}, metadata="none") as server:
        with client_of(tmp_path, server) as client:
            found = client.metadata(client.page("demo").files[0])
            assert client.received < len(LARGE.content) / 4
        asked = [r.headers.get("range") for r in server.requests if r.path.endswith(".whl")]
    assert requires(found) == ["six"]
    assert all(asked)


def test_without_ranges_the_wheel_is_read_whole_and_verified(tmp_path: Path) -> None:
    with IndexServer({"demo": [FakeFile(LARGE)]}, metadata="none", ranges=False) as server:
        assert requires(read(tmp_path, server)) == ["six"]
        assert not list(tmp_path.rglob("scratch/*"))


def test_what_was_read_once_is_not_fetched_again(tmp_path: Path) -> None:
    with IndexServer({"demo": [FakeFile(WHEEL)]}) as server:
        first = read(tmp_path, server)
        before = len(file_paths(server))
        assert read(tmp_path, server) == first
        assert len(file_paths(server)) == before


def test_an_old_entry_still_speaks(tmp_path: Path) -> None:
    body = {"name": "demo", "version": "1.0", "requires": ["six"], "python": None}
    old_entry(tmp_path, WHEEL, Entry({}, json.dumps(body | {"extras": [], "notes": []})))
    with IndexServer({"demo": [FakeFile(WHEEL)]}) as server:
        found = read(tmp_path, server)
        assert not file_paths(server)
    assert found.requires[0].evidence == Evidence(
        "demo 1.0", "needs six", Strength.DECLARED, f"METADATA of {WHEEL.filename}"
    )


def test_a_metadata_file_of_another_hash_is_an_error(tmp_path: Path) -> None:
    file = FakeFile(WHEEL, metadata_sha256="0" * 64)
    with IndexServer({"demo": [file]}) as server, pytest.raises(UnknownError) as caught:
        read(tmp_path, server)
    assert caught.value.reference == "hash-mismatch"
    assert "0" * 64 in caught.value.message


def test_an_index_that_announces_the_wheel_s_hash_for_its_metadata(tmp_path: Path) -> None:
    file = FakeFile(WHEEL, metadata_sha256=WHEEL.sha256)
    with IndexServer({"demo": [file]}) as server:
        assert requires(read(tmp_path, server))[0] == "torch==2.7.0"


def test_a_wheel_of_another_hash_is_an_error(tmp_path: Path) -> None:
    file = FakeFile(WHEEL, sha256="1" * 64)
    with (
        IndexServer({"demo": [file]}, metadata="none", ranges=False) as server,
        pytest.raises(UnknownError) as caught,
    ):
        read(tmp_path, server)
    assert caught.value.reference == "hash-mismatch"


def test_a_file_without_a_hash_is_kept_by_its_address(tmp_path: Path) -> None:
    other = make_wheel("other", "1.0", ["six"])
    files = {"demo": [FakeFile(WHEEL, sha256="")], "other": [FakeFile(other, sha256="")]}
    with IndexServer(files) as server, client_of(tmp_path, server) as client:
        demo, second = client.page("demo").files[0], client.page("other").files[0]
        assert demo.sha256 is None
        assert client.metadata(demo).name == "demo"
        assert client.metadata(second).name == "other"


@pytest.mark.parametrize(
    ("content", "reference"),
    [
        (b"no zip at all", "not-a-wheel"),
        (make_wheel("demo", "1.0", metadata=b"Version: 1.0\n\n").content, "bad-metadata"),
    ],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_defective_wheel(tmp_path: Path, content: bytes, reference: str, ranges: bool) -> None:
    file = FakeFile(Archive(WHEEL.filename, content, b""))
    with (
        IndexServer({"demo": [file]}, metadata="none", ranges=ranges) as server,
        pytest.raises(UnknownError) as caught,
    ):
        read(tmp_path, server)
    assert caught.value.reference == reference
    assert WHEEL.filename in caught.value.origin


def test_a_file_that_is_listed_but_gone(tmp_path: Path) -> None:
    with IndexServer({"demo": [FakeFile(WHEEL)]}, metadata="none") as server:
        server.fail(f"/files/{WHEEL.filename}", Fault(status=404), times=9)
        with pytest.raises(UnknownError) as caught:
            read(tmp_path, server)
    assert caught.value.reference == "index-error"
    assert "404" in caught.value.message


def test_a_recorded_file_without_an_address(tmp_path: Path) -> None:
    with IndexServer({"demo": [FakeFile(WHEEL)]}) as server, pytest.raises(UnknownError) as caught:
        read(tmp_path, server, {"url": None})
    assert caught.value.reference == "no-address"


def test_a_cache_that_cannot_hold_a_download(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    with (
        IndexServer({"demo": [FakeFile(WHEEL)]}, metadata="none", ranges=False) as server,
        pytest.raises(UnknownError) as caught,
    ):
        read(tmp_path, server)
    assert caught.value.reference == "cache-not-writable"
    assert "--cache-dir" in caught.value.hint


class TestSdists:
    def test_static_metadata_is_declared(self, tmp_path: Path) -> None:
        files = {"demo": [FakeFile(make_sdist("demo", "1.0", ["six"]))]}
        with IndexServer(files) as server:
            found = read(tmp_path, server)
            assert file_paths(server) == ["demo-1.0.tar.gz"]
        assert requires(found) == ["six"]
        assert found.requires[0].evidence.origin == "PKG-INFO of demo-1.0.tar.gz:4"

    @pytest.mark.parametrize(
        "sdist",
        [
            make_sdist("demo", "1.0", ["six"], metadata_version="2.1"),
            make_sdist("demo", "1.0", metadata_version="1.2"),
            make_sdist("demo", "1.0", ["six"], dynamic=["Requires-Dist"]),
            make_sdist("demo", "1.0", dynamic=["version", "requires-dist"]),
        ],
    )
    def test_what_only_a_build_could_tell(self, tmp_path: Path, sdist: Archive) -> None:
        with IndexServer({"demo": [FakeFile(sdist)]}) as server:
            for _ in range(2):
                with pytest.raises(UnknownError) as caught:
                    read(tmp_path, server)
                assert caught.value.reference == "no-static-metadata"
                assert "demo-1.0.tar.gz" in caught.value.message
            # The answer is kept: it is the file's, and the file does not change.
            assert file_paths(server) == ["demo-1.0.tar.gz"]

    def test_other_dynamic_fields_do_not_matter(self, tmp_path: Path) -> None:
        sdist = make_sdist("demo", "1.0", ["six"], dynamic=["License-File"])
        with IndexServer({"demo": [FakeFile(sdist)]}) as server:
            assert requires(read(tmp_path, server)) == ["six"]

    def test_a_nested_pkg_info_is_not_the_sdist_s_own(self, tmp_path: Path) -> None:
        members = {"demo.egg-info/PKG-INFO": make_metadata("demo", "1.0", metadata_version="2.2")}
        sdist = make_sdist("demo", "1.0", metadata_version="2.1", members=members)
        with IndexServer({"demo": [FakeFile(sdist)]}) as server, pytest.raises(UnknownError) as e:
            read(tmp_path, server)
        assert e.value.reference == "no-static-metadata"

    def test_what_an_egg_info_claims_is_a_claim_from_the_cache_too(self, tmp_path: Path) -> None:
        with IndexServer({"demo": [FakeFile(EGG_INFO)]}) as server:
            first, second = read(tmp_path, server), read(tmp_path, server)
            assert file_paths(server) == ["demo-1.0.tar.gz"]
        assert first == second
        assert second.requires[0].evidence == Evidence(
            "demo 1.0",
            "needs six",
            Strength.CLAIMED,
            "demo.egg-info/requires.txt of demo-1.0.tar.gz",
        )

    def test_an_old_entry_that_says_unknown_is_asked_again(self, tmp_path: Path) -> None:
        old_entry(
            tmp_path, EGG_INFO, Entry({"unknown": "demo-1.0.tar.gz says nothing", "hint": ""}, "")
        )
        with IndexServer({"demo": [FakeFile(EGG_INFO)]}) as server:
            assert requires(read(tmp_path, server)) == ["six"]

    def test_offline_an_old_entry_is_better_than_none(self, tmp_path: Path) -> None:
        old_entry(
            tmp_path, EGG_INFO, Entry({"unknown": "demo-1.0.tar.gz says nothing", "hint": ""}, "")
        )
        with IndexServer({"demo": [FakeFile(EGG_INFO)]}) as server:
            with client_of(tmp_path, server) as client:
                file = client.page("demo").files[0]
            with (
                IndexClient(IndexSettings(tmp_path, server.url, offline=True)) as offline,
                pytest.raises(UnknownError) as caught,
            ):
                offline.metadata(file)
        assert caught.value.reference == "no-static-metadata"

    @pytest.mark.parametrize(
        "content",
        [
            b"no archive",
            make_sdist("demo", "1.0").content[:60],
            make_sdist("demo", "1.0").content[:12] + b"\xff" * 200,
        ],
    )
    def test_what_is_no_archive(self, tmp_path: Path, content: bytes) -> None:
        file = FakeFile(Archive("demo-1.0.tar.gz", content, b""))
        with IndexServer({"demo": [file]}) as server, pytest.raises(UnknownError) as caught:
            read(tmp_path, server)
        assert caught.value.reference == "not-an-sdist"


def test_a_wheel_in_a_folder(tmp_path: Path) -> None:
    path = WHEEL.write(tmp_path)
    url, name = path.as_uri(), NormalizedName("demo")
    file = IndexFile(name, Version("1.0"), path.name, url, "direct", WHEEL.sha256)
    with IndexClient(IndexSettings(tmp_path / "c", offline=True)) as client:
        assert requires(client.metadata(file))[0] == "torch==2.7.0"
        with pytest.raises(UnknownError) as caught:
            client.metadata(replace(file, url=f"{url}x", filename="x.whl", sha256=None))
    assert caught.value.reference == "file-not-readable"
