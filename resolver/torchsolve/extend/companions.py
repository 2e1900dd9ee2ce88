"""Rows of ``companions.toml``: partners of torch whose METADATA asks for less than they take.

A wheel that pins torch exactly, and was built for that torch's CUDA, needs no row. ``why`` is
written plainly; whoever knows more says so in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.survey import survey
from torchsolve.extend.rows import NewRow, Value
from torchsolve.extend.source import Say, Source, by_version, requirement, sample, wheels
from torchsolve.extend.xformers import built_of
from torchsolve.facts.companions import CompanionRow
from torchsolve.facts.torch import TorchTable
from torchsolve.model.binary import WheelBinary
from torchsolve.model.package import IndexFile
from torchsolve.model.version import CudaTag

PACKAGES = ("torchvision", "torchaudio", "xformers")
_SOURCES = {"torchvision": "version-py", "torchaudio": "dlopen", "xformers": "cpp-lib"}
_LOCAL = re.compile(r"""^__version__\s*=\s*['"][^'"+]+\+(cu\d{3}|cpu)['"]""", re.MULTILINE)


class BinarySource(Source, Protocol):
    """A source that reads compiled files too."""

    def binary(self, file: IndexFile) -> WheelBinary:
        """The compiled files of a wheel."""


def companion_rows(
    source: BinarySource, known: Sequence[CompanionRow], torch: TorchTable, say: Say
) -> Iterator[NewRow]:
    """By package, newest first. Raises UnknownError where a wheel cannot be read."""
    for package in PACKAGES:
        newest = max(map(Version, _spoken(known, package)), default=None)
        for version, files in by_version(wheels(source.files(package))).items():
            if version.is_prerelease or (newest is not None and version <= newest):
                continue
            file = sample(files)
            # Of a package without rows all that is older than an exact pin was as it should be.
            if newest is None and _pins(source, file):
                break
            say(f"{package} {version}")
            if row := _row(source, file, torch):
                yield row


def _spoken(rows: Sequence[CompanionRow], package: str) -> Iterator[str]:
    for row in rows:
        if row.package == package:
            yield from (part.version.replace(".*", "") for part in SpecifierSet(row.version))


def _pins(source: Source, file: IndexFile) -> bool:
    wanted = requirement(source.metadata(file), "torch")
    return wanted is not None and str(wanted.specifier).startswith("==")


def _row(source: BinarySource, file: IndexFile, torch: TorchTable) -> NewRow | None:
    wanted = requirement(source.metadata(file), "torch")
    spec = str(wanted.specifier) if wanted else ""
    cuda = _cuda(source, file)
    default = _default(spec, torch)
    if spec.startswith("==") and cuda in (None, default):
        return None
    values: dict[str, Value] = {"package": file.name, "version": f"=={file.version}"}
    values["torch"] = spec or _floor(source, file)
    if cuda is not None:
        values["cuda"] = str(cuda)
    if spec.startswith("==") and default is not None:
        values["cuda_of_torch"] = str(default)
    asks = f"asks for torch{spec}" if spec else "asks for no torch"
    values["why"] = f"{asks}; built for {cuda or 'no CUDA that it tells'}"
    values["source"] = _SOURCES[file.name]
    return NewRow("companion", values)


def _cuda(source: Source, file: IndexFile) -> CudaTag | None:
    """What its own files say it was built for; None where they do not."""
    if file.name == "xformers":
        built = built_of(source, file)
        local = Version(built[0]).local if built else None
        return CudaTag(local) if local else None
    found = source.members(file, re.compile(rf"{file.name}/version\.py"))
    text = next(iter(found.values()), b"").decode("utf-8", "replace")
    match = _LOCAL.search(text)
    return CudaTag(match[1]) if match else None


def _default(spec: str, torch: TorchTable) -> CudaTag | None:
    """The CUDA of the default index's build of the torch that is pinned."""
    if not spec.startswith("=="):
        return None
    build = torch.default_build(Version(spec.removeprefix("==")), "x86_64")
    return build.cuda if build else None


def _floor(source: BinarySource, file: IndexFile) -> str:
    """From the first release on whose symbols serve; its binary, since METADATA is silent."""
    found = survey(source.binary(file), load_atlas())
    serving = [v for v, judgement in found.torch.items() if judgement.verdict != "refuted"]
    oldest = min(serving, default=Version("0"))
    return f">={oldest.major}.{oldest.minor}"
