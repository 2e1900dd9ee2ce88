"""What a model repository holds: the hub's answers, true, refused and lying."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.hub_server import FakeRepo, HubServer, git_blob, safetensors
from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.hub import Hub
from torchsolve.index.safetensors import parameters_of
from torchsolve.index.settings import IndexSettings
from torchsolve.model.project import WeightFile

HEAD = safetensors({"a": ("F16", [4, 1000]), "b": ("F32", []), "c": ("F16", [0, 7])}, padding=2000)
MESH = FakeRepo({"model.safetensors": HEAD, "config.json": b"{}"}, tags=("main", "v1/beta"))


@contextmanager
def hub(
    server: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch, *, offline: bool = False
) -> Iterator[Hub]:
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/")
    monkeypatch.setenv("HF_HOME", str(cache / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    settings = IndexSettings(cache_dir=cache, offline=offline, retries=0)
    with IndexClient(settings) as client:
        yield client.hub


def test_files_sizes_hashes_access_and_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({"acme/mesh": MESH}) as server, hub(server, tmp_path, monkeypatch) as asked:
        found = asked.repository("acme/mesh")
    assert (found.commit, found.gated, found.licence) == ("c" * 40, False, "apache-2.0")
    config, model = found.files
    assert config == WeightFile("config.json", 2, None, git_blob(b"{}"))
    assert (model.name, model.size, model.blob) == ("model.safetensors", len(HEAD), None)
    assert model.sha256 is not None


def test_a_revision_with_a_slash_is_one_part_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({"acme/mesh": MESH}) as server, hub(server, tmp_path, monkeypatch) as asked:
        assert asked.repository("acme/mesh", "v1/beta").commit == "c" * 40
        assert server.requests == [("/api/models/acme/mesh/revision/v1/beta", None)]


def test_parameters_by_type_are_read_once_and_by_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({"acme/mesh": MESH}) as server, hub(server, tmp_path, monkeypatch) as asked:
        found = asked.repository("acme/mesh")
        for _ in range(2):
            read = asked.parameters("acme/mesh", found.commit, found.files[1])
            assert read.parameters == (("F16", 4000), ("F32", 1))
        assert len(server.requests) == 2
        assert asked.parameters("acme/mesh", found.commit, found.files[0]).parameters == ()


def test_a_long_head_takes_a_second_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"layer.{number}": ("BF16", [3]) for number in range(3000)}
    repo = FakeRepo({"m.safetensors": safetensors(many)})
    with HubServer({"acme/big": repo}) as server, hub(server, tmp_path, monkeypatch) as asked:
        read = asked.parameters("acme/big", repo.commit, WeightFile("m.safetensors"))
        assert read.parameters == (("BF16", 9000),)
        assert len(server.requests) == 2


def test_a_server_without_ranges_costs_no_more_than_the_first_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = FakeRepo({"m.safetensors": safetensors({"w": ("F16", [1])}, padding=200_000)})
    with (
        HubServer({"acme/big": repo}, ranges=False) as server,
        hub(server, tmp_path, monkeypatch) as asked,
    ):
        file = WeightFile("m.safetensors")
        assert asked.parameters("acme/big", repo.commit, file) == file


def test_offline_answers_from_what_was_asked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({"acme/mesh": MESH}) as server:
        with hub(server, tmp_path, monkeypatch) as asked:
            online = asked.repository("acme/mesh")
            measured = asked.parameters("acme/mesh", online.commit, online.files[1])
        before = len(server.requests)
        with hub(server, tmp_path, monkeypatch, offline=True) as asked:
            assert asked.repository("acme/mesh") == online
            assert asked.parameters("acme/mesh", online.commit, online.files[1]) == measured
            with pytest.raises(UnknownError, match="never asked") as caught:
                asked.repository("acme/other")
        assert caught.value.reference == "offline-miss"
        assert len(server.requests) == before


def test_the_token_goes_to_the_hub_and_not_where_it_redirects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = FakeRepo(MESH.files, gated="manual", token="hf_secret")
    place = f"/acme/mesh/resolve/{private.commit}/model.safetensors"
    with HubServer({}, answers={"/store": (200, HEAD)}) as store:
        redirects = {place: f"{store.url.replace('127.0.0.1', 'localhost')}/store"}
        with (
            HubServer({"acme/mesh": private}, redirects=redirects) as server,
            hub(server, tmp_path, monkeypatch) as asked,
        ):
            monkeypatch.setenv("HF_TOKEN", " hf_secret ")
            assert asked.repository("acme/mesh").gated == "manual"
            read = asked.parameters("acme/mesh", private.commit, WeightFile("model.safetensors"))
        assert read.parameters == (("F16", 4000), ("F32", 1))
        assert {token for _, token in server.requests} == {"Bearer hf_secret"}
        assert store.requests == [("/store", None)]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hf_secret" not in kept


def test_the_token_of_the_hubs_own_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer({"acme/mesh": MESH}) as server, hub(server, tmp_path, monkeypatch) as asked:
        (tmp_path / "no-token").mkdir()
        (tmp_path / "no-token" / "token").write_text("hf_filed\n", "ascii")
        asked.repository("acme/mesh")
        assert server.requests[-1][1] == "Bearer hf_filed"


def _answer(**changes: object) -> bytes:
    row = {"rfilename": "a.bin", "size": 3, "blobId": "b" * 40}
    return json.dumps({"sha": "c" * 40, "gated": False, "siblings": [row]} | changes).encode()


@pytest.mark.parametrize(
    ("status", "body", "reference"),
    [
        (404, b"", "hub-refused"),
        (401, b"", "hub-refused"),
        (200, b"<html>", "hub-answer"),
        (200, _answer(sha="main"), "hub-answer"),
        (200, _answer(gated="perhaps"), "hub-answer"),
        (200, _answer(siblings=[{"rfilename": "a", "size": -1}]), "hub-answer"),
        (200, _answer(siblings=[{"rfilename": "a", "lfs": {"sha256": "x"}}]), "hub-answer"),
        (503, b"", "index-error"),
    ],
)
def test_answers_that_are_none(
    status: int, body: bytes, reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"/api/models/acme/mesh": (status, body)}
    with (
        HubServer({}, answers=answers) as server,
        hub(server, tmp_path, monkeypatch) as asked,
        pytest.raises(UnknownError) as caught,
    ):
        asked.repository("acme/mesh")
    assert caught.value.reference == reference


def test_names_that_leave_their_folder_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["../up", "/etc/passwd", "a/../b", "a//b", "bad\nname", "fine/a.bin"]
    body = _answer(siblings=[{"rfilename": name} for name in names])
    answers = {"/api/models/acme/mesh": (200, body)}
    with HubServer({}, answers=answers) as server, hub(server, tmp_path, monkeypatch) as asked:
        assert [file.name for file in asked.repository("acme/mesh").files] == ["fine/a.bin"]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x02\0\0\0\0\0\0\0",
        b"\xff" * 8 + b"{}",
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x04\0\0\0\0\0\0\0" + b"null",
        safetensors({"w": ("F16", [-1])}),
        safetensors({"w": ("F16", [1 << 60])}),
        safetensors({"w": ("F16", [1] * 100)}),
        (lambda text: len(text).to_bytes(8, "little") + text)(b'{"w": 1}'),
        (lambda text: len(text).to_bytes(8, "little") + text)(b"[" * 90_000),
    ],
)
def test_heads_that_are_none(head: bytes) -> None:
    with pytest.raises(UnknownError) as caught:
        parameters_of(head, "w.safetensors")
    assert caught.value.reference == "bad-safetensors"


def test_a_snapshot_replays_the_hub_without_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    kept = tmp_path / "run.snapshot"

    def ask(settings: IndexSettings) -> tuple[object, ...]:
        with IndexClient(settings) as client:
            found = client.hub.repository("acme/mesh")
            read = client.hub.parameters("acme/mesh", found.commit, found.files[1])
            with pytest.raises(UnknownError) as caught:
                client.hub.repository("acme/gone")
        return found, read, caught.value.message

    with HubServer({"acme/mesh": MESH}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        online = ask(IndexSettings(cache_dir=tmp_path / "a", retries=0, snapshot=kept))
        before = len(server.requests)
        replay = IndexSettings(cache_dir=tmp_path / "b", offline=True, from_snapshot=kept)
        assert ask(replay) == online
        assert len(server.requests) == before
