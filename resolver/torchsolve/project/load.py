"""The door of this room: a reference → ProjectFacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torchsolve.errors import UsageError
from torchsolve.model.project import ProjectFacts, ProjectKind, SourceLocation
from torchsolve.model.trace import unwatched
from torchsolve.model.values import replace
from torchsolve.project import samples
from torchsolve.project.options import ReadOptions
from torchsolve.project.reference import (
    LocalPath,
    RegistryId,
    Repository,
    SampleName,
    WheelUrl,
    classify,
)

if TYPE_CHECKING:
    from torchsolve.project.tree import Tree

__all__ = ["ReadOptions", "load", "load_all"]

_GENERIC = ("", "git", "repo", "src")


def load(reference: str, options: ReadOptions) -> ProjectFacts:
    """Read what ``reference`` names; ``reference.py`` says how its kind is told.

    Nothing of the project is run, imported or built. Only a remote repository or a wheel at an
    address opens a socket, and neither does when ``options.offline``.

    Raises:
        UsageError: bad input; see the readers of each kind.
        UnknownError: a repository or an address that cannot be reached or may not be read.
    """
    what = classify(reference, samples.names)
    if options.rev is not None and not _has_revisions(what):
        raise UsageError(
            "no-revisions",
            "--rev is for git repositories",
            origin=reference,
            hint="leave --rev out",
        )
    if not _is_one_file(what):
        unwatched()
    match what:
        case SampleName(name):
            sample = samples.load(name, reference, undeclared=options.undeclared)
            return replace(sample, lacking=options.lacking())
        case WheelUrl(url):
            return _wheel_url(url, reference, options)
        case Repository(url, rev):
            return _repository(url, options.rev or rev, reference, options)
        case RegistryId(node, rev):
            return _of_registry(node, options.rev or rev, reference, options)
        case LocalPath(path, rev):
            given = rev if options.rev is None else options.rev
            return _path(path, reference, replace(options, rev=given))


def _is_one_file(what: object) -> bool:
    return isinstance(what, SampleName) or (isinstance(what, LocalPath) and what.path.is_file())


def _of_registry(node: str, rev: str | None, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project import registry

    base, download = options.registry or registry.BASE, options.online_download
    address = registry.repository_of(node, base, options.cache_dir, download)
    match classify(address, samples.names):
        case Repository(url, own):
            return _repository(url, rev or own, reference, options)
        case _:
            raise UsageError(
                "unsupported-transport",
                f"the registry says that {node} is at {address}",
                origin=reference,
                hint="name a repository that git can fetch by https",
            )


def load_all(references: Sequence[str], options: ReadOptions) -> tuple[ProjectFacts, ...]:
    """All that is named, in order.

    Raises UsageError ``same-project`` for two that are one, or that one image cannot hold because
    they have one name; ``unknown-extra`` and ``unknown-group`` for one that none of them has; and
    what ``load`` raises.
    """
    found: dict[object, ProjectFacts] = {}
    for reference in references:
        project = load(reference, options)
        other = found.setdefault(_identity(project), project)
        if other is not project:
            raise UsageError(
                "same-project",
                f"{other.reference} and {reference} are both {project.name}",
                origin=reference,
                hint="name each project once",
            )
    _refuse_lacking(found.values())
    return tuple(found.values())


def _refuse_lacking(projects: Iterable[ProjectFacts]) -> None:
    """An extra or group may be meant for one project of several; for none it is a slip."""
    lacking = [project.lacking for project in projects]
    for what in sorted(frozenset.intersection(*lacking)) if lacking else ():
        kind, _, name = what.partition(" ")
        raise UsageError(
            f"unknown-{kind}",
            f"no project here has {'an' if kind == 'extra' else 'a'} {kind} {name}",
            origin="--with" if kind == "extra" else "--group",
            hint="extras and groups stand in a pyproject.toml: point at it, or leave the flag out",
        )


def _identity(project: ProjectFacts) -> object:
    """What two projects of one image cannot share: a file, or the name of a folder."""
    if project.kind is ProjectKind.REQUIREMENTS:
        return project.kind, project.source.path, project.name
    if project.kind is ProjectKind.WHEEL:
        return project.kind, project.wheels[0].file.sha256
    return project.name.casefold()


def _has_revisions(what: object) -> bool:
    return isinstance(what, Repository | RegistryId) or (
        isinstance(what, LocalPath) and what.path.is_dir()
    )


def _wheel_url(url: str, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project import download, single

    path = download.wheel(url, options.cache_dir, options.online_download)
    return single.wheel(path, reference, options, url.partition("#")[0])


def _path(path: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project import single

    if path.is_dir():
        return _folder(path, reference, options)
    if path.suffix == ".whl":
        return single.wheel(path, reference, options)
    if path.name == "uv.lock" or (path.suffix == ".toml" and path.name.startswith("pylock.")):
        from torchsolve.project.locks import lock_file

        return lock_file(path, reference, options)
    if path.suffix == ".py":
        return replace(single.script_file(path, reference), lacking=options.lacking())
    if path.name == "pyproject.toml":
        return single.pyproject_file(path, reference, options)
    if path.suffix in (".txt", ".in", ""):
        return single.requirements_file(path, reference, options)
    raise UsageError(
        "unknown-reference",
        f"{path.name} is no wheel, requirements file, pyproject.toml, lock or script",
        origin=reference,
        hint="it takes a .whl, a .txt or .in file, a pyproject.toml, a pylock.toml or uv.lock, "
        "a .py with a script block, or a folder",
    )


def _folder(path: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project.gitdir import git_dir_of

    git_dir = git_dir_of(path)
    if git_dir is None:
        if options.rev is not None:
            raise UsageError(
                "not-a-repository",
                "--rev needs a git repository",
                origin=reference,
                hint="leave --rev out",
            )
        return _on_disk(path, path.resolve().name, reference, options)
    if git_dir == path or options.rev is not None:
        return _at_commit(git_dir, path, options.rev, reference, options)
    return _checkout(path, git_dir, reference, options)


def _on_disk(path: Path, name: str, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project.repository import TreeReader
    from torchsolve.project.tree import FolderTree

    root = path.resolve()
    source = SourceLocation(path=str(root))
    return TreeReader(FolderTree(root), name, reference, source, options, expand=True).facts()


def _checkout(path: Path, git_dir: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    """A work tree without ``--rev``: its files as they stand, with its commit where they agree."""
    from torchsolve.project.gitdir import commit_of, differing
    from torchsolve.project.tree import FolderTree

    tree = FolderTree(path.resolve())
    try:
        commit = commit_of(git_dir, None)
    except UsageError as error:
        known = _on_disk(path, _named(None, tree, path), reference, options)
        return replace(known, notes=(*known.notes, f"git: {error.message}"))
    known = _on_disk(path, _named(commit.url, tree, path), reference, options)
    changed = differing(git_dir, commit.sha, path.resolve(), _read_from(path, known))
    if changed:
        short, names = commit.sha[:12], ", ".join(changed)
        note = f"differs from commit {short}: {names}; the folder is what is read"
        return replace(known, notes=(*known.notes, note))
    source = SourceLocation(commit.url, commit.sha, str(path.resolve()), commit.date)
    return replace(known, source=source)


def _read_from(path: Path, known: ProjectFacts) -> set[str]:
    """Files of a folder that its facts come from."""
    declared = (*known.requirements, *known.constraints)
    lines = {d.evidence.origin.rpartition(":")[0] or d.evidence.origin for d in declared}
    wheels = {wheel.file.place for wheel in known.wheels if wheel.file.place}
    code = {file.name for file in path.glob("*.py")}
    return {"requirements.txt", "pyproject.toml"} | lines | wheels | code


def _at_commit(
    git_dir: Path, path: Path, rev: str | None, reference: str, options: ReadOptions
) -> ProjectFacts:
    from torchsolve.project.gitdir import commit_of
    from torchsolve.project.repository import TreeReader
    from torchsolve.project.tree import GitTree

    commit = commit_of(git_dir, rev)
    tree = GitTree.at(git_dir, commit.sha)
    source = SourceLocation(commit.url, commit.sha, str(path.resolve()), commit.date)
    name = _named(commit.url, tree, path)
    return TreeReader(tree, name, reference, source, options, expand=False).facts()


def _repository(url: str, rev: str | None, reference: str, options: ReadOptions) -> ProjectFacts:
    from torchsolve.project import remote
    from torchsolve.project.gitdir import date_of
    from torchsolve.project.repository import TreeReader
    from torchsolve.project.tree import GitTree

    git_dir, commit = remote.clone(url, rev, options.cache_dir, offline=options.offline)
    tree = GitTree.at(git_dir, commit)
    source = SourceLocation(url, commit, None, date_of(git_dir, commit))
    name = _name(url) or url
    return TreeReader(tree, name, reference, source, options, expand=False).facts()


def _named(url: str | None, tree: Tree, path: Path) -> str:
    """The name of a local repository: of its remote, else what it declares, else its folder's.

    A folder called ``repo`` or ``repo.git`` says nothing; the one around it may:
    ``owner+name/repo.git``.
    """
    from torchsolve.project.pyproject import name_of

    known = _name(url) or name_of(tree.read(["pyproject.toml"])["pyproject.toml"])
    if known:
        return known
    root = path.resolve()
    name = root.name.removesuffix(".git")
    return root.parent.name.rpartition("+")[2] if name in _GENERIC else name


def _name(url: str | None) -> str | None:
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git") if url else None
