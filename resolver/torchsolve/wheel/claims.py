"""What a wheel's name, folder and index page claim about torch, CUDA, Python and platform.

In: the names. Out: ``Claims`` with claimed evidence. The naming styles are rows of ``matrices/``
(``facts.name_styles``); a new style is a new row. Named groups of their regexes:

``torch`` (``2.7``, ``2.7.0``), ``torchdigits``, ``ptdigits``, ``pytdigits`` (``270``, ``2120``,
``26``), ``higher`` (that torch or a later one), ``cu`` (``126``, ``12``, ``13.0``), ``cumaj``,
``cpu``, ``abi`` (``TRUE``, ``FALSE``, ``0``, ``1``), ``cxx11`` (it is the new one), ``sm``
(``89``), ``py`` (``312``), ``os``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import unquote

from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.facts import facts
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag
from torchsolve.wheel.filename import WheelName, parse

_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_|manylinux(1|2010|2014)_")
_LEGACY_GLIBC = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}


@dataclass(frozen=True, slots=True)
class Claims:
    """The sum of what names claim; each variable is None where nothing does.

    Attributes:
        torch: a specifier, ``==2.7.*``, ``==2.7.0``, ``>=2.9.0``.
        cuda: ``cu126``, ``cpu``, or ``cu12`` where only the major is said; it may be a toolkit that
            torch was never built with (``cu122``): its major is what counts then.
        python: tags of the file name, ``cp312``, ``cp39-abi3``.
        cxx11_abi: the C++ ABI that it says.
        platform: ``linux x86_64``, ``windows``, ``macos``, ``any``.
        glibc: the lowest that one of its tags asks for, ``2.28``.
        sm: the one compute capability that it is for, ``8.9``.
        evidence: one item for each statement, the strongest place first.
    """

    torch: str | None = None
    cuda: str | None = None
    python: str | None = None
    cxx11_abi: bool | None = None
    platform: str | None = None
    glibc: str | None = None
    sm: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement: a variable, its value and where it stands."""

    variable: str
    value: str
    origin: str


def claims(filename: str, place: str | None = None, index_page: str | None = None) -> Claims:
    """Adds up what the names around a wheel say.

    The file name outweighs the package name, that the folder, that the page; all are evidence.

    Args:
        filename: of the wheel; a local version alone (``name-1.0+cu128torch2.10``) is read too.
        place: path in a tree or URL, folders included: ``wheels/Linux/Torch270/x.whl``.
        index_page: URL of the page that lists it.
    """
    said = [*_from_tags(filename), *_from_styles(filename, place, index_page)]
    values: dict[str, str] = {}
    for statement in said:
        values.setdefault(statement.variable, statement.value)
    subject = place or filename
    return Claims(
        torch=values.get("torch"),
        cuda=values.get("cuda"),
        python=values.get("python"),
        cxx11_abi={"true": True, "false": False}.get(values.get("cxx11_abi", "")),
        platform=values.get("platform"),
        glibc=values.get("glibc"),
        sm=values.get("sm"),
        evidence=tuple(dict.fromkeys(_evidence(subject, statement) for statement in said)),
    )


def _evidence(subject: str, said: _Said) -> Evidence:
    text = {
        "torch": f"was built for torch {said.value}",
        "cuda": f"was built for CUDA {said.value}",
        "python": f"is for Python {said.value}",
        "cxx11_abi": f"uses the C++11 ABI: {said.value}",
        "platform": f"is for {said.value}",
        "glibc": f"needs glibc {said.value} or newer",
        "sm": f"is for compute capability {said.value}",
    }
    return Evidence(subject, text[said.variable], Strength.CLAIMED, said.origin)


def _from_tags(filename: str) -> Iterator[_Said]:
    try:
        wheel = parse(filename)
    except UsageError:
        return
    origin = f"file name {filename}"
    if wheel.name == "torch":
        yield _Said("torch", f"=={wheel.version.public}", origin)
    yield _Said("python", _pythons(wheel), origin)
    platforms = sorted({tag.platform for tag in wheel.tags})
    yield _Said("platform", _platform(platforms[0]), origin)
    glibc = [version for version in map(_glibc, platforms) if version]
    if glibc:
        lowest = min(glibc)
        yield _Said("glibc", f"{lowest[0]}.{lowest[1]}", origin)


def _pythons(wheel: WheelName) -> str:
    stable = any(tag.abi == "abi3" for tag in wheel.tags)
    threaded = any(re.fullmatch(r"cp\d+t", tag.abi) for tag in wheel.tags)
    names = ".".join(sorted({tag.interpreter for tag in wheel.tags}))
    return names + ("-abi3" if stable else "t" if threaded else "")


def _platform(tag: str) -> str:
    if tag.startswith("win"):
        return "windows"
    if tag.startswith("macosx"):
        return "macos"
    found = re.search(r"linux.*?_(x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64)$", tag)
    return f"linux {found[1]}" if found else tag


def _glibc(tag: str) -> tuple[int, int] | None:
    found = _GLIBC.match(tag)
    if not found:
        return None
    return _LEGACY_GLIBC[found[3]] if found[3] else (int(found[1]), int(found[2]))


def _from_styles(filename: str, place: str | None, page: str | None) -> Iterator[_Said]:
    folder = unquote(place).rpartition("/")[0] if place else ""
    texts = {
        "filename": (filename, f"file name {filename}"),
        "package": (filename, f"package name of {filename}"),
        "folder": (f"{folder}/", f"folder {folder}"),
        "page": (unquote(page) if page else "", f"index page {page}"),
    }
    for kind, (text, origin) in texts.items():
        for pattern in _patterns(kind):
            found = pattern.search(text) if text.strip("/") else None
            if found:
                groups = {key: value for key, value in found.groupdict().items() if value}
                yield from _decode(groups, origin)


@cache
def _patterns(kind: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(style.regex) for style in facts.name_styles if style.kind == kind)


def _decode(groups: dict[str, str], origin: str) -> Iterator[_Said]:
    tag = _cuda(groups)
    torch = _torch(groups, tag)
    if torch:
        yield _Said("torch", torch, origin)
    if tag:
        yield _Said("cuda", tag, origin)
    if "abi" in groups or "cxx11" in groups:
        new = "cxx11" in groups or groups["abi"] in ("TRUE", "1")
        yield _Said("cxx11_abi", str(new).lower(), origin)
    if "sm" in groups:
        yield _Said("sm", f"{groups['sm'][:-1]}.{groups['sm'][-1]}", origin)
    if "py" in groups:
        yield _Said("python", f"cp{groups['py']}", origin)
    if "os" in groups:
        yield _Said("platform", {"win": "windows"}.get(groups["os"], groups["os"]), origin)


def _cuda(groups: dict[str, str]) -> str | None:
    """``126``, ``12.6`` → ``cu126``; ``12`` → ``cu12``."""
    digits = groups.get("cu", groups.get("cumaj", "")).replace(".", "")
    return f"cu{digits}" if digits else groups.get("cpu")


def _torch(groups: dict[str, str], cuda: str | None) -> str | None:
    if "torch" in groups:
        return _specifier(groups["torch"], higher="higher" in groups)
    for key in ("torchdigits", "pytdigits"):
        if key in groups:
            return _specifier(_full(groups[key]), higher=False)
    return _specifier(_pt(groups["ptdigits"], cuda), higher=False) if "ptdigits" in groups else None


def _specifier(version: str, *, higher: bool) -> str:
    if higher:
        return f">={version}"
    return f"=={version}" if version.count(".") > 1 else f"=={version}.*"


def _full(digits: str) -> str:
    """``290`` → ``2.9.0``, ``2120`` → ``2.12.0``: major, minor, one digit of patch."""
    return f"{digits[0]}.{digits[1:-1]}.{digits[-1]}"


def _pt(digits: str, cuda: str | None) -> str:
    """``26`` → ``2.6``; three digits are read as the torch release that has such a CUDA build.

    ``pt270`` of flash-attn is 2.7.0, ``pt210`` of PyG is 2.10: both are written without dots.
    """
    if len(digits) == 2:
        return f"{digits[0]}.{digits[1]}"
    with_patch, without = _full(digits), f"{digits[0]}.{digits[1:]}"
    if len(digits) == 3 and _built(f"{without}.0", cuda) and not _built(with_patch, cuda):
        return without
    return with_patch


def _built(version: str, cuda: str | None) -> bool:
    if cuda is None or len(cuda) < 5:
        return any(release.version == Version(version) for release in facts.torch.releases)
    return facts.torch.build(Version(version), CudaTag(cuda), "x86_64") is not None
