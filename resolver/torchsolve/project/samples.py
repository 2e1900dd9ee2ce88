"""Bundled samples: recorded facts of real nodes (``data/samples/*.json``), without their code.

Each file was recorded from the repository at the commit that it names. What nobody could read is
null there and ``unread`` here.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DistMetadata, IndexFile
from torchsolve.model.project import (
    ModelFile,
    ProjectFacts,
    ProjectKind,
    SourceLocation,
    WheelFact,
)
from torchsolve.resources import share

if TYPE_CHECKING:
    from torchsolve.project.sample_file import Sample, SampleRequirement, SampleWheel


@cache
def names() -> tuple[str, ...]:
    """Names of the bundled samples, sorted."""
    return tuple(sorted(path.stem for path in (share("data") / "samples").glob("*.json")))


def load(name: str, reference: str, *, undeclared: bool) -> ProjectFacts:
    """The facts of a sample; its undeclared imports only where they are wanted.

    Raises UsageError ``bad-sample`` where the shipped file is damaged.
    """
    from pydantic import ValidationError

    from torchsolve.project.sample_file import Sample

    path = share("data") / "samples" / f"{name}.json"
    try:
        sample = Sample.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            "bad-sample",
            str(error).splitlines()[0],
            origin=path.name,
            hint="install torchsolve again",
        ) from None
    return _facts(sample, reference, undeclared=undeclared)


def _facts(sample: Sample, reference: str, *, undeclared: bool) -> ProjectFacts:
    date = datetime.fromisoformat(sample.date)
    return ProjectFacts(
        name=sample.name,
        reference=reference,
        kind=ProjectKind.SAMPLE,
        requirements=tuple(_declared(r, sample.name) for r in sample.requirements),
        undeclared=tuple(_imported(r, sample.name) for r in sample.undeclared)
        if undeclared
        else (),
        wheels=tuple(_wheel(wheel, sample) for wheel in sample.wheels),
        foreign=tuple(sample.foreign),
        models=tuple(ModelFile(**model.model_dump()) for model in sample.models),
        source=SourceLocation(sample.url, sample.commit, None, date),
        cutoff=date,
        node_classes=tuple(sample.node_classes),
        notes=tuple(sample.notes),
    )


def _declared(item: SampleRequirement, subject: str) -> Declared:
    said = f"needs {item.requirement}"
    evidence = Evidence(subject, said, Strength.DECLARED, item.origin)
    return Declared(Requirement(item.requirement), evidence)


def _imported(item: SampleRequirement, subject: str) -> Declared:
    requirement = Requirement(item.requirement)
    statement = f"imports {requirement}" + (f" ({item.why})" if item.why else "")
    return Declared(requirement, Evidence(subject, statement, Strength.CLAIMED, item.origin))


def _wheel(item: SampleWheel, sample: Sample) -> WheelFact:
    from torchsolve.wheel.claims import claims
    from torchsolve.wheel.filename import parse

    filename = PurePosixPath(item.place).name
    name = parse(filename)
    claimed = claims(filename, item.place)
    file = IndexFile(
        name.name,
        name.version,
        filename,
        f"{sample.url}/raw/{sample.commit}/{item.place}",
        "project",
        sha256=item.sha256,
        size=item.size,
        requires_python=item.requires_python,
        place=item.place,
    )
    return WheelFact(
        file,
        _metadata(item, file),
        claimed.evidence,
        claimed.torch,
        claimed.cuda,
        required=item.required,
        unread=item.unread,
    )


def _metadata(item: SampleWheel, file: IndexFile) -> DistMetadata | None:
    from torchsolve.wheel.metadata import build_metadata

    if item.requires is None:
        return None
    return build_metadata(
        file.filename.partition("-")[0],
        str(file.version),
        item.requires,
        origin=f"METADATA of {file.filename}",
        requires_python=item.requires_python,
        extras=item.extras,
        notes=[],
        numbers=item.lines,
    )
