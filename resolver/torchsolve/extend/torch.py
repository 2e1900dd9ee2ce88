"""Rows of ``torch.toml``: releases that the default index has and the table lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.errors import UnknownError
from torchsolve.extend.rows import NewRow, Value
from torchsolve.extend.source import (
    Say,
    Source,
    by_version,
    capabilities,
    only,
    pythons,
    requirement,
    sample,
    uploaded,
    wheels,
)
from torchsolve.model.package import IndexFile
from torchsolve.model.version import CudaTag
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.filename import parse

SOURCE = "default-wheel"
_MEMBERS = re.compile(r"torch/(version\.py|lib/libc10\.so|lib/libtorch_python\.so)")
_CUDA = re.compile(r"^cuda(?:\s*:[^=]+)?\s*=\s*['\"]([\d.]+)['\"]", re.MULTILINE)
_FLAGS = re.compile(rb"(?<![\w ])((?:sm|compute)_\d{2,3}[af]?(?: (?:sm|compute)_\d{2,3}[af]?)+)\0")
_ERROR = "_ZN3c105ErrorC1ENS_14SourceLocationE"
_GLIBC = re.compile(r"manylinux_(\d+_\d+)_")
_PARTNERS = ("torchvision", "torchaudio")


def torch_rows(source: Source, known: Sequence[Version], say: Say) -> Iterator[NewRow]:
    """Newest first. Raises UnknownError where a wheel cannot be read."""
    released = by_version(f for f in source.files("torch") if f.is_wheel)
    new = [v for v in released if v > max(known) and not v.is_prerelease]
    partners = {name: _needs(source, name) for name in _PARTNERS} if new else {}
    for version in new:
        say(f"torch {version}")
        yield _row(source, version, released[version], partners)


def _row(
    source: Source,
    version: Version,
    files: Sequence[IndexFile],
    partners: Mapping[str, Mapping[Version, str]],
) -> NewRow:
    main = wheels(files)
    if not main:
        message = "the index has no wheel of it for Linux on x86_64"
        raise UnknownError("no-such-wheel", message, origin=f"torch {version}")
    file = sample(main)
    metadata = source.metadata(file)
    build, abi = _build(source, file)
    triton = requirement(metadata, "triton")
    values: dict[str, Value] = {"version": str(version)}
    if day := uploaded(files):
        values["uploaded"] = date.fromisoformat(day)
    values |= {"requires_python": metadata.requires_python} if metadata.requires_python else {}
    values |= {"pythons": " ".join(map(str, pythons(main))), "glibc": _glibc(file)}
    values["cxx11_abi"] = abi
    values |= {"triton": str(triton.specifier)} if triton and triton.specifier else {}
    values |= {n: v for n, needs in partners.items() if (v := _partners(needs, version))}
    builds = [build]
    if arm := wheels(files, "aarch64"):
        other, other_abi = _build(source, sample(arm))
        own = {} if other_abi == abi else {"cxx11_abi": other_abi}
        builds.append({"cuda": other["cuda"], "machine": "aarch64", **other, **own})
    values["builds"] = [{**b, "source": SOURCE} for b in builds]
    return NewRow("release", values)


def _build(source: Source, file: IndexFile) -> tuple[dict[str, str | bool], bool]:
    """A build as ``builds`` has it, and its C++ ABI."""
    found = source.members(file, _MEMBERS)
    text = only({k: v for k, v in found.items() if k.endswith(".py")}, file, "torch/version.py")
    cuda = _CUDA.search(text.decode("utf-8", "replace"))
    build: dict[str, str | bool] = {
        "cuda": str(CudaTag.from_version(cuda[1])) if cuda else "cpu",
        "default": True,
    }
    flags = {m[1] for m in _FLAGS.finditer(found.get("torch/lib/libtorch_python.so", b""))}
    if len(flags) == 1:
        build["sm"] = capabilities(flags.pop().decode())
    elf = read_elf(found.get("torch/lib/libc10.so", b""), "torch/lib/libc10.so", strings=False)
    spelled = [name for name in elf.defined if name.startswith(_ERROR)]
    if not spelled:
        raise UnknownError(
            "unreadable-library", "libc10.so has no c10::Error", origin=file.filename
        )
    return build, any("cxx11" in name for name in spelled)


def _glibc(file: IndexFile) -> str:
    found = [m for t in parse(file.filename).tags if (m := _GLIBC.match(t.platform))]
    return min(m[1] for m in found).replace("_", ".") if found else "2.17"


def _needs(source: Source, name: str) -> dict[Version, str]:
    """What each version of a partner asks of torch, ``""`` where it asks nothing."""
    found: dict[Version, str] = {}
    for version, files in list(by_version(wheels(source.files(name))).items())[:12]:
        if not version.is_prerelease:
            wanted = requirement(source.metadata(sample(files)), "torch")
            found[version] = str(wanted.specifier) if wanted else ""
    return found


def _partners(needs: Mapping[Version, str], torch: Version) -> str:
    """Those that pin it; where none does, those that any torch of that age may have beside it."""
    exact = [
        v for v, spec in needs.items() if spec.startswith("==") and torch in SpecifierSet(spec)
    ]
    free = [v for v, s in needs.items() if not s.startswith("==") and torch in SpecifierSet(s)]
    return " ".join(map(str, sorted(exact or free)))
