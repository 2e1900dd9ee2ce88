"""What a compiled wheel is: facts read from its ELF files, never from its names.

Sources: System V gABI (ELF), the symbol versioning part of the LSB, the CUDA fatbin header as it
was measured against cuobjdump.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from torchsolve.model.values import dataclass

_DIGITS = r"\d+"


class Binding(Enum):
    """``STB_*`` of a dynamic symbol."""

    GLOBAL = "global"
    WEAK = "weak"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class Undefined:
    """A dynamic symbol that the file needs from another.

    Attributes:
        version: ``GLIBC_2.32``; None when unversioned.
        relocated: some relocation uses it; the dynamic linker never looks up one that none uses.
    """

    name: str
    version: str | None
    binding: Binding
    relocated: bool


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """An entry of ``.gnu.version_r``: ``library`` must define ``version``, used or not."""

    library: str
    version: str


@dataclass(frozen=True, slots=True)
class Fatbin:
    """What each of ``count`` fatbins of one file has: the code of one source file, mostly.

    Attributes:
        sass, ptx: ``sm_86``, ``compute_86``; sorted, distinct.
    """

    sass: tuple[str, ...]
    ptx: tuple[str, ...]
    count: int = 1

    @property
    def specific(self) -> bool:
        """Made for single architectures (``sm_90a``, ``sm_100f``): an addition to general code."""
        return not any(name[-1].isdigit() for name in (*self.sass, *self.ptx))


@dataclass(frozen=True, slots=True)
class GpuCode:
    """GPU code of one file.

    Attributes:
        sass: machine code: ``sm_86``, ``sm_90a``, ``sm_100f``; sorted, distinct.
        ptx: ``(compute_86, 8.7)``: architecture and PTX ISA version, ``""`` when it was not read.
        lto: LTO-IR, ``lto_90``.
        compressed: some entries are compressed (their headers tell all the same).
        unread: why not all of it could be read (what was read stands); None when it was.
        fatbins: the same by fatbin, those alike as one; None where only the sets of the whole file
            are known. A kernel lies in one fatbin: what another has does not help it.
    """

    sass: tuple[str, ...] = ()
    ptx: tuple[tuple[str, str], ...] = ()
    lto: tuple[str, ...] = ()
    compressed: bool = False
    unread: str | None = None
    fatbins: tuple[Fatbin, ...] | None = None

    @property
    def general(self) -> bool:
        """Whether it is more than machine code for single architectures (``sm_90a``)."""
        return bool(self.ptx) or any(name[-1].isdigit() for name in self.sass)


@dataclass(frozen=True, slots=True)
class ElfFile:
    """One ELF file of a wheel.

    Attributes:
        member: path in the wheel.
        machine: ``x86_64``, ``aarch64``; others as the ELF number.
        soname, needed, runpath, rpath: of the dynamic section; rpath and runpath split at ``:``.
        versions: version needs.
        undefined: symbols wanted, sorted by name.
        defined: names of dynamic symbols that it defines, sorted.
        weak_objects: ``(name, size)`` of defined weak vtables and typeinfo (``_ZTV…``, ``_ZTI…``):
            what inlined headers of torch left behind.
        checks: ``(header, line)`` of inlined checks whose strings name a torch header.
        toolkits: CUDA toolkit versions named in strings (``12.8``).
        python: of an extension module: ``abi3`` (limited-API names alone), else ``cp312`` by its
            file name, ``cp`` where that does not say; None: not an extension module.
        python_floor: of ``abi3``: the first Python with all names that it uses, ``3.9``.
        compilers: what it makes GPU code with at run time: ``nvrtc``, ``nvjitlink``, ``triton``;
            such code fits any GPU that the compiler knows and stands in no file.
        gpu: None where GPU code was not asked for.
        content: checksum and size of the file, as the wheel's directory has them; equal files have
            equal ones; None where it was not noted.
        unread: why it could not be read (all else is then empty); None when it was.
    """

    member: str
    machine: str = ""
    soname: str | None = None
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    versions: tuple[VersionNeed, ...] = ()
    undefined: tuple[Undefined, ...] = ()
    defined: tuple[str, ...] = ()
    weak_objects: tuple[tuple[str, int], ...] = ()
    checks: tuple[tuple[str, int], ...] = ()
    toolkits: tuple[str, ...] = ()
    python: str | None = None
    python_floor: str | None = None
    compilers: tuple[str, ...] = ()
    gpu: GpuCode | None = None
    content: str | None = None
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class WheelBinary:
    """All ELF files of a wheel.

    Attributes:
        sha256: of the wheel; None when its bytes came by range and no index announced one.
        verified: the whole wheel was hashed; else the facts hold for what the index announced.
        files: sorted by member; empty for a wheel without compiled code.
        unread: members that could not be read, and why.
        bytes_read, bytes_total: of the wheel file.
        whole: members that had to be read to their end for their symbols: their tables are not at
            the front, as where ``patchelf`` moved the strings.
        variant: the text of its ``variant.json`` (PEP 825), None where it has none.
    """

    filename: str
    sha256: str | None
    verified: bool
    files: tuple[ElfFile, ...]
    unread: tuple[tuple[str, str], ...] = ()
    bytes_read: int = 0
    bytes_total: int = 0
    whole: tuple[str, ...] = ()
    variant: str | None = None


def kin(member: str) -> str:
    """Equal for files whose names differ in digits alone (``_cuda126.so``, ``_ffmpeg4.so``): Python
    code opens one of them."""
    return re.sub(_DIGITS, "#", member)


def general_code(files: Iterable[ElfFile]) -> tuple[ElfFile, ...]:
    """The files whose GPU code is what the wheel runs on.

    A file made for single architectures alone (``sm_90a``, no PTX) stands beside the general one
    (xformers' _C_flashattention3.so, torchao's _C_cutlass_90a): it adds to it and takes nothing
    away. Where a wheel has no other code, such files are all there is.
    """
    coded = [file for file in files if file.gpu is not None and (file.gpu.sass or file.gpu.ptx)]
    general = [file for file in coded if file.gpu and file.gpu.general]
    return tuple(general or coded)


class Cause(Enum):
    """By what a wheel is refuted on a release."""

    SYMBOL = "symbol"
    LIBRARY = "library"
    VERSION = "version"
    LAYOUT = "layout"
    PYTHON = "python"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of one wheel (or file) on one torch release.

    Attributes:
        verdict: ``loads``, ``links``, ``refuted``, ``unknown`` or ``pure`` (DESIGN section 2).
        cause: of a refutation, None otherwise.
        missing: mangled symbols, sonames or versions that are missing; layouts that differ.
        reason: one sentence for people, symbols demangled; also why it is only ``links``.
        member: the file that decided.
    """

    verdict: str
    cause: Cause | None = None
    missing: tuple[str, ...] = ()
    reason: str = ""
    member: str | None = None
