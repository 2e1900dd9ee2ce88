"""Projects named together: two that one image cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.repos import write
from support.wheels import make_wheel
from torchsolve.errors import UsageError
from torchsolve.project.load import ReadOptions, load_all


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


def refused(references: list[str], options: ReadOptions) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_all(references, options)
    assert caught.value.reference == "same-project"
    assert caught.value.hint
    return caught.value


def test_a_sample_twice(options: ReadOptions) -> None:
    error = refused(["trellis2", "wanvideo", "trellis2"], options)
    assert error.message.startswith("trellis2 and trellis2 are both")
    found = load_all(["wanvideo", "trellis2"], options)
    assert [facts.reference for facts in found] == ["wanvideo", "trellis2"]


def test_two_folders_of_one_name(tmp_path: Path, options: ReadOptions) -> None:
    folders = [write(tmp_path / name, {"requirements.txt": "six"}) for name in ("a/App", "b/app")]
    refused([str(folder) for folder in folders], options)
    refused([str(folders[0]), f"{folders[0]}/../App"], options)


def test_files_of_one_name_are_two(tmp_path: Path, options: ReadOptions) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, {"requirements.txt": "six"})
    files = [str(tmp_path / folder / "requirements.txt") for folder in ("a", "b")]
    assert len(load_all(files, options)) == 2
    refused([files[0], files[0]], options)


def test_wheels_are_told_apart_by_their_bytes(tmp_path: Path, options: ReadOptions) -> None:
    one, two = (make_wheel("kernel", version).write(tmp_path) for version in ("1.0", "2.0"))
    assert len(load_all([str(one), str(two)], options)) == 2
    refused([str(one), str(make_wheel("kernel", "1.0").write(tmp_path / "copy"))], options)
