"""The link check of a chosen plan: its wheels are read, and what the image must bring is installed.

In: a plan. Out: the plan with ``links`` and with the system packages that its files need. Wheels
that torch is known to bring are not read: the atlas has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.version import Version

from torchsolve.errors import UnknownError, UsageError
from torchsolve.facts import Facts
from torchsolve.facts.images import OsRow
from torchsolve.index.client import IndexClient
from torchsolve.model.binary import WheelBinary
from torchsolve.model.link import LinkKind, Links
from torchsolve.model.plan import Layer, Pin, Plan, SystemPackage
from torchsolve.model.values import dataclass, replace
from torchsolve.solve.options import is_compiled
from torchsolve.solve.runtime import driver_minimum, gpu_coverage, system_packages

if TYPE_CHECKING:
    from torchsolve.abi.atlas import ReleaseFacts

# Wheels at the same time; each reads up to six members.
_THREADS = 4
_CUDA = re.compile(r"lib(cuda|cudart|cublas\w*|cudnn|nvrtc|cufft|curand|cusolver|cusparse)\.so")
_NAMED = re.compile(r"cu(da)?\d{2}|[-_]gpu\b|[-_]cuda")
_ORIGIN = "DT_NEEDED"
# What nvidia/cuda images hold beyond ``base``: CUDA's libraries, NCCL, cuDNN where named for it.
_TOOLKIT = re.compile(
    r"lib(cudart|cublas\w*|cufftw?|curand|cusolver\w*|cusparse|nvrtc|nvJitLink|nccl|cudnn\w*)\.so"
)


@dataclass(frozen=True, slots=True)
class _Read:
    binaries: dict[str, WheelBinary]
    unread: tuple[tuple[str, str], ...]
    brought: dict[str, tuple[str, ...]]


def with_links(
    plan: Plan, client: IndexClient, tables: Facts, *, fetch: bool, driver: str | None = None
) -> Plan:
    """The plan, checked: how libraries find each other, for which GPUs wheels have code.

    Args:
        driver: of the host.
        fetch: read wheels that no one has read yet; without it only what is known counts, and the
            others' needs are those of ``matrices/dist_sonames.toml``.
    """
    from torchsolve.abi.host import Host
    from torchsolve.abi.link import Surroundings, check_links

    read = _read(plan, client, fetch=fetch)
    system = next((row for row in tables.images.systems if row.name == plan.image.os), None)
    around = Surroundings(
        Host(plan.image.glibc, plan.image.libstdcxx),
        _release(plan),
        plan.pin("torch") is not None,
        read.brought,
        _packaged(tables, system),
        _present(plan),
    )
    links = check_links(read.binaries, around, read.unread)
    packages = _packages(plan, links, tables, system, read)
    checked = replace(plan, links=links, system_packages=packages)
    return _with_coverage(checked, client, tables, read, fetch=fetch, driver=driver)


def _with_coverage(
    plan: Plan,
    client: IndexClient,
    tables: Facts,
    read: _Read,
    *,
    fetch: bool,
    driver: str | None,
) -> Plan:
    cuda, torch = plan.cell.cuda, plan.cell.torch
    if cuda.version is None:
        return plan
    users = [pin for pin in plan.pins if pin.torch_coupled or _uses_cuda(pin, read)]
    users = [pin for pin in users if _has_binaries(pin) and pin.name not in read.brought]
    with ThreadPoolExecutor(_THREADS, "gpu") as pool:
        answers = list(pool.map(lambda pin: _coded(pin, client, fetch=fetch), users))
    names = [pin.name for pin in users]
    binaries = [(n, a) for n, a in zip(names, answers, strict=True) if a is not None]
    build = tables.torch.build(torch, cuda, plan.cell.platform.machine) if torch else None
    found = gpu_coverage(build, plan.pins, tables, binaries, driver, names)
    least = driver_minimum(cuda, tables, plan.gpus_asked, found)
    return replace(plan, gpu=found.gpu, driver_min=least)


def _uses_cuda(pin: Pin, read: _Read) -> bool:
    """By the libraries that it needs; by its name where it may link them statically."""
    binary = read.binaries.get(pin.name)
    needs = {soname for file in binary.files for soname in file.needed} if binary else set()
    return any(_CUDA.match(soname) for soname in needs) or bool(_NAMED.search(pin.file.filename))


def _coded(pin: Pin, client: IndexClient, *, fetch: bool) -> WheelBinary | None:
    """The wheel with its GPU code; None where that is not known and not to be asked for."""
    try:
        if fetch or (pin.file.url or "").startswith("file:"):
            return client.read_remote(pin.file, gpu=True)
        return client.kept_binary(pin.file, gpu=True)
    except (UnknownError, UsageError):
        return None


def _present(plan: Plan) -> frozenset[str]:
    """What the image that is layered on has by itself; nothing where its inventory does not say."""
    if plan.inventory is None:
        return _of_toolkit(plan)
    return frozenset(plan.inventory.sonames or ())


def _of_toolkit(plan: Plan) -> frozenset[str]:
    """CUDA libraries of the image of a plan without torch, under the names that the CUDA wheels of
    torch give them: those of one major are the same."""
    from torchsolve.abi.atlas import load_atlas

    cuda, flavor = plan.cell.cuda, plan.image.flavor
    if plan.cell.torch is not None or cuda.major is None or "runtime" not in flavor:
        return frozenset()
    atlas = load_atlas()
    releases = (atlas.release(version) for version in atlas.releases)
    alike = [r.sonames for r in releases if r is not None and r.cuda.major == cuda.major]
    return frozenset(
        soname
        for soname in frozenset[str]().union(*alike)
        if _TOOLKIT.match(soname) and ("cudnn" in flavor or "cudnn" not in soname)
    )


def _packaged(tables: Facts, system: OsRow | None) -> frozenset[str]:
    if system is None:
        return frozenset()
    return frozenset(s for s in tables.sonames if tables.package_of(s, system))


def _release(plan: Plan) -> ReleaseFacts | None:
    """What the plan's torch brings, by the build of its CUDA tag; None where it was not read."""
    from torchsolve.abi.atlas import load_atlas

    torch = plan.cell.torch
    if torch is None or plan.cell.platform.machine != "x86_64":
        return None
    return load_atlas().release(torch, plan.cell.cuda)


def _read(plan: Plan, client: IndexClient, *, fetch: bool) -> _Read:
    brought = _brought(plan)
    pins = [pin for pin in plan.pins if _has_binaries(pin) and pin.name not in brought]
    with ThreadPoolExecutor(_THREADS, "links") as pool:
        answers = list(pool.map(lambda pin: _binary(pin, client, fetch=fetch), pins))
    pairs = list(zip((pin.name for pin in pins), answers, strict=True))
    return _Read(
        {name: answer for name, answer in pairs if isinstance(answer, WheelBinary)},
        tuple((name, answer) for name, answer in pairs if isinstance(answer, str)),
        brought,
    )


def _has_binaries(pin: Pin) -> bool:
    return pin.layer is not Layer.BASE and pin.name != "torch" and is_compiled(pin.file)


def _brought(plan: Plan) -> dict[str, tuple[str, ...]]:
    """CUDA's wheels, as the atlas has them."""
    from torchsolve.abi.atlas import load_atlas

    cuda = load_atlas().cuda
    found = {pin.name: cuda.brings(pin.name, Version(pin.version)) for pin in plan.pins}
    return {name: sonames for name, sonames in found.items() if sonames is not None}


def _binary(pin: Pin, client: IndexClient, *, fetch: bool) -> WheelBinary | str:
    try:
        is_local = (pin.file.url or "").startswith("file:")
        if fetch or is_local:
            return client.read_remote(pin.file)
        return client.kept_binary(pin.file) or "was not asked for: -o reads it"
    except (UnknownError, UsageError) as error:
        return f"{error.reference}: {error.message}"


def _packages(
    plan: Plan, links: Links, tables: Facts, system: OsRow | None, read: _Read
) -> tuple[SystemPackage, ...]:
    """By the wheels that were read; by the table for those that were not, and for pure ones."""
    told = system_packages(
        (pin for pin in plan.pins if pin.name not in read.binaries), plan.image.os, tables
    )
    present = _present(plan)
    told = tuple(package for package in told if package.soname not in present)
    rows = {package.name or str(package.soname): package for package in told}
    for need in links.system:
        package = tables.package_of(need.soname, system) if system else None
        _add(rows, package or "", need.soname, need.wheels)
    for issue in links.issues:
        if issue.kind is LinkKind.LIBRARY and issue.reached:
            _add(rows, "", issue.subject, issue.wheels)
    return tuple(rows[key] for key in sorted(rows))


def _add(rows: dict[str, SystemPackage], package: str, soname: str, wheels: Iterable[str]) -> None:
    before = rows.get(package or soname)
    users = {*wheels, *(before.needed_by if before else ())}
    named = before.soname if before else soname
    rows[package or soname] = SystemPackage(package, named, tuple(sorted(users)), _ORIGIN)
