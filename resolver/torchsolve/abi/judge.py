"""Whether a compiled wheel, or one file of it, loads on a torch release and a host.

The order is the dynamic linker's: libraries, symbols, versions; then what it does not see, layouts.
Each question gives a refutation or none; the first one answers. ``loads`` and ``links`` are what is
left, by what the wheel was built with. Sources of the rules: DESIGN section 2, and 1,421 outcomes
of dlopen(RTLD_NOW) over 13 releases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from packaging.version import Version

from torchsolve.abi.alternatives import counting, cuda_of
from torchsolve.abi.built_with import BuiltWith, built_with
from torchsolve.abi.case import Case
from torchsolve.abi.closure import Closure, Siblings, closure
from torchsolve.abi.custom_classes import registered_by
from torchsolve.abi.demangle import demangle
from torchsolve.abi.host import Host, is_system
from torchsolve.abi.layouts import Difference, differences, unchanging, uses
from torchsolve.abi.libstdcxx import first_with
from torchsolve.abi.linking import by_hand, host_libraries, libraries, out_of_reach, stems_of
from torchsolve.abi.stable import stable
from torchsolve.abi.symbols import (
    Wanted,
    is_of_libc,
    is_torch_library,
    opens_nothing_unknown,
    wanted,
)
from torchsolve.abi.versions import lacks
from torchsolve.abi.view import AtlasView
from torchsolve.facts.load import load_facts
from torchsolve.model.binary import Cause, ElfFile, Judgement, WheelBinary
from torchsolve.model.values import replace

LOADS, LINKS, REFUTED, UNKNOWN, PURE = "loads", "links", "refuted", "unknown", "pure"
_ORDER = (REFUTED, UNKNOWN, LINKS, LOADS)
_NONE = "it uses no torch"
_SAME = "all that it uses of torch is the same in every release that it may be built with"


class Judge:
    """One wheel before many releases: what does not depend on the release is looked at once.

    Args:
        built: what ``built_with`` says, where the caller has it.
    """

    def __init__(
        self, binary: WheelBinary, atlas: AtlasView, host: Host, built: BuiltWith | None = None
    ) -> None:
        self._binary, self._atlas = binary, atlas
        self._built = built or built_with(binary, atlas)
        self._siblings = Siblings(binary)
        self._beside = (atlas, host, stems_of(atlas))
        self._opened: dict[tuple[str, ...], tuple[Wanted, bool]] = {}
        self._built_of: dict[tuple[str, ...], BuiltWith] = {}
        self._closures: dict[tuple[str, frozenset[str]], Closure] = {}
        self._members = frozenset(file.member for file in binary.files)
        self._judged: dict[tuple[str, Version, bool], Judgement] = {}

    def wheel(self, version: Version) -> Judgement:
        """The weakest of its files' verdicts.

        Files whose names differ in digits alone (``libtorio_ffmpeg4.so``, ``…_cuda126.so``) are
        alternatives among which Python code chooses: ``alternatives.counting``. Extensions of other
        Pythons are dead weight where one is of this.
        """
        files, unread = self._binary.files, self._binary.unread
        if not files:
            if unread:
                return _unread(*unread[0])
            return Judgement(PURE, reason="it has no compiled code")
        found = [self._file(file, version, inside=self._siblings.opens(file)) for file in files]
        found += [_unread(*row) for row in unread if row[0] not in self._members]
        chosen = counting(found, version, cuda_of(self._atlas.release(version)))
        if any(j.cause is not Cause.PYTHON for j in chosen):
            chosen = [j for j in chosen if j.cause is not Cause.PYTHON]
        # Of equals the one that uses torch tells more.
        return min(chosen, key=lambda found: (_ORDER.index(found.verdict), found.reason == _NONE))

    def file(self, file: ElfFile, version: Version) -> Judgement:
        """The verdict of one file, opened after ``import torch`` and nothing else."""
        found = self._file(file, version, inside=False)
        if found.verdict != LOADS:
            return found
        release = self._atlas.release(version)
        opened = self._closure(file, release.mapped if release else ())
        first = registered_by(opened.files, self._binary.files)
        return replace(found, verdict=LINKS, reason=_after(first)) if first else found

    def _file(self, file: ElfFile, version: Version, *, inside: bool) -> Judgement:
        key = file.member, version, inside
        if key not in self._judged:
            self._judged[key] = self._judge(file, version, inside=inside)
        return self._judged[key]

    def _judge(self, file: ElfFile, version: Version, *, inside: bool) -> Judgement:
        if file.unread:
            return _unknown(file, f"{file.member} cannot be read: {file.unread}")
        release = self._atlas.release(version)
        if release is None:
            return _unknown(file, f"torch {version} is not in the atlas: torchsolve atlas extend")
        if file.machine != "x86_64":
            return _unknown(file, f"it is for {file.machine}; the atlas holds x86_64 alone")
        opened = self._closure(file, release.mapped)
        if unread := next((one for one in opened.files if one.unread), None):
            return _unknown(file, f"{unread.member} cannot be read: {unread.unread}")
        want, is_stable = self._wanted(opened.files)
        case = Case(file, opened, want, is_stable, version, release, *self._beside, inside)
        for question in _QUESTIONS:
            if answer := question(case):
                return answer
        return by_hand(case) or _by_layout(case, self._built_with(opened.files))

    def _built_with(self, files: tuple[ElfFile, ...]) -> BuiltWith:
        """What the wheel was built with; of one that holds builds for several torches, the file."""
        if self._built.releases or len(files) == len(self._binary.files):
            return self._built
        members = tuple(file.member for file in files)
        if members not in self._built_of:
            alone = replace(self._binary, files=files)
            self._built_of[members] = built_with(alone, self._atlas)
        return self._built_of[members]

    def _closure(self, file: ElfFile, mapped: Collection[str]) -> Closure:
        key = file.member, self._siblings.needs.intersection(mapped)
        if key not in self._closures:
            self._closures[key] = closure(self._siblings, file, key[1].__contains__)
        return self._closures[key]

    def _wanted(self, files: tuple[ElfFile, ...]) -> tuple[Wanted, bool]:
        members = tuple(file.member for file in files)
        if members not in self._opened:
            want = wanted(files, self._atlas.known)
            self._opened[members] = want, stable(want, self._atlas).stable
        return self._opened[members]


def judge(
    binary: WheelBinary,
    version: Version,
    atlas: AtlasView,
    host: Host,
    built: BuiltWith | None = None,
) -> Judgement:
    """``Judge.wheel`` of one release."""
    return Judge(binary, atlas, host, built).wheel(version)


def _after(member: str) -> str:
    return f"it names a class that {member} registers: the wheel's own code has to open that first"


def _unknown(file: ElfFile, reason: str) -> Judgement:
    return Judgement(UNKNOWN, reason=reason, member=file.member)


def _unread(member: str, why: str) -> Judgement:
    return Judgement(UNKNOWN, reason=f"{member} cannot be read: {why}", member=member)


def _symbols(case: Case) -> Judgement | None:
    missing = sorted(case.atlas.missing(case.version, case.want.torch))
    if not missing:
        return None
    ruling = _ruling(missing, case)
    first = case.atlas.first_with(ruling)
    since = f", which {first} is the first to have" if first and first > case.version else ""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    reason = f"torch {case.version} does not export {demangle(ruling)}{since}{more}"
    ordered = [ruling, *(name for name in missing if name != ruling)]
    return case.refuted(Cause.SYMBOL, ordered, reason)


def _runtime(case: Case) -> Judgement | None:
    """Names of a newer libstdc++ that torch's libraries have copies of, or the host itself."""
    has = case.host.libstdcxx
    lacking = [n for n in case.want.runtime if (v := first_with(n)) and lacks(case.host, v)]
    for name in case.atlas.missing(case.version, lacking) if lacking else ():
        version = first_with(name) or ""
        reason = f"{demangle(name)} is first in {version}; the host's libstdc++ has GLIBCXX_{has}"
        reason += f", and {case.place} has no copy of it"
        return case.refuted(Cause.VERSION, [version, name], reason)
    return None


def _cuda_symbols(case: Case) -> Judgement | None:
    """Names of libcudart and its like that the version beside this torch does not have yet."""
    for name, soname in case.want.versioned:
        family = case.atlas.cuda.families.get(soname)
        beside = case.release.wheels.get(family.package) if family else None
        if family and beside and (first := family.first.get(name)) and first > Version(beside):
            reason = f"{soname} of {case.place} is {beside}; {name} is first in {first}"
            return case.refuted(Cause.SYMBOL, [name], reason)
    return None


def _ruling(missing: list[str], case: Case) -> str:
    """The symbol that says most: the one that the newest release was the first to have."""
    oldest = Version("0")
    return max(missing, key=lambda name: (case.atlas.first_with(name) or oldest, name))


def _python(case: Case) -> Judgement | None:
    built_for, host = case.file.python, case.host.python
    # ``cp``: an extension whose name does not say of which Python.
    if host is None or built_for in (None, "cp", "abi3", host):
        return None
    reason = f"it is an extension of {built_for}, not of {host}"
    return case.refuted(Cause.PYTHON, [built_for], reason)


def _versions(case: Case) -> Judgement | None:
    """Version needs count whether or not a relocation uses them."""
    for file in case.opened.files:
        for need in file.versions:
            if is_system(need.library) and lacks(case.host, need.version):
                reason = f"{need.library} of the host has no {need.version}"
                return case.refuted(Cause.VERSION, [need.version], reason)
    return None


def _nobodys(case: Case) -> Judgement | None:
    """Symbols that no library in sight can have, and torch symbols with no torch in sight."""
    sonames = [need.soname for need in case.opened.outside]
    if case.want.torch and not any(map(is_torch_library, sonames)):
        reason = "it wants symbols of torch but names no library of torch"
        return _unknown(case.file, reason)
    foreign = [pair for pair in case.want.foreign if not is_of_libc(pair[0], case.host.glibc)]
    if foreign and opens_nothing_unknown(sonames):
        name, member = foreign[0]
        reason = f"no library that {member} names is known to have {demangle(name)}"
        return _unknown(case.file, reason)
    return None


def _by_layout(case: Case, built: BuiltWith) -> Judgement:
    loads = Judgement(LOADS, member=case.file.member)
    linked = any(is_torch_library(need.soname) for need in case.opened.outside)
    # Weak names alone, which torch happens to export too, are no use of it.
    if not case.want.torch and not (case.want.hints and linked):
        return replace(loads, reason=_NONE)
    if case.is_stable:
        return replace(loads, reason="it uses the stable ABI of torch alone")
    minor = f"{case.version.major}.{case.version.minor}"
    if built.torch == minor:
        return replace(loads, reason=f"it was built with torch {minor}")
    table = load_facts().layouts
    files, may_be = case.opened.files, built.releases
    same = case.version in may_be and not built.older
    if same and unchanging(files, case.want, may_be, case.atlas, table):
        return replace(loads, reason=_SAME)
    used = uses(files, case.want, table)
    found = differences(used, may_be, case.release, case.atlas, table)
    if breaking := [one for one in found if one.rule.effect == "refutes"]:
        return case.refuted(Cause.LAYOUT, [one.field for one in breaking], _damage(breaking[0]))
    return Judgement(
        LINKS,
        missing=tuple(str(one) for one in found),
        reason=_why_only_linked(built, found),
        member=case.file.member,
    )


def _damage(difference: Difference) -> str:
    return f"it {difference.what}; {difference.shown} since: {difference.rule.damage}"


def _why_only_linked(built: BuiltWith, found: tuple[Difference, ...]) -> str:
    if built.torch:
        reason = f"it was built with torch {built.torch}"
    elif built.older:
        reason = f"it was built with torch {built.releases[-1]} or older"
    elif built.releases:
        reason = f"it was built with torch {built.releases[0]} to {built.releases[-1]}"
    else:
        reason = "it was built with no torch that is known"
    return reason + (f"; {', '.join(one.shown for one in found)}" if found else "")


_QUESTIONS: tuple[Callable[[Case], Judgement | None], ...] = (
    libraries,
    _symbols,
    out_of_reach,
    _cuda_symbols,
    _python,
    _versions,
    _runtime,
    host_libraries,
    _nobodys,
)
