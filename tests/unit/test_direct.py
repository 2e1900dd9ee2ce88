"""Files that a requirement names by their address: hash, metadata, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.index_server import FakeFile, IndexServer
from support.trees import LFS
from support.wheels import make_sdist, make_wheel
from torchsolve import direct
from torchsolve.cli.app import run
from torchsolve.direct import Direct
from torchsolve.errors import UsageError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.package import DirectFile
from torchsolve.project.options import ReadOptions

WHEEL = make_wheel("kernel", "1.0", ["six"])


def read(
    url: str, tmp_path: Path, *, offline: bool = False, times: int = 1, name: str = "kernel"
) -> DirectFile:
    with IndexClient(IndexSettings(tmp_path, retries=0, offline=offline)) as client:
        reader = Direct(client, ReadOptions(tmp_path, offline=offline))
        for _ in range(times):
            found = reader.read(Requirement(f"{name} @ {url}"), "r.txt:1")
    return found


def whole(server: IndexServer, path: str) -> int:
    """How often a file was fetched whole."""
    asked = [r for r in server.requests if r.path == path and r.method == "GET"]
    return len([r for r in asked if "range" not in r.headers])


def test_a_wheel_without_a_hash_is_hashed_once(tmp_path: Path) -> None:
    with IndexServer({"kernel": [FakeFile(WHEEL)]}) as server:
        url = server.file_url(WHEEL.filename)
        found = read(url, tmp_path, times=3)
        assert (found.file.sha256, found.file.size) == (WHEEL.sha256, len(WHEEL.content))
        assert found.file.url == url
        assert found.metadata is not None
        assert [str(d.requirement) for d in found.metadata.requires] == ["six"]
        assert read(url, tmp_path).file.sha256 == WHEEL.sha256
        assert whole(server, f"/files/{WHEEL.filename}") == 1
    assert read(url, tmp_path, offline=True).file.sha256 == WHEEL.sha256


def test_a_hash_in_the_address_costs_no_download(tmp_path: Path) -> None:
    with IndexServer({"kernel": [FakeFile(WHEEL)]}) as server:
        url = server.file_url(WHEEL.filename)
        found = read(f"{url}#sha256={WHEEL.sha256}", tmp_path)
        assert whole(server, f"/files/{WHEEL.filename}") == 0
    assert found.file.sha256 == WHEEL.sha256


def test_a_huge_wheel_has_no_hash_and_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "HASH_LIMIT", len(WHEEL.content) - 1)
    with IndexServer({"kernel": [FakeFile(WHEEL)]}) as server:
        for _ in range(2):
            found = read(server.file_url(WHEEL.filename), tmp_path)
            assert found.file.sha256 is None
            assert found.metadata is not None
        assert whole(server, f"/files/{WHEEL.filename}") == 1
    assert not [path for path in (tmp_path / "wheels").rglob("*.whl") if path.is_file()]


def test_a_wheel_of_another_name_is_refused_as_pip_does(tmp_path: Path) -> None:
    other = make_wheel("other", "1.0")
    path = tmp_path / WHEEL.filename
    path.write_bytes(other.content)
    with pytest.raises(UsageError) as caught:
        read(path.as_uri(), tmp_path)
    assert caught.value.reference == "bad-metadata"
    assert "other 1.0" in caught.value.message


def test_files_of_this_machine(tmp_path: Path) -> None:
    found = read(WHEEL.write(tmp_path / "w").as_uri(), tmp_path)
    assert (found.file.sha256, found.file.index) == (WHEEL.sha256, "project")
    told = make_sdist("kernel", "1.0", ["six"])
    static = read(told.write(tmp_path / "t").as_uri(), tmp_path)
    assert static.metadata is not None
    assert [str(d.requirement) for d in static.metadata.requires] == ["six"]
    sdist = make_sdist("kernel", "1.0", metadata_version="1.0")
    unbuilt = read(sdist.write(tmp_path / "s").as_uri(), tmp_path)
    assert (unbuilt.file.sha256, unbuilt.metadata) == (sdist.sha256, None)
    assert "without being built; --build-metadata" in (unbuilt.unread or "")
    (tmp_path / WHEEL.filename).write_text(LFS)
    for path, reference in (
        (tmp_path / WHEEL.filename, "lfs-pointer"),
        (tmp_path / "gone" / WHEEL.filename, "no-such-file"),
    ):
        with pytest.raises(UsageError) as caught:
            read(path.as_uri(), tmp_path)
        assert caught.value.reference == reference
        assert caught.value.hint


def test_a_folder_of_this_machine_is_read_and_never_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kernel"
    folder.mkdir()
    table = '[project]\nname = "kernel"\nversion = "3"\ndependencies = ["six<2"]\n'
    (folder / "pyproject.toml").write_text(table)
    monkeypatch.chdir(tmp_path)
    Path("r.txt").write_text(f"kernel @ {folder.as_uri()}\n")
    six = [FakeFile(make_wheel("six", version)) for version in ("1.0", "2.0")]
    with IndexServer({"six": six}) as server:
        command = ["resolve", "r.txt", "--python", "3.12", "--index", server.url]
        command += ["--cache-dir", str(tmp_path / "cache")]
        assert run([*command, "--pins", "pins.txt"]) == 0
        assert Path("pins.txt").read_text() == f"kernel @ {folder.as_uri()}\nsix==1.0\n"
        assert run([*command, "-o", "out"]) == 4
    assert "is a folder of this machine, which no image has" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("version", "code", "said"),
    [
        ('version = "3"', 0, ""),
        ('version = "1"', 3, "needs kernel>=2"),
        ('dynamic = ["version"]', 0, "version is unknown without building it; taken to hold: >=2"),
    ],
)
def test_the_version_of_a_reference_is_what_it_declares(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    version: str,
    code: int,
    said: str,
) -> None:
    folder = tmp_path / "kernel"
    folder.mkdir()
    table = f'[project]\nname = "kernel"\n{version}\ndependencies = []\n'
    (folder / "pyproject.toml").write_text(table)
    lines = tmp_path / "r.txt"
    lines.write_text(f"kernel @ {folder.as_uri()}\nuser\n")
    projects = {
        "user": [FakeFile(make_wheel("user", "1.0", ["kernel>=2"]))],
        "kernel": [FakeFile(make_wheel("kernel", "9.0"))],
    }
    with IndexServer(projects) as server:
        command = ["resolve", str(lines), "--python", "3.12", "--index", server.url]
        assert run([*command, "--cache-dir", str(tmp_path / "cache")]) == code
    out, err = capsys.readouterr()
    assert said in out + err


def test_a_hash_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sha256=00 is no SHA-256"):
        read("https://files.example/kernel-1.0-py3-none-any.whl#sha256=00", tmp_path)
