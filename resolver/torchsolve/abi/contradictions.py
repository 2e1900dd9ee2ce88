"""Where what a wheel says of itself and what its files are cannot both hold.

In: claims of names, requirements of METADATA, what was read and judged. Out: ``Disagreement``, the
fact always proven, with the wheel's hash, the member and the symbol as its origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.abi.survey import FileSurvey, Survey
from torchsolve.model.binary import Judgement, WheelBinary
from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.package import DistMetadata
from torchsolve.model.version import dotted_key
from torchsolve.wheel.claims import Claims


def contradictions(
    subject: str, binary: WheelBinary, survey: Survey, claims: Claims, metadata: DistMetadata | None
) -> tuple[Disagreement, ...]:
    """Claims first, then METADATA; each contradicted statement once."""
    rows: list[tuple[Evidence, Evidence]] = []
    for fact in _torch_claim(subject, binary, survey, claims.torch):
        rows += [(claim, fact) for claim in _about(claims.evidence, "was built for torch")]
    for fact in _cuda(subject, binary, survey, claims.cuda):
        rows += [(claim, fact) for claim in _about(claims.evidence, "was built for CUDA")]
    for fact in _glibc(subject, binary, survey, claims.glibc):
        rows += [(claim, fact) for claim in _about(claims.evidence, "needs glibc")]
    for fact in _cxx11(subject, binary, survey, claims.cxx11_abi):
        rows += [(claim, fact) for claim in _about(claims.evidence, "uses the C++11 ABI")]
    for declared in metadata.requires if metadata else ():
        requirement = declared.requirement
        if requirement.name.lower() == "torch" and requirement.marker is None:
            rows += [
                (declared.evidence, fact)
                for fact in _torch_refuted(subject, binary, survey, str(requirement.specifier))
            ]
    first = dict(reversed(rows))
    return tuple(Disagreement(subject, claim, first[claim]) for claim in dict(rows))


def proof(subject: str, binary: WheelBinary, judgement: Judgement, torch: Version) -> Evidence:
    """A refutation as evidence: ``<sha256 prefix> <member> <symbol>``."""
    statement = f"does not load on torch {torch}: {judgement.reason}"
    return Evidence(subject, statement, Strength.PROVEN, origin_of(binary, judgement))


def origin_of(binary: WheelBinary, judgement: Judgement) -> str:
    """Where a judgement was read."""
    first = judgement.missing[0] if judgement.missing else ""
    return " ".join(part for part in (_where(binary), judgement.member or "", first) if part)


def _about(evidence: Iterable[Evidence], start: str) -> list[Evidence]:
    """The strongest statement about one thing: the rest only repeat it."""
    return [e for e in evidence if e.statement.startswith(start)][:1]


def _torch_claim(
    subject: str, binary: WheelBinary, survey: Survey, claimed: str | None
) -> Iterator[Evidence]:
    yield from _torch_refuted(subject, binary, survey, claimed or "")
    built = survey.built
    if claimed and built.torch and not _admits(claimed, built.releases):
        statement = f"was built with torch {built.torch}"
        why = built.evidence[-1] if built.evidence else ""
        yield Evidence(subject, statement, Strength.PROVEN, f"{_where(binary)} {why}".strip())


def _torch_refuted(
    subject: str, binary: WheelBinary, survey: Survey, specifier: str
) -> Iterator[Evidence]:
    """Where the files refute every release that is spoken of."""
    if not specifier:
        return
    spoken = [v for v in survey.torch if SpecifierSet(specifier).contains(v, prereleases=True)]
    judged = [survey.torch[version] for version in spoken]
    if judged and all(judgement.verdict == "refuted" for judgement in judged):
        yield proof(subject, binary, judged[0], spoken[0])


def _admits(specifier: str, releases: Sequence[Version]) -> bool:
    return any(SpecifierSet(specifier).contains(v, prereleases=True) for v in releases)


def _cuda(
    subject: str, binary: WheelBinary, survey: Survey, claimed: str | None
) -> Iterator[Evidence]:
    major = (claimed or "")[2:4]
    if survey.cuda_runtime and major.isdigit() and survey.cuda_runtime != major:
        statement = f"needs libcudart.so.{survey.cuda_runtime}"
        yield Evidence(subject, statement, Strength.PROVEN, _where(binary))


def _glibc(
    subject: str, binary: WheelBinary, survey: Survey, claimed: str | None
) -> Iterator[Evidence]:
    if claimed and survey.glibc and dotted_key(survey.glibc) > dotted_key(claimed):
        member = _first(survey, lambda file: file.glibc == survey.glibc)
        where = f"{_where(binary)} {member} GLIBC_{survey.glibc}"
        yield Evidence(subject, f"needs glibc {survey.glibc}", Strength.PROVEN, where)


def _cxx11(
    subject: str, binary: WheelBinary, survey: Survey, claimed: bool | None
) -> Iterator[Evidence]:
    found = {file.cxx11_abi for file in survey.files} - {None}
    if claimed is not None and found == {not claimed}:
        member = _first(survey, lambda file: file.cxx11_abi is not None)
        statement = f"uses the C++11 ABI: {str(not claimed).lower()}"
        yield Evidence(subject, statement, Strength.PROVEN, f"{_where(binary)} {member}")


def _first(survey: Survey, holds: Callable[[FileSurvey], bool]) -> str:
    return next(file.file.member for file in survey.files if holds(file))


def _where(binary: WheelBinary) -> str:
    return binary.sha256[:12] if binary.sha256 else binary.filename
