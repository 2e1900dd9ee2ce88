"""Local git repositories: found, asked for a revision, never written to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass
from torchsolve.project import git

_COMMITTER = re.compile(r"^committer .* (\d+) [+-]\d{4}$", re.MULTILINE)
_SCP = re.compile(r"(?:ssh://)?(?:[\w.-]+@)?(?P<host>[\w.-]+)[:/](?P<path>(?!//).+)")


def git_dir_of(folder: Path) -> Path | None:
    """The git directory of a checkout or of a bare repository; None where ``folder`` is neither."""
    if (folder / ".git").exists():
        return folder / ".git"
    bare = (
        (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
    )
    return folder if bare else None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a local repository. ``url``: where it can be cloned from, None when unknown."""

    sha: str
    date: datetime
    url: str | None


def commit_of(git_dir: Path, rev: str | None) -> Commit:
    """The commit that ``rev`` (HEAD when None) names.

    Raises UsageError ``unknown-revision``, ``not-a-repository``, ``git-missing``.
    """
    sha = git.text(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{checked(rev)}^{{commit}}"],
        git_dir=git_dir,
    )
    if not sha:
        if git.text(["rev-parse", "--git-dir"], git_dir=git_dir) is None:
            raise UsageError(
                "not-a-repository",
                "git cannot read it",
                origin=str(git_dir),
                hint="git -C FOLDER status says why",
            )
        raise UsageError(
            "unknown-revision",
            f"there is no commit {rev}" if rev else "it has no commit yet",
            origin=str(git_dir),
            hint="git log --all shows those that it has" if rev else "commit, or leave --rev out",
        )
    return Commit(sha, date_of(git_dir, sha), _origin(git_dir))


def checked(rev: str | None) -> str:
    """``rev``, HEAD when None.

    Raises UsageError ``unknown-revision`` for one that git could misread.
    """
    if rev is None:
        return "HEAD"
    if not rev or rev.startswith("-") or re.search(r"[\x00-\x20\x7f:?*\[\\]|\.\.", rev):
        raise UsageError(
            "unknown-revision",
            f"{rev!r} is not a revision",
            origin="--rev",
            hint="name a branch, a tag or a commit",
        )
    return rev


def date_of(git_dir: Path, sha: str) -> datetime:
    """When the commit was made, UTC."""
    # Not ``git show``: with log.showSignature it runs the program that gpg.program names.
    text = git.text(["cat-file", "commit", sha], git_dir=git_dir) or ""
    match = _COMMITTER.search(text)
    return datetime.fromtimestamp(int(match[1]) if match else 0, UTC)


def differing(git_dir: Path, sha: str, root: Path, places: Iterable[str]) -> tuple[str, ...]:
    """Which of ``places`` are not on disk as the commit has them (line ends aside), sorted."""
    wanted = sorted(set(places))
    done = git.run(["ls-tree", "-z", "--full-tree", sha, "--", *wanted], git_dir=git_dir)
    rows = (
        row.partition("\t") for row in done.stdout.decode("utf-8", "replace").split("\0") if row
    )
    oids = {path: meta.split(" ")[2] for meta, _, path in rows}
    return tuple(p for p in wanted if not _same(root / p, oids.get(p)))


def _same(path: Path, oid: str | None) -> bool:
    if oid is None or not path.is_file():
        return oid is None and not path.exists()
    data = path.read_bytes()
    return oid in (_blob_id(data, oid), _blob_id(data.replace(b"\r\n", b"\n"), oid))


def _blob_id(data: bytes, like: str) -> str:
    algorithm = "sha1" if len(like) == 40 else "sha256"
    digest = hashlib.new(algorithm, usedforsecurity=False)
    digest.update(b"blob %d\0" % len(data))
    digest.update(data)
    return digest.hexdigest()


def _origin(git_dir: Path) -> str | None:
    url = git.text(["config", "--get", "remote.origin.url"], git_dir=git_dir)
    return public_url(url) if url else None


def public_url(url: str) -> str | None:
    """The https address of a remote, without user or token; None where it is a path.

    ``git@github.com:owner/repo.git`` → ``https://github.com/owner/repo``.
    """
    if url.startswith(("https://", "http://")):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(("https", host, parts.path.rstrip("/").removesuffix(".git"), "", ""))
    match = _SCP.fullmatch(url)
    if match and "@" in url:
        return f"https://{match['host']}/{match['path'].rstrip('/').removesuffix('.git')}"
    return None
