"""A ``WheelBinary`` as text that can be kept: in a cache, in ``data/``, in a test.

In: the value. Out: JSON with sorted keys, the same bytes for the same value everywhere; and back.
Symbols stand in groups of one version, binding and use, since most of a file's thousands of names
share them. ``distil`` leaves out what no judgement asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from torchsolve.errors import UsageError
from torchsolve.model.binary import (
    Binding,
    ElfFile,
    Fatbin,
    GpuCode,
    Undefined,
    VersionNeed,
    WheelBinary,
)
from torchsolve.model.values import replace

SCHEMA = "torchsolve.binary/1"
SYSTEM_VERSIONS = ("GLIBC_", "GLIBCXX_", "CXXABI_", "GCC_", "GOMP_", "OMP_")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Gpu(_Row):
    sass: list[str] = []
    ptx: list[tuple[str, str]] = []
    lto: list[str] = []
    compressed: bool = False
    unread: str | None = None
    fatbins: list[tuple[list[str], list[str], int]] | None = None


class _File(_Row):
    member: str
    machine: str = ""
    soname: str | None = None
    needed: list[str] = []
    runpath: list[str] = []
    rpath: list[str] = []
    versions: dict[str, list[str]] = {}
    undefined: dict[str, list[str]] = {}
    defined: list[str] = []
    weak_objects: dict[str, int] = {}
    checks: list[tuple[str, int]] = []
    toolkits: list[str] = []
    python: str | None = None
    python_floor: str | None = None
    compilers: list[str] = []
    gpu: _Gpu | None = None
    content: str | None = None
    unread: str | None = None


class _Binary(_Row):
    filename: str
    sha256: str | None = None
    verified: bool = False
    files: list[_File] = []
    unread: list[tuple[str, str]] = []
    bytes_read: int = 0
    bytes_total: int = 0
    whole: list[str] = []
    variant: str | None = None


def dump_binary(binary: WheelBinary) -> bytes:
    """UTF-8 JSON, one object, ending in a newline."""
    document = {"schema": SCHEMA} | _sparse(
        {
            "filename": binary.filename,
            "sha256": binary.sha256,
            "verified": binary.verified,
            "files": [_file(file) for file in binary.files],
            "unread": binary.unread,
            "bytes_read": binary.bytes_read,
            "bytes_total": binary.bytes_total,
            "whole": binary.whole,
            "variant": binary.variant,
        }
    )
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def load_binary(data: bytes, origin: str) -> WheelBinary:
    """The value again. Raises UsageError ``bad-binary-record`` for anything else."""
    try:
        document = json.loads(data)
        if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
            raise _bad(f"is no {SCHEMA}", origin)
        row = _Binary.model_validate_json(json.dumps(document))
        files = tuple(_elf(file) for file in row.files)
    except ValidationError as error:
        first = error.errors()[0]
        raise _bad(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", origin) from None
    except ValueError as error:
        raise _bad(str(error), origin) from None
    return WheelBinary(
        filename=row.filename,
        sha256=row.sha256,
        verified=row.verified,
        files=files,
        unread=tuple(row.unread),
        bytes_read=row.bytes_read,
        bytes_total=row.bytes_total,
        whole=tuple(row.whole),
        variant=row.variant,
    )


def distil(binary: WheelBinary) -> WheelBinary:
    """The same wheel to every judge, in a tenth of the space.

    Left out: undefined symbols that carry a version of the system's libraries (the version need
    itself stays), those that no relocation uses, and definitions that no other file of the wheel
    wants, but for Python's entry points.
    """
    files = tuple(
        replace(file, undefined=tuple(u for u in file.undefined if _counts(u)))
        for file in binary.files
    )
    wanted = {u.name for file in files for u in file.undefined}
    return replace(
        binary,
        files=tuple(
            replace(f, defined=tuple(n for n in f.defined if n in wanted or _entry(n)))
            for f in files
        ),
    )


def _counts(symbol: Undefined) -> bool:
    return symbol.relocated and not (symbol.version or "").startswith(SYSTEM_VERSIONS)


def _entry(name: str) -> bool:
    return name.startswith(("PyInit_", "PyModExport_"))


def _sparse(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, False, 0, (), [])}


def _file(file: ElfFile) -> dict[str, Any]:
    versions: dict[str, list[str]] = {}
    for need in file.versions:
        versions.setdefault(need.library, []).append(need.version)
    return _sparse(
        {
            "member": file.member,
            "machine": file.machine or None,
            "soname": file.soname,
            "needed": file.needed,
            "runpath": file.runpath,
            "rpath": file.rpath,
            "versions": versions or None,
            "undefined": _groups(file.undefined) or None,
            "defined": file.defined,
            "weak_objects": dict(file.weak_objects) or None,
            "checks": file.checks,
            "toolkits": file.toolkits,
            "python": file.python,
            "python_floor": file.python_floor,
            "compilers": file.compilers,
            "gpu": _gpu(file.gpu) if file.gpu else None,
            "content": file.content,
            "unread": file.unread,
        }
    )


def _gpu(code: GpuCode) -> dict[str, Any]:
    return {
        "sass": code.sass,
        "ptx": code.ptx,
        "lto": code.lto,
        "compressed": code.compressed,
        "unread": code.unread,
        "fatbins": None
        if code.fatbins is None
        else [(one.sass, one.ptx, one.count) for one in code.fatbins],
    }


def _groups(symbols: Iterable[Undefined]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for symbol in symbols:
        use = "used" if symbol.relocated else "unused"
        groups.setdefault(f"{symbol.binding.value} {use} {symbol.version or ''}", []).append(
            symbol.name
        )
    return groups


def _ungroup(groups: dict[str, list[str]]) -> tuple[Undefined, ...]:
    found: list[Undefined] = []
    for key, names in groups.items():
        binding, use, version = key.split(" ", 2)
        if use not in ("used", "unused"):
            raise ValueError(f"a group of symbols is {use!r}, neither used nor unused")
        kind, used = Binding(binding), use == "used"
        found += [Undefined(name, version or None, kind, used) for name in names]
    return tuple(sorted(found, key=lambda u: (u.name, u.version or "")))


def _elf(row: _File) -> ElfFile:
    return ElfFile(
        member=row.member,
        machine=row.machine,
        soname=row.soname,
        needed=tuple(row.needed),
        runpath=tuple(row.runpath),
        rpath=tuple(row.rpath),
        versions=tuple(VersionNeed(lib, v) for lib, vs in row.versions.items() for v in vs),
        undefined=_ungroup(row.undefined),
        defined=tuple(row.defined),
        weak_objects=tuple(sorted(row.weak_objects.items())),
        checks=tuple(row.checks),
        toolkits=tuple(row.toolkits),
        python=row.python,
        python_floor=row.python_floor,
        compilers=tuple(row.compilers),
        gpu=_code(row.gpu) if row.gpu else None,
        content=row.content,
        unread=row.unread,
    )


def _code(row: _Gpu) -> GpuCode:
    return GpuCode(
        sass=tuple(row.sass),
        ptx=tuple(row.ptx),
        lto=tuple(row.lto),
        compressed=row.compressed,
        unread=row.unread,
        fatbins=None
        if row.fatbins is None
        else tuple(Fatbin(tuple(sass), tuple(ptx), n) for sass, ptx, n in row.fatbins),
    )


def _bad(message: str, origin: str) -> UsageError:
    return UsageError(
        "bad-binary-record",
        message,
        origin=origin,
        hint="delete it: it is read again from the wheel",
    )
