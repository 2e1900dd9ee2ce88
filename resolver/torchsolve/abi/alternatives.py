"""Files of which Python code opens one: for each CUDA, for each torch, for each FFmpeg.

In: the verdicts of a wheel's files. Out: those that count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from packaging.version import Version

from torchsolve.abi.view import ReleaseView
from torchsolve.model.binary import Cause, Judgement, kin

# ``libbitsandbytes_cuda126.so``, ``_cu12``; a lone major stands for all of its minors.
_CUDA = re.compile(r"cu(?:da)?_?(1\d)(\d?)(?!\d)")
# ``libdgl_sparse_pytorch_2.0.1.so``, ``metatensor/torch/torch-2.8/lib/``: a minor stands for all.
_TORCH = re.compile(r"torch[-_](\d+)\.(\d+)(?:\.(\d+))?(?![.\d]*\d)")
_RUNTIME = "nvidia-cuda-runtime"


def cuda_of(release: ReleaseView | None) -> tuple[int, int] | None:
    """The CUDA of the run time that a release brings, ``(12, 8)``; None where it brings none."""
    wheels = release.wheels if release else {}
    version = next((v for name, v in wheels.items() if name.startswith(_RUNTIME)), "")
    numbers = [int(part) for part in version.split(".") if part.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else None


def counting(
    found: Iterable[Judgement], torch: Version, cuda: tuple[int, int] | None
) -> list[Judgement]:
    """What is left of files whose names differ in digits alone.

    One that is named for this very torch or CUDA stands for them all. Else one that lacks a library
    is passed over where another has all; where all lack one the nearest to this CUDA speaks.
    """
    alike: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in found:
        alike[kin(judgement.member or "")].append(judgement)
    return [one for row in alike.values() for one in _chosen(row, torch, cuda)]


def _chosen(
    row: Sequence[Judgement], torch: Version, cuda: tuple[int, int] | None
) -> Sequence[Judgement]:
    if len(row) == 1:
        return row
    if exact := [one for one in row if _is_for(one.member, torch)]:
        return exact
    if cuda and (exact := [one for one in row if _named(one.member) == cuda]):
        return exact
    if any(one.verdict in ("loads", "links") for one in row):
        return [one for one in row if not _lacks_library(one)]
    named = [one for one in row if _named(one.member) and _lacks_library(one)]
    return [max(named, key=lambda one: _nearness(one, cuda))] if len(named) == len(row) else row


def _nearness(one: Judgement, cuda: tuple[int, int] | None) -> tuple[bool, int]:
    """The newest that is not newer than this CUDA, else the oldest."""
    major, minor = _named(one.member) or (0, 0)
    newer = cuda is not None and (major, minor or 0) > cuda
    rank = major * 100 + (minor or 0)
    return not newer, -rank if newer else rank


def _is_for(member: str | None, torch: Version) -> bool:
    match = _TORCH.search(member or "")
    if match is None:
        return False
    named = tuple(int(part) for part in match.groups() if part)
    return torch.release[: len(named)] == named


def _lacks_library(judgement: Judgement) -> bool:
    return judgement.verdict == "refuted" and judgement.cause is Cause.LIBRARY


def _named(member: str | None) -> tuple[int, int | None] | None:
    match = _CUDA.search((member or "").rpartition("/")[2])
    return (int(match[1]), int(match[2]) if match[2] else None) if match else None
