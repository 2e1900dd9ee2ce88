"""A CPython of this machine as Debian packages of a distribution's names, in a local repository."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

REPOSITORY = "opt/standin-packages"
_LEFT_OUT = ("site-packages", "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo")


def pack_python(prefix: Path, minor: str, needs: str, into: Path) -> None:
    """``python3.12``, ``python3.12-venv`` and ``python3.12-dev`` as *.deb files in ``into``."""
    name = f"python{minor}"
    library, shared = f"usr/lib/{name}", f"lib/lib{name}.so.1.0"
    places = {f"bin/{name}": f"usr/bin/{name}", f"lib/{name}": library}
    if (prefix / shared).exists():
        places[shared] = f"usr/lib/x86_64-linux-gnu/lib{name}.so.1.0"
    runtime = _stage(prefix, places, (*_LEFT_OUT, "ensurepip"), into)
    # PEP 668: Debian and Ubuntu mark theirs, so that a plain pip install must refuse.
    (runtime / library / "EXTERNALLY-MANAGED").write_text(
        "[externally-managed]\nError=this Python belongs to the distribution\n"
    )
    _deb(runtime, name, needs, into)
    bundled = {f"lib/{name}/ensurepip": f"{library}/ensurepip"}
    _deb(_stage(prefix, bundled, _LEFT_OUT, into), f"{name}-venv", name, into)
    headers = {f"include/{name}": f"usr/include/{name}"}
    _deb(_stage(prefix, headers, _LEFT_OUT, into), f"{name}-dev", name, into)


def local_repository(packages: Path, root: Path) -> None:
    """Put the packages into an image's tree, where its apt finds them."""
    (packages / "Packages").write_text("\n".join(map(_stanza, sorted(packages.glob("*.deb")))))
    shutil.copytree(packages, root / REPOSITORY)
    source = root / "etc/apt/sources.list.d/standin.list"
    source.write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")


def _stage(prefix: Path, places: dict[str, str], left_out: tuple[str, ...], into: Path) -> Path:
    root = Path(tempfile.mkdtemp(dir=into.parent))
    root.chmod(0o755)
    for source, target in places.items():
        origin, destination = prefix / source, root / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            ignore = shutil.ignore_patterns(*left_out)
            shutil.copytree(origin, destination, symlinks=True, ignore=ignore)
        else:
            shutil.copy2(origin, destination)
    return root


def _deb(root: Path, name: str, needs: str, into: Path) -> None:
    control = root / "DEBIAN/control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {name}\nVersion: 99.0\nArchitecture: amd64\nDepends: {needs}\n"
        "Maintainer: stand-in <nobody@index.example>\nDescription: stand-in\n"
    )
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root)]
    subprocess.run([*command, str(into / f"{name}.deb")], capture_output=True, check=True)
    shutil.rmtree(root)


def _stanza(deb: Path) -> str:
    command = ["dpkg-deb", "-f", str(deb)]
    control = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    size = deb.stat().st_size
    return f"{control}\nFilename: ./{deb.name}\nSize: {size}\nSHA256: {digest}\n"
