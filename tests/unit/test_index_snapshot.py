"""A solve is recorded and replayed: the same bytes, no socket, no secret."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from packaging.utils import canonicalize_name

from support.distil_snapshot import distil
from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from support.worlds import NoDirect, WorldIndex, question
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import UsageError
from torchsolve.index import snapshot
from torchsolve.index.cache import Entry
from torchsolve.model.outcome import Resolution
from torchsolve.report.plan_json import resolution_json
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.engine import Solved
from torchsolve.solve.packages import Library
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Rules


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


WORLD = {
    "app": [pure("app", "1.0", "lib<2", 'extra ; extra == "more"'), pure("app", "2.0", "lib<1")],
    "lib": [pure("lib", "1.0"), pure("lib", "1.5"), pure("lib", "2.0")],
}


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(WORLD, auth="someone:s3cret-word") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, index: IndexServer) -> Settings:
    url = index.url.replace("http://", "http://someone:s3cret-word@")
    return Settings(cache_dir=tmp_path / "cache", index=url)


def solve(tmp_path: Path, settings: Settings, *lines: str) -> Resolution:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines or ("app",)))
    return pipeline.resolve([str(path)], settings)


def as_text(found: Resolution) -> str:
    return json.dumps(resolution_json(found, None))


def no_socket(*_: object, **__: object) -> None:
    raise AssertionError("a socket was opened")


def test_a_replay_gives_the_same_answer_without_a_socket(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.snap"
    first = solve(tmp_path, replace(settings, snapshot=file))
    assert first.plan is not None
    monkeypatch.setattr(socket, "socket", no_socket)
    elsewhere = replace(
        settings, from_snapshot=file, offline=True, cache_dir=tmp_path / "other cache"
    )
    assert as_text(solve(tmp_path, elsewhere)) == as_text(first)
    assert not (tmp_path / "other cache").exists()


def test_what_was_out_of_reach_is_replayed_too(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "a.snap"
    nobody = replace(settings, index="http://127.0.0.1:9/simple/", snapshot=file)
    first = solve(tmp_path, nobody)
    assert first.reasons
    again = solve(tmp_path, replace(nobody, snapshot=None, from_snapshot=file, offline=True))
    assert as_text(again) == as_text(first)


def test_equal_solves_give_equal_bytes_and_no_secret(tmp_path: Path, settings: Settings) -> None:
    first, second = tmp_path / "a.snap", tmp_path / "b.snap"
    solve(tmp_path, replace(settings, snapshot=first))
    solve(tmp_path, replace(settings, snapshot=second, offline=True))
    assert first.read_bytes() == second.read_bytes()
    text = zstandard.ZstdDecompressor().stream_reader(first.read_bytes()).read().decode()
    assert "app" in text
    assert "s3cret-word" not in text
    assert "someone" not in text


def test_what_is_not_in_a_snapshot_is_said(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "a.snap"
    solve(tmp_path, replace(settings, snapshot=file))
    found = solve(tmp_path, replace(settings, from_snapshot=file, offline=True), "unheard-of")
    assert found.plan is None
    assert found.reasons[0].subject == "not-in-snapshot"
    assert "unheard-of" in found.reasons[0].statement


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"a requirements file\n",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-5] + b"#" + data[-4:],
        lambda _: zstandard.compress(b'["no head"]\n'),
        lambda _: zstandard.compress(b'{"schema": "torchsolve.snapshot/9"}\n'),
        lambda _: zstandard.compress(b'{"schema": "torchsolve.snapshot/1"}\n["cut", "o\n'),
    ],
)
def test_a_bad_snapshot_is_one_clear_error(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    path = tmp_path / "a.snap"
    path.write_bytes(damage(snapshot.dump({("metadata", "ab/cd"): Entry({"form": 2}, "{}")})))
    with pytest.raises(UsageError) as raised:
        snapshot.load(path)
    assert raised.value.reference == "bad-snapshot"
    assert raised.value.origin == str(path)


def test_a_distilled_snapshot_solves_alike(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "a.snap"
    found = solve(tmp_path, replace(settings, snapshot=file))
    assert found.plan is not None
    world = distil(file)
    assert "127.0.0.1" not in json.dumps(world)
    asked = question(["app"])
    problem = Problem(asked, Library(asked.target, Rules(), WorldIndex(world)), NoDirect())
    answer = CoreEngine().solve(problem)
    assert isinstance(answer, Solved)
    names = [canonicalize_name(pin.name) for pin in found.plan.pins]
    picked = {n: str(problem.package(n).options[answer.picks[n]].version) for n in names}
    assert picked == {pin.name: pin.version for pin in found.plan.pins}
