"""Folders are exchanged whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torchsolve.emit.write import write
from torchsolve.errors import UsageError

OLD = {"Dockerfile": b"old\n", "requirements/gone.txt": b"gone\n", "smoke/a.py": b"a\n"}
NEW = {"Dockerfile": b"new\n", "requirements/rest.txt": b"rest\n", "smoke/a.py": b"b\n"}


def _state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _folders(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_dir()}


def test_new_folder(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    assert write(NEW, out) == ("Dockerfile", "manifest.json", "requirements/rest.txt", "smoke/a.py")
    assert {name: data for name, data in _state(out).items() if name != "manifest.json"} == NEW
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_manifest_holds_sha256(tmp_path: Path) -> None:
    write({"a": b"hello\n"}, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest == {
        "schema": "torchsolve.manifest/1",
        "files": {"a": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
    }


def test_old_files_of_ours_go_and_foreign_ones_stay(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    (tmp_path / "requirements" / "mine.txt").write_text("mine")
    (tmp_path / "observed.json").write_text("{}")
    write(NEW, tmp_path)
    found = _state(tmp_path)
    found.pop("manifest.json")
    assert found == {**NEW, "requirements/mine.txt": b"mine", "observed.json": b"{}"}


def test_folder_that_empties_goes_too(tmp_path: Path) -> None:
    write({"a": b"", "context/deep/x": b"1"}, tmp_path)
    write({"a": b""}, tmp_path)
    assert _folders(tmp_path) == set()


def test_same_files_twice_is_the_same_folder(tmp_path: Path) -> None:
    write(NEW, tmp_path)
    before = _state(tmp_path)
    write(NEW, tmp_path)
    assert _state(tmp_path) == before


def test_script_may_run_and_copies_keep_their_mode(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_bytes(b"x")
    tool.chmod(0o755)
    write({"a.sh": b"#!/bin/sh\n", "b.txt": b"b", "c": tool}, tmp_path / "out")
    runs = {name: os.access(tmp_path / "out" / name, os.X_OK) for name in ("a.sh", "c")}
    assert runs == {"a.sh": True, "c": True}
    assert not (tmp_path / "out" / "b.txt").stat().st_mode & 0o111


def test_file_of_ours_may_be_its_own_source(tmp_path: Path) -> None:
    write({"context/x": b"1"}, tmp_path)
    write({"context/x": tmp_path / "context" / "x", "a": b"a"}, tmp_path)
    assert (tmp_path / "context" / "x").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["README.md", "requirements/torch.txt"])
def test_foreign_file_in_the_way(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match="foreign-file"):
        write({"Dockerfile": b"", name: b"ours"}, tmp_path)
    assert _state(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        '{"schema": "other", "files": {}}',
        '{"schema": "torchsolve.manifest/1", "files": {"../../x": "0"}}',
        '{"schema": "torchsolve.manifest/1", "files": ["a"]}',
    ],
)
def test_foreign_manifest(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match="foreign-file"):
        write(NEW, tmp_path)
    assert list(_state(tmp_path)) == ["manifest.json"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_no_file_leaves_the_folder(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="foreign-file"):
        write({name: b"x"}, out)
    assert list(tmp_path.iterdir()) == []


def test_symlinked_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "smoke").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="foreign-file"):
        write({"smoke/a.py": b"x"}, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_goal_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="cannot-write"):
        write(NEW, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


class _Failing:
    """Lets ``after`` calls through, then fails once."""

    def __init__(self, real: Callable[..., object], after: int, failure: BaseException) -> None:
        self.real, self.left, self.failure, self.failed = real, after, failure, False

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self.left == 0 and not self.failed:
            self.failed = True
            raise self.failure
        self.left -= 1
        return self.real(*args, **kwargs)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("failure", [FULL, KeyboardInterrupt()], ids=["full", "ctrl-c"])
@pytest.mark.parametrize("method", ["write_bytes", "rename"])
def test_failure_leaves_the_old_state(
    method: str,
    failure: BaseException,
    after: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    write(OLD, out)
    (out / "foreign").write_text("mine")
    before, folders = _state(out), _folders(out)
    failing = _Failing(getattr(Path, method), after, failure)
    monkeypatch.setattr(Path, method, lambda *args, **kw: failing(*args, **kw))
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
        write({**NEW, "fresh/b": b"b"}, out)
    assert failing.failed
    assert _state(out) == before
    assert _folders(out) == folders
    if isinstance(failure, OSError):
        assert "No space left on device; nothing was changed" in str(caught.value)


@pytest.mark.parametrize("failure", [FULL, KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_failure_of_a_new_folder_leaves_nothing(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = _Failing(Path.write_bytes, 2, failure)
    monkeypatch.setattr(Path, "write_bytes", lambda *args: failing(*args))
    with pytest.raises((UsageError, KeyboardInterrupt)):
        write(NEW, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
