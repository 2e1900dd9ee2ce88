"""Folders and repositories: what is read, what is unknown, what is only named."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from support.repos import write
from support.trees import LFS, NODE, linux, names
from support.wheels import make_wheel
from torchsolve.errors import UsageError
from torchsolve.model.project import ProjectKind
from torchsolve.project.load import ReadOptions, load


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


def test_a_folder(tmp_path: Path, options: ReadOptions) -> None:
    path, content = linux("kernel")
    windows = make_wheel("kernel", "1.0", tag="cp312-cp312-win_amd64")
    mac = make_wheel("kernel", "1.0", tag="cp312-cp312-macosx_11_0_arm64")
    folder = write(
        tmp_path / "My-Node",
        {
            "__init__.py": NODE,
            "requirements.txt": "scipy\r\nnumpy",
            "install.py": "raise SystemExit('must not run')",
            "vendor/requirements.txt": "deepspeed==0.16.3",
            "vendor/more/requirement.txt": "x",
            path: content,
            f"wheels/win/{windows.filename}": windows.content,
            f"wheels/mac/{mac.filename}": mac.content,
            ".git-like/requirements.txt": "hidden",
        },
    )
    facts = load(str(folder), options)
    assert (facts.name, facts.kind, facts.is_node) == ("My-Node", ProjectKind.NODE, True)
    assert names(facts) == ["scipy", "numpy"]
    assert facts.requirements[1].evidence.origin == "requirements.txt:2"
    assert facts.foreign == (f"wheels/mac/{mac.filename}", f"wheels/win/{windows.filename}")
    (wheel,) = facts.wheels
    assert wheel.file.place == path
    assert wheel.file.sha256 == hashlib.sha256(content).hexdigest()
    assert wheel.file.size == len(content)
    assert wheel.file.url == (folder / path).as_uri()
    assert wheel.metadata is not None
    assert [str(d.requirement) for d in wheel.metadata.requires] == ["torch>=2.4"]
    assert facts.node_classes == ("A",)
    assert facts.installer is not None, "install.py is read, never run"
    assert facts.notes == ()
    listed = {surface.place: surface.says for surface in facts.surfaces}
    assert listed.keys() == {"vendor/requirements.txt", "vendor/more/requirement.txt"}
    assert "vendored" in listed["vendor/requirements.txt"]
    assert facts.source.path == str(folder)
    assert facts.source.commit is None


def test_what_makes_a_node(tmp_path: Path, options: ReadOptions) -> None:
    def kind(number: int, files: dict[str, bytes | str]) -> ProjectKind:
        folder = write(tmp_path / str(number), {"requirements.txt": "numpy", **files})
        return load(str(folder), options).kind

    nodes: list[dict[str, bytes | str]] = [
        {"__init__.py": "from .src import NODE_CLASS_MAPPINGS"},
        {"__init__.py": "from .src import X as NODE_CLASS_MAPPINGS"},
        {"__init__.py": "from .src import *\n__all__ = ['NODE_CLASS_MAPPINGS']"},
        {"__init__.py": "async def comfy_entrypoint(): ..."},
        {"nodes.py": "if True:\n    NODE_CLASS_MAPPINGS: dict = {}"},
        {"__init__.py": "print 'python 2'\nNODE_CLASS_MAPPINGS = {}"},
        {"pyproject.toml": "[tool.comfy]\nPublisherId = 'x'"},
    ]
    others: list[dict[str, bytes | str]] = [
        {},
        {"__init__.py": "# NODE_CLASS_MAPPINGS is not here"},
        {"app.py": "print(module.NODE_CLASS_MAPPINGS)"},
        {"deep/er/__init__.py": NODE},
        {"nodes.py": NODE, "main.py": "", "execution.py": "", "comfy/model_management.py": ""},
    ]
    assert {kind(n, files) for n, files in enumerate(nodes)} == {ProjectKind.NODE}
    assert {kind(n + 50, files) for n, files in enumerate(others)} == {ProjectKind.PROJECT}


def test_nothing_to_read_is_an_error(tmp_path: Path, options: ReadOptions) -> None:
    with pytest.raises(UsageError) as caught:
        load(str(write(tmp_path / "x", {"README.md": "hello"})), options)
    assert caught.value.reference == "not-a-project"
    assert caught.value.hint


def test_requirements_txt_wins_over_pyproject(tmp_path: Path, options: ReadOptions) -> None:
    files: dict[str, bytes | str] = {
        "__init__.py": NODE,
        "pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.10"\n'
        'dependencies = ["accelerate >= 1.2.1", "ftfy>=2",\n\n "dill"]',
    }
    alone = load(str(write(tmp_path / "a", files)), options)
    assert names(alone) == ["accelerate", "ftfy", "dill"]
    assert alone.requirements[2].evidence.origin == "pyproject.toml:6"
    assert alone.requires_python == ">=3.10"
    both = load(
        str(
            write(tmp_path / "b", {**files, "requirements.txt": "accelerate>=1.2.1\nftfy\neinops"})
        ),
        options,
    )
    assert names(both) == ["accelerate", "ftfy", "einops"]
    (note,) = [note for note in both.notes if "differs" in note]
    assert "only in requirements.txt: einops" in note
    assert "only in pyproject.toml: dill" in note
    assert "otherwise bounded: ftfy" in note
    assert "accelerate" not in note


def test_a_bad_line_is_an_error_where_nothing_else_says_what_is_needed(
    tmp_path: Path, options: ReadOptions
) -> None:
    text = '[project]\nname = "x"\ndependencies = [\n "dill",\n "git+https://github.com/o/r"]'
    folder = write(tmp_path / "a", {"__init__.py": NODE, "pyproject.toml": text})
    with pytest.raises(UsageError) as caught:
        load(str(folder), options)
    assert (caught.value.reference, caught.value.origin) == ("bad-requirement", "pyproject.toml:5")
    assert caught.value.hint
    write(folder, {"pyproject.toml": "[project\n"})
    with pytest.raises(UsageError) as caught:
        load(str(folder), options)
    assert caught.value.reference == "bad-toml"
    write(folder, {"pyproject.toml": text, "requirements.txt": "numpy"})
    both = load(str(folder), options)
    assert names(both) == ["numpy"]
    assert any(
        note.startswith("pyproject.toml:5: “git+https://github.com/o/r”") for note in both.notes
    )


def test_a_folder_of_the_tree_that_is_to_be_installed(tmp_path: Path, options: ReadOptions) -> None:
    lib = (
        '[project]\nname = "lib"\ndependencies = ["tqdm"]\n'
        '[project.optional-dependencies]\nx = ["rich"]'
    )
    files = {
        "requirements.txt": "-e ./libs/one[x]\n./two\n",
        "libs/one/pyproject.toml": lib,
        "two/setup.py": "raise SystemExit('must not run')",
    }
    facts = load(str(write(tmp_path / "a", dict(files))), options)
    assert names(facts) == ["tqdm", "rich"]
    assert facts.requirements[0].evidence.origin == "libs/one/pyproject.toml:3"
    one, two = (n for n in facts.notes if n.startswith("requirements.txt:"))
    assert one == (
        "requirements.txt:1: -e ./libs/one: its dependencies are solved; "
        "the package itself is not installed in the image"
    )
    assert "./two depends on is unknown" in two
    assert "not installed" in two


def test_dynamic_dependencies_and_the_project_itself(tmp_path: Path, options: ReadOptions) -> None:
    dynamic = (
        '[project]\nname = "x"\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies = {file = ["reqs/base.txt"]}'
    )
    folder = write(tmp_path / "a", {"pyproject.toml": dynamic, "reqs/base.txt": "numpy\n-r b.txt"})
    write(folder, {"reqs/b.txt": "scipy"})
    assert names(load(str(folder), options)) == ["numpy", "scipy"]
    static = '[project]\nname = "x"\ndependencies = ["torch"]\n'
    folder = write(
        tmp_path / "b", {"pyproject.toml": static, "requirements.txt": "numpy\n-e .\n./lib"}
    )
    facts = load(str(folder), options)
    assert names(facts) == ["numpy", "torch"]
    assert any("./lib" in note and "unknown" in note for note in facts.notes)


def test_a_wheel_of_its_own_that_is_asked_for(tmp_path: Path, options: ReadOptions) -> None:
    path, content = linux("kernel", "wheels/a")
    other, _ = linux("other", "wheels/b")
    text = f"./{path}\n./wheels/nonsense.whl\n"
    folder = write(tmp_path / "x", {"requirements.txt": text, path: content, other: content})
    facts = load(str(folder), options)
    assert [str(d.requirement) for d in facts.requirements] == ["kernel==1.0"]
    assert any(note.startswith("requirements.txt:2") for note in facts.notes)


def test_setup_py_is_unknown_not_absent(tmp_path: Path, options: ReadOptions) -> None:
    folder = write(tmp_path / "x", {"setup.py": "raise SystemExit('must not run')"})
    assert "setup.py: not run; what it asks for is unknown" in load(str(folder), options).notes
    write(folder, {"requirements.txt": "numpy"})
    assert load(str(folder), options).notes == ()


def test_extras_are_followed_when_asked_for(tmp_path: Path, options: ReadOptions) -> None:
    text = (
        '[project]\nname = "x"\ndependencies = []\n'
        '[project.optional-dependencies]\nGPU_all = ["xformers"]\n'
    )
    folder = write(tmp_path / "a", {"pyproject.toml": text})
    assert names(load(str(folder), options)) == []
    asked = replace(options, extras=("gpu-all",))
    assert names(load(str(folder), asked)) == ["xformers"]
    write(folder, {"requirements.txt": "numpy\n-e .[gpu_all]"})
    assert names(load(str(folder), asked)) == ["numpy", "xformers", "xformers"]
    assert names(load(str(folder), options)) == ["numpy", "xformers"]
    with pytest.raises(UsageError) as caught:
        load(str(folder / "pyproject.toml"), replace(options, extras=("nope",)))
    assert caught.value.reference == "unknown-extra"
    assert "GPU_all" in caught.value.hint


def test_broken_metadata_of_a_repository_is_noted(tmp_path: Path, options: ReadOptions) -> None:
    folder = write(
        tmp_path / "a",
        {"__init__.py": NODE, "pyproject.toml": "[project\n", "requirements.txt": "numpy\ntorch=1"},
    )
    facts = load(str(folder), options)
    assert names(facts) == ["numpy"]
    assert any(note.startswith("requirements.txt:2") for note in facts.notes)
    assert any(note.startswith("pyproject.toml: this is no TOML") for note in facts.notes)


def test_wheels_that_cannot_be_read(tmp_path: Path, options: ReadOptions) -> None:
    good, content = linux("good")
    folder = write(
        tmp_path / "a",
        {
            good: content,
            "wheels/lfs-1.0-cp312-cp312-linux_x86_64.whl": LFS,
            "wheels/broken-1.0-cp312-cp312-linux_x86_64.whl": b"PK\x03\x04 cut off",
            "wheels/not a wheel name.whl": b"",
            "wheels/torch-2.9-cp312-cp312-manylinux_2_28_x86_64-cu128.whl": content,
        },
    )
    facts = load(str(folder), options)
    found = {str(wheel.file.name): wheel for wheel in facts.wheels}
    assert sorted(found) == ["broken", "good", "lfs"]
    assert found["good"].unread is None
    assert found["lfs"].metadata is None
    assert (found["lfs"].file.sha256, found["lfs"].file.size) == ("ab" * 32, 123456)
    assert "Git LFS pointer" in (found["lfs"].unread or "")
    assert (found["broken"].unread or "").startswith("not-a-wheel")
    assert len([note for note in facts.notes if note.startswith("wheels/")]) == 2


def test_a_bundled_wheel_that_pip_refuses_is_unread(tmp_path: Path, options: ReadOptions) -> None:
    path, content = linux("kernel")
    renamed = path.replace("1.0", "2.0")
    facts = load(str(write(tmp_path / "x", {renamed: content})), options)
    (wheel,) = facts.wheels
    assert wheel.metadata is None
    assert wheel.unread == (
        "bad-metadata: its METADATA says kernel 1.0, its file name says kernel 2.0"
    )
    (note,) = facts.notes
    assert note.startswith(f"{renamed}: its METADATA says kernel 1.0")


def test_required_is_what_every_folder_holds(tmp_path: Path, options: ReadOptions) -> None:
    files = dict(linux(n, f"wheels/Torch{t}") for n in ("a", "b") for t in ("270", "291"))
    files |= dict([linux("only-new", "wheels/Torch291")])
    facts = load(str(write(tmp_path / "x", dict(files))), options)
    assert {w.file.name: w.required for w in facts.wheels} == {
        "a": True,
        "b": True,
        "only-new": False,
    }


def test_what_is_not_part_of_a_folder(tmp_path: Path, options: ReadOptions) -> None:
    path, content = linux("outside", "elsewhere")
    write(tmp_path, {path: content})
    folder = write(tmp_path / "x", {"requirements.txt": "numpy", "env/pyvenv.cfg": ""})
    write(folder, dict([linux("inside", "env/lib"), linux("cached", ".cache")]))
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "link.whl").symlink_to(tmp_path / path)
    assert load(str(folder), options).wheels == ()
