"""Smoke probe: does every compiled extension of every installed wheel open?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the
first argument: ``{"timeout": seconds a file, "gpu": whether a GPU is there}``. Prints one result a
line on stdout, after ``@torchsolve ``: ``{"name", "status", "detail", "seconds"}``.

Each file is opened with RTLD_NOW in a child of its own, forked from a process that has imported
torch and, where that works, the file's own package: a start of torch for each of 700 files would
take half an hour. What only lacks the driver's libraries, or is one of several siblings of which
the system's FFmpeg serves one, is skipped; it says so.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import json
import mmap
import os
import platform
import re
import select
import signal
import struct
import sys
import sysconfig
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# A directory of scripts must not answer for packages named like them.
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

SHARED = re.compile(r"\.so(\.\d+)*$")
OTHER_PYTHON = re.compile(r"\.(?:cpython|pypy)-?(\d+)\w*-")
NOT_FOUND = re.compile(r"(\S+?): cannot open shared object file")
#: Brought by the NVIDIA driver when the container starts, never by an image.
DRIVER = re.compile(r"lib(cuda|nvcuvid|nvoptix|nvidia-[\w-]+|cudadebugger)\.so(\.\d+)*$")
DRIVER_SYMBOL = re.compile(r"(cu[A-Z]|nvml|cuvid|NvEnc|nvFBC)\w+$")
#: Wheels carry a build for each FFmpeg major, or a backend for sox: the system serves one or none.
ALTERNATIVE = re.compile(
    r"lib(av(util|codec|format|device|filter)|sw(scale|resample)|postproc|sox)\.so"
)
MACHINES = {62: "x86_64", 183: "aarch64"}
#: Name of the result, path, what was read of it, file names of its wheel with their paths.
File = tuple[str, Path, "Elf | None", dict[str, Path]]


def say(name: str, status: str, detail: str, seconds: float) -> None:
    """Print one result; a line break first, since a library may have left a line open."""
    record = {"name": name, "status": status, "detail": detail, "seconds": round(seconds, 3)}
    sys.stdout.write("\n@torchsolve " + json.dumps(record) + "\n")
    sys.stdout.flush()


class Elf:
    """What decides how a shared object is treated.

    Attributes: ``machine``; ``needed`` (DT_NEEDED); ``paths`` (RPATH or RUNPATH entries);
    ``exports_module`` (defines PyInit_* or PyModExport_*); ``undefined``, the names that must come
    from elsewhere (weak ones may stay away). Nothing is read after construction.
    Raises ValueError where the file is no 64-bit little-endian ELF file or is cut short.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no 64-bit little-endian ELF file")
        try:
            self._read()
        except (struct.error, OverflowError) as error:
            raise ValueError(f"cut short: {error}") from error
        self.data = b""

    def _read(self) -> None:
        kind, machine = struct.unpack_from("<HH", self.data, 16)
        if kind != 3:
            raise ValueError(f"no shared object (type {kind})")
        self.machine = MACHINES.get(machine, str(machine))
        self._load, dynamic = self._segments()
        entries = list(self._dynamic(*dynamic)) if dynamic else []
        tags = dict(entries)
        self._strings = self._offset(tags[5]) if 5 in tags else None
        self._strings_size = tags.get(10, 0)
        self.needed = [self._string(v) for t, v in entries if t == 1]
        runpath = [self._string(v) for t, v in entries if t in (15, 29)]
        self.paths = [p for joined in runpath for p in joined.split(":") if p]
        self._symbols = self._symbol_table()
        self.exports_module = self._exports_module()
        self.undefined = [name for name, defined, weak in self._each() if not defined and not weak]

    def _segments(self) -> tuple[list[tuple[int, int, int]], tuple[int, int] | None]:
        (start,) = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        load, dynamic = [], None
        for index in range(count):
            kind, _, offset, address, _, file_size = struct.unpack_from(
                "<IIQQQQ", self.data, start + index * size
            )
            if kind == 1:
                load.append((address, offset, file_size))
            elif kind == 2:
                dynamic = (offset, file_size)
        return load, dynamic

    def _dynamic(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        for at in range(offset, offset + size, 16):
            tag, value = struct.unpack_from("<QQ", self.data, at)
            if tag == 0:
                return
            yield tag, value

    def _offset(self, address: int) -> int:
        for start, offset, size in self._load:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"address {address:#x} is in no segment")

    def _string(self, at: int) -> str:
        if self._strings is None:
            raise ValueError("a name without a string table")
        end = self.data.find(b"\0", self._strings + at)
        return str(self.data[self._strings + at : end], "utf-8", "replace")

    def _symbol_table(self) -> tuple[int, int]:
        (start,) = struct.unpack_from("<Q", self.data, 40)
        size, count = struct.unpack_from("<HH", self.data, 58)
        for index in range(count):
            at = start + index * size
            (kind,) = struct.unpack_from("<I", self.data, at + 4)
            if kind == 11:  # SHT_DYNSYM
                offset, length = struct.unpack_from("<QQ", self.data, at + 24)
                return offset, length
        raise ValueError("no table of dynamic symbols")

    def _each(self) -> Iterator[tuple[str, bool, bool]]:
        """(name, is defined, is weak) of each dynamic symbol."""
        offset, size = self._symbols
        table = self.data[offset : offset + size - size % 24]
        for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", table):
            if name:
                yield self._string(name), section != 0, info >> 4 == 2

    def _exports_module(self) -> bool:
        if self._strings is None:
            return False
        end = self._strings + self._strings_size
        if all(self.data.find(p, self._strings, end) < 0 for p in (b"PyInit_", b"PyModExport_")):
            return False
        return any(
            defined and name.startswith(("PyInit_", "PyModExport_"))
            for name, defined, _ in self._each()
        )

    def needs_torch(self) -> bool:
        """Whether it links to a library of torch."""
        return any(name.startswith(("libc10", "libtorch")) for name in self.needed)


def read_elf(path: Path) -> Elf:
    """The Elf of a file; raises ValueError or OSError."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError("empty file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return Elf(data)


def shared_objects() -> Iterator[tuple[str, str, Path]]:
    """(distribution, path in it, absolute path) of every shared object of an installed wheel."""
    seen = set()
    for dist in importlib.metadata.distributions():
        for file in dist.files or ():
            if SHARED.search(file.name):
                path = Path(str(dist.locate_file(file))).resolve()
                if path not in seen and path.is_file():
                    seen.add(path)
                    yield dist.metadata["Name"], str(file), path


def set_aside(path: Path) -> tuple[Elf | None, str | None]:
    """(Elf or None, why it is not opened or None); ``""`` where it simply is no extension."""
    try:
        elf = read_elf(path)
    except ValueError as error:
        # Unknown is not fine: a file named like an extension is opened, and the linker judges.
        named_so = path.name.endswith(sysconfig.get_config_var("EXT_SUFFIX") or ".so")
        return None, None if named_so else f"not read: {error}"
    if elf.machine != platform.machine():
        return elf, f"built for another machine: {elf.machine}"
    return elf, None if elf.exports_module or elf.needs_torch() else ""


def in_child(work: Callable[[], Any], timeout: float) -> tuple[Any, str]:
    """(answer of ``work`` or None, how the child died) after running it in a fork."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        answer = work()
        with os.fdopen(write, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(write)
    text = collect(read, timeout)
    if text is None:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if text is None:
        return None, f"no answer within {timeout:g} s"
    if text:
        return json.loads(text), ""
    if os.WIFSIGNALED(status):
        return None, f"killed by signal {os.WTERMSIG(status)}"
    return None, "the process ended"


def collect(descriptor: int, timeout: float) -> str | None:
    """All that comes through a pipe until its end; None where that takes too long."""
    deadline = time.monotonic() + timeout
    parts: list[bytes] = []
    with os.fdopen(descriptor, "rb") as pipe:
        while True:
            ready = select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                return None
            part = os.read(pipe.fileno(), 65536)
            if not part:
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(part)


def try_import(name: str) -> str:
    """The error of an import as text, ``""`` where it works."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - a package may even exit
        return f"{type(error).__name__}: {error}"
    return ""


def try_open(path: Path) -> str:
    """The dynamic linker's message, ``""`` where the file opens."""
    try:
        ctypes.CDLL(str(path), mode=os.RTLD_NOW)
    except OSError as error:
        return str(error)
    return ""


def lacks_only_driver(path: Path, elf: Elf) -> str:
    """``""`` where all but the driver's libraries and symbols are there; else what else is missing.

    The dynamic linker stops at the first library that is missing, so the rest is asked for here:
    each other library by name, then each symbol.
    """
    for name in elf.needed:
        if not DRIVER.match(name):
            message = open_needed(path, elf, name)
            missing = NOT_FOUND.search(message)
            if message and not (missing and DRIVER.match(Path(missing.group(1)).name)):
                return message
    everything = ctypes.CDLL(None)
    for name in elf.undefined:
        if not DRIVER_SYMBOL.match(name) and not hasattr(everything, name):
            return f"{path}: undefined symbol: {name}"
    return ""


def open_needed(path: Path, elf: Elf, name: str) -> str:
    """Open a needed library as the linker would, for all to see; the message where it fails."""
    here = str(path.parent)
    places = [p.replace("$ORIGIN", here).replace("${ORIGIN}", here) for p in elf.paths]
    found = [str(Path(p, name)) for p in places if Path(p, name).exists()]
    try:
        ctypes.CDLL((found or [name])[0], mode=os.RTLD_NOW | os.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return ""


def judge(path: Path, elf: Elf | None, gpu: bool, own: dict[str, Path]) -> tuple[str, str]:
    """(status, detail) for one file, in a process of its own.

    ``own`` are the files of its wheel: a library of it that the linker does not find is one that
    the package loads first, and so it is here.
    """
    opened: list[str] = []
    while True:
        message = try_open(path)
        if not message:
            return "passed", f"after its own {', '.join(opened)}" if opened else ""
        missing = NOT_FOUND.search(message)
        soname = Path(missing.group(1)).name if missing else ""
        if soname not in own or soname in opened or own[soname] == path:
            return excuse(path, elf, gpu, soname, message)
        status, detail = judge(own[soname], elf_or_none(own[soname]), gpu, own)
        if status != "passed":
            return status, f"its own {soname}: {detail}"
        opened.append(soname)


def excuse(path: Path, elf: Elf | None, gpu: bool, soname: str, message: str) -> tuple[str, str]:
    """(status, detail) of a file that does not open since ``soname`` or something is missing."""
    if ALTERNATIVE.match(soname) and has_alternatives(path):
        return "skipped", f"one of alternative builds; the system has no {soname}"
    if DRIVER.match(soname) and not gpu and elf is not None:
        message = lacks_only_driver(path, elf)
        if not message:
            return "skipped", f"lacks only the driver's {soname}"
    # A name tag alone is no reason: libraries without module code carry the tag of their builder.
    tag = OTHER_PYTHON.search(path.name)
    if tag and tag.group(1) != sysconfig.get_config_var("py_version_nodot"):  # noqa: SIM102
        if re.search(r"undefined symbol: _?Py", message):
            return "skipped", f"built for another Python: {tag.group(1)}"
    return "failed", message


def elf_or_none(path: Path) -> Elf | None:
    """The Elf of a file, None where it cannot be read."""
    try:
        return read_elf(path)
    except (OSError, ValueError):
        return None


def has_alternatives(path: Path) -> bool:
    """Whether it is sox's backend, or has siblings that differ by a number (FFmpeg's major)."""
    plain = re.sub(r"\d+", "", path.name)
    siblings = [file for file in path.parent.iterdir() if re.sub(r"\d+", "", file.name) == plain]
    return len(siblings) > 1 or "sox" in path.name


def own_package(relative: str) -> str | None:
    """The top-level package that a file lies in; None for one beside the packages."""
    first, _, rest = relative.partition("/")
    return first if rest and first.isidentifier() else None


def open_group(files: list[File], gpu: bool, timeout: float) -> None:
    """Open files of one package, each in a child of this process. Prints the results."""
    for name, path, elf, own in files:
        start = time.monotonic()
        answer, died = in_child(functools.partial(judge, path, elf, gpu, own), timeout)
        status, detail = answer or ("failed", f"{died} while it was opened")
        say(name, status, detail, time.monotonic() - start)


def run_group(package: str | None, files: list[File], gpu: bool, timeout: float) -> None:
    """Open files of one package in a child that has imported it, where that works."""
    answer, _ = in_child(lambda: try_import(package), timeout) if package else ("", "")
    works = package and answer == ""

    def work() -> bool:
        if works and package:
            try_import(package)
        open_group(files, gpu, timeout)
        return True

    answer, died = in_child(work, timeout * (len(files) + 1))
    if answer is None:
        say(f"extensions:{package or '-'}", "failed", died, 0)


def main() -> None:
    """Print a result for each extension, and one for the whole."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    start = time.monotonic()
    groups: dict[str | None, list[File]] = {}
    own: dict[str, dict[str, Path]] = {}
    others = 0
    for dist, relative, path in shared_objects():
        own.setdefault(dist, {})[path.name] = path
        name = f"extensions:{dist}:{relative}"
        elf, aside = set_aside(path)
        if aside is None:
            groups.setdefault(own_package(relative), []).append((name, path, elf, own[dist]))
        elif aside:
            say(name, "skipped", aside, 0)
        else:
            others += 1
    torch = try_import("torch") if importlib.util.find_spec("torch") else ""
    if torch:
        say("extensions:torch", "failed", f"import torch: {torch}", time.monotonic() - start)
    for package, files in groups.items():
        run_group(package, files, options["gpu"], options["timeout"])
    total = sum(map(len, groups.values()))
    detail = f"{total} extensions opened one by one, {others} other shared objects"
    say("extensions", "failed" if torch else "passed", detail, time.monotonic() - start)


if __name__ == "__main__":
    main()
