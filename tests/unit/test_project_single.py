"""A wheel, a requirements file or a pyproject.toml as the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from support.repos import write
from support.wheels import make_wheel
from torchsolve.errors import TorchsolveError, UnknownError, UsageError
from torchsolve.model.project import ProjectFacts, ProjectKind
from torchsolve.project.load import ReadOptions, load

WHEEL = make_wheel(
    "kernel", "1.0+cu126torch2.7.0", ["torch==2.7.0"], tag="cp312-cp312-linux_x86_64"
)
URL = f"https://index.example/wheels/{WHEEL.filename.replace('+', '%2B')}"


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


def texts(facts: ProjectFacts) -> list[str]:
    return [str(declared.requirement) for declared in facts.requirements]


def test_a_wheel_file(tmp_path: Path, options: ReadOptions) -> None:
    path = WHEEL.write(tmp_path)
    facts = load(str(path), options)
    assert (facts.kind, facts.name, facts.is_node) == (ProjectKind.WHEEL, "kernel", False)
    assert texts(facts) == ["kernel==1.0+cu126torch2.7.0"]
    (wheel,) = facts.wheels
    assert wheel.file.sha256 == WHEEL.sha256
    assert wheel.file.url == path.as_uri()
    assert (wheel.torch, wheel.cuda) == ("==2.7.0", "cu126")
    assert wheel.metadata is not None
    assert wheel.metadata.requires[0].evidence.origin == f"METADATA of {WHEEL.filename}:4"


@pytest.mark.parametrize(
    ("filename", "content", "reference"),
    [
        ("x.whl", b"", "bad-wheel-name"),
        ("x-1.0-py3-none-any.whl", b"no zip", "not-a-wheel"),
        ("x-1.0-py3-none-any.whl", WHEEL.content[:200], "not-a-wheel"),
        (
            "x-1.0-py3-none-any.whl",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n",
            "lfs-pointer",
        ),
        (
            "x-1.0-py3-none-any.whl",
            make_wheel("x", "1.0", metadata=b"Metadata-Version: 2.1\n\n").content,
            "bad-metadata",
        ),
        ("x-1.0-py3-none-any.whl", make_wheel("x", "1.0.1").content, "bad-metadata"),
        ("x-1.0-py3-none-any.whl", make_wheel("y", "1.0").content, "bad-metadata"),
        ("x-1.0+cu126-py3-none-any.whl", make_wheel("x", "1.0").content, "bad-metadata"),
        ("torch-2.9-cp312-cp312-manylinux_2_28_x86_64-cu128.whl", b"", "variant-wheel-name"),
    ],
)
def test_wheels_that_are_none(
    filename: str, content: bytes, reference: str, tmp_path: Path, options: ReadOptions
) -> None:
    path = write(tmp_path, {filename: content}) / filename
    with pytest.raises(UsageError) as caught:
        load(str(path), options)
    assert caught.value.reference == reference
    assert caught.value.hint


def test_a_wheel_under_a_name_that_is_not_its_own(tmp_path: Path, options: ReadOptions) -> None:
    same = {"X_y-1.0.0-py3-none-any.whl": make_wheel("x.Y", "1.0").content}
    assert texts(load(str(write(tmp_path, {**same}) / next(iter(same))), options)) == ["x-y==1.0.0"]
    other = {"x-1.0-py3-none-any.whl": make_wheel("y", "2.0").content}
    with pytest.raises(UsageError) as caught:
        load(str(write(tmp_path, {**other}) / next(iter(other))), options)
    assert "METADATA says y 2.0" in caught.value.message
    assert "file name says x 1.0" in caught.value.message


class Server:
    """Serves WHEEL and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str, target: IO[bytes], /) -> object:
        self.asked.append(url)
        if url != URL:
            target.write(b"half of it")
            raise UnknownError("index-unreachable", "it broke off", origin=url)
        return target.write(WHEEL.content)


def test_a_wheel_at_an_address(options: ReadOptions) -> None:
    server = Server()
    online = replace(options, download=server)
    facts = load(f"{URL}#sha256={WHEEL.sha256}", online)
    assert (facts.wheels[0].file.sha256, facts.wheels[0].file.url) == (WHEEL.sha256, URL)
    assert facts.source.path is None
    assert load(URL, replace(options, offline=True)).wheels == facts.wheels
    assert server.asked == [URL]


def test_a_wheel_at_an_address_that_fails(options: ReadOptions) -> None:
    online = replace(options, download=Server())

    def fails(reference: str, options: ReadOptions) -> TorchsolveError:
        with pytest.raises(TorchsolveError) as caught:
            load(reference, options)
        assert not [path for path in options.cache_dir.rglob("*") if path.is_file()]
        return caught.value

    assert fails(URL, options).reference == "offline-miss"
    assert fails(URL, replace(online, offline=True)).reference == "offline-miss"
    other = "https://index.example/other-1.0-py3-none-any.whl"
    assert fails(other, online).reference == "index-unreachable"
    mismatch = fails(f"{URL}#sha256={'0' * 64}", online)
    assert mismatch.reference == "hash-mismatch"
    assert WHEEL.sha256 in mismatch.message


def test_a_requirements_file(
    tmp_path: Path, options: ReadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    WHEEL.write(tmp_path / "wheels")
    project = (
        '[project]\nname = "lib"\ndependencies = ["tqdm"]\n'
        '[project.optional-dependencies]\nx = ["rich"]'
    )
    write(
        tmp_path,
        {
            "reqs/in.txt": f"-c limits.txt\nnumpy==1.26 --hash=sha256:{'a' * 64}\n"
            f"./wheels/{WHEEL.filename}\n-e ./lib[x]\n./opaque\n",
            "reqs/limits.txt": "numpy<2",
            "lib/pyproject.toml": project,
            "opaque/setup.py": "raise SystemExit('must not run')",
        },
    )
    facts = load("reqs/in.txt", options)
    assert (facts.kind, facts.name) == (ProjectKind.REQUIREMENTS, "in.txt")
    assert texts(facts) == ["numpy==1.26", "kernel==1.0+cu126torch2.7.0", "tqdm", "rich"]
    assert facts.requirements[0].evidence.origin == "reqs/in.txt:2"
    assert str(facts.constraints[0].requirement) == "numpy<2"
    assert facts.hashes == (("numpy", frozenset({f"sha256:{'a' * 64}"})),)
    assert facts.wheels[0].file.sha256 == WHEEL.sha256
    lib, opaque = facts.notes
    assert lib == (
        "reqs/in.txt:4: -e ./lib: its dependencies are solved; "
        "the package itself is not installed in the image"
    )
    assert "./opaque" in opaque
    assert "unknown" in opaque


def test_local_paths_that_are_not_there(
    tmp_path: Path, options: ReadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("./missing", "./missing-1-py3-none-any.whl", "-e ../gone"):
        write(tmp_path, {"r.txt": line})
        with pytest.raises(UsageError) as caught:
            load("r.txt", options)
        assert caught.value.reference == "no-such-file"
        assert caught.value.hint


def test_a_pyproject(tmp_path: Path, options: ReadOptions) -> None:
    path = write(tmp_path / "lib", {"pyproject.toml": "[project]\nname='Lib'"}) / "pyproject.toml"
    silent = load(str(path), options)
    assert (silent.kind, silent.name, texts(silent)) == (ProjectKind.PROJECT, "Lib", [])
    assert "unknown" in silent.notes[0]
    write(tmp_path / "lib", {"pyproject.toml": "[project]\ndependencies=['torch>=2.8,<2.9']"})
    declared = load(str(path), options)
    assert (declared.name, texts(declared), declared.notes) == ("lib", ["torch<2.9,>=2.8"], ())
    assert declared.requirements[0].evidence.origin == f"{path}:2"
    write(tmp_path / "lib", {"pyproject.toml": "[tool.comfy]\n[project]\ndependencies=[]"})
    assert load(str(path), options).is_node


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("[project", "bad-toml"),
        ("\xff", "bad-toml"),
        ("[project]\ndependencies = ['git+https://github.com/o/r']", "bad-requirement"),
        ("[project]\ndependencies = ['torch=2']", "bad-requirement"),
    ],
)
def test_bad_pyprojects(text: str, reference: str, tmp_path: Path, options: ReadOptions) -> None:
    write(tmp_path, {"pyproject.toml": text.encode("latin-1")})
    with pytest.raises(UsageError) as caught:
        load(str(tmp_path / "pyproject.toml"), options)
    assert caught.value.reference == reference
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[tool.poetry.dependencies]\ntorch = {path = '../torch'}", "torch is a path"),
        ("[tool.poetry.dependencies]\ntorch = '^1.2 || ^3.0'", "a gap between 2.0 and 3.0"),
        ("[project]\nname = 'x'\ndynamic = ['dependencies']", "its build backend alone"),
        ("[build-system]\nrequires = ['setuptools']", "no [project] table"),
    ],
)
def test_what_a_build_alone_tells_is_unknown_not_absent(
    text: str, why: str, tmp_path: Path, options: ReadOptions
) -> None:
    write(tmp_path, {"pyproject.toml": text})
    for place in (tmp_path, tmp_path / "pyproject.toml"):
        facts = load(str(place), options)
        assert len(facts.untold) == 1
        assert why in facts.untold[0].statement
        assert facts.requirements == ()


def test_a_setup_py_alone_is_unknown_and_no_dependencies_are_none(
    tmp_path: Path, options: ReadOptions
) -> None:
    write(tmp_path, {"setup.py": "from setuptools import setup; setup()"})
    assert [fact.origin for fact in load(str(tmp_path), options).untold] == ["setup.py"]
    # PEP 621: what is neither there nor dynamic is empty.
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'\ndependencies = []"})
    assert load(str(tmp_path), options).untold == ()


def test_a_file_of_another_kind(tmp_path: Path, options: ReadOptions) -> None:
    write(tmp_path, {"environment.yaml": "x"})
    with pytest.raises(UsageError) as caught:
        load(str(tmp_path / "environment.yaml"), options)
    assert caught.value.reference == "unknown-reference"
