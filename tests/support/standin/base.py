"""Stand-in base images: Debian's packages under a distribution's names, tagged with a real reference.

No CUDA base image can be pulled where tests run. A stand-in is made by mmdebstrap (or debootstrap),
imported and tagged with the reference that a generated Dockerfile names, so that it builds unchanged.
Its CPython is one of this machine, packed as ``python3.12``, ``python3.12-venv``, ``python3.12-dev``
in an apt repository inside the image. What it does not prove: anything of CUDA, of Ubuntu's own
packages, or of the real image's contents.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Bump when the recipe changes: older cached archives are then made anew.
RECIPE = 4
PACKAGES = "/opt/standin-packages"


class CannotStandIn(Exception):
    """This machine lacks what a stand-in needs; the message is the reason for a skip."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """One image to stand in for.

    Attributes:
        ref: what it is tagged as.
        suite: Debian suite with a C library at least as new as the real image's.
        os: ``ID`` and ``VERSION_ID`` for /etc/os-release.
        python: minor of the CPython that the real distribution packages.
        env: environment that the real image sets.
        user: a user that the real image has at 1000.
    """

    ref: str
    suite: str
    os: tuple[str, str]
    python: str
    env: tuple[str, ...] = ()
    user: str | None = None


_CUDA_ENV = (
    "PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
    "NVIDIA_VISIBLE_DEVICES=all",
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
)


def cuda_on_noble(ref: str) -> StandIn:
    """A stand-in for a CUDA image on Ubuntu 24.04: Debian 13 went through the same ``t64`` renaming."""
    return StandIn(ref, "trixie", ("ubuntu", "24.04"), "3.12", _CUDA_ENV, user="ubuntu")


def ensure(image: StandIn, cache: Path) -> str:
    """Make ``image`` known to the engine under its reference; returns the reference.

    The archive is kept in ``cache``, so that a second run only imports it (seconds).
    Raises CannotStandIn where tools or a CPython are missing.
    """
    archive = cache / f"standin-r{RECIPE}-{image.suite}-py{image.python}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _make(image, archive)
    changes = [f"--change=ENV {pair}" for pair in image.env]
    _run(["docker", "import", *changes, str(archive), image.ref])
    return image.ref


def _make(image: StandIn, archive: Path) -> None:
    prefix = find_cpython(image.python)
    with tempfile.TemporaryDirectory() as scratch:
        root, packages = Path(scratch, "root"), Path(scratch, "packages")
        packages.mkdir()
        root.mkdir(mode=0o755)
        _bootstrap(image.suite, root)
        _pack_python(prefix, image.python, packages)
        _index(packages)
        shutil.copytree(packages, root / PACKAGES.lstrip("/"))
        (root / "etc/apt/sources.list.d/standin.list").write_text(
            f"deb [trusted=yes] file:{PACKAGES} ./\n"
        )
        _name_the_os(root, image)
        partial = archive.with_suffix(".partial")
        _run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(partial), "."])
        partial.rename(archive)


def _bootstrap(suite: str, root: Path) -> None:
    include = "ca-certificates"
    if shutil.which("mmdebstrap"):
        _run(["mmdebstrap", "--variant=minbase", f"--include={include}", suite, str(root)])
    elif shutil.which("debootstrap"):
        _run(["debootstrap", "--variant=minbase", f"--include={include}", suite, str(root)])
    else:
        raise CannotStandIn("neither mmdebstrap nor debootstrap is installed")


def _name_the_os(root: Path, image: StandIn) -> None:
    release = root / "etc/os-release"
    release.unlink()
    ident, version = image.os
    release.write_text(
        f'ID={ident}\nVERSION_ID="{version}"\nPRETTY_NAME="stand-in for {ident} {version}"\n'
    )
    if image.user:
        _run(["chroot", str(root), "useradd", "-u", "1000", "-m", image.user])


def find_cpython(minor: str) -> Path:
    """The prefix of a CPython ``minor`` of this machine with headers and a shared libpython."""
    for prefix in _prefixes(minor):
        shared = list(prefix.glob(f"lib/libpython{minor}.so.1.0"))
        if shared and (prefix / f"include/python{minor}/Python.h").exists():
            return prefix
    raise CannotStandIn(f"no CPython {minor} with headers and a shared library on this machine")


def _prefixes(minor: str) -> Iterable[Path]:
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((home / "versions").glob(f"{minor}.*"), reverse=True)
    data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    yield from sorted((data / "uv/python").glob(f"cpython-{minor}.*"), reverse=True)
    yield Path("/usr/local")


def _pack_python(prefix: Path, minor: str, into: Path) -> None:
    name = f"python{minor}"
    lib = f"lib/{name}"
    needs = "libssl3t64, libsqlite3-0, libffi8, libbz2-1.0, liblzma5, libreadline8t64, zlib1g, libuuid1, media-types"
    runtime = _stage(
        prefix,
        {
            f"bin/{name}": f"usr/bin/{name}",
            f"lib/lib{name}.so.1.0": f"usr/lib/x86_64-linux-gnu/lib{name}.so.1.0",
            lib: f"usr/{lib}",
        },
        _LEFT_OUT | {"ensurepip"},
        into,
    )
    # PEP 668: Debian and Ubuntu mark theirs, so that a plain pip install must refuse.
    (runtime / f"usr/{lib}/EXTERNALLY-MANAGED").write_text(
        "[externally-managed]\nError=this Python belongs to the distribution\n"
    )
    _deb(runtime, name, needs, into)
    venv = _stage(prefix, {f"{lib}/ensurepip": f"usr/{lib}/ensurepip"}, _LEFT_OUT, into)
    _deb(venv, f"{name}-venv", name, into)
    include = f"include/{name}"
    dev = _stage(prefix, {include: f"usr/{include}"}, _LEFT_OUT, into)
    link = dev / f"usr/lib/x86_64-linux-gnu/lib{name}.so"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"lib{name}.so.1.0")
    _deb(dev, f"{name}-dev", name, into)


_LEFT_OUT = {"site-packages", "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo"}


def _stage(prefix: Path, places: dict[str, str], left_out: set[str], into: Path) -> Path:
    root = Path(tempfile.mkdtemp(dir=into.parent))
    root.chmod(0o755)
    for source, target in places.items():
        origin = prefix / source
        destination = root / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, destination, symlinks=True, ignore=shutil.ignore_patterns(*left_out))
        else:
            shutil.copy2(origin, destination)
    return root


def _deb(root: Path, name: str, needs: str, into: Path) -> None:
    control = root / "DEBIAN/control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {name}\nVersion: 99.0\nArchitecture: amd64\nMaintainer: stand-in <nobody@index.example>\n"
        f"Depends: {needs}\nDescription: stand-in\n"
    )
    _run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(into / f"{name}.deb")])
    shutil.rmtree(root)


def _index(packages: Path) -> None:
    stanzas = []
    for deb in sorted(packages.glob("*.deb")):
        control = _run(["dpkg-deb", "-f", str(deb)])
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        stanzas.append(
            f"{control.strip()}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
        )
    (packages / "Packages").write_text("\n".join(stanzas))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout
