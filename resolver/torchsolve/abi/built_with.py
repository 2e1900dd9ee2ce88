"""The torch minor that a wheel was compiled against, out of its own files.

Every rule excludes releases and none prefers one; what is left is the answer, if it is one minor.
Nothing of names, metadata or labels is looked at. The files of a wheel are taken to be compiled
against one torch.

- lines of inlined checks (``lines.py``) that a release's headers do not have;
- vtables of torch's classes that inlined headers emit, of another size than the release's own;
- torch symbols that it wants and that the release does not export; those whose name depends on
  GCC's C++ ABI count for a release only where its builds have one ABI, since builds of 2.6 and
  older on other indexes have the other;
- the major of libcudart: torch of that major exists only from some release on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from packaging.version import Version

from torchsolve.abi.lines import LineTable, load_lines
from torchsolve.abi.symbols import Wanted, depends_on_cxx11_abi, wanted
from torchsolve.abi.view import AtlasView
from torchsolve.facts.load import load_facts
from torchsolve.model.binary import WheelBinary
from torchsolve.model.values import dataclass

_CUDART = re.compile(r"libcudart\.so\.(\d+)")
# From this release on every build has the C++11 ABI: matrices/torch.toml, cxx11_abi.
_ONE_ABI = Version("2.7")
# No library exports SymNodeImpl's own vtable; this subclass adds no virtual function to it.
_STAND_INS = {"_ZTVN3c1011SymNodeImplE": "_ZTVN3c1019ConstantSymNodeImplIbEE"}


@dataclass(frozen=True, slots=True)
class BuiltWith:
    """What is known of the torch that a wheel was built with.

    Attributes:
        torch: ``2.8``; None where several minors are possible, or none.
        releases: the releases that nothing excludes, oldest first.
        evidence: one sentence a rule that excluded something, with what is left after it.
        older: the atlas's oldest is left, and it may as well be of one from before.
    """

    torch: str | None
    releases: tuple[Version, ...]
    evidence: tuple[str, ...]
    older: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    fits: Callable[[Version], bool]
    evidence: str


def built_with(binary: WheelBinary, atlas: AtlasView, lines: LineTable | None = None) -> BuiltWith:
    """Applies every rule to every release of the atlas.

    A wheel whose files use no torch has no answer and no evidence.
    """
    want = wanted(binary.files, atlas.known)
    if not want.torch and not want.hints:
        return BuiltWith(None, (), ())
    left = sorted(atlas.releases)
    table = lines or load_lines()
    evidence: list[str] = []
    for rule in (
        *_lines(binary, table),
        *_vtables(binary, atlas),
        *_symbols(want, atlas),
        *_cuda(binary),
    ):
        kept = [version for version in left if rule.fits(version)]
        if len(kept) < len(left):
            evidence.append(f"{rule.evidence}: {_spell(kept)}")
        left = kept
    before = _before(left, binary, table, min(atlas.releases)) if evidence else None
    if before is not None:
        evidence.append(f"all of that holds for torch {before} too")
    minors = {version.release[:2] for version in left}
    certain = len(minors) == 1 and evidence and before is None
    torch = ".".join(map(str, minors.pop())) if certain else None
    return BuiltWith(torch, tuple(left), tuple(evidence), before is not None)


def _before(
    left: Iterable[Version], binary: WheelBinary, table: LineTable, oldest: Version
) -> Version | None:
    """The newest release before the atlas that its checks fit, where the oldest alone is left."""
    if {version.release[:2] for version in left} != {oldest.release[:2]}:
        return None
    checks = [check for file in binary.files for check in file.checks]
    return max((v for v in table.fitting(checks) if v < oldest), default=None)


def _spell(versions: Iterable[Version]) -> str:
    minors = list(dict.fromkeys(f"{v.major}.{v.minor}" for v in versions))
    if not minors:
        return "no release that is known"
    return minors[0] if len(minors) == 1 else f"{minors[0]} to {minors[-1]}"


def _lines(binary: WheelBinary, table: LineTable) -> Iterable[_Rule]:
    by_header: dict[str, set[int]] = {}
    for file in binary.files:
        for header, line in file.checks:
            by_header.setdefault(header, set()).add(line)
    for header, numbers in sorted(by_header.items()):
        if table.knows(header):
            fitting = set(table.fitting((header, number) for number in numbers))
            listed = ", ".join(map(str, sorted(numbers)))
            yield _Rule(
                lambda version, fitting=fitting: (
                    version in fitting  # type: ignore[misc]
                    or version not in table.releases
                ),
                f"checks inlined from {header} line {listed}",
            )


def _vtables(binary: WheelBinary, atlas: AtlasView) -> Iterable[_Rule]:
    for name, size in sorted({pair for file in binary.files for pair in file.weak_objects}):
        exported = _STAND_INS.get(name, name)
        sizes = {
            version: release.vtables[exported]
            for version in atlas.releases
            if (release := atlas.release(version)) and exported in release.vtables
        }
        if name.startswith("_ZTV") and len(set(sizes.values())) > 1:
            yield _Rule(
                lambda version, sizes=sizes, size=size: sizes.get(version, size) == size,  # type: ignore[misc]
                f"its own {name} has {size} bytes",
            )


def _symbols(want: Wanted, atlas: AtlasView) -> Iterable[_Rule]:
    names = [name for name in want.torch if atlas.known(name)]
    plain = [name for name in names if not depends_on_cxx11_abi(name)]

    def fits(version: Version) -> bool:
        return not atlas.missing(version, names if version >= _ONE_ABI else plain)

    yield _Rule(fits, f"it wants {len(names)} symbols of torch")


def _cuda(binary: WheelBinary) -> Iterable[_Rule]:
    majors = {
        int(match[1])
        for file in binary.files
        for soname in file.needed
        if (match := _CUDART.fullmatch(soname))
    }
    if len(majors) != 1:
        return
    major = majors.pop()
    built = {
        release.version
        for release in load_facts().torch.releases
        for build in release.builds
        if build.cuda.version and build.cuda.version[0] == major
    }
    known = {release.version for release in load_facts().torch.releases}
    yield _Rule(
        lambda version: version in built or version not in known,
        f"it needs libcudart.so.{major}",
    )
