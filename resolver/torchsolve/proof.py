"""Proof from binaries for the solver: a wheel is read when it is about to be decided, and once.

In: a file and the place that it would be installed in. Out: a verdict with its evidence. What
cannot be read is unknown, never fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.errors import UnknownError, UsageError
from torchsolve.facts import load_facts
from torchsolve.index.client import IndexClient
from torchsolve.model.binary import Cause, ElfFile, GpuCode, Judgement, WheelBinary
from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import WheelVerdict
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Place, Proof
from torchsolve.model.values import dataclass, field, replace
from torchsolve.model.version import PythonVersion, dotted_key
from torchsolve.solve.coverage import Jit, gpu_code, wheel_coverage

if TYPE_CHECKING:
    from torchsolve.abi.built_with import BuiltWith

_CUDART = re.compile(r"libcudart\.so\.(\d+)(?:\.\d+)*")
# From this release on every build has the C++11 ABI: matrices/torch.toml, cxx11_abi.
_ONE_ABI = Version("2.7")
_CUDA_BUILD = ("libc10_cuda.so", "libtorch_cuda.so", "libtorch_cuda_linalg.so")


@dataclass(slots=True)
class Proofs:
    """Implements ``solve.sources.Prover``. ``gpus``: capabilities that each wheel must cover.

    ``driver``: of the host: PTX is held against it, and without GPUs the code for those that it
    drives. ``coded``: read GPU code without GPUs too.
    """

    index: IndexClient
    gpus: tuple[str, ...] = ()
    driver: str | None = None
    coded: bool = False
    _read: dict[str, WheelBinary | str] = field(default_factory=dict)
    _built: dict[str, BuiltWith] = field(default_factory=dict)
    _proofs: dict[tuple[str, Place, PythonVersion], Proof] = field(default_factory=dict)

    def proof(self, file: IndexFile, place: Place, python: PythonVersion) -> Proof:
        """What the file's binaries say of that place."""
        key = (_key(file), place, python)
        found = self._proofs.get(key)
        if found is None:
            found = self._proofs[key] = self._prove(file, place, python)
        return found

    def freed(self, *, gpus: bool, driver: bool) -> Proofs:
        """The same wheels, GPU code and all, without the GPUs or the driver that they must suit."""
        return replace(
            self,
            gpus=() if gpus else self.gpus,
            driver=None if driver else self.driver,
            coded=True,
            _proofs={},
        )

    def contradictions(self, wheel: WheelFact) -> tuple[Disagreement, ...]:
        """What the labels of a project's own wheel say that its binaries do not bear out."""
        from torchsolve.abi.atlas import load_atlas
        from torchsolve.abi.contradictions import contradictions
        from torchsolve.abi.survey import survey
        from torchsolve.wheel.claims import claims
        from torchsolve.wheel.variant import read_variant

        key, binary = _key(wheel.file), self._binary(wheel.file)
        if isinstance(binary, str):
            return ()
        subject = wheel.file.place or wheel.file.filename
        said = claims(wheel.file.filename, wheel.file.place)
        atlas, variant = load_atlas(), read_variant(binary.variant, subject)
        claimed = [said.torch] if said.torch else []
        sets = [SpecifierSet(s) for s in (*claimed, *(variant.specifiers if variant else ()))]
        spoken = [v for v in atlas.releases if any(s.contains(v, True) for s in sets)]
        return contradictions(
            subject,
            binary,
            survey(binary, atlas, spoken, self._built_with(key, binary)),
            said,
            None,
        )

    def _prove(self, file: IndexFile, place: Place, python: PythonVersion) -> Proof:
        from torchsolve.abi.atlas import load_atlas
        from torchsolve.abi.host import Host
        from torchsolve.abi.judge import judge

        if place.machine != "x86_64":
            text = f"no symbols of torch's {place.machine} builds are known, the atlas has x86_64"
            return _proof(file, None, Judgement("unknown", reason=text), place)
        binary = self._binary(file)
        if isinstance(binary, str):
            reason = Judgement("unknown", reason=f"its binaries could not be read: {binary}")
            return _proof(file, None, reason, place)
        host = Host(place.glibc, place.libstdcxx, python=python.tag)
        built = self._built_with(_key(file), binary)
        found = judge(binary, place.torch, load_atlas(), host, built)
        if not place.default:
            found = _of_another_build(binary, found, place)
        if found.verdict not in ("refuted", "pure"):
            found = self._on_gpus(binary) or found
        return _proof(file, binary, found, place)

    def _built_with(self, key: str, binary: WheelBinary) -> BuiltWith:
        from torchsolve.abi.atlas import load_atlas
        from torchsolve.abi.built_with import built_with

        if key not in self._built:
            self._built[key] = built_with(binary, load_atlas())
        return self._built[key]

    def _on_gpus(self, binary: WheelBinary) -> Judgement | None:
        """What its GPU code says against it: none for a GPU that was asked for, or not readable."""
        codes = [(member, code) for member, code in gpu_code(binary) if not code.unread]
        jit = Jit(load_facts().drivers, self.driver)
        for capability in self.gpus if codes else ():
            if wheel_coverage(codes, capability, jit) == "missing":
                member, code = _without(codes, capability, jit)
                by_driver = wheel_coverage(codes, capability) != "missing"
                text = self._lack(jit.usable(code), capability, code if by_driver else None)
                return Judgement("refuted", Cause.GPU, (), text, member)
        if codes and not self.gpus and self.driver:
            return self._undriven(codes, jit, self.driver)
        for file in binary.files if self.gpus else ():
            if file.gpu is None or file.gpu.unread:
                why = file.gpu.unread if file.gpu else "it is not at hand"
                text = f"its GPU code could not be read: {why}"
                return Judgement("unknown", reason=text, member=file.member)
        return None

    def _undriven(
        self, codes: list[tuple[str, GpuCode]], jit: Jit, driver: str
    ) -> Judgement | None:
        """Where it has code for no GPU that the host's driver knows."""
        served = {}
        for row in load_facts().gpus.sms:
            if wheel_coverage(codes, row.capability, jit) != "missing":
                served[row.capability] = row.driver
        needed = [floor for floor in served.values() if floor is not None]
        if len(needed) < len(served) or not needed:
            return None
        least = min(needed, key=dotted_key)
        if dotted_key(least) <= dotted_key(driver):
            return None
        text = f"has no GPU code for what driver {driver} runs, only for "
        text += f"{' '.join(sorted(served, key=dotted_key))}, from driver {least} on"
        return Judgement("refuted", Cause.GPU, (), text, codes[0][0])

    def _lack(self, code: GpuCode, capability: str, newer: GpuCode | None) -> str:
        """``newer``: the code with PTX that the host's driver is too old for."""
        names = (*code.sass, *(name for name, _ in code.ptx))
        has = f"has no GPU code for {capability}, only {' '.join(names) or 'none'}"
        if newer is not None:
            isas = " ".join(sorted({isa for _, isa in newer.ptx}))
            return f"{has} and PTX (ISA {isas}) that driver {self.driver} cannot compile"
        return f"{has}: build it from source (TORCH_CUDA_ARCH_LIST={capability})"

    def _binary(self, file: IndexFile) -> WheelBinary | str:
        key = _key(file)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._fetch(file)
        return found

    def _fetch(self, file: IndexFile) -> WheelBinary | str:
        why = ""
        # Without its GPU code a wheel is still told apart by its symbols.
        for gpu in (True, False) if self._coded(file) else (False,):
            try:
                return self.index.read_remote(file, gpu=gpu)
            except (UnknownError, UsageError) as error:
                why = f"{error.reference}: {error.message}"
        return why

    def _coded(self, file: IndexFile) -> bool:
        """Whether GPU code is read too: for a driver alone only where that asks nobody."""
        if self.coded or self.gpus or self.driver is None:
            return self.coded or bool(self.gpus)
        is_local = (file.url or "").startswith("file:")
        return is_local or self.index.kept_binary(file, gpu=True) is not None


def _without(
    codes: Iterable[tuple[str, GpuCode]], capability: str, jit: Jit
) -> tuple[str, GpuCode]:
    """The first file that has nothing for a GPU, of those that are not for others alone."""
    rows = sorted(codes, key=lambda row: not row[1].general)
    return next(row for row in rows if wheel_coverage([row], capability, jit) == "missing")


def _key(file: IndexFile) -> str:
    return file.sha256 or file.url or file.filename


def _of_another_build(binary: WheelBinary, found: Judgement, place: Place) -> Judgement:
    """Judged by the release's default build; this one is another (DESIGN section 4)."""
    needs = {soname for file in binary.files for soname in file.needed}
    if foreign := _foreign_runtime(binary, place):
        return foreign
    if found.verdict == "pure" or (found.verdict == "loads" and not _uses_torch(needs)):
        return found
    if found.cause is Cause.VERSION or _lacks_shared(found, place):
        return found
    if found.verdict == "refuted" or needs & {*_CUDA_BUILD}:
        reason = f"the {place.cuda} build of torch {place.torch.public} is not in the atlas"
        return Judgement("unknown", reason=reason, member=found.member)
    return Judgement("links", reason=f"by the default build: {found.reason}", member=found.member)


def _foreign_runtime(binary: WheelBinary, place: Place) -> Judgement | None:
    """A CUDA runtime of another major than the build's: known without reading the build."""
    from torchsolve.abi.alternatives import counting

    own = {file.member.rpartition("/")[2] for file in binary.files}
    rows = [_runtime_of(file, own, place) for file in binary.files]
    return next(
        (j for j in counting(rows, place.torch, place.cuda.version) if j.verdict == "refuted"), None
    )


def _runtime_of(file: ElfFile, own: set[str], place: Place) -> Judgement:
    for soname in file.needed:
        match = _CUDART.fullmatch(soname)
        if match and soname not in own and int(match[1]) != place.cuda.major:
            reason = f"{soname} is missing: {place.cuda} brings another major"
            return Judgement("refuted", Cause.LIBRARY, (soname,), reason, file.member)
    return Judgement("loads", member=file.member)


def _lacks_shared(found: Judgement, place: Place) -> bool:
    """Whether a missing symbol is of a library that builds of one release share."""
    from torchsolve.abi.atlas import SHARED, load_atlas

    if found.cause is not Cause.SYMBOL or place.torch < _ONE_ABI:
        return False
    atlas = load_atlas()
    firsts = ((name, atlas.first_with(name)) for name in found.missing)
    return any(first and atlas.library_of(name, first) in SHARED for name, first in firsts)


def _uses_torch(needs: set[str]) -> bool:
    return any(name.startswith(("libtorch", "libc10")) for name in needs)


def _proof(file: IndexFile, binary: WheelBinary | None, found: Judgement, place: Place) -> Proof:
    subject = f"{file.name} {file.version}"
    where = binary.sha256[:12] if binary and binary.sha256 else file.filename
    parts = (where, found.member or "", found.missing[0] if found.missing else "")
    verb = {"refuted": "does not load", "unknown": "is unknown", "pure": "is pure Python"}
    said = f"{verb.get(found.verdict, found.verdict)} on torch {place.torch.public}"
    text = f"{said}: {found.reason}" if found.reason else said
    text = found.reason if found.cause is Cause.GPU else text
    strength = Strength.PROVEN if binary is not None else Strength.CLAIMED
    evidence = Evidence(subject, text, strength, " ".join(part for part in parts if part))
    return Proof(WheelVerdict(found.verdict), evidence, binary)
