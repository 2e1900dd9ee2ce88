"""Smoke probe: does every compiled extension of every installed wheel open?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the first
argument: ``{"timeout": seconds a file, "gpu": whether a GPU is there}``. Prints one result a line on
stdout, after ``@torchsolve ``: ``{"name", "status", "detail", "seconds"}``.

Each file is opened with RTLD_NOW in a child of its own, forked from a process that has imported torch
and, where that works, the file's own package: a start of torch for each of 700 files would take half
an hour. What only lacks the driver's libraries, or is one of several siblings of which the system's
FFmpeg serves one, is skipped; it says so.
"""

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

# A directory of scripts must not answer for packages named like them.
sys.path[:] = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]

SHARED = re.compile(r"\.so(\.\d+)*$")
OTHER_PYTHON = re.compile(r"\.(?:cpython|pypy)-?(\d+)\w*-")
NOT_FOUND = re.compile(r"(\S+?): cannot open shared object file")
#: Brought by the NVIDIA driver when the container starts, never by an image.
DRIVER = re.compile(r"lib(cuda|nvcuvid|nvoptix|nvidia-[\w-]+|cudadebugger)\.so(\.\d+)*$")
DRIVER_SYMBOL = re.compile(r"(cu[A-Z]|nvml|cuvid|NvEnc|nvFBC)\w+$")
#: Wheels that carry a build for each FFmpeg major, or a backend for sox: the system serves one or none.
ALTERNATIVE = re.compile(r"lib(av(util|codec|format|device|filter)|sw(scale|resample)|postproc|sox)\.so")
MACHINES = {62: "x86_64", 183: "aarch64"}


def say(name, status, detail, seconds):
    """Print one result; a line break first, since a library may have left a line open."""
    record = {"name": name, "status": status, "detail": detail, "seconds": round(seconds, 3)}
    sys.stdout.write("\n@torchsolve " + json.dumps(record) + "\n")
    sys.stdout.flush()


class Elf:
    """What decides how a shared object is treated.

    Attributes: ``machine``; ``needed`` (DT_NEEDED); ``paths`` (RPATH or RUNPATH entries);
    ``exports_module`` (defines PyInit_* or PyModExport_*); ``undefined()`` (strong undefined names).
    Raises ValueError where the file is no 64-bit little-endian ELF file or is cut short.
    """

    def __init__(self, data):
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no 64-bit little-endian ELF file")
        try:
            self._read()
        except (struct.error, IndexError) as error:
            raise ValueError("cut short: %s" % error) from error

    def _read(self):
        kind, machine = struct.unpack_from("<HH", self.data, 16)
        if kind != 3:
            raise ValueError("no shared object (type %d)" % kind)
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

    def _segments(self):
        start, = struct.unpack_from("<Q", self.data, 32)
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

    def _dynamic(self, offset, size):
        for at in range(offset, offset + size, 16):
            tag, value = struct.unpack_from("<QQ", self.data, at)
            if tag == 0:
                return
            yield tag, value

    def _offset(self, address):
        for start, offset, size in self._load:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError("address %#x is in no segment" % address)

    def _string(self, at):
        if self._strings is None:
            raise ValueError("a name without a string table")
        end = self.data.find(b"\0", self._strings + at)
        return self.data[self._strings + at : end].decode("utf-8", "replace")

    def _symbol_table(self):
        start, = struct.unpack_from("<Q", self.data, 40)
        size, count = struct.unpack_from("<HH", self.data, 58)
        for index in range(count):
            at = start + index * size
            kind, = struct.unpack_from("<I", self.data, at + 4)
            if kind == 11:  # SHT_DYNSYM
                return struct.unpack_from("<QQ", self.data, at + 24)
        return None

    def symbols(self):
        """(name, is defined, is weak) of each dynamic symbol."""
        if self._symbols is None:
            raise ValueError("no table of dynamic symbols")
        offset, size = self._symbols
        table = self.data[offset : offset + size - size % 24]
        for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", table):
            if name:
                yield self._string(name), section != 0, info >> 4 == 2

    def _exports_module(self):
        if self._strings is None:
            return False
        end = self._strings + self._strings_size
        if all(self.data.find(p, self._strings, end) < 0 for p in (b"PyInit_", b"PyModExport_")):
            return False
        return any(
            defined and name.startswith(("PyInit_", "PyModExport_"))
            for name, defined, _ in self.symbols()
        )

    def needs_torch(self):
        """Whether it links to a library of torch."""
        return any(name.startswith(("libc10", "libtorch")) for name in self.needed)

    def undefined(self):
        """Names that must come from elsewhere (weak ones may stay away)."""
        return [name for name, defined, weak in self.symbols() if not defined and not weak]


def read_elf(path):
    """The Elf of a file; raises ValueError or OSError."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError("empty file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            elf = Elf(data)
            elf.strong = elf.undefined() if elf._symbols else []
            elf.data = b""
            return elf


def shared_objects():
    """(distribution, path in it, absolute path) of every shared object of an installed wheel."""
    seen = set()
    for dist in importlib.metadata.distributions():
        for file in dist.files or ():
            path = os.path.realpath(str(dist.locate_file(file)))
            if SHARED.search(file.name) and path not in seen and os.path.isfile(path):
                seen.add(path)
                yield dist.metadata["Name"], str(file), path


def set_aside(path):
    """(Elf or None, why it is not opened or None); ``""`` where it simply is no extension."""
    try:
        elf = read_elf(path)
    except ValueError as error:
        # Unknown is not fine: a file named like an extension is opened, and the linker judges.
        named_so = path.endswith(sysconfig.get_config_var("EXT_SUFFIX") or ".so")
        return None, None if named_so else "not read: %s" % error
    if elf.machine != platform.machine():
        return elf, "built for another machine: %s" % elf.machine
    return elf, None if elf.exports_module or elf.needs_torch() else ""


def in_child(work, timeout):
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
        return None, "no answer within %g s" % timeout
    if text:
        return json.loads(text), ""
    return None, "killed by signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "it ended"


def collect(descriptor, timeout):
    """All that comes through a pipe until its end; None where that takes too long."""
    deadline = time.monotonic() + timeout
    parts = []
    with os.fdopen(descriptor, "rb") as pipe:
        while True:
            ready = select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                return None
            part = os.read(pipe.fileno(), 65536)
            if not part:
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(part)


def try_import(name):
    """The error of an import as text, ``""`` where it works."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # a package may even exit
        return "%s: %s" % (type(error).__name__, error)
    return ""


def try_open(path):
    """The dynamic linker's message, ``""`` where the file opens."""
    try:
        ctypes.CDLL(path, mode=os.RTLD_NOW)
    except OSError as error:
        return str(error)
    return ""


def lacks_only_driver(path, elf):
    """``""`` where all but the driver's libraries and symbols are there; else what else is missing.

    The dynamic linker stops at the first library that is missing, so the rest is asked for here: each
    other library by name, then each symbol.
    """
    for name in elf.needed:
        if not DRIVER.match(name):
            message = open_needed(path, elf, name)
            missing = NOT_FOUND.search(message)
            if message and not (missing and DRIVER.match(os.path.basename(missing.group(1)))):
                return message
    everything = ctypes.CDLL(None)
    for name in elf.strong:
        if not DRIVER_SYMBOL.match(name) and not hasattr(everything, name):
            return "%s: undefined symbol: %s" % (path, name)
    return ""


def open_needed(path, elf, name):
    """Open a needed library as the linker would, for all to see; the message where it fails."""
    here = os.path.dirname(path)
    places = [p.replace("$ORIGIN", here).replace("${ORIGIN}", here) for p in elf.paths]
    found = [os.path.join(p, name) for p in places if os.path.exists(os.path.join(p, name))]
    try:
        ctypes.CDLL((found or [name])[0], mode=os.RTLD_NOW | os.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return ""


def judge(path, elf, gpu, own):
    """(status, detail) for one file, in a process of its own.

    ``own`` maps file names of its wheel to paths: a library beside the extension that the linker does
    not find is one that the package loads first, and so it is here.
    """
    opened = []
    while True:
        message = try_open(path)
        if not message:
            return "passed", "after its own %s" % ", ".join(opened) if opened else ""
        missing = NOT_FOUND.search(message)
        soname = os.path.basename(missing.group(1)) if missing else ""
        if soname not in own or soname in opened or own[soname] == path:
            return excuse(path, elf, gpu, soname, message)
        status, detail = judge(own[soname], elf_or_none(own[soname]), gpu, own)
        if status != "passed":
            return status, "its own %s: %s" % (soname, detail)
        opened.append(soname)


def excuse(path, elf, gpu, soname, message):
    """(status, detail) of a file that does not open since ``soname`` (or something else) is missing."""
    if ALTERNATIVE.match(soname) and has_alternatives(path):
        return "skipped", "one of alternative builds; the system has no %s" % soname
    if DRIVER.match(soname) and not gpu and elf is not None:
        message = lacks_only_driver(path, elf)
        if not message:
            return "skipped", "lacks only the driver's %s" % soname
    # A name tag alone is no reason: libraries without module code carry the tag of their builder.
    tag = OTHER_PYTHON.search(os.path.basename(path))
    other = tag and tag.group(1) != sysconfig.get_config_var("py_version_nodot")
    if other and "undefined symbol: Py" in message.replace(": _Py", ": Py"):
        return "skipped", "built for another Python: %s" % tag.group(1)
    return "failed", message


def elf_or_none(path):
    """The Elf of a file, None where it cannot be read."""
    try:
        return read_elf(path)
    except (OSError, ValueError):
        return None


def has_alternatives(path):
    """Whether the file is sox's backend, or has siblings that differ by a number (FFmpeg's major)."""
    folder, name = os.path.split(path)
    plain = re.sub(r"\d+", "", name)
    siblings = [n for n in os.listdir(folder) if re.sub(r"\d+", "", n) == plain]
    return len(siblings) > 1 or "sox" in name


def own_package(relative):
    """The top-level package that a file lies in; None for one beside the packages."""
    first, _, rest = relative.partition("/")
    return first if rest and first.isidentifier() else None


def open_group(files, gpu, timeout):
    """Open files of one package, each in a child of this process. Prints the results."""
    own = {os.path.basename(path): path for _, path, _ in files}
    for name, path, elf in files:
        start = time.monotonic()
        answer, died = in_child(functools.partial(judge, path, elf, gpu, own), timeout)
        status, detail = answer or ("failed", "%s while it was opened" % died)
        say(name, status, detail, time.monotonic() - start)


def run_group(package, files, gpu, timeout):
    """Open files of one package in a child that has imported it, where that works."""
    answer, _ = in_child(lambda: try_import(package), timeout) if package else ("", "")
    works = package and answer == ""

    def work():
        if works:
            try_import(package)
        open_group(files, gpu, timeout)
        return True

    answer, died = in_child(work, timeout * (len(files) + 1))
    if answer is None:
        say("extensions:%s" % (package or "-"), "failed", died, 0)


def main():
    """Print a result for each extension, and one for the whole."""
    with open(sys.argv[1]) as file:
        options = json.load(file)
    warnings.simplefilter("ignore")
    start = time.monotonic()
    groups, others = {}, 0
    for dist, relative, path in shared_objects():
        name = "extensions:%s:%s" % (dist, relative)
        elf, aside = set_aside(path)
        if aside is None:
            groups.setdefault(own_package(relative), []).append((name, path, elf))
        elif aside:
            say(name, "skipped", aside, 0)
        else:
            others += 1
    torch = try_import("torch") if importlib.util.find_spec("torch") else ""
    if torch:
        say("extensions:torch", "failed", "import torch: %s" % torch, time.monotonic() - start)
    for package, files in groups.items():
        run_group(package, files, options["gpu"], options["timeout"])
    total = sum(map(len, groups.values()))
    detail = "%d extensions opened one by one, %d other shared objects" % (total, others)
    say("extensions", "failed" if torch else "passed", detail, time.monotonic() - start)


if __name__ == "__main__":
    main()
