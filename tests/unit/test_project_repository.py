"""Folders and repositories: what is read, what is unknown, what is only named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.repos import Repo, bare_copy, make_repo, needs_git, write
from support.wheels import make_wheel
from torchsolve.errors import UsageError
from torchsolve.model.project import ProjectFacts, ProjectKind
from torchsolve.project import git
from torchsolve.project.load import ReadOptions, load

NODE = "NODE_CLASS_MAPPINGS = {'A': object}\n"
LFS = (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{'ab' * 32}\nsize 123456\n"
)  # fmt: skip


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


def names(facts: ProjectFacts) -> list[str]:
    return [declared.requirement.name for declared in facts.requirements]


def linux(name: str, folder: str = "wheels") -> tuple[str, bytes]:
    wheel = make_wheel(name, "1.0", ["torch>=2.4"], tag="cp312-cp312-linux_x86_64")
    return f"{folder}/{wheel.filename}", wheel.content


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
    assert "install.py: not run" in facts.notes
    (nested,) = [note for note in facts.notes if "vendor" in note]
    assert "not this project's own" in nested
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


def test_requirements_txt_wins_over_pyproject(tmp_path: Path, options: ReadOptions) -> None:
    files: dict[str, bytes | str] = {
        "__init__.py": NODE,
        "pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.10"\n'
        'dependencies = ["accelerate >= 1.2.1", "ftfy>=2",\n'
        '  "git+https://github.com/o/cstr",\n "dill"]',
    }
    alone = load(str(write(tmp_path / "a", files)), options)
    assert names(alone) == ["accelerate", "ftfy", "dill"]
    assert alone.requirements[2].evidence.origin == "pyproject.toml:6"
    assert alone.requires_python == ">=3.10"
    assert any(
        note.startswith("pyproject.toml:5: “git+https://github.com/o/cstr”") for note in alone.notes
    )
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


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    wheel, content = linux("kernel")
    return make_repo(
        tmp_path / "repo",
        {"__init__.py": NODE, "requirements.txt": "numpy\n", "nodes.py": "x = 1", wheel: content},
    )


@needs_git
def test_a_checkout_is_read_as_it_stands(repo: Repo, options: ReadOptions) -> None:
    repo.git("remote", "add", "origin", "https://user:s3cret@github.com/o/My-Node.git")
    facts = load(str(repo.path), options)
    assert facts.name == "My-Node"
    assert facts.source.url == "https://github.com/o/My-Node"
    assert facts.source.commit == repo.git("rev-parse", "HEAD")
    assert facts.source.date == datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert "s3cret" not in repr(facts)
    write(repo.path, {"requirements.txt": "numpy\nscipy\n"})
    changed = load(str(repo.path), options)
    assert names(changed) == ["numpy", "scipy"]
    assert changed.source.commit is None
    assert any(
        "differs from commit" in note and "requirements.txt" in note for note in changed.notes
    )
    at_head = load(str(repo.path), replace(options, rev="HEAD"))
    assert names(at_head) == ["numpy"]


@needs_git
def test_line_ends_do_not_make_a_difference(repo: Repo, options: ReadOptions) -> None:
    write(repo.path, {"requirements.txt": "numpy\r\n"})
    assert load(str(repo.path), options).source.commit is not None


@needs_git
def test_a_bare_repository_is_read_in_place(
    repo: Repo, tmp_path: Path, options: ReadOptions
) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1")
    repo.commit({"requirements.txt": "scipy"})
    bare = bare_copy(repo, tmp_path / "My-Node.git")
    facts = load(str(bare), options)
    assert (facts.name, names(facts), facts.kind) == ("My-Node", ["scipy"], ProjectKind.NODE)
    assert facts.wheels[0].file.sha256 is not None
    for rev in ("v1", first, first[:8], "HEAD~1", "main~1"):
        old = load(str(bare), replace(options, rev=rev))
        assert (names(old), old.source.commit) == (["numpy"], first)


@needs_git
@pytest.mark.parametrize(
    "rev", ["nope", "--upload-pack=id", "-h", "HEAD:nodes.py", "a b", "", "a..b"]
)
def test_unknown_revisions(repo: Repo, options: ReadOptions, rev: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(str(repo.path), replace(options, rev=rev))
    assert caught.value.reference == "unknown-revision"


@needs_git
def test_a_missing_object_is_unknown_and_the_rest_is_read(repo: Repo, options: ReadOptions) -> None:
    (wheel,) = load(str(repo.path), replace(options, rev="HEAD")).wheels
    repo.forget(wheel.file.place or "")
    repo.forget("nodes.py")
    facts = load(str(repo.path), replace(options, rev="HEAD"))
    assert names(facts) == ["numpy"]
    (unread,) = facts.wheels
    assert (unread.metadata, unread.file.sha256) == (None, None)
    assert "not in this repository" in (unread.unread or "")
    assert any(note.startswith("nodes.py: listed") for note in facts.notes)


@needs_git
def test_a_partial_clone_is_never_completed(
    repo: Repo, tmp_path: Path, options: ReadOptions
) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    partial = Repo(tmp_path / "partial")
    source = repo.path.as_uri()
    repo.git(
        "clone", "-q", "--bare", "--template=", "--filter=blob:none", source, str(partial.path)
    )
    facts = load(str(partial.path), options)
    assert names(facts) == []
    assert facts.wheels[0].unread is not None
    assert any(note.startswith("requirements.txt: listed") for note in facts.notes)
    missing = partial.git("rev-list", "--objects", "--all", "--missing=print")
    assert len([line for line in missing.splitlines() if line.startswith("?")]) == 4


_PROGRAMS = (
    "core.fsmonitor", "core.pager", "core.sshCommand", "core.gitProxy", "core.editor",
    "diff.external", "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "gpg.program",
)  # fmt: skip


def _sign(repo: Repo, scratch: Path) -> None:
    """Puts something like a signature into the newest commit."""
    head, _, body = repo.git("cat-file", "commit", "HEAD").partition("\n\n")
    lines = ("-----BEGIN PGP SIGNATURE-----", "", "x", "-----END PGP SIGNATURE-----")
    scratch.write_text(head + "\ngpgsig " + "\n ".join(lines) + f"\n\n{body}\n")
    oid = repo.git("hash-object", "-t", "commit", "-w", str(scratch))
    repo.git("update-ref", "HEAD", oid)


@needs_git
def test_a_hostile_configuration_runs_nothing(
    repo: Repo, tmp_path: Path, options: ReadOptions
) -> None:
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\ncat\n")
    trap.chmod(0o755)
    for key in _PROGRAMS:
        repo.git("config", key, str(trap))
    repo.git("config", "log.showSignature", "true")
    hooks = tmp_path / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        write(hooks, {name: trap.read_text()})
        (hooks / name).chmod(0o755)
    repo.git("config", "core.hooksPath", str(hooks))
    write(repo.path, {".gitattributes": "* filter=x diff=x\n"})
    _sign(repo, tmp_path / "commit")
    sprung.unlink()  # git itself fell into it, while the trap was laid
    load(str(repo.path), options)
    load(str(repo.path), replace(options, rev="HEAD"))
    assert not sprung.exists()


@needs_git
def test_submodules_and_links_are_named_or_left(repo: Repo, options: ReadOptions) -> None:
    sha = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{sha},vendored")
    (repo.path / "requirements.txt").unlink()
    (repo.path / "requirements.txt").symlink_to("/etc/hostname")
    repo.git("add", "requirements.txt")
    repo.git("commit", "-q", "-m", "links")
    facts = load(str(repo.path), replace(options, rev="HEAD"))
    assert "vendored: a git submodule, not read" in facts.notes
    assert facts.requirements == ()


@needs_git
def test_the_callers_git_environment_is_not_ours(
    repo: Repo, options: ReadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    assert names(load(str(repo.path), replace(options, rev="HEAD"))) == ["numpy"]


def test_without_git(tmp_path: Path, options: ReadOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "x", {"requirements.txt": "numpy", ".git/HEAD": ""})
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    facts = load(str(folder), options)
    assert names(facts) == ["numpy"]
    assert any("git is not on PATH" in note for note in facts.notes)
    with pytest.raises(UsageError) as caught:
        load(str(folder), replace(options, rev="main"))
    assert caught.value.reference == "git-missing"


def test_rev_needs_a_repository(tmp_path: Path, options: ReadOptions) -> None:
    folder = write(tmp_path / "x", {"requirements.txt": "numpy"})
    with pytest.raises(UsageError) as caught:
        load(str(folder), replace(options, rev="main"))
    assert caught.value.reference == "not-a-repository"
    for reference in (str(folder / "requirements.txt"), "bria-rmbg"):
        with pytest.raises(UsageError) as caught:
            load(reference, replace(options, rev="main"))
        assert caught.value.reference == "no-revisions"


@needs_git
def test_not_a_repository(tmp_path: Path, options: ReadOptions) -> None:
    folder = write(tmp_path / "x", {"requirements.txt": "numpy", ".git": "gitdir: /nowhere"})
    with pytest.raises(UsageError) as caught:
        load(str(folder), replace(options, rev="main"))
    assert caught.value.reference == "not-a-repository"
    facts = load(str(folder), options)
    assert names(facts) == ["numpy"]


def test_every_call_of_git_is_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TRACE", "1")
    environment: Callable[[str], dict[str, str]] = git.environment
    assert environment(git.LOCAL)["GIT_ALLOW_PROTOCOL"] == "none"
    assert environment(git.LOCAL)["GIT_NO_LAZY_FETCH"] == "1"
    assert environment(git.REMOTE)["GIT_TERMINAL_PROMPT"] == "0"
    assert "GIT_TRACE" not in environment(git.REMOTE)
