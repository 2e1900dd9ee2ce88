"""What is known of the very names in a complaint: symbols, libraries, versions, modules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.demangle import demangle
from torchsolve.abi.host import is_driver
from torchsolve.facts import facts
from torchsolve.facts.system import package_on
from torchsolve.model.version import dotted_key
from torchsolve.project.distributions import distributions_of

_TORCH = re.compile(r"_ZNK?(?:3c10|2at|5torch|5caffe2)")
_LIBTORCH = re.compile(r"lib(?:torch\w*|c10\w*|shm)\.so")


def details(text: str) -> tuple[str, ...]:
    """Lines about the names in ``text``, which is one complaint; none where nothing is known."""
    return tuple(
        dict.fromkeys(
            line
            for pattern, tell in _TELLERS
            for match in re.finditer(pattern, text)
            for line in tell(*match.groups())
        )
    )


def _symbol(name: str) -> Iterator[str]:
    """By the atlas: who exports it."""
    atlas, shown = load_atlas(), demangle(name)
    releases = atlas.releases_with(name)
    if releases:
        yield f"{shown}: exported by torch {_ranges(releases, atlas.releases)}"
    elif _TORCH.match(name):
        last = atlas.releases[-1]
        yield f"{shown}: no torch release from {atlas.releases[0]} to {last} exports it"
    elif first := atlas.cuda_first(name):
        yield f"{name}: {first[0]} has it from {first[1]} on"


def _ranges(have: Iterable[Version], known: tuple[Version, ...]) -> str:
    """``2.8.0 to 2.15.0``: runs of releases that follow each other in the atlas."""
    at = sorted(known.index(version) for version in have)
    starts = [i for i in at if i - 1 not in at]
    ends = [i for i in at if i + 1 not in at]
    runs = zip(starts, ends, strict=True)
    return ", ".join(f"{known[a]}" if a == b else f"{known[a]} to {known[b]}" for a, b in runs)


def _library(soname: str) -> Iterator[str]:
    if is_driver(soname):
        yield f"{soname} is the driver's: the container was started without a GPU"
        return
    if _LIBTORCH.match(soname):
        yield f"{soname} is torch's own: torch is not installed, or was not imported first"
        return
    packages = facts.sonames.get(soname, {})
    by_command: dict[str, list[str]] = {}
    for system in facts.images.systems:
        if package := package_on(packages, system):
            installs = "apt-get install" if system.family == "apt" else "dnf install"
            by_command.setdefault(f"{installs} {package}", []).append(system.name)
    for command, systems in by_command.items():
        yield f"{command} ({', '.join(systems)})"


def _glibc(version: str) -> Iterator[str]:
    wanted = dotted_key(version)
    have = [f"{s.name} ({s.glibc})" for s in facts.images.systems if dotted_key(s.glibc) >= wanted]
    yield f"glibc {version} or newer: {', '.join(have) or 'no base image that is known'}"


def _libstdcxx(version: str) -> Iterator[str]:
    wanted = dotted_key(version)
    have = [
        f"{s.name} ({s.libstdcxx})"
        for s in facts.images.systems
        if s.libstdcxx and dotted_key(s.libstdcxx) >= wanted
    ]
    yield f"GLIBCXX_{version} or newer: {', '.join(have) or 'no base image that is known'}"


def _module(name: str) -> Iterator[str]:
    found = distributions_of(name)
    if found:
        others = f", also {' '.join(found[1:])}" if len(found) > 1 else ""
        yield f"{name} is brought by the distribution {found[0]}{others}"


def _capability(major_minor: str) -> Iterator[str]:
    capability = f"{major_minor[:-1]}.{major_minor[-1]}"
    builds = [
        f"{release.version}+{build.cuda}"
        for release in facts.torch.releases
        for build in release.builds
        if build.default and build.machine == "x86_64" and capability in build.sms
    ]
    if builds:
        yield f"default builds of torch with code for {capability}: {builds[-1]} to {builds[0]}"


def _driver(number: str) -> Iterator[str]:
    """``11060`` is CUDA 11.6 (cudaDriverGetVersion: 1000 times the major, 10 times the minor)."""
    value = int(number)
    yield f"this driver knows CUDA up to {value // 1000}.{value % 1000 // 10}"
    for major, floor in sorted(facts.drivers.floors.items(), reverse=True):
        yield f"CUDA {major} needs driver {floor} or newer"


def _xformers(torch: str) -> Iterator[str]:
    rows = [row for row in facts.xformers if torch in SpecifierSet(row.torch)]
    if rows:
        yield f"for torch {torch}: xformers {', '.join(str(row.version) for row in rows)}"


def _warning(_: str) -> Iterator[str]:
    yield "the line is a warning: what printed it goes on without"


_TELLERS: tuple[tuple[str, Callable[[str], Iterator[str]]], ...] = (
    (r"undefined symbol: (\w+)", _symbol),
    (r"([\w.+-]+\.so(?:\.\d+)*): cannot open shared object", _library),
    (r"version `GLIBC_(\d[\d.]*)' not found", _glibc),
    (r"version `GLIBCXX_(\d[\d.]*)' not found", _libstdcxx),
    (r"No module named '([\w.]+)'", _module),
    (r"CUDA capability sm_(\d{2,3})", _capability),
    (r"\(you have (\d+\.\d+\.\d+)", _xformers),
    (r"^(Warning:|\[?WARNING\]? )", _warning),
    (r"found version (\d{4,5})\)", _driver),
)
