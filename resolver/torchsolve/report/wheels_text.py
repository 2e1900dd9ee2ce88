"""``inspect`` for people: a block a wheel, then where it loads and why not elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from packaging.version import Version

from torchsolve.abi.survey import Survey
from torchsolve.facts import load_facts
from torchsolve.inspection import WheelFindings
from torchsolve.model.binary import Judgement, WheelBinary
from torchsolve.model.evidence import Evidence
from torchsolve.model.package import Declared
from torchsolve.model.version import dotted_key
from torchsolve.report.judged import carrying
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Row, Screen, row
from torchsolve.report.wheels import disagreements, shipped
from torchsolve.solve.coverage import gpu_code, wheel_coverage

_COLOURS = {"loads": "green", "links": "yellow", "refuted": "red", "unknown": "yellow"}
_COVERAGE = (
    ("native", "runs on"),
    ("ptx", "by PTX on"),
    ("partial", "in part on"),
    ("missing", "not on"),
)
_LONGEST = 240
_MOST = 20


def wheels_screen(wheels: Iterable[WheelFindings]) -> Screen:
    """Its identity, what names claim, what METADATA declares, what the binaries are."""
    return tuple(block for wheel in wheels for block in _blocks(wheel))


def _blocks(wheel: WheelFindings) -> list[Block]:
    metadata = wheel.metadata
    title = row(Cell(redact(wheel.file), "bold"), f"{metadata.name} {metadata.version}")
    rows: list[Row] = [
        row("sha256", wheel.sha256 or "not known"),
        row("tags", " ".join(wheel.tags)),
    ]
    rows += [row("claims", text) for text in _claimed(wheel)]
    rows += [row("python", metadata.requires_python)] if metadata.requires_python else []
    rows += list(_requires(metadata.requires))
    rows += [row(Cell("unread", "yellow"), wheel.unread)] if wheel.unread else []
    rows += list(_binary_rows(wheel))
    rows += [
        row(Cell("disagrees", "yellow"), f"{d.claim.statement}, but {d.fact.statement}")
        for d in disagreements(wheel)
    ]
    rows += [row("note", note) for note in (*metadata.notes, *wheel.notes)]
    return [Block((title,), indent=0), Block(tuple(rows)), *_verdicts(wheel)]


def _requires(declared: Iterable[Declared]) -> Iterator[Row]:
    """What an install brings; what only an extra does is counted."""
    optional = 0
    for one in declared:
        if "extra" in str(one.requirement.marker or ""):
            optional += 1
        else:
            yield row("requires", str(one.requirement))
    if optional:
        yield row("", f"and {optional} more for extras: --json")


def _claimed(wheel: WheelFindings) -> Iterator[str]:
    """One line a place that claims something; the wheel's own name stands in the title."""
    by_origin: dict[str, list[Evidence]] = {}
    for evidence in wheel.claims.evidence:
        by_origin.setdefault(evidence.origin, []).append(evidence)
    name = wheel.file.rpartition("/")[2]
    for origin, rows in by_origin.items():
        place = redact(origin.removesuffix(f" {name}").removesuffix(" of"))
        yield f"{', '.join(evidence.statement for evidence in rows)} [{place}]"


def _binary_rows(wheel: WheelFindings) -> Iterator[Row]:
    found, binary = wheel.survey, wheel.binary
    if found is None or binary is None:
        return
    for file in binary.files[:_MOST]:
        yield row("extension" if file.python else "library", file.member)
    if len(binary.files) > _MOST:
        yield row("", f"and {len(binary.files) - _MOST} more: --json")
    for member, why in binary.unread:
        yield row(Cell("unread", "yellow"), f"{member}: {why}")
    if found.glibc or found.glibcxx:
        floors = [
            f"{name} {version}"
            for name, version in (("glibc", found.glibc), ("GLIBCXX", found.glibcxx))
            if version
        ]
        yield row("needs", f"{', '.join(floors)}: {_systems(found)}")
    if found.cuda_runtime:
        unasked = any(file.gpu is None and not file.unread for file in binary.files)
        more = "; which GPUs it has code for was not read: --gpu" if unasked else ""
        yield row("cuda", f"libcudart.so.{found.cuda_runtime}{more}")
    yield from gpu_rows(binary)
    if found.built.torch or found.built.evidence:
        why = f" ({found.built.evidence[-1]})" if found.built.evidence else ""
        yield row("built with", f"torch {found.built.torch or 'not certain'}{why}")
    yield from _stable_rows(found)
    yield row("read", _read(binary))


def _systems(found: Survey) -> str:
    has = carrying(found.glibc, found.glibcxx)
    rows = load_facts().images.systems
    lacking = [r.name for r in rows if r.name not in has and r.libstdcxx is not None]
    not_on = f"; not on {' '.join(lacking)}" if lacking else ""
    return f"on {' '.join(has) or 'no image that is known'}{not_on}"


def gpu_rows(binary: WheelBinary) -> Iterator[Row]:
    """Which GPUs it has code for, by the rule of a plan's coverage."""
    made = sorted({name for file in binary.files for name in file.compilers})
    if made:
        yield row(
            "gpu code", f"also made at run time, for the GPU that is there: {', '.join(made)}"
        )
    unread = [file for file in binary.files if file.gpu and file.gpu.unread]
    for file in unread:
        why = file.gpu.unread if file.gpu else ""
        yield row(Cell("unread", "yellow"), f"GPU code of {file.member}: {why}")
    codes = gpu_code(binary)
    rows = sorted(load_facts().gpus.sms, key=lambda r: dotted_key(r.capability))
    told = {r.capability: wheel_coverage(codes, r.capability) for r in rows if codes}
    # What could not be read may have code for the others.
    for how, label in _COVERAGE[:-1] if unread else _COVERAGE:
        named = [_named(capability) for capability, found in told.items() if found == how]
        if named:
            yield row(Cell(label, "red" if how == "missing" else ""), ", ".join(named))
    if any(code.general for _, code in codes):
        for member, code in codes:
            if not code.general:
                yield row("besides", f"{member}, for {', '.join(code.sass)} alone")


def _named(capability: str) -> str:
    row_ = next(r for r in load_facts().gpus.sms if r.capability == capability)
    return f"{capability} ({row_.gpus[0].name})" if row_.gpus else capability


def _stable_rows(found: Survey) -> Iterator[Row]:
    using = [file.stable for file in found.files if file.stable is not None]
    if using and all(stable.stable for stable in using):
        promises = [s.promise for s in using]
        facts = [s.fact for s in using if s.fact]
        promised = f"from torch {max(p for p in promises if p)}" if all(promises) else "by nobody"
        first = f", all there from {max(facts)}" if facts else ""
        yield row("stable ABI", f"uses nothing else of torch: promised {promised}{first}")


def _read(binary: WheelBinary) -> str:
    if shipped(binary):
        return "nothing: what it is ships with torchsolve, by the sha256 that the index gives"
    share = f"{binary.bytes_read:,} of {binary.bytes_total:,} bytes"
    checked = "hash checked" if binary.verified else "by range, not verified"
    whole = f"; to their end: {', '.join(binary.whole)}" if binary.whole else ""
    return f"{share} ({checked}{whole})"


def _verdicts(wheel: WheelFindings) -> Iterator[Block]:
    found = wheel.survey
    if found is None:
        return
    if not found.torch:
        yield Block((row("pure", "no compiled code: any torch"),), "torch")
        return
    rows = []
    runs = groupby(found.torch.items(), key=lambda item: _sort_of(item[1]))
    for (verdict, _), run in runs:
        items = list(run)
        rows.append(
            row(
                Cell(verdict, _COLOURS.get(verdict, "")),
                _span([version for version, _ in items]),
                _short(items[0][1]),
            )
        )
    yield Block(tuple(rows), "torch")


def _sort_of(judgement: Judgement) -> tuple[str, str]:
    """Releases of one verdict for one reason make one row."""
    if judgement.verdict == "refuted":
        return judgement.verdict, judgement.missing[0] if judgement.missing else judgement.reason
    return judgement.verdict, ""


def _span(versions: list[Version]) -> str:
    if len(versions) < 3:
        return " ".join(map(str, reversed(versions)))
    return f"{versions[-1]} to {versions[0]}"


def _short(judgement: Judgement) -> str:
    text = judgement.reason
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
