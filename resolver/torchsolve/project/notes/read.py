"""A text → what it claims of paths, repositories, URLs, ports, versions, wheels, loading,
downloads and hardware."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from torchsolve.errors import UsageError
from torchsolve.model.claim import Claim, ClaimKind

_LIMIT = 2_000_000
_PATH = re.compile(r"(?<![\w/.-])(?:ComfyUI/)?((?:models|custom_nodes)/[\w./{}-]*[\w}/])")
_HUB = re.compile(
    r"(?:https?://)?huggingface\.co/(?!datasets/|spaces/|docs/|papers/|blog/)([\w-]+/[\w.-]*\w)"
)
_CODE = re.compile(r"`([\w-]+/[\w.-]*\w)`")
_URL = re.compile(r"https?://[^\s)>\]\"'`|]+")
_PORT = re.compile(
    r"(?:\bport\s*[:=]?\s*|localhost:|127\.0\.0\.1:|0\.0\.0\.0:|-p\s+(?:\d+:)?)(\d{4,5})\b",
    re.IGNORECASE,
)
_TORCH = re.compile(r"(?<![\w-])(?:py)?torch[\s=:v*`]{1,5}(\d+\.\d+(?:\.\d+)?)", re.IGNORECASE)
_CUDA = re.compile(r"\bCUDA\s+(?:version\s+)?(1\d(?:\.\d)?)\b", re.IGNORECASE)
_CUDA_TAG = re.compile(r"\bcu(1\d)(\d)\b")
_PYTHON = re.compile(r"\bPython\s+(3\.\d{1,2})\b", re.IGNORECASE)
_WHEEL = re.compile(r"\bwheels?\b", re.IGNORECASE)
_GIT_DEP = re.compile(
    r"`?([A-Za-z]\w[\w-]*)`?[^.\n]{0,60}?\b(?:declares?|depends? on|requires?|needs?|pulls in)\b"
    r"([^.\n]{0,80}?)\b(?:from|by|via|as an?|over|through)?\s*git\b",
    re.IGNORECASE,
)
_STANDARD = re.compile(r"\b(?:all|every)\b[^.\n]*\bmodels?\b[^.\n]*\bfolder_paths\b", re.IGNORECASE)
_UNGATED = re.compile(
    r"\bno\b[^.\n]*\b(?:ungated|public|open)\b[^.\n]*\b(?:alternative|mirror|copy)", re.IGNORECASE
)
_GATED = re.compile(r"(\bnot\s+|\bun|\bnon-?)?gated\b", re.IGNORECASE)
_GPU = re.compile(r"\b(RTX\s?(?:PRO\s?)?\d{4}(?:\s?Ti)?|[AH]\d{3}|L40S?|L4|T4|V100|B\d{3}|GH200)\b")
_VRAM = re.compile(
    r"\b(\d{1,3})\s?(?:GB|GiB|G)\+?\s+(?:of\s+)?(?:GPU\s+)?(?:VRAM|GPU memory|video memory)"
    r"|\bVRAM\b[^.\n\d]{0,24}?(\d{1,3})\s?(?:GB|GiB)\b",
    re.IGNORECASE,
)
_ITSELF = re.compile(
    r"\bauto(?:matic(?:ally)?)?[- ]?(?:model )?download"
    r"|\bdownload(?:s|ed)?\b[^.\n]{0,40}?\b(?:automatically|itself|themselves|by itself"
    r"|(?:on|at) (?:the )?(?:first|initial) (?:run|use|launch|start))",
    re.IGNORECASE,
)
_WEIGHTS = re.compile(r"\b(?:models?|weights?|checkpoints?)\b", re.IGNORECASE)
_NOT_ITSELF = re.compile(
    r"\b(?:no|not|n't|without|cannot|if|never)\b[^.\n]{0,30}?(?:auto[- ]?)?download"
    r"|\bdownload(?:s|ed|er)?\b[^.\n]{0,30}?\b(?:slow|fails?|failed|manually)\b",
    re.IGNORECASE,
)
_NUMBERS = (
    (ClaimKind.PORT, _PORT),
    (ClaimKind.CUDA, _CUDA),
    (ClaimKind.CUDA, _CUDA_TAG),
    (ClaimKind.PYTHON, _PYTHON),
)
_FILE = re.compile(r"[\w-]+\.(?:md|py|txt|json|ya?ml|toml|git|whl|safetensors|png|jpg)$")


def read_notes(path: Path) -> tuple[Claim, ...]:
    """Claims of a file, in order, each once.

    Raises UsageError ``no-such-file`` or ``too-large``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or "unreadable"
        raise UsageError(
            "no-such-file", why, origin=str(path), hint="--claims takes a text file"
        ) from None
    if len(data) > _LIMIT:
        hint = "--claims takes notes, a blog text or a README"
        raise UsageError("too-large", f"{len(data):,} bytes", origin=str(path), hint=hint)
    return claims_of(path.name, data.decode("utf-8", "replace"))


def claims_of(name: str, text: str, *, places: bool = False) -> tuple[Claim, ...]:
    """Claims of a text; the first place of each.

    ``places``: where models lie, where they come from and whether they come by themselves, alone.
    """
    found: dict[tuple[ClaimKind, str, str], Claim] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, value, subject in _places(line) if places else _of_line(line):
            key = (kind, value.casefold(), subject.casefold())
            found.setdefault(key, Claim(kind, value, f"{name}:{number}", subject))
    return tuple(found.values())


def _places(line: str) -> Iterator[tuple[ClaimKind, str, str]]:
    paths = [match[1] for match in _PATH.finditer(line.replace("\\", "/"))]
    repositories = _repositories(line)
    for path in paths:
        yield ClaimKind.PATH, path, ""
    for repository in repositories:
        yield ClaimKind.REPOSITORY, repository, ""
    if _ITSELF.search(line) and not _NOT_ITSELF.search(line):
        for subject in repositories or paths or ([""] if _WEIGHTS.search(line) else []):
            yield ClaimKind.DOWNLOAD, "by itself", subject


def _repositories(line: str) -> list[str]:
    found = [m[1] for m in _HUB.finditer(line)]
    found += [m[1] for m in _CODE.finditer(line) if _is_repository(m[1])]
    return list(dict.fromkeys(found))


def _of_line(line: str) -> Iterator[tuple[ClaimKind, str, str]]:
    yield from _places(line)
    repositories = _repositories(line)
    for match in _URL.finditer(line):
        address = match[0].rstrip(".,;:")
        if not _HUB.fullmatch(address):
            yield ClaimKind.URL, address, ""
    yield from _of_sentence(line, repositories)


def _is_repository(text: str) -> bool:
    first = text.partition("/")[0]
    return first not in ("models", "custom_nodes", "wheels") and not _FILE.search(text)


def _of_sentence(line: str, repositories: list[str]) -> Iterator[tuple[ClaimKind, str, str]]:
    yield from _numbers(line)
    for match in _TORCH.finditer(line):
        kind = ClaimKind.WHEELS if _WHEEL.search(line) else ClaimKind.TORCH
        yield kind, match[1], ""
    for match in _GIT_DEP.finditer(line):
        for name in re.findall(r"`?([A-Za-z][\w-]{2,})`?", match[2]):
            if name.lower() not in ("the", "its", "and", "package", "only", "one", "dependency"):
                yield ClaimKind.DEPENDENCY, name, match[1]
    if _STANDARD.search(line):
        yield ClaimKind.LOADING, "folder_paths", ""
    if _UNGATED.search(line):
        yield ClaimKind.GATED, "no ungated alternative", _subject(line, repositories)
    elif repositories and (gate := _GATED.search(line)):
        yield ClaimKind.GATED, "not gated" if gate[1] else "gated", repositories[0]
    for match in _VRAM.finditer(line):
        yield ClaimKind.VRAM, f"{match[1] or match[2]} GB", ""
    for match in _GPU.finditer(line):
        yield ClaimKind.HARDWARE, re.sub(r"\s+", " ", match[1]), ""


def _numbers(line: str) -> Iterator[tuple[ClaimKind, str, str]]:
    for kind, pattern in _NUMBERS:
        for match in pattern.finditer(line):
            yield kind, ".".join(filter(None, match.groups())), ""


def _subject(line: str, repositories: list[str]) -> str:
    """The repository of a sentence, or its most telling word (``DINOv3``)."""
    if repositories:
        return repositories[0]
    word = re.search(r"[A-Za-z][\w.-]*\d[\w.-]*\w|[A-Za-z]+\d+|[A-Z][A-Z]+\w*", line)
    return word[0] if word else ""
