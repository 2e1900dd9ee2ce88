"""Whether a compiled wheel, or one file of it, loads on a torch release and a host.

The order is the dynamic linker's: libraries, symbols, versions; then what it does not see, layouts.
Each question gives a refutation or none; the first one answers. ``loads`` and ``links`` are what is
left, by what the wheel was built with. Sources of the rules: DESIGN section 2, and 1,421 outcomes
of dlopen(RTLD_NOW) over 13 releases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from packaging.version import Version

from torchsolve.abi.built_with import BuiltWith, built_with
from torchsolve.abi.closure import Closure, Need, Siblings, closure
from torchsolve.abi.demangle import demangle
from torchsolve.abi.host import Host, is_driver, is_system
from torchsolve.abi.layouts import Difference, differences, uses
from torchsolve.abi.stable import stable
from torchsolve.abi.symbols import (
    Wanted,
    is_of_libc,
    is_torch_library,
    opens_nothing_unknown,
    wanted,
)
from torchsolve.abi.versions import lacks
from torchsolve.abi.view import AtlasView, ReleaseView
from torchsolve.facts.load import load_facts
from torchsolve.model.binary import Cause, ElfFile, Judgement, WheelBinary

LOADS, LINKS, REFUTED, UNKNOWN, PURE = "loads", "links", "refuted", "unknown", "pure"
_ORDER = (REFUTED, UNKNOWN, LINKS, LOADS)
_NONE = "it uses no torch"
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Case:
    """One file with its siblings, before one release.

    ``stems``: names without versions of all that any torch and its CUDA wheels bring.
    """

    file: ElfFile
    opened: Closure
    want: Wanted
    is_stable: bool
    version: Version
    release: ReleaseView
    atlas: AtlasView
    host: Host
    stems: frozenset[str]

    def refuted(self, cause: Cause, missing: Iterable[str], reason: str) -> Judgement:
        return Judgement(REFUTED, cause, tuple(missing), reason, self.file.member)

    def brought(self, soname: str) -> bool:
        return soname in self.release.mapped or soname in self.release.sonames


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
        self._beside = (atlas, host, _stems(atlas))
        self._opened: dict[tuple[str, ...], tuple[Wanted, bool]] = {}
        self._needs = frozenset(soname for file in binary.files for soname in file.needed)
        self._closures: dict[tuple[str, frozenset[str]], Closure] = {}
        self._judged: dict[tuple[str, Version], Judgement] = {}

    def wheel(self, version: Version) -> Judgement:
        """The weakest of its files' verdicts.

        Files whose names differ in digits alone (``libtorio_ffmpeg4.so``, ``…_cuda126.so``) are
        alternatives among which Python code chooses: one that lacks a library is passed over where
        another of them has all. Extensions of other Pythons are dead weight where one is of this.
        """
        files, unread = self._binary.files, self._binary.unread
        if not files:
            if unread:
                member, why = unread[0]
                return Judgement(UNKNOWN, reason=f"{member} cannot be read: {why}", member=member)
            return Judgement(PURE, reason="it has no compiled code")
        found = [self.file(file, version) for file in files]
        serving = {_kin(j.member) for j in found if j.verdict in (LOADS, LINKS)}
        chosen = [j for j in found if not (_lacks_library(j) and _kin(j.member) in serving)]
        if any(j.cause is not Cause.PYTHON for j in chosen):
            chosen = [j for j in chosen if j.cause is not Cause.PYTHON]
        # Of equals the one that uses torch tells more.
        return min(chosen, key=lambda found: (_ORDER.index(found.verdict), found.reason == _NONE))

    def file(self, file: ElfFile, version: Version) -> Judgement:
        """The verdict of one file, opened after ``import torch``."""
        key = file.member, version
        if key not in self._judged:
            self._judged[key] = self._judge(file, version)
        return self._judged[key]

    def _judge(self, file: ElfFile, version: Version) -> Judgement:
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
        case = _Case(file, opened, want, is_stable, version, release, *self._beside)
        for question in _QUESTIONS:
            if answer := question(case):
                return answer
        return _by_layout(case, self._built)

    def _closure(self, file: ElfFile, mapped: Collection[str]) -> Closure:
        key = file.member, self._needs.intersection(mapped)
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


def judge_file(
    binary: WheelBinary,
    file: ElfFile,
    version: Version,
    atlas: AtlasView,
    host: Host,
    built: BuiltWith | None = None,
) -> Judgement:
    """``Judge.file`` of one release."""
    return Judge(binary, atlas, host, built).file(file, version)


def _unknown(file: ElfFile, reason: str) -> Judgement:
    return Judgement(UNKNOWN, reason=reason, member=file.member)


def _kin(member: str | None) -> str:
    return _DIGITS.sub("#", member or "")


def _lacks_library(judgement: Judgement) -> bool:
    return judgement.verdict == REFUTED and judgement.cause is Cause.LIBRARY


def _libraries(case: _Case) -> Judgement | None:
    """Libraries of torch and of CUDA that this release neither is nor brings."""
    for need in case.opened.outside:
        if case.brought(need.soname) or not _of_torch_or_cuda(need.soname, case.stems):
            continue
        other = sorted(s for s in case.release.sonames if _stem(s) == _stem(need.soname))
        reason = f"{need.soname} is missing: torch {case.version} brings "
        reason += other[0] if other else "no such library"
        return case.refuted(Cause.LIBRARY, [need.soname], reason)
    return None


def _of_torch_or_cuda(soname: str, stems: frozenset[str]) -> bool:
    if is_torch_library(soname):
        return True
    return not is_system(soname) and _stem(soname) in stems


def _stems(atlas: AtlasView) -> frozenset[str]:
    releases = [atlas.release(version) for version in atlas.releases]
    return frozenset(_stem(name) for release in releases if release for name in release.sonames)


def _stem(soname: str) -> str:
    return soname.partition(".so")[0]


def _host_libraries(case: _Case) -> Judgement | None:
    """Libraries of the host, and those that are somewhere but not where the loader looks."""
    for need in case.opened.outside:
        if missing := _missing_on(case, need):
            return case.refuted(Cause.LIBRARY, [need.soname], missing)
    if case.opened.stranded and not case.host.opens_own:
        need = case.opened.stranded[0]
        reason = f"{need.soname} lies in the wheel, but no RUNPATH of {need.member} leads there"
        return case.refuted(Cause.LIBRARY, [need.soname], reason)
    return None


def _missing_on(case: _Case, need: Need) -> str:
    soname, host = need.soname, case.host
    if soname in case.release.mapped or is_system(soname):
        return ""
    if is_driver(soname):
        return "" if host.driver else f"{soname} is missing: the host has no NVIDIA driver"
    if soname in case.release.sonames:
        if host.opens_own or any("nvidia/" in path for path in need.paths):
            return ""
        return f"{soname} is installed with torch {case.version}, but import torch does not open it"
    if host.sonames is None or soname in host.sonames:
        return ""
    return f"{soname} is missing: no wheel brings it, and the host has none"


def _symbols(case: _Case) -> Judgement | None:
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


def _cuda_symbols(case: _Case) -> Judgement | None:
    """Names of libcudart and its like that the version beside this torch does not have yet."""
    for name, soname in case.want.versioned:
        family = case.atlas.cuda.families.get(soname)
        beside = case.release.wheels.get(family.package) if family else None
        if family and beside and (first := family.first.get(name)) and first > Version(beside):
            reason = f"{soname} of torch {case.version} is {beside}; {name} is first in {first}"
            return case.refuted(Cause.SYMBOL, [name], reason)
    return None


def _ruling(missing: list[str], case: _Case) -> str:
    """The symbol that says most: the one that the newest release was the first to have."""
    oldest = Version("0")
    return max(missing, key=lambda name: (case.atlas.first_with(name) or oldest, name))


def _python(case: _Case) -> Judgement | None:
    built_for, host = case.file.python, case.host.python
    # ``cp``: an extension whose name does not say of which Python.
    if host is None or built_for in (None, "cp", "abi3", host):
        return None
    reason = f"it is an extension of {built_for}, not of {host}"
    return case.refuted(Cause.PYTHON, [built_for], reason)


def _versions(case: _Case) -> Judgement | None:
    """Version needs count whether or not a relocation uses them."""
    for file in case.opened.files:
        for need in file.versions:
            if is_system(need.library) and lacks(case.host, need.version):
                reason = f"{need.library} of the host has no {need.version}"
                return case.refuted(Cause.VERSION, [need.version], reason)
    return None


def _nobodys(case: _Case) -> Judgement | None:
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


def _by_layout(case: _Case, built: BuiltWith) -> Judgement:
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
    used = uses(case.opened.files, case.want, table)
    found = differences(used, built.releases, case.release, case.atlas, table)
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
    elif built.releases:
        reason = f"it was built with torch {built.releases[0]} to {built.releases[-1]}"
    else:
        reason = "it was built with no torch that is known"
    return reason + (f"; {', '.join(one.shown for one in found)}" if found else "")


_QUESTIONS: tuple[Callable[[_Case], Judgement | None], ...] = (
    _libraries,
    _symbols,
    _cuda_symbols,
    _python,
    _versions,
    _host_libraries,
    _nobodys,
)
