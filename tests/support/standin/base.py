"""Stand-in base images: Debian's packages under a distribution's names and a real reference.

No CUDA base image can be pulled where tests run. A stand-in is made by mmdebstrap (or debootstrap),
imported and tagged with the reference that a generated Dockerfile names, so that it builds
unchanged. What it does not prove: anything of CUDA, of Ubuntu's own packages, or of what else the
real image holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from support.standin.deb import local_repository, pack_python

CACHE = Path(os.environ.get("TORCHSOLVE_TEST_CACHE", Path.home() / ".cache/torchsolve-tests"))
RECIPE = 8
"""Raised with every change of what is made here: archives kept from before are made anew."""


class CannotStandInError(Exception):
    """This machine lacks what a stand-in needs; the message is the reason for a skip."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """CUDA base images of one Ubuntu.

    Attributes:
        version: of Ubuntu.
        suite: of Debian, whose C library is at least as new.
        python: the minor that this Ubuntu packages; a CPython of this machine is packed as it.
        needs: Debian's packages of what that CPython links to.
        user: who has the number 1000 in the real image.
    """

    version: str
    suite: str
    python: str
    needs: str
    user: str | None = None

    @property
    def os(self) -> str:
        """As the plan's cell names it."""
        return f"ubuntu{self.version}"


_LIBRARIES = "libsqlite3-0, libffi8, libbz2-1.0, liblzma5, zlib1g, libuuid1, media-types"
# Debian 13 went through the same renaming (``t64``) as Ubuntu 24.04.
NOBLE = StandIn("24.04", "trixie", "3.12", f"libssl3t64, libreadline8t64, {_LIBRARIES}", "ubuntu")
JAMMY = StandIn("22.04", "bookworm", "3.10", f"libssl3, libreadline8, {_LIBRARIES}")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENV = (
    f"PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:{_PATH}",
    "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
    "NVIDIA_VISIBLE_DEVICES=all",
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
)


def best() -> StandIn:
    """The newest Ubuntu for whose Python this machine has a CPython; raises CannotStandInError."""
    for kind in (NOBLE, JAMMY):
        if find_cpython(kind.python):
            return kind
    raise CannotStandInError("this machine has no CPython 3.12 or 3.10 with its headers")


def ensure(kind: StandIn, refs: Iterable[str], cache: Path) -> None:
    """Make the engine know ``refs`` as stand-ins of one kind; one image, so layers are shared.

    The archive is kept in ``cache``: a second run only imports it, a third finds it in the engine.
    Raises CannotStandInError where tools or rights are missing.
    """
    name = f"torchsolve-standin:{kind.suite}-r{RECIPE}"
    known = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False)
    if known.returncode:
        archive = cache / f"standin-{kind.suite}-r{RECIPE}.tar"
        if not archive.exists():
            cache.mkdir(parents=True, exist_ok=True)
            _make(kind, archive)
        changes = [f"--change=ENV {pair}" for pair in _ENV]
        run(["docker", "import", *changes, str(archive), name])
    for ref in refs:
        run(["docker", "tag", name, ref])


def find_cpython(minor: str) -> Path | None:
    """The prefix of a CPython ``minor`` of this machine that has its headers, None without."""
    needed = (f"bin/python{minor}", f"include/python{minor}/Python.h")
    complete = (p for p in _prefixes(minor) if all((p / path).exists() for path in needed))
    return next(complete, None)


def _prefixes(minor: str) -> Iterable[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob(f"{minor}.*"), reverse=True)
    data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    yield from sorted((data / "uv/python").glob(f"cpython-{minor}.*"), reverse=True)
    yield from sorted(Path("/opt/hostedtoolcache/Python").glob(f"{minor}.*/x64"), reverse=True)
    yield Path("/usr/local")


def _make(kind: StandIn, archive: Path) -> None:
    if os.geteuid() != 0:
        raise CannotStandInError("making a stand-in base image needs root")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        root.mkdir(mode=0o755)
        _bootstrap(kind, root)
        _bring_python(kind, root, Path(scratch))
        _name_the_os(root, kind)
        partial = archive.with_suffix(f".{os.getpid()}")
        run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(partial), "."])
        partial.rename(archive)


def _bootstrap(kind: StandIn, root: Path) -> None:
    for tool in ("mmdebstrap", "debootstrap"):
        if shutil.which(tool):
            run([tool, "--variant=minbase", "--include=ca-certificates", kind.suite, str(root)])
            return
    raise CannotStandInError("neither mmdebstrap nor debootstrap is installed")


def _bring_python(kind: StandIn, root: Path, scratch: Path) -> None:
    prefix = find_cpython(kind.python)
    if prefix is None:
        raise CannotStandInError(f"this machine has no CPython {kind.python} with headers")
    packages = scratch / "packages"
    packages.mkdir()
    pack_python(prefix, kind.python, kind.needs, packages)
    local_repository(packages, root)


def _name_the_os(root: Path, kind: StandIn) -> None:
    release = root / "etc/os-release"
    release.unlink()
    text = f'ID=ubuntu\nVERSION_ID="{kind.version}"\nPRETTY_NAME="stand-in for {kind.os}"\n'
    release.write_text(text)
    if kind.user:
        run(["chroot", str(root), "useradd", "-u", "1000", "-m", kind.user])


def run(command: list[str]) -> str:
    """What a command prints. Raises RuntimeError with the end of its complaint."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout
