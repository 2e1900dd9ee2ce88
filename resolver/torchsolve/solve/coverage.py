"""GPU coverage of a plan: which wheel has code for which GPU, and the driver that its PTX needs.

Machine code runs as it is. PTX is compiled by the driver, which knows ISAs up to that of its own
CUDA: minor-version compatibility does not cover it (NVIDIA, CUDA Compatibility).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from torchsolve.facts.gpus import DriverTable
from torchsolve.facts.torch import TorchBuild
from torchsolve.model.binary import GpuCode, WheelBinary, kin
from torchsolve.model.gpu import Sm, coverage, covered
from torchsolve.model.plan import GpuCoverage
from torchsolve.model.values import dataclass, replace
from torchsolve.model.version import dotted_key

_WORST = ("missing", "partial", "unknown", "ptx", "native")


@dataclass(frozen=True, slots=True)
class Jit:
    """The PTX compiler of the host's driver; ``driver`` None: any that the plan needs."""

    drivers: DriverTable
    driver: str | None = None

    def compiles(self, isa: str) -> bool:
        """Whether it knows this ISA, ``8.7``; one that no table has is not held against it."""
        first = self.drivers.ptx_isa(isa)
        return first is None or self._has(first)

    def compiles_torch(self, build: TorchBuild) -> bool:
        """Whether it knows the PTX of a torch build: that of its toolkit."""
        first = self.drivers.toolkit(build.cuda.dotted) if build.cuda.dotted else None
        return first is None or self._has(first)

    def _has(self, first: str) -> bool:
        return self.driver is None or dotted_key(self.driver) >= dotted_key(first)

    def usable(self, code: GpuCode) -> GpuCode:
        """The code without PTX that this driver cannot compile."""
        newer = {name for name, isa in code.ptx if not self.compiles(isa)}
        if not newer:
            return code
        fatbins = code.fatbins and tuple(
            replace(one, ptx=tuple(name for name in one.ptx if name not in newer))
            for one in code.fatbins
        )
        kept = tuple(pair for pair in code.ptx if pair[0] not in newer)
        return replace(code, ptx=kept, fatbins=fatbins)


@dataclass(frozen=True, slots=True)
class Coverage:
    """``gpu`` as the plan shows it; ``drivers``: capability that PTX serves → driver for that."""

    gpu: GpuCoverage
    drivers: Mapping[str, str]


def wheel_coverage(
    codes: Iterable[tuple[str, GpuCode]], capability: str, jit: Jit | None = None
) -> str:
    """What one GPU finds in a wheel: ``native``, ``ptx``, ``unknown``, ``partial``, ``missing``.

    The worst of its files, ``(member, code)``; where one has nothing for the GPU and another has
    code, as where xformers brings FlashAttention-3 beside its own kernels, it is ``partial``. Of
    files whose names differ in digits alone (one for each CUDA) Python code opens one: the best of
    them counts. A file made for single architectures alone (torchao's _C_cutlass_90a.so) adds to
    the others and takes nothing: the GPU that only it serves is served in part. PTX that ``jit``
    cannot compile is none.
    """
    general: dict[str, list[str]] = defaultdict(list)
    special: dict[str, list[str]] = defaultdict(list)
    for member, code in codes:
        how = _file(jit.usable(code) if jit else code, capability)
        (general if code.general else special)[kin(member)].append(how)
    hows = _best(general or special)
    more = _best(special)
    worst = min(hows, key=_WORST.index, default="native")
    served = {*hows, *more} & {"native", "ptx", "partial"}
    return "partial" if worst == "missing" and served else worst


def _best(alike: Mapping[str, list[str]]) -> list[str]:
    return [max(answers, key=_WORST.index) for answers in alike.values()]


def _file(code: GpuCode, capability: str) -> str:
    """Fatbins made for other architectures alone (``sm_90a``) add to a file and take nothing."""
    found = covered(code, capability)
    if found.how != "partial" or found.gap or code.fatbins is None:
        return found.how
    general = [one for one in code.fatbins if not one.specific] or list(code.fatbins)
    answers = {coverage(one.sass, one.ptx, capability) for one in general}
    return next((how for how in _WORST if how in answers and how != "missing"), "missing")


def gpu_code(binary: WheelBinary) -> list[tuple[str, GpuCode]]:
    """Files with GPU code."""
    coded = ((file.member, file.gpu) for file in binary.files)
    return [(member, code) for member, code in coded if code and (code.sass or code.ptx)]


def plan_coverage(
    build: TorchBuild | None,
    known: Sequence[str],
    binaries: Iterable[tuple[str, WheelBinary]],
    wanted: Iterable[str],
    jit: Jit,
) -> Coverage:
    """Known compute capabilities that every wheel covers; Tegra's are left out, as unknown.

    Args:
        build: of torch; without one the wheels alone count.
        known: compute capabilities, ascending.
        wanted: pins whose GPU code has to be known for a complete answer.
    """
    codes: dict[str, list[tuple[str, GpuCode]]] = {}
    read: set[str] = set()
    if build is not None and build.sms:
        codes["torch"] = [("torch", _torch_code(build, jit))]
    for name, binary in binaries:
        if all(file.gpu is not None and not file.gpu.unread for file in binary.files):
            read.add(name)
        if found := gpu_code(binary):
            codes[name] = found
    if not codes or (build is not None and not build.sms):
        return Coverage(GpuCoverage(), {})
    table = {c: {name: wheel_coverage(rows, c, jit) for name, rows in codes.items()} for c in known}
    unread = tuple(sorted(set(wanted) - read))
    return Coverage(_shown(table, unread), _ptx_drivers(table, codes, build, jit))


def _torch_code(build: TorchBuild, jit: Jit) -> GpuCode:
    ptx = build.ptx if jit.compiles_torch(build) else ()
    return GpuCode(tuple(build.sms), tuple((name, "") for name in ptx))


def _shown(table: Mapping[str, Mapping[str, str]], unread: tuple[str, ...]) -> GpuCoverage:
    """What torch itself lacks is not listed: no wheel of the plan could help."""
    runs = {
        c: hows for c, hows in table.items() if hows.get("torch", "native") in ("native", "ptx")
    }
    lacking = {c: _names(hows, "missing") for c, hows in runs.items()}
    partly = {c: _names(hows, "partial") for c, hows in runs.items() if not lacking[c]}
    served = {c: set(hows.values()) for c, hows in runs.items() if set(hows.values()) <= _SERVED}
    return GpuCoverage(
        native=tuple(c for c, hows in served.items() if hows == {"native"}),
        ptx=tuple(c for c, hows in served.items() if "ptx" in hows),
        missing=tuple((c, names) for c, names in lacking.items() if names),
        complete=not unread,
        partial=tuple((c, names) for c, names in partly.items() if names),
        unread=unread,
    )


_SERVED = frozenset({"native", "ptx"})


def _names(hows: Mapping[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, how in hows.items() if how == wanted))


def _ptx_drivers(
    table: Mapping[str, Mapping[str, str]],
    codes: Mapping[str, list[tuple[str, GpuCode]]],
    build: TorchBuild | None,
    jit: Jit,
) -> dict[str, str]:
    found: dict[str, str] = {}
    for capability, hows in table.items():
        floors = []
        for name in _names(hows, "ptx"):
            if name == "torch" and build is not None and build.cuda.dotted:
                floors.append(jit.drivers.toolkit(build.cuda.dotted))
            else:
                floors += [_isa_driver(code, capability, jit) for _, code in codes[name]]
        known = [floor for floor in floors if floor is not None]
        if known:
            found[capability] = max(known, key=dotted_key)
    return found


def _isa_driver(code: GpuCode, capability: str, jit: Jit) -> str | None:
    """The driver for the PTX that it would compile: that of the newest architecture that runs."""
    ptx = jit.usable(code).ptx
    fitting = [(Sm.parse(n), isa) for n, isa in ptx if Sm.parse(n).ptx_runs_on(capability)]
    return jit.drivers.ptx_isa(max(fitting)[1]) if fitting else None
