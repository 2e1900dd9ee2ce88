"""Folders that are git repositories: which commit is read, and that git runs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.repos import Repo, bare_copy, make_repo, needs_git, write
from support.trees import NODE, linux, names
from torchsolve.errors import UsageError
from torchsolve.model.project import ProjectKind
from torchsolve.project import git
from torchsolve.project.load import ReadOptions, load


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


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
@pytest.mark.parametrize("folder", ["owner+Node/repo.git", "owner+Node/repo", "owner+Node/x.git"])
def test_the_name_of_a_bare_repository(
    repo: Repo, tmp_path: Path, options: ReadOptions, folder: str
) -> None:
    bare = bare_copy(repo, tmp_path / folder)
    plain = "x" if folder.endswith("x.git") else "Node"
    assert load(str(bare), options).name == plain
    repo.commit({"pyproject.toml": '[project]\nname = "declared"\n[tool.comfy]\n'})
    declared = bare_copy(repo, tmp_path / "more" / folder)
    facts = load(str(declared), options)
    assert facts.name == "declared"
    assert facts.requirements[0].evidence.subject == "declared"
    Repo(declared).git("config", "remote.origin.url", "git@github.com:o/Remote.git")
    assert load(str(declared), options).name == "Remote"


@needs_git
@pytest.mark.parametrize(
    "rev", ["nope", "--upload-pack=id", "-h", "HEAD:nodes.py", "a b", "", "a..b"]
)
def test_unknown_revisions(repo: Repo, options: ReadOptions, rev: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(str(repo.path), replace(options, rev=rev))
    assert caught.value.reference == "unknown-revision"
    assert caught.value.hint


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
