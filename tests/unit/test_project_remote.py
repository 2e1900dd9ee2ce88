"""Remote repositories, over file:// and against a server that only knows how to refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.repos import Repo, bare_copy, make_repo, needs_git
from support.wheels import make_wheel
from torchsolve.errors import TorchsolveError, UnknownError, UsageError
from torchsolve.project import git, remote
from torchsolve.project.load import ReadOptions, load

pytestmark = needs_git
WHEEL = make_wheel("kernel", "1.0", tag="cp312-cp312-linux_x86_64")


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    files: dict[str, bytes | str] = {"requirements.txt": "numpy", WHEEL.filename: WHEEL.content}
    repo = make_repo(tmp_path / "My-Node", files)
    repo.git("tag", "--annotate", "v1", "--message", "one")
    repo.commit({"requirements.txt": "scipy"})
    repo.git("branch", "side/branch")
    repo.commit({"requirements.txt": "torch"})
    return repo


def asked(reference: str, options: ReadOptions) -> tuple[str, str | None]:
    facts = load(reference, options)
    return facts.requirements[0].requirement.name, facts.source.commit


def test_branches_tags_and_commits(repo: Repo, options: ReadOptions) -> None:
    url = repo.path.as_uri()
    head, side, first = (repo.git("rev-parse", r) for r in ("HEAD", "HEAD~1", "HEAD~2"))
    assert asked(url, options) == ("torch", head)
    assert asked(f"{url}@main", options) == ("torch", head)
    assert asked(f"{url}@side/branch", options) == ("scipy", side)
    assert asked(f"{url}@v1", options) == ("numpy", first)
    assert asked(f"{url}@{first}", options) == ("numpy", first)
    assert asked(f"{url}@{side[:9]}", options) == ("scipy", side)
    assert asked(f"{url}@main", replace(options, rev="v1")) == ("numpy", first)
    facts = load(url, options)
    assert (facts.name, facts.source.url, facts.source.path) == ("My-Node", url, None)
    assert facts.wheels[0].file.sha256 == WHEEL.sha256


def test_the_cache_serves_offline(repo: Repo, options: ReadOptions) -> None:
    url = repo.path.as_uri()
    offline = replace(options, offline=True)
    with pytest.raises(UnknownError) as caught:
        load(url, offline)
    assert caught.value.reference == "offline-miss"
    first = repo.git("rev-parse", "v1^{commit}")
    for rev in (None, "v1", "side/branch"):
        load(url, replace(options, rev=rev))
    repo.commit({"requirements.txt": "newer"})
    assert asked(url, offline)[0] == "torch"
    assert asked(url, replace(offline, rev="v1")) == ("numpy", first)
    assert asked(url, replace(offline, rev=first)) == ("numpy", first)
    assert asked(url, replace(offline, rev=first[:10])) == ("numpy", first)
    with pytest.raises(UnknownError):
        load(url, replace(offline, rev="main"))
    assert asked(url, options)[0] == "newer"
    assert asked(url, offline)[0] == "newer"


def test_a_cached_commit_needs_no_remote(repo: Repo, options: ReadOptions) -> None:
    head = repo.git("rev-parse", "HEAD")
    url = repo.path.as_uri()
    load(url, options)
    repo.path.rename(repo.path.with_name("gone"))
    assert asked(url, replace(options, rev=head)) == ("torch", head)


def test_nothing_is_left_of_a_failed_fetch(repo: Repo, options: ReadOptions) -> None:
    for rev in ("nope", "0" * 40, "abcdef0"):
        with pytest.raises(UsageError) as caught:
            load(repo.path.as_uri(), replace(options, rev=rev))
        assert caught.value.reference == "unknown-revision"
    assert [path for path in options.cache_dir.rglob("*") if path.is_file()] == []
    assert list(options.cache_dir.rglob("part-*")) == []


@pytest.mark.parametrize("rev", ["--upload-pack=touch x", "-v", "a:b", "a b", "*", "x..y", "a\nb"])
def test_a_revision_is_never_an_option(repo: Repo, options: ReadOptions, rev: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(repo.path.as_uri(), replace(options, rev=rev))
    assert caught.value.reference == "unknown-revision"


def test_a_repository_that_is_none(tmp_path: Path, options: ReadOptions) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(UsageError) as caught:
            load(path.as_uri(), options)
        assert caught.value.reference == "not-a-repository"


def test_submodules_are_not_fetched(repo: Repo, tmp_path: Path, options: ReadOptions) -> None:
    other = make_repo(tmp_path / "other", {"requirements.txt": "evil"})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.path.as_uri())
    repo.git("commit", "--quiet", "--message", "submodule")
    facts = load(repo.path.as_uri(), options)
    assert "other: a git submodule, not read" in facts.notes
    assert not [p for p in options.cache_dir.rglob("*") if "other" in p.name]


def test_a_bare_server_with_packs(repo: Repo, tmp_path: Path, options: ReadOptions) -> None:
    bare = bare_copy(repo, tmp_path / "served.git")
    assert asked(bare.as_uri(), options)[0] == "torch"
    assert load(bare.as_uri(), options).name == "served"


@contextmanager
def refusing(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/o/r"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "kind", "reference"),
    [
        (401, UnknownError, "repository-forbidden"),
        (403, UnknownError, "repository-forbidden"),
        (404, UsageError, "not-a-repository"),
        (500, UnknownError, "repository-unreachable"),
    ],
)
def test_what_a_server_says(
    status: int,
    kind: type[TorchsolveError],
    reference: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(git, "REMOTE", "http")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with refusing(status) as url, pytest.raises(kind) as caught:
        remote.clone(url, None, tmp_path / "cache", offline=False)
    assert caught.value.reference == reference


def test_an_unreachable_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "REMOTE", "http")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(UnknownError) as caught:
        remote.clone("http://127.0.0.1:1/o/r", None, tmp_path / "cache", offline=False)
    assert caught.value.reference == "repository-unreachable"


def test_a_transport_that_was_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UnknownError) as caught:
        remote.clone("http://127.0.0.1:1/o/r", None, tmp_path / "cache", offline=False)
    assert "transport 'http' not allowed" in caught.value.message


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        remote.clone("file:///srv/x", None, tmp_path / "cache", offline=False)
    assert caught.value.reference == "git-missing"
