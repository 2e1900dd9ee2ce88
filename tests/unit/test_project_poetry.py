"""Poetry's table. The expected texts are those of poetry-core 2.x ``to_pep_508``, unions aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus, PlanVerdict
from torchsolve.model.version import PythonVersion
from torchsolve.project import pyproject
from torchsolve.project.poetry import UntoldError, lines


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("^1.2.3", ">=1.2.3,<2.0.0"),
        ("^1", ">=1,<2"),
        ("^0.2.3", ">=0.2.3,<0.3.0"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^0", ">=0,<1"),
        ("^0.0.0", ">=0.0.0,<0.0.1"),
        ("^1.2rc1", ">=1.2rc1,<2.0"),
        ("^1!2.0", ">=1!2.0,<1!3.0"),
        ("^1.2.3.4", ">=1.2.3.4,<2.0.0.0"),
        ("~1.2.3", ">=1.2.3,<1.3.0"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("~1.2.3.4", ">=1.2.3.4,<1.3.0.0"),
        ("1.2.*", "==1.2.*"),
        ("*", ""),
        ("1.2.3", "==1.2.3"),
        ("=1.2", "==1.2"),
        ("v1.2", "==1.2"),
        (">=1.2 <2", ">=1.2,<2"),
        (">= 1.2, < 2", ">=1.2,<2"),
        ("^1.2,!=1.3", ">=1.2,<2.0,!=1.3"),
        ("<3,>=1.0.*", ">=1.0,<3"),
        ("1.2+cu118", "==1.2+cu118"),
        ("~=1.4.2", "~=1.4.2"),
    ],
)
def test_a_constraint(said: str, meant: str) -> None:
    assert [Requirement(line) for line in lines({"x": said})] == [Requirement(f"x{meant}")]


def test_ranges_that_meet_are_one() -> None:
    # What poetry-core writes here is no requirement: x (>=1.24,<2.0 || >=2.0,<3.0).
    (line,) = lines({"numpy": "^1.24 || ^2.0"})
    inside = Requirement(line).specifier
    assert [text for text in ("1.23", "1.24", "1.99", "2.0", "2.9", "3.0") if text in inside] == [
        "1.24",
        "1.99",
        "2.0",
        "2.9",
    ]


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ({"version": "^1.2", "extras": ["a", "b"]}, "x[a,b]>=1.2,<2.0"),
        (
            {"version": "^1.2", "python": "^3.8"},
            'x>=1.2,<2.0; python_version >= "3.8" and python_version < "4.0"',
        ),
        ({"version": "*", "python": "3.10"}, 'x; python_version == "3.10"'),
        ({"version": "*", "python": ">=3.8.1"}, 'x; python_full_version >= "3.8.1"'),
        (
            {"version": "*", "python": "<3.8 || >=3.10"},
            'x; python_version < "3.8" or python_version >= "3.10"',
        ),
        ({"version": "*", "platform": "linux"}, 'x; sys_platform == "linux"'),
        (
            {"version": "*", "markers": "os_name == 'nt' or os_name == 'x'", "python": "<3.9"},
            'x; (os_name == "nt" or os_name == "x") and python_version < "3.9"',
        ),
        (
            {"git": "https://github.com/a/x.git", "tag": "v1", "extras": ["q"]},
            "x[q] @ git+https://github.com/a/x.git@v1",
        ),
        (
            {"git": "git@github.com:a/x.git", "branch": "main", "subdirectory": "s"},
            "x @ git+ssh://git@github.com/a/x.git@main#subdirectory=s",
        ),
        (
            {"url": "https://index.example/x-1-py3-none-any.whl"},
            "x @ https://index.example/x-1-py3-none-any.whl",
        ),
    ],
)
def test_a_table(row: dict[str, Any], meant: str) -> None:
    assert [Requirement(line) for line in lines({"x": row})] == [Requirement(meant)]


@pytest.mark.parametrize("row", ["latest", "", {"path": "../x"}, "^1 || ^3", {"file": "x.whl"}])
def test_what_has_no_such_form(row: object) -> None:
    with pytest.raises(UntoldError, match="x"):
        lines({"x": row})


FILE = b"""
[tool.poetry]
name = "demo"
version = "2.1"

[tool.poetry.dependencies]
python = ">=3.10,<3.13"
six = "^1.0"
numpy = [
    {version = "^1.0", python = "<3.12"},
    {version = "^2.0", python = ">=3.12"},
]
rich = {version = "*", optional = true}
lone = {version = "*", optional = true}
tied = {version = "*", source = "mine"}

[tool.poetry.extras]
shown = ["rich"]

[tool.poetry.group.docs.dependencies]
sphinx = "~7.1"

[[tool.poetry.source]]
name = "mine"
url = "https://index.example/simple"
priority = "explicit"
"""


def read(data: bytes, **more: Any) -> pyproject.Pyproject:
    return pyproject.read(
        data, path="pyproject.toml", subject="demo", strict=True, **({"extras": ()} | more)
    )


def test_a_whole_file() -> None:
    found = read(FILE, extras=("shown",), groups=("docs",))
    assert (found.name, found.version, found.untold) == ("demo", "2.1", None)
    assert found.requires_python == ">=3.10,<3.13"
    names = [d.requirement.name for d in found.requirements]
    assert names == ["six", "numpy", "numpy", "tied"]
    assert [str(d.requirement) for d in found.extras] == ["rich", "sphinx<7.2,>=7.1"]
    assert found.requirements[0].evidence.origin == "pyproject.toml:8"
    assert [(index.name, index.package) for index in found.indexes] == [("mine", "tied")]


def test_the_standard_table_goes_before_it() -> None:
    text = b"[project]\nname = 'demo'\ndependencies = ['six']\n"
    found = read(text + b"[tool.poetry.dependencies]\nnumpy = {path = 'x'}\n")
    assert [str(d.requirement) for d in found.requirements] == ["six"]
    assert found.untold is None


def wheel(name: str, version: str) -> FakeFile:
    return FakeFile(make_wheel(name, version))


def solved(tmp_path: Path, text: str) -> Resolution:
    (tmp_path / "proj").mkdir()
    file = tmp_path / "proj" / "pyproject.toml"
    file.write_text(text)
    world = {"six": [wheel("six", "1.17"), wheel("six", "2.0")]}
    with IndexServer(world) as index:
        settings = Settings(
            cache_dir=tmp_path / "cache", index=index.url, python=(PythonVersion.parse("3.12"),)
        )
        return pipeline.resolve([str(file)], settings)


def test_a_plan_of_it(tmp_path: Path) -> None:
    found = solved(tmp_path, "[tool.poetry.dependencies]\nsix = '^1.0'\n")
    assert found.status is CellStatus.SOLVED
    assert found.plan is not None
    assert [(p.name, Version(p.version)) for p in found.plan.pins] == [("six", Version("1.17"))]


def test_a_plan_without_dependencies_that_nobody_can_tell_is_unknown(tmp_path: Path) -> None:
    text = "[project]\nname = 'demo'\nversion = '1'\ndynamic = ['dependencies']\n"
    found = solved(tmp_path, text)
    assert found.status is CellStatus.UNKNOWN
    assert found.plan is not None
    assert found.plan.verdict is PlanVerdict.UNKNOWN
    assert [reason.subject for reason in found.reasons] == ["demo"]
