"""Flags over environment over ``[tool.torchsolve]``; contradictions; what each value must be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.version import Version

from torchsolve.config import Settings, load_settings, parse_moment, parse_torch
from torchsolve.errors import UsageError
from torchsolve.model.target import CellId
from torchsolve.model.version import CudaTag, PythonVersion


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path


def _settings(here: Path, toml: str = "", **flags: object) -> Settings:
    if toml:
        (here / "pyproject.toml").write_text(f"[tool.torchsolve]\n{toml}\n")
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    return load_settings(named, environ={}, directory=here)


def test_nothing_given_is_the_default(here: Path) -> None:
    settings = load_settings({}, environ={}, directory=here)
    assert settings == Settings()
    assert settings.cache_dir.name == "torchsolve"


def test_precedence(here: Path) -> None:
    (here / "pyproject.toml").write_text(
        '[tool.torchsolve]\ncuda = ["cu118"]\npython = "3.10"\npolicy = "oldest"\n'
    )
    environ = {"TORCHSOLVE_CUDA": "cu124,cu126", "TORCHSOLVE_PYTHON": "3.11"}
    settings = load_settings({"python": ["3.12"]}, environ=environ, directory=here)
    assert settings.python == (PythonVersion(3, 12),)
    assert settings.cuda == (CudaTag("cu124"), CudaTag("cu126"))
    assert settings.policy == "oldest"


def test_the_projects_own_file_comes_before_the_working_directorys(here: Path) -> None:
    (here / "pyproject.toml").write_text('[tool.torchsolve]\npython = "3.10"\n')
    node = here / "node"
    node.mkdir()
    (node / "pyproject.toml").write_text('[tool.torchsolve]\npython = "3.12"\n')
    settings = load_settings({}, ("node",), environ={}, directory=here)
    assert settings.python == (PythonVersion(3, 12),)


def test_a_flag_displaces_the_opposite_of_a_lower_layer(here: Path) -> None:
    settings = _settings(here, 'base = "registry.example/base"', standalone=True)
    assert settings.standalone
    assert settings.base is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("2.7.0", "2.7.0+cu126", "2.7.1"),
        ("2.7", "2.7.1", "2.8.0"),
        (">=2.6,<2.8", "2.7.1", "2.8.0"),
        ("2.7.0+cu128", "2.7.0+cu128", "2.7.0+cu126"),
    ],
)
def test_torch(text: str, inside: str, outside: str) -> None:
    settings = Settings(torch=(parse_torch(text),))
    assert settings.allows_torch(Version(inside))
    assert not settings.allows_torch(Version(outside))


def test_a_date_is_a_whole_day_of_utc() -> None:
    assert parse_moment("2025-10-01") == datetime(2025, 10, 2, tzinfo=UTC)
    assert parse_moment("2025-10-01T12:00:00+02:00") == datetime(2025, 10, 1, 10, tzinfo=UTC)


def test_a_toml_date_is_taken(here: Path) -> None:
    settings = _settings(here, "exclude-newer = 2025-10-01")
    assert settings.exclude_newer == datetime(2025, 10, 2, tzinfo=UTC)


def test_names_are_normalized_and_repeats_fall_away(here: Path) -> None:
    settings = _settings(here, no_deps=["O_Voxel:CuMesh", "o-voxel:cumesh", "xFormers"])
    assert settings.no_deps == ("o-voxel:cumesh", "xformers")


def test_false_in_a_file_and_in_the_environment(here: Path) -> None:
    assert not _settings(here, "undeclared = false").undeclared
    assert not load_settings({}, environ={"TORCHSOLVE_UNDECLARED": "no"}, directory=here).undeclared


def test_cell_agrees(here: Path) -> None:
    cell = "cp312-cu126-torch2.7.0-ubuntu24.04"
    settings = _settings(here, cell=cell, torch=["2.7.0"], cuda=["cu126"], python=["3.12"])
    assert settings.cell == CellId.parse(cell)


@pytest.mark.parametrize(
    "flags",
    [
        {"standalone": True, "base": "image"},
        {"exclude-newer": "2025-01-01", "as-of": "now"},
        {"policy": "keep"},
        {"gpu": ["H100"], "cuda": ["cpu"]},
        {"cell": "cp312-cu126-torch2.7.0-ubuntu24.04", "torch": ["2.6.0"]},
        {"cell": "cp312-cu126-torch2.7.0-ubuntu24.04", "cuda": ["cu124"]},
        {"cell": "cp312-cu126-torch2.7.0-ubuntu24.04", "python": ["3.11"]},
        {"cell": "cp312-cpu-notorch-debian13", "torch": ["2.6.0"]},
    ],
)
def test_contradictions(here: Path, flags: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(flags, environ={}, directory=here)
    assert caught.value.reference == "contradictory-flags"


@pytest.mark.parametrize(
    ("flags", "reference"),
    [
        ({"cuda": ["12.6"]}, "unknown-cuda-tag"),
        ({"cuda": ["cu12"]}, "unknown-cuda-tag"),
        ({"python": ["three"]}, "bad-setting"),
        ({"torch": ["new"]}, "bad-setting"),
        ({"driver": "latest"}, "bad-setting"),
        ({"cell": "cp312"}, "bad-setting"),
        ({"platform": "windows/amd64"}, "bad-setting"),
        ({"no-deps": ["a:b:c"]}, "bad-setting"),
        ({"no-deps": ["not a name"]}, "bad-setting"),
        ({"override": ["numpy <"]}, "bad-requirement"),
        ({"index": "index.example/simple"}, "bad-setting"),
        ({"torch-index": "nightly"}, "bad-setting"),
        ({"exclude-newer": "yesterday"}, "bad-setting"),
        ({"evidence": "guesses"}, "bad-setting"),
        ({"policy": "best"}, "bad-setting"),
        ({"weights": "download"}, "bad-setting"),
        ({"with": ["no good"]}, "bad-setting"),
        ({"comfyui": " "}, "bad-setting"),
    ],
)
def test_bad_values(here: Path, flags: dict[str, object], reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(flags, environ={}, directory=here)
    assert caught.value.reference == reference
    assert caught.value.origin == f"--{next(iter(flags))}"


@pytest.mark.parametrize(
    ("toml", "reference"),
    [
        ("[tool]\ntorchsolve = 3", "bad-setting"),
        ("[tool.torchsolve]\ntorhc = '2.7'", "unknown-setting"),
        ("[tool.torchsolve]\noffline = 'yes'", "bad-setting"),
        ("[tool.torchsolve]\ntorch = { version = '2.7' }", "bad-setting"),
        ("[tool.torchsolve", "bad-pyproject"),
    ],
)
def test_bad_files_name_themselves(here: Path, toml: str, reference: str) -> None:
    (here / "pyproject.toml").write_text(toml)
    with pytest.raises(UsageError) as caught:
        load_settings({}, environ={}, directory=here)
    assert caught.value.reference == reference
    assert str(here / "pyproject.toml") in caught.value.origin


def test_a_bad_variable_is_named(here: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({}, environ={"TORCHSOLVE_CUDA": "cu12"}, directory=here)
    assert caught.value.origin == "TORCHSOLVE_CUDA"
