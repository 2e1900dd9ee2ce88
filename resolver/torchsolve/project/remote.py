"""Remote repositories: one shallow fetch a commit, kept bare under the cache folder.

Layout: ``git/<hash of URL>/<commit>.git`` and ``git/<hash of URL>/<hash of rev>.rev``, which holds
the commit that a branch or tag last meant, for ``--offline``. A clone appears whole or not at all.
Credentials come from the user's own git configuration and are never seen here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from torchsolve.errors import UnknownError, UsageError
from torchsolve.project import git
from torchsolve.project.gitdir import checked
from torchsolve.project.tree import last_line

_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{7,39}")
_FORBIDDEN = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|prompts disabled|error: 40[13]"
)
_ABSENT = re.compile(r"repository .* not found|does not appear to be a git repository|error: 404")
_NO_REV = re.compile(r"couldn't find remote ref|not our ref|no such remote ref|unadvertised object")


def clone(url: str, rev: str | None, cache_dir: Path, *, offline: bool) -> tuple[Path, str]:
    """The bare clone that holds ``rev`` (the default branch when None), and its commit.

    Raises:
        UsageError: ``unknown-revision``, ``not-a-repository``, ``git-missing``.
        UnknownError: ``repository-forbidden``, ``repository-unreachable``, ``offline-miss``.
    """
    wanted = checked(rev)
    home = cache_dir / "git" / _key(url)
    if offline:
        return _offline(home, url, wanted)
    commit = wanted if _SHA.fullmatch(wanted) else _remote_commit(url, wanted)
    kept = home / f"{commit}.git"
    if not kept.is_dir():
        _fetch(url, commit, kept)
    _remember(home, wanted, commit)
    return kept, commit


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _offline(home: Path, url: str, rev: str) -> tuple[Path, str]:
    note = home / f"{_key(rev)}.rev"
    commit = note.read_text().strip() if note.is_file() else rev
    found = (
        [home / f"{commit}.git"]
        if _SHA.fullmatch(commit)
        else list(home.glob(f"{_glob(rev)}*.git"))
    )
    if len(found) == 1 and found[0].is_dir():
        return found[0], found[0].stem
    raise UnknownError(
        "offline-miss",
        f"{url} at {rev} is not in the cache, and --offline forbids to fetch it",
        origin=url,
        hint="run once without --offline",
    )


def _glob(rev: str) -> str:
    return rev if _SHORT.fullmatch(rev) else "-"


def _remember(home: Path, rev: str, commit: str) -> None:
    note = home / f"{_key(rev)}.rev"
    if rev != commit and not (note.is_file() and note.read_text() == commit):
        part = note.with_suffix(f".{_key(commit)}")
        part.write_text(commit)
        part.replace(note)


def _remote_commit(url: str, rev: str) -> str:
    """What a branch, tag or ``HEAD`` means now; a peeled tag before a branch, as git does."""
    names = [rev] if rev == "HEAD" or rev.startswith("refs/") else []
    names += [f"refs/tags/{rev}^{{}}", f"refs/tags/{rev}", f"refs/heads/{rev}"]
    done = _remote(["ls-remote", "--", url, *names], url, rev)
    lines = (line.split("\t") for line in done.decode("utf-8", "replace").splitlines())
    refs = {parts[1]: parts[0] for parts in lines if len(parts) == 2}
    commit = next((refs[name] for name in names if name in refs), None)
    if commit is None and _SHORT.fullmatch(rev):
        commit = _expand(url, rev)
    if commit is None:
        raise _unknown(url, rev)
    return commit


def _expand(url: str, short: str) -> str | None:
    """The full id of a short one: servers cannot say it, so the bare commits are fetched."""
    with _scratch(None) as scratch:
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        arguments = ["fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", url, *refs]
        _remote(arguments, url, short, scratch)
        return git.text(
            ["rev-parse", "--verify", "--quiet", f"{short}^{{commit}}"], git_dir=scratch
        )


def _fetch(url: str, commit: str, kept: Path) -> None:
    with _scratch(kept.parent) as scratch:
        arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"]
        _remote([*arguments, url, commit], url, commit, scratch)
        head = git.text(["rev-parse", "--verify", f"{commit}^{{commit}}"], git_dir=scratch)
        if head != commit:
            raise _unknown(url, commit)
        git.text(["update-ref", "refs/heads/kept", commit], git_dir=scratch)
        git.text(["config", "remote.origin.url", url], git_dir=scratch)
        try:
            scratch.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another run was faster, with the same commit
                raise


@contextmanager
def _scratch(home: Path | None) -> Iterator[Path]:
    """An empty bare repository, gone afterwards unless it was renamed."""
    if home:
        home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="part-", dir=home))
    try:
        git.run(["init", "--quiet", "--bare", "--template=", str(folder)])
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remote(arguments: Sequence[str], url: str, rev: str, git_dir: Path | None = None) -> bytes:
    done = git.run(arguments, git_dir=git_dir, transports=git.REMOTE)
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace")
    if _NO_REV.search(said):
        raise _unknown(url, rev)
    if _ABSENT.search(said):
        raise UsageError(
            "not-a-repository",
            f"there is no repository at {url}",
            origin=url,
            hint="check the address",
        )
    if _FORBIDDEN.search(said):
        raise UnknownError(
            "repository-forbidden",
            f"{url} does not exist, or you may not read it",
            origin=url,
            hint="check the name; for a private repository set up a git credential helper",
        )
    raise UnknownError(
        "repository-unreachable",
        f"{url} cannot be reached: {last_line(done.stderr)}",
        origin=url,
        hint="check the network and the proxy, or use --offline if it was read before",
    )


def _unknown(url: str, rev: str) -> UsageError:
    return UsageError(
        "unknown-revision",
        f"there is no revision {rev} in {url}",
        origin=url,
        hint="name a branch, a tag or a commit that was pushed there",
    )
