"""Looks for what no single row shows: orphans, duplicates, contradictions between tables.

In: ``Facts``. Out: one line a problem, with the table and the row. What a row alone can get wrong
is refused when its table is parsed; here it becomes a problem too, so that all are told at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.facts.companions import CompanionRow, XformersRow
from torchsolve.facts.imports import import_names_problems
from torchsolve.facts.load import Facts
from torchsolve.facts.partners import partners
from torchsolve.facts.torch import TorchBuild, TorchRelease
from torchsolve.model.version import dotted_key

MACHINES = ("x86_64", "aarch64")


def check(facts: Facts) -> tuple[str, ...]:
    """All problems of the tables, ``()`` when they are sound.

    A table that cannot be parsed is one problem; the checks that need it are then left out.
    """
    found: list[str] = []
    for one in _CHECKS:
        try:
            found.extend(one(facts))
        except UsageError as error:
            found.append(f"{error.origin}: {error.message}")
    return tuple(dict.fromkeys(found))


def _twice(where: str, keys: Iterable[Hashable]) -> Iterator[str]:
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"{where}: {_spell(key)} stands there {count} times"


def _spell(key: Hashable) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _torch(facts: Facts) -> Iterator[str]:
    where = "matrices/torch.toml"
    releases = facts.torch.releases
    yield from _twice(where, (release.version for release in releases))
    for newer, older in pairwise(releases):
        if newer.version <= older.version:
            yield f"{where}: {newer.version} stands before {older.version}; newest first"
        elif newer.uploaded and older.uploaded and newer.uploaded < older.uploaded:
            yield f"{where}: {newer.version} was uploaded before {older.version}"
    if "torch" not in facts.torch.family:
        yield f"{where}: torch is not in its own family"
    for release in releases:
        yield from _builds(facts, release)


def _builds(facts: Facts, release: TorchRelease) -> Iterator[str]:
    where = f"matrices/torch.toml {release.version}"
    yield from _twice(where, ((b.cuda, b.machine) for b in release.builds))
    for machine in MACHINES:
        defaults = [b for b in release.builds if b.default and b.machine == machine]
        if len(defaults) != 1:
            yield f"{where}: {len(defaults)} default builds for {machine}"
    for build in release.builds:
        if build.machine not in MACHINES:
            yield f"{where} {build.cuda}: {build.machine} is no machine that is known"
        if build.default and not build.verified:
            yield f"{where} {build.cuda}: a default build that is not verified"
        yield from _code(facts, build, f"{where} {build.cuda} {build.machine}")


def _code(facts: Facts, build: TorchBuild, where: str) -> Iterator[str]:
    """A build cannot hold code that its toolkit cannot make."""
    known = {row.capability: row for row in facts.gpus.sms}
    if build.cuda.dotted is None:
        if build.sms:
            yield f"{where}: a CPU build with GPU code"
        return
    if facts.drivers.toolkit(build.cuda.dotted) is None:
        yield f"{where}: matrices/drivers.toml has no driver for CUDA {build.cuda.dotted}"
    cuda = dotted_key(build.cuda.dotted)
    for capability in build.sms:
        row = known.get(capability)
        if row is None:
            yield f"{where}: capability {capability} is not in matrices/gpus.toml"
        elif cuda < dotted_key(row.cuda):
            yield f"{where}: code for {capability}, which CUDA {row.cuda} brought"
        elif row.cuda_last and cuda > dotted_key(row.cuda_last):
            yield f"{where}: code for {capability}, which CUDA dropped after {row.cuda_last}"


def _images(facts: Facts) -> Iterator[str]:
    where = "matrices/images.toml"
    every = (*facts.images.all, *facts.images.unverified)
    yield from _twice(where, (image.ref for image in every))
    yield from _twice("matrices/os.toml", (row.name for row in facts.images.systems))
    used = {image.os for image in every}
    for row in facts.images.systems:
        if row.name not in used:
            yield f"matrices/os.toml {row.name}: no image has this OS"
        if row.verified and row.libstdcxx is None:
            yield f"matrices/os.toml {row.name}: verified, but without libstdcxx"
        if not row.pythons:
            yield f"matrices/os.toml {row.name}: packages no Python"
    versions = list(dict.fromkeys(i.cuda for i in every if i.cuda))
    for version in versions:
        if (
            version not in facts.drivers.toolkits
            and f"{version[:4]}.0" not in facts.drivers.toolkits
        ):
            yield f"{where} {version}: matrices/drivers.toml does not know CUDA {version[:4]}"
    yield from _supported(facts)


def _supported(facts: Facts) -> Iterator[str]:
    """Of a CUDA minor only one point release is still served, and it is the newest."""
    newest: dict[str, str] = {}
    supported: dict[str, set[str]] = {}
    for image in (*facts.images.all, *facts.images.unverified):
        if image.cuda is None:
            continue
        minor = image.cuda.rpartition(".")[0]
        newest[minor] = max(newest.get(minor, image.cuda), image.cuda, key=dotted_key)
        if image.supported:
            supported.setdefault(minor, set()).add(image.cuda)
    for minor, patches in supported.items():
        if patches != {newest[minor]}:
            names = ", ".join(sorted(patches))
            yield f"matrices/images.toml {minor}: {names} supported, but {newest[minor]} is newest"


def _gpus(facts: Facts) -> Iterator[str]:
    where = "matrices/gpus.toml"
    yield from _twice(where, (row.capability for row in facts.gpus.sms))
    yield from _twice(where, (gpu.name for row in facts.gpus.sms for gpu in row.gpus))
    for newer, older in pairwise(facts.gpus.sms):
        if dotted_key(newer.capability) < dotted_key(older.capability):
            yield f"{where}: {newer.capability} stands before {older.capability}; newest first"
    for row in facts.gpus.sms:
        shipped = facts.drivers.toolkit(row.cuda)
        if row.driver and shipped and row.driver != shipped:
            yield (
                f"{where} {row.capability}: driver {row.driver}, but CUDA {row.cuda} "
                f"came with {shipped} (matrices/drivers.toml)"
            )


def _drivers(facts: Facts) -> Iterator[str]:
    where = "matrices/drivers.toml"
    tables = facts.drivers
    known = [(dotted_key(cuda), driver) for cuda, driver in tables.toolkits.items() if driver]
    for (newer, driver), (older, before) in pairwise(sorted(known, reverse=True)):
        if dotted_key(driver) < dotted_key(before):
            yield f"{where}: CUDA {_dots(newer)} has an older driver than {_dots(older)}"
    for major, floor in tables.floors.items():
        first = tables.toolkit(f"{major}.0")
        if first and first != floor:
            yield f"{where}: the floor of CUDA {major} is {floor}, but {major}.0 came with {first}"
    for isa, (cuda, driver) in tables.ptx.items():
        shipped = tables.toolkit(cuda)
        if shipped and shipped != driver:
            yield f"{where} ptx {isa}: driver {driver}, but CUDA {cuda} came with {shipped}"


def _dots(key: tuple[int, ...]) -> str:
    return ".".join(map(str, key))


def _companions(facts: Facts) -> Iterator[str]:
    where = "matrices/companions.toml"
    yield from _twice(where, ((row.package, row.version) for row in facts.companions))
    for row in facts.companions:
        at = f"{where} {row.package} {row.version}"
        if row.torch and not any(_allows(row.torch, r.version) for r in facts.torch.releases):
            yield f"{at}: no known torch is {row.torch}"
        if row.cuda and row.cuda_major not in (None, row.cuda.major):
            yield f"{at}: {row.cuda} is not of CUDA {row.cuda_major}"
        yield from _default_tags(facts, row, at)
        if row.package == "xformers":
            yield from _built_as(facts.xformers, row, at)


def _default_tags(facts: Facts, row: CompanionRow, at: str) -> Iterator[str]:
    if row.cuda_of_torch is None or row.torch is None:
        return
    for release in facts.torch.releases:
        build = facts.torch.default_build(release.version, "x86_64")
        if _allows(row.torch, release.version) and build and build.cuda != row.cuda_of_torch:
            yield (
                f"{at}: says torch {release.version} is {row.cuda_of_torch}, "
                f"matrices/torch.toml says {build.cuda}"
            )


def _built_as(rows: Iterable[XformersRow], companion: CompanionRow, at: str) -> Iterator[str]:
    spoken_of = [r for r in rows if _allows(companion.version, r.version)]
    if not any(not r.version.is_prerelease for r in spoken_of):
        yield f"{at}: no such release in matrices/xformers.toml"
    for row in spoken_of:
        if companion.cuda and row.cuda != companion.cuda and not row.version.is_prerelease:
            yield f"{at}: {companion.cuda}, but matrices/xformers.toml says {row.cuda}"


def _xformers(facts: Facts) -> Iterator[str]:
    where = "matrices/xformers.toml"
    yield from _twice(where, (row.version for row in facts.xformers))
    oldest = min(release.version for release in facts.torch.releases)
    for newer, older in pairwise(facts.xformers):
        if newer.version <= older.version:
            yield f"{where}: {newer.version} stands before {older.version}; newest first"
    for row in facts.xformers:
        torch = Version(row.built_with.public)
        if not _allows(row.torch, torch):
            yield f"{where} {row.version}: built with torch {torch}, asks for {row.torch}"
        if torch >= oldest and facts.torch.build(torch, row.cuda, "x86_64") is None:
            yield f"{where} {row.version}: matrices/torch.toml has no {torch}+{row.cuda}"


def _allows(specifier: str, version: Version) -> bool:
    return SpecifierSet(specifier).contains(version, prereleases=True)


def _comfyui(facts: Facts) -> Iterator[str]:
    where = "matrices/comfyui.toml"
    rows = facts.comfyui.releases
    yield from _twice(where, (row.commit for row in rows))
    for key in facts.comfyui.unused:
        yield f"{where}: requirements {key} belong to no release"
    for newer, older in pairwise([row for row in rows if row.date]):
        if newer.date and older.date and newer.date < older.date:
            yield f"{where}: {newer.commit[:8]} stands before {older.commit[:8]}; newest first"
    for row in rows:
        if not re.fullmatch(r"[0-9a-f]{40}", row.commit):
            yield f"{where}: {row.commit!r} is no commit"


def _folders(facts: Facts) -> Iterator[str]:
    where = "matrices/folders.toml"
    table = facts.folders
    yield from _twice(where, (f"{row.name} {row.since}" for row in table.categories))
    names = {row.name for row in table.categories}
    for alias in table.aliases:
        if alias.category not in names:
            yield f"{where}: {alias.name} stands for {alias.category}, which has no row"
    for row in table.categories:
        if not row.folders or any(f.startswith("/") or ".." in f for f in row.folders):
            yield f"{where}: {row.name} has no folders below ComfyUI's root"


def _names(facts: Facts) -> Iterator[str]:
    where = "matrices/name_styles.toml"
    styles = {style.id: style for style in facts.name_styles}
    yield from _twice(where, (style.id for style in facts.name_styles))
    yield from _twice(where, (example.text for example in facts.name_examples))
    for style in facts.name_styles:
        if not style.examples:
            yield f"{where} {style.id}: no style uses it"
    for example in facts.name_examples:
        at = f"{where} {example.text}"
        for key in example.regexes:
            if key not in styles:
                yield f"{at}: regex {key!r} is not there"
            elif not re.search(styles[key].regex, example.text):
                yield f"{at}: regex {key} does not match it"
        if example.cuda and not re.fullmatch(r"cpu|cu\d{2,3}", example.cuda):
            yield f"{at}: cuda {example.cuda!r} is no tag"


def _conflicts(facts: Facts) -> Iterator[str]:
    where = "matrices/known_conflicts.toml"
    yield from _twice(where, (row.id for row in facts.known_conflicts))
    for row in facts.known_conflicts:
        if not row.texts:
            yield f"{where} {row.id}: no text shows it"
        for text in row.texts:
            first = next((r.id for r in facts.known_conflicts if re.search(r.regex, text)), None)
            if not re.search(row.regex, text):
                yield f"{where} {row.id}: its regex does not find {text!r}"
            elif first != row.id and row.note is None:
                yield f"{where} {row.id}: {first}, which stands before it, takes {text!r}"


def _failures(facts: Facts) -> Iterator[str]:
    where = "matrices/build_failures.toml"
    yield from _twice(where, (row.id for row in facts.build_failures))
    for row in facts.build_failures:
        for text in row.texts:
            if not re.search(row.regex, text):
                yield f"{where} {row.id}: its regex does not find {text!r}"


def _system(facts: Facts) -> Iterator[str]:
    yield from _twice("matrices/sonames.toml", (row.soname for row in facts.libraries))
    for library in facts.libraries:
        for family in ("apt", "dnf"):
            if family not in library.packages:
                yield f"matrices/sonames.toml {library.soname}: no package for {family}"
    for name, row in facts.dist_sonames.items():
        for soname in row.sonames:
            if soname not in facts.sonames:
                yield f"matrices/dist_sonames.toml {name}: {soname} is not in sonames.toml"
    known = {row.name for row in facts.runtime.needs}
    asked = {need for row in facts.runtime.distributions for need in row.needs}
    for need in sorted(asked ^ known):
        what = "is not described" if need in asked else "is asked for by nothing"
        yield f"matrices/runtime.toml: {need} {what}"


def _systems_of_packages(facts: Facts) -> Iterator[str]:
    """A key of packages is a family or an OS that is known."""
    known = {"apt", "dnf", *(row.name for row in facts.images.systems)}
    for library in facts.libraries:
        for key in (*library.packages, *library.looked_up):
            if key not in known:
                yield f"matrices/sonames.toml {library.soname}: {key!r} is no known OS"


def _models(facts: Facts) -> Iterator[str]:
    where = "matrices/models.toml"
    repos = [row.repo for row in facts.models]
    yield from _twice(where, repos)
    yield from _twice(where, facts.loader_ignores)
    for row in facts.models:
        if row.mirror and row.mirror not in repos:
            yield f"{where} {row.repo}: its mirror {row.mirror} has no row"


def _abi(facts: Facts) -> Iterator[str]:
    where = "matrices/layouts.toml"
    layouts = facts.layouts
    keys = [(rule.use, field) for rule in layouts.rules for field in rule.fields]
    yield from _twice(where, keys)
    yield from _twice(where, (name for row in layouts.surfaces for name in row.symbols))
    for use in layouts.uses.values():
        if use.id not in {rule.use for rule in layouts.rules}:
            yield f"{where} {use.id}: no rule asks for it"
        if not (use.symbols or use.headers):
            yield f"{where} {use.id}: nothing shows it"
    where = "matrices/stable_abi.toml"
    yield from _twice(where, (name for row in facts.stable_abi.shims for name in row.names))
    for row in facts.stable_abi.shims:
        if row.version < facts.stable_abi.floor:
            yield f"{where} {row.version}: promised before anything was"
    for older, newer in pairwise(facts.libstdcxx):
        if dotted_key(newer.glibcxx) <= dotted_key(older.glibcxx):
            yield f"matrices/libstdcxx.toml {newer.gcc}: no newer than {older.gcc} before it"


def _files(facts: Facts) -> Iterator[str]:
    """After all other checks: every file was read, every source is named by a row."""
    for path in sorted(facts.folder.glob("*.toml")):
        table = facts.read.get(path.stem)
        if table is None:
            yield f"matrices/{path.name}: nothing reads it"
            continue
        for key in sorted(set(table.sources) - table.used):
            yield f"matrices/{path.name}: source {key} is named by no row"


_CHECKS: tuple[Callable[[Facts], Iterator[str]], ...] = (
    _torch,
    partners,
    _images,
    _gpus,
    _drivers,
    _companions,
    _xformers,
    _comfyui,
    _folders,
    _names,
    _conflicts,
    _failures,
    _system,
    _systems_of_packages,
    _models,
    _abi,
    lambda facts: import_names_problems(facts.import_names),
    _files,
)
