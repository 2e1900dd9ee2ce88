"""Bad input, row by row: one clear error, its exit code, nothing half-written, no traceback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.index_server import FakeFile, Fault, IndexServer
from support.wheels import make_wheel
from torchsolve.cli.app import run

Setup = Callable[[Path], object]


def _text(name: str, content: str) -> Setup:
    return lambda here: (here / name).write_text(content)


def _texts(files: dict[str, str]) -> Setup:
    def setup(here: Path) -> None:
        for name, content in files.items():
            (here / name).write_text(content)

    return setup


def _bytes(name: str, content: bytes) -> Setup:
    return lambda here: (here / name).write_bytes(content)


def _wheel(metadata: bytes) -> Setup:
    return lambda here: make_wheel("demo", "1.0", metadata=metadata).write(here)


def _folder(name: str) -> Setup:
    return lambda here: (here / name).mkdir()


def _repository(here: Path) -> None:
    git = ["git", "-C", str(here), "-c", "user.name=t", "-c", "user.email=t@index.example"]
    (here / "requirements.txt").write_text("demo\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)


def _nothing(_here: Path) -> None:
    """Nothing has to be there."""


class Row(NamedTuple):
    """A command line, what is there before it, and how it must end."""

    argv: str
    code: int
    reference: str
    setup: Setup = _nothing


WHEEL = "demo-1.0-py3-none-any.whl"
ROWS = {
    "one sample twice": Row("resolve trellis2 trellis2", 2, "same-project"),
    "missing folder": Row("resolve ./nowhere", 2, "no-such-file"),
    "missing requirements file": Row("resolve nothing.txt", 2, "no-such-file"),
    "not a repository": Row("resolve folder --rev main", 2, "not-a-repository", _folder("folder")),
    "unknown revision": Row("resolve . --rev nosuch", 2, "unknown-revision", _repository),
    "malformed requirement": Row(
        "resolve bad.txt", 2, "bad-requirement", _text("bad.txt", "good\nnumpy =>= 1\n")
    ),
    "malformed override": Row(
        "resolve ok.txt --override numpy<", 2, "bad-requirement", _text("ok.txt", "")
    ),
    "wheel that is no zip": Row(f"resolve {WHEEL}", 2, "not-a-wheel", _bytes(WHEEL, b"PK no")),
    "wheel with a bad name": Row(
        "resolve demo.whl", 2, "bad-wheel-name", _bytes("demo.whl", b"PK")
    ),
    "METADATA without Name": Row(
        f"resolve {WHEEL}", 2, "bad-metadata", _wheel(b"Metadata-Version: 2.1\nVersion: 1.0\n\n")
    ),
    "inspect a missing wheel": Row("inspect nowhere.whl", 2, "no-such-file"),
    "inspect no zip": Row(f"inspect {WHEEL}", 2, "not-a-wheel", _bytes(WHEEL, b"")),
    "unknown GPU": Row("resolve ok.txt --gpu RTX9999", 2, "unknown-gpu", _text("ok.txt", "")),
    "unknown CUDA tag": Row(
        "resolve ok.txt --cuda 12.6", 2, "unknown-cuda-tag", _text("ok.txt", "")
    ),
    "contradictory flags": Row(
        "resolve ok.txt --standalone --base image", 2, "contradictory-flags", _text("ok.txt", "")
    ),
    "bad pyproject": Row("resolve .", 2, "bad-pyproject", _text("pyproject.toml", "[project")),
    "unknown setting": Row(
        "resolve .", 2, "unknown-setting", _text("pyproject.toml", "[tool.torchsolve]\ntorhc=1")
    ),
    "no lock to emit": Row("emit .", 2, "no-lock"),
    "bad lock": Row("emit .", 2, "bad-lock", _text("pylock.toml", "lock-version = ")),
    "no plan to build": Row("build .", 2, "not-a-plan"),
    "no plan to smoke": Row("smoke .", 2, "no-lock"),
    "bad inventory": Row(
        "resolve requirements.txt --base base.json",
        2,
        "bad-inventory",
        _texts({"requirements.txt": "", "base.json": "{}"}),
    ),
    "unknown table": Row("facts show torhc", 2, "unknown-table"),
    "unknown row": Row("facts show torch 9.9.9", 2, "no-such-row"),
    "source that is not read": Row("scan .", 4, "source-not-read", _repository),
    "folder of links that is not there": Row(
        "resolve links.txt", 2, "no-such-folder", _text("links.txt", "--find-links ./no\ndemo\n")
    ),
    "cut-off that is no date": Row(
        "resolve ok.txt --exclude-newer nope", 2, "bad-setting", _text("ok.txt", "")
    ),
    "number that Python does not read": Row(
        "resolve big.txt", 2, "bad-requirement", _text("big.txt", f"demo<{'9' * 5000}\n")
    ),
    "pins where no folder is": Row(
        "resolve ok.txt --pins nowhere/pins.txt", 2, "cannot-write", _text("ok.txt", "")
    ),
    "offline without a cache": Row(
        "resolve demo.txt --offline", 4, "offline-miss", _text("demo.txt", "demo\n")
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


def _ends(argv: list[str], code: int, reference: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(argv) == code, capsys.readouterr().err
    err = capsys.readouterr().err
    lines = err.splitlines()
    assert lines[0].startswith(f"error: {reference}  "), err
    assert sum(line.startswith("error:") for line in lines) == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ROWS[name]
    row.setup(here)
    before = sorted(here.rglob("*"))
    _ends(row.argv.split(), row.code, row.reference, capsys)
    assert sorted(here.rglob("*")) == before


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer({"demo": [FakeFile(make_wheel("demo", "1.0"))]}) as index:
        yield index


@pytest.mark.parametrize(
    ("status", "reference", "hint"),
    [
        (401, "index-forbidden", "netrc"),
        (403, "index-forbidden", "netrc"),
        (500, "index-error", "later"),
        (503, "index-error", "later"),
    ],
)
def test_an_index_that_refuses(
    status: int,
    reference: str,
    hint: str,
    here: Path,
    server: IndexServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.fail("/simple/demo/", Fault(status=status), times=9)
    (here / "r.txt").write_text("demo\n")
    argv = ["resolve", "r.txt", "--index", server.url, "-o", "out"]
    err = _ends(argv, 4, reference, capsys)
    assert str(status) in err
    assert hint in err.splitlines()[-1]
    assert not (here / "out").exists()


def test_an_index_without_the_package(
    here: Path, server: IndexServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "r.txt").write_text("absent\n")
    assert run(["resolve", "r.txt", "--index", server.url, "-o", "out"]) == 3
    err = capsys.readouterr().err
    assert "absent" in err
    assert "r.txt:1" in err
    assert "--extra-index" in err.splitlines()[-1]
    assert not (here / "out").exists()


def test_an_index_out_of_reach(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "r.txt").write_text("demo\n")
    argv = ["resolve", "r.txt", "--index", "http://127.0.0.1:9/simple/"]
    err = _ends(argv, 4, "index-unreachable", capsys)
    assert "check the network" in err.splitlines()[-1]
    assert run([*argv, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["reference"] == "index-unreachable"


def test_a_hash_that_differs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with IndexServer({"demo": [FakeFile(make_wheel("demo", "1.0"))]}) as server:
        wrong = "0" * 64
        (here / "r.txt").write_text(f"demo==1.0 --hash=sha256:{wrong}\n")
        assert run(["resolve", "r.txt", "--index", server.url, "-o", "out"]) == 3
    err = capsys.readouterr().err
    assert "r.txt:1" in err
    assert "--hash" in err.splitlines()[-1]
    assert not (here / "out").exists()


def test_a_cut_off_that_is_no_date(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "ok.txt").write_text("")
    err = _ends(["resolve", "ok.txt", "--exclude-newer", "nope"], 2, "bad-setting", capsys)
    assert "[--exclude-newer] 'nope' is no date" in err
    assert "isoformat" not in err
