"""Where what a wheel says of itself and what its files are cannot both hold.

In: claims of names, requirements of METADATA, what was read and judged. Out: ``Disagreement``, the
fact always proven, with the wheel's hash, the member and the symbol as its origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.abi.survey import FileSurvey, Survey
from torchsolve.facts import load_facts
from torchsolve.model.binary import Judgement, WheelBinary, general_code
from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.package import DistMetadata
from torchsolve.model.version import dotted_key
from torchsolve.wheel.claims import Claims
from torchsolve.wheel.variant import VariantClaims, read_variant


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
    rows += _variant(subject, binary, survey)
    first = dict(reversed(rows))
    return tuple(Disagreement(subject, claim, first[claim]) for claim in dict(rows))


def _variant(
    subject: str, binary: WheelBinary, survey: Survey
) -> Iterator[tuple[Evidence, Evidence]]:
    """What ``variant.json`` says that the files do not bear out."""
    said = read_variant(binary.variant, subject)
    if said is None:
        return
    for feature, facts in (
        ("abi_dependency :: torch", _variant_torch(subject, binary, survey, said)),
        ("nvidia :: sm_arch", _variant_codes(subject, binary, said)),
        ("nvidia :: cuda_version_lower_bound", _variant_floor(subject, binary, survey, said)),
        ("nvidia :: cuda_version_upper_bound", _variant_ceiling(subject, binary, survey, said)),
    ):
        claim = next((e for e in said.evidence if f" {feature} :: " in e.statement), None)
        yield from ((claim, fact) for fact in facts if claim is not None)


def _variant_torch(
    subject: str, binary: WheelBinary, survey: Survey, said: VariantClaims
) -> Iterator[Evidence]:
    """Each release prefix for itself: a variant is promised to work with all that it names."""
    for specifier in said.specifiers:
        yield from _torch_refuted(subject, binary, survey, specifier)
    built = survey.built
    if said.torch and built.torch and not any(_admits(s, built.releases) for s in said.specifiers):
        why = built.evidence[-1] if built.evidence else ""
        statement = f"was built with torch {built.torch}"
        yield Evidence(subject, statement, Strength.PROVEN, f"{_where(binary)} {why}".strip())


def _variant_codes(subject: str, binary: WheelBinary, said: VariantClaims) -> Iterator[Evidence]:
    codes = [file for file in general_code(binary.files) if file.gpu and not file.gpu.unread]
    for file in codes:
        has = (*file.gpu.sass, *(arch for arch, _ in file.gpu.ptx)) if file.gpu else ()
        lacking = [code for code in (*said.sass, *said.ptx) if code not in has]
        if lacking:
            statement = f"has no {', '.join(lacking)}, only {' '.join(has)}"
            origin = f"{_where(binary)} {file.member}"
            yield Evidence(subject, statement, Strength.PROVEN, origin)


def _variant_floor(
    subject: str, binary: WheelBinary, survey: Survey, said: VariantClaims
) -> Iterator[Evidence]:
    """The driver's CUDA has to be of the run time's major at least, and to know the PTX's ISA."""
    floor, runtime = said.cuda_from, survey.cuda_runtime
    if floor and runtime and dotted_key(floor) < (int(runtime),):
        yield Evidence(subject, f"needs libcudart.so.{runtime}", Strength.PROVEN, _where(binary))
    ptx = load_facts().drivers.ptx
    for file in binary.files:
        isas = {isa for _, isa in file.gpu.ptx if isa in ptx} if file.gpu else set()
        newest = max(isas, key=dotted_key, default=None)
        alone = newest is not None and file.gpu is not None and not file.gpu.sass
        if floor and newest and alone and dotted_key(ptx[newest][0]) > dotted_key(floor):
            statement = f"has PTX alone, of ISA {newest}, which drivers before CUDA "
            statement += f"{ptx[newest][0]} do not compile"
            origin = f"{_where(binary)} {file.member}"
            yield Evidence(subject, statement, Strength.PROVEN, origin)


def _variant_ceiling(
    subject: str, binary: WheelBinary, survey: Survey, said: VariantClaims
) -> Iterator[Evidence]:
    below, runtime = said.cuda_below, survey.cuda_runtime
    if below and runtime and dotted_key(below) <= (int(runtime),):
        statement = f"needs libcudart.so.{runtime}, which no such driver serves"
        yield Evidence(subject, statement, Strength.PROVEN, _where(binary))


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
