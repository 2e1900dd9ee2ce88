"""The usable versions of a package: which files of a page a target can install, best first.

Rules: PEP 425 tags against the target, never the running interpreter; Requires-Python of the file
(PEP 503); upload time before the cut-off (PEP 700; a file without a time is left out under a
cut-off, as uv does, except on indexes that give none); hashes that a requirements file asks for;
one file a version: the wheel with the best tag, then the highest build number, then an sdist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import overload

import packaging
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from torchsolve.model.choice import Choice, Choices, Outline, Refused
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.project import WheelFact
from torchsolve.model.target import Target
from torchsolve.model.values import dataclass
from torchsolve.solve.question import Rules

# torch's own index gives no times; the date of the cell's release (matrices/torch.toml) bounds it.
WITHOUT_TIMES = ("torch", "project", "direct")
_version = attrgetter("version")
NO_WHEEL = "has no wheel"
NO_SDIST = "has no sdist, and its wheels are refused"
CUT_OFF = "the cut-off date"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice for a package.

    Attributes:
        version: of the file; of a virtual package, its value.
        file: None for a virtual package.
        metadata_file: another file of that version whose metadata stands for it (an sdist's
            dependencies are taken from a wheel of the same version where there is one, as uv does).
        wheel: set for a project's own wheel.
        metadata: known without asking an index (a project's own wheel, an installed package).
        unread: why nobody could read its metadata.
        vcs: for a git reference.
    """

    version: Version
    file: IndexFile | None = None
    metadata_file: IndexFile | None = None
    wheel: WheelFact | None = None
    metadata: DistMetadata | None = None
    unread: str | None = None
    vcs: tuple[str, str, str | None] | None = None

    @property
    def yanked(self) -> bool:
        """Withdrawn by its publisher (PEP 592)."""
        return self.file is not None and self.file.yanked is not None


@lru_cache(maxsize=32)
def _ranks(target: Target) -> dict[str, int]:
    return {str(tag): rank for rank, tag in enumerate(target.tags())}


@lru_cache(maxsize=8192)
def tag_rank(triple: str, target: Target) -> int | None:
    """Rank of the best tag of a set like ``cp39.cp310-abi3-linux_x86_64``; None if none fits."""
    ranks = _ranks(target)
    pythons, abis, platforms = (part.split(".") for part in triple.split("-"))
    found = [
        ranks[tag]
        for py in pythons
        for abi in abis
        for plat in platforms
        if (tag := f"{py}-{abi}-{plat}") in ranks
    ]
    return min(found, default=None)


def wheel_triple(filename: str) -> str:
    """The three tags of a wheel file name: ``cp312-cp312-linux_x86_64`` (PEP 427)."""
    return "-".join(filename[:-4].rsplit("-", 3)[1:])


def is_compiled(file: IndexFile) -> bool:
    """Whether a file is a wheel for one platform, so that it may hold compiled code."""
    return file.is_wheel and not wheel_triple(file.filename).endswith("-any")


def _build_number(filename: str) -> tuple[int, str]:
    parts = filename[:-4].split("-")
    if len(parts) != 6:
        return (0, "")
    digits = "".join(c for c in parts[2] if c.isdigit())
    return (int(digits or 0), parts[2])


@lru_cache(maxsize=4096)
def python_allows(requires_python: str, python_full: str) -> bool:
    """Whether Requires-Python admits ``3.12.0``; a malformed one admits everything, as pip does."""
    try:
        return SpecifierSet(requires_python).contains(python_full, prereleases=True)
    except ValueError:  # no specifier, or a number that is too long to be read
        return True


class BestFiles:
    """Chooses for a target, under the rules of a run; implements ``model.choice.Chooser``."""

    def __init__(self, target: Target, rules: Rules, name: NormalizedName) -> None:
        self._target, self._rules, self._name = target, rules, name

    @property
    def key(self) -> str:
        """Target, rules, and the edition of what chooses and of what makes bit sets."""
        rules, name = self._rules, self._name
        asked = (
            str(rules.exclude_newer),
            *sorted(rules.hashes.get(name, ())),
            f"no-binary {_named(rules.no_binary, name)}",
            f"only-binary {_named(rules.only_binary, name)}",
        )
        return f"{_edition()} {_as_text(self._target)} {' '.join(asked)}"

    def choose(self, files: Iterable[IndexFile]) -> list[Choice]:
        """The best file of each version that the target can install, newest version first."""
        rules = self._rules
        known = [f for f in files if _in_time(f, rules) and _hash_allowed(f, rules, self._name)]
        # Pages come in this order: to sort is to look.
        known.sort(key=_version, reverse=True)
        found = []
        for _, group in groupby(known, _version):
            together = list(group)
            best = _best_file(together, self._target, rules, self._name)
            if best is not None:
                found.append(Choice(best, _metadata_file(best, together)))
        return found

    def refused(self, files: Iterable[IndexFile]) -> Refused:
        """Versions above the oldest usable one whose every file asks for another Python."""
        full = f"{self._target.python}.0"
        rows: list[tuple[str, str]] = []
        length = 0
        known = sorted((f for f in files if _in_time(f, self._rules)), key=_version, reverse=True)
        for version, group in groupby(known, _version):
            asked = [file.requires_python or "" for file in group if file.yanked is None]
            if asked and not any(python_allows(text, full) for text in asked):
                rows.append((str(version), asked[0]))
            elif asked:
                length = len(rows)
        return tuple(rows[:length])


@lru_cache(maxsize=32)
def _as_text(target: Target) -> str:
    return repr(target)


@lru_cache(maxsize=1)
def _edition() -> str:
    """Changes with the code that is behind a choice, in a checkout too."""
    sources = ("options.py", "masks.py", "needs.py", "packages.py")
    stats = [Path(__file__).with_name(name).stat() for name in sources]
    return " ".join([packaging.__version__, *(f"{s.st_size} {s.st_mtime_ns}" for s in stats)])


def outlines(options: Sequence[Option]) -> list[Outline]:
    """Version of each, and whether it was yanked."""
    if isinstance(options, Options):
        return options.outlines
    return [(option.version, option.yanked) for option in options]


class Options(Sequence[Option]):
    """The options of a page, each made when it is looked at."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._made: list[Option | None] = [None] * len(choices)

    @cached_property
    def outlines(self) -> list[Outline]:
        """Version of each, and whether it was yanked, without making them."""
        return self._choices.outlines()

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, position: int) -> Option: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Option]: ...
    def __getitem__(self, position: int | slice) -> Option | Sequence[Option]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        found = self._made[position]
        if found is None:
            choice = self._choices[position]
            found = Option(choice.file.version, choice.file, choice.metadata_file)
            self._made[position] = found
        return found


def _in_time(file: IndexFile, rules: Rules) -> bool:
    if rules.exclude_newer is None:
        return True
    if file.upload_time is None:
        return file.index in WITHOUT_TIMES
    return file.upload_time < rules.exclude_newer


def _hash_allowed(file: IndexFile, rules: Rules, name: NormalizedName) -> bool:
    allowed = rules.hashes.get(name)
    return allowed is None or f"sha256:{file.sha256}" in allowed


def _named(names: frozenset[str], name: NormalizedName) -> bool:
    return name in names or ":all:" in names


def _best_file(
    files: Sequence[IndexFile], target: Target, rules: Rules, name: NormalizedName
) -> IndexFile | None:
    full = f"{target.python}.0"
    ranked = []
    sdist = None
    for file in files:
        if file.requires_python and not python_allows(file.requires_python, full):
            continue
        if not file.is_wheel:
            sdist = file if sdist is None or file.filename.endswith(".tar.gz") else sdist
        elif not _named(rules.no_binary, name):
            rank = tag_rank(wheel_triple(file.filename), target)
            if rank is not None:
                number, text = _build_number(file.filename)
                ranked.append((rank, -number, text, file.filename, file))
    if ranked:
        return min(ranked, key=lambda row: row[:4])[4]
    return None if _named(rules.only_binary, name) else sdist


def _metadata_file(best: IndexFile, files: Sequence[IndexFile]) -> IndexFile | None:
    if best.is_wheel:
        return None
    wheels = sorted((f for f in files if f.is_wheel), key=lambda f: f.filename)
    return wheels[0] if wheels else None


def wheel_options(
    wheels: Iterable[WheelFact], target: Target, torch: Version | None
) -> tuple[Option, ...]:
    """Usable options among a project's own wheels.

    Order (DESIGN section 5): newer version, then the folder that names the cell's torch, then the
    path. Wheels of another Python or C library are left out.
    """
    usable = [
        wheel for wheel in wheels if tag_rank(wheel_triple(wheel.file.filename), target) is not None
    ]

    def order(wheel: WheelFact) -> tuple[bool, str]:
        names_torch = (
            torch is not None
            and wheel.torch is not None
            and SpecifierSet(wheel.torch).contains(torch.public, prereleases=True)
        )
        return (not names_torch, wheel.file.place or wheel.file.filename)

    usable.sort(key=order)
    usable.sort(key=lambda wheel: wheel.file.version, reverse=True)
    return tuple(
        Option(
            wheel.file.version,
            wheel.file,
            wheel=wheel,
            metadata=wheel.metadata,
            unread=wheel.unread,
        )
        for wheel in usable
    )


def why_held_back(option: Option) -> str:
    """Why a usable option is not taken for a requirement that contains it (PEP 592, PEP 440)."""
    if option.file is not None and option.file.yanked is not None:
        why = f" ({option.file.yanked})" if option.file.yanked else ""
        return f"was yanked by its publisher{why}, and is taken by an exact pin alone"
    return "is a pre-release, and none is asked for"


def why_unusable(files: Iterable[IndexFile], target: Target, rules: Rules) -> str | None:
    """Why a target can install none of these files (of one version), in words; None if it can.

    Read from the tags: the Pythons there are, the C library they ask for, or the cut-off date.
    """
    files = list(files)
    timely = [file for file in files if _in_time(file, rules)]
    if not timely:
        if all(file.upload_time is None for file in files):
            return f"has no upload time to hold against {CUT_OFF}"
        return f"was uploaded after {CUT_OFF}"
    timely = [file for file in timely if _hash_allowed(file, rules, file.name)]
    if not timely:
        return "has no file with a hash that the requirements file allows"
    name = timely[0].name
    if _best_file(timely, target, rules, name) is not None:
        return None
    full = f"{target.python}.0"
    admitted = [
        f for f in timely if not f.requires_python or python_allows(f.requires_python, full)
    ]
    if not admitted:
        return f"needs Python {timely[0].requires_python}"
    triples = sorted({wheel_triple(file.filename) for file in admitted if file.is_wheel})
    if not triples:
        return NO_WHEEL
    if _named(rules.no_binary, name):
        return NO_SDIST
    return _why_no_tag_fits(triples, target)


def _why_no_tag_fits(triples: Sequence[str], target: Target) -> str:
    relaxed = Target(target.python, target.platform, (2, 99))
    floors = sorted({t.rsplit("-", 1)[1] for t in triples if tag_rank(t, relaxed) is not None})
    if floors:
        return f"needs a newer glibc: {', '.join(floors)}"
    machine = target.platform.machine
    linux = [t for t in triples if t.endswith("-any") or ("linux" in t and machine in t)]
    if not linux:
        return f"has no wheel for Linux {machine}"
    here = {_python_of(t) for t in linux if "musllinux" not in t or "manylinux" in t}
    return f"has wheels for {', '.join(sorted(here, key=lambda t: (len(t), t))) or 'musl'} only"


def _python_of(triple: str) -> str:
    """``cp312`` of a tag; ``cp312t`` of one for a free-threaded Python."""
    python, abi, _ = triple.split("-")
    return abi if abi == f"{python}t" else python
