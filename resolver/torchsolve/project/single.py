"""One file as a project: a wheel, a requirements file, a ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import ProjectFacts, ProjectKind, SourceLocation, WheelFact
from torchsolve.model.trace import looked_at
from torchsolve.model.values import replace
from torchsolve.project.options import ReadOptions
from torchsolve.project.requirements import DiskFiles, LocalRequirement, Reader, RequirementSet

_LFS_PULL = "run git lfs pull in its repository"
_BROKEN = {
    "not-a-wheel": "fetch the file again",
    "bad-metadata": "pip refuses such a file: build it again, under the name that its METADATA has",
}


def wheel(path: Path, reference: str, options: ReadOptions, url: str | None = None) -> ProjectFacts:
    """A wheel that must be installed.

    Raises UsageError: ``bad-wheel-name``, ``variant-wheel-name``, ``not-a-wheel``,
    ``bad-metadata``, ``lfs-pointer``.
    """
    known = wheel_fact(path, url)
    offered = known.metadata.extras if known.metadata else frozenset[str]()
    return ProjectFacts(
        name=known.file.name,
        reference=reference,
        kind=ProjectKind.WHEEL,
        requirements=(_exactly(known, reference, options.extras),),
        wheels=(known,),
        lacking=options.lacking(offered),
        source=SourceLocation(path=None if url else str(path.resolve().parent)),
    )


def wheel_fact(path: Path, url: str | None = None) -> WheelFact:
    """The facts of a wheel that the user named; one that cannot be read is an error here."""
    from torchsolve.project import wheels

    try:
        with path.open("rb") as stream:
            known = wheels.fact(path.name, stream, url or path.resolve().as_uri())
    except OSError as error:
        raise no_such_file(path, error) from None
    if known.unread is None:
        return known
    reference, _, why = known.unread.partition(": ")
    if not why:
        raise UsageError(
            "lfs-pointer",
            "this is a Git LFS pointer, not the wheel",
            origin=str(path),
            hint="give the address of the file itself" if url else _LFS_PULL,
        )
    raise UsageError(reference, why, origin=str(path), hint=_BROKEN[reference])


def _exactly(known: WheelFact, origin: str, extras: Iterable[str]) -> Declared:
    suffix = f"[{','.join(sorted(extras))}]" if extras else ""
    requirement = Requirement(f"{known.file.name}{suffix}=={known.file.version}")
    evidence = Evidence(known.file.filename, f"needs {requirement}", Strength.DECLARED, origin)
    return Declared(requirement, evidence)


def requirements_file(path: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    """A requirements file with all that it includes; a bad line is an error.

    Raises UsageError ``bad-requirement``, ``no-such-file``.
    """
    reader = Reader(DiskFiles(options.online_download), path.name, strict=True, expand=True)
    found = reader.read(str(path), _bytes(path))
    found_wheels = tuple(_local(item, found) for item in found.local)
    return ProjectFacts(
        name=path.name,
        reference=reference,
        kind=ProjectKind.REQUIREMENTS,
        requirements=tuple(found.requirements),
        constraints=tuple(found.constraints),
        wheels=tuple(w for w in found_wheels if w is not None),
        indexes=tuple(found.indexes),
        no_binary=frozenset(found.no_binary),
        pre=found.pre,
        only_binary=frozenset(found.only_binary),
        require_hashes=found.require_hashes,
        hashes=tuple(sorted((n, frozenset(h)) for n, h in found.hashes.items())),
        source=SourceLocation(path=str(path.resolve().parent)),
        notes=tuple(found.notes),
        lacking=options.lacking(),
    )


def _local(item: LocalRequirement, found: RequirementSet) -> WheelFact | None:
    """A path in a requirements file: relative to the current directory, as pip has it."""
    path = Path(item.local.path)
    if path.suffix == ".whl":
        known = wheel_fact(path)
        found.requirements.append(_exactly(known, item.origin, item.local.extras))
        return known
    table = path / "pyproject.toml"
    looked_at(path)
    looked_at(table)
    if table.is_file():
        from torchsolve.project import pyproject

        extras = tuple(sorted(item.local.extras))
        declared = pyproject.read(
            _bytes(table), path=str(table), subject=str(path), extras=extras, strict=True
        )
        found.requirements.extend((*declared.requirements, *declared.extras))
        found.notes.extend(declared.notes)
        if declared.declares and not declared.dynamic_files:
            found.notes.append(item.solved)
            return None
    elif not path.exists():
        raise UsageError(
            "no-such-file",
            f"there is no {item.local.path}",
            origin=item.origin,
            hint="a path in a requirements file is relative to the current folder, as pip has it",
        )
    found.notes.append(item.unknown)
    return None


def pyproject_file(path: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    """A ``pyproject.toml`` alone.

    Raises UsageError ``bad-toml``, ``bad-requirement``, ``unknown-extra``, ``unknown-group``.
    """
    from torchsolve.project import pyproject

    name = path.resolve().parent.name
    table = pyproject.read(
        _bytes(path),
        path=str(path),
        subject=name,
        extras=options.extras,
        strict=True,
        groups=options.groups,
    )
    known = ProjectFacts(
        name=table.name or name,
        reference=reference,
        kind=ProjectKind.NODE if table.comfy else ProjectKind.PROJECT,
        requirements=(*table.requirements, *table.extras),
        source=SourceLocation(path=str(path.resolve().parent)),
        requires_python=table.requires_python,
        indexes=table.indexes,
        notes=table.notes,
        lacking=table.lacking,
        untold=() if table.comfy else pyproject.doubt(table, name, str(path)),
    )
    named = (*table.dynamic_files, *table.extra_files)
    included = tuple(path.parent / file for file in named)
    if not table.declares and table.untold is None:
        known = replace(known, notes=(*known.notes, _silent(path)))
    if not included:
        return known
    reader = Reader(DiskFiles(), known.name, strict=True, expand=True)
    for file in included:
        reader.read(str(file), _bytes(file))
    found = reader.result
    return replace(
        known,
        requirements=(*found.requirements, *known.requirements),
        constraints=tuple(found.constraints),
        indexes=(*found.indexes, *known.indexes),
        notes=(*found.notes, *known.notes),
    )


def script_file(path: Path, reference: str) -> ProjectFacts:
    """A script with its requirements in a comment (PEP 723).

    Raises UsageError ``no-script-metadata``, ``bad-toml``, ``bad-requirement``.
    """
    from torchsolve.project import pyproject
    from torchsolve.project.script import script_table

    block = script_table(path, _bytes(path))
    table = pyproject.read(
        block, path=str(path), subject=path.name, extras=(), strict=True, script=True
    )
    return ProjectFacts(
        name=path.name,
        reference=reference,
        kind=ProjectKind.REQUIREMENTS,
        requirements=table.requirements,
        indexes=table.indexes,
        source=SourceLocation(path=str(path.resolve().parent)),
        requires_python=table.requires_python,
        notes=table.notes,
    )


def no_such_file(path: Path, error: OSError) -> UsageError:
    """The error for a file that the user named and that cannot be opened."""
    why = error.strerror or "unreadable"
    hint = "give the path of a file" if path.is_dir() else "check the path and who may read it"
    return UsageError("no-such-file", why, origin=str(path), hint=hint)


def _silent(path: Path) -> str:
    return f"{path.name}: it declares no dependencies; what its build backend would say is unknown"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise no_such_file(path, error) from None
