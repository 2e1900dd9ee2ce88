"""The link check against the dynamic linker of the image that was built from its plan.

A plan without torch, so that it is small; its image, and the same image with system packages taken
away. What ``ldd`` finds missing for each library, and whether ``dlopen`` opens it, is what was
predicted before anything was built.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.standin.base import CACHE, CannotStandInError, best, ensure, run
from torchsolve.abi.host import Host
from torchsolve.abi.link import Linker, Surroundings
from torchsolve.config import Settings
from torchsolve.emit.lock import plan_from_lock
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.plan import Plan

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.xdist_group("engine")]

TAG = "torchsolve-test-links"
# A window toolkit and a codec of its own in OpenCV, hashed copies in Pillow, a library that Python
# opens by name in soundfile, C and C++ extensions in lxml and decord.
WHEELS = "opencv-python\npillow\nsoundfile\nlxml\ndecord\n"
PROBE = r"""
import ctypes, os, subprocess, sys
site = os.path.dirname(os.path.dirname(__import__("numpy").__file__))
sonames = {line.split()[0] for line in os.popen("/sbin/ldconfig -p").read().splitlines()[1:]}
print("SONAMES", *sorted(sonames))
code = "import ctypes, sys; ctypes.CDLL(sys.argv[1], mode=2)"
for folder, _, names in os.walk(site):
    for name in sorted(names):
        path = os.path.join(folder, name)
        if ".so" not in name or open(path, "rb").read(4) != b"\x7fELF":
            continue
        said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        gone = sorted({row.split()[0] for row in said.splitlines() if "=> not found" in row})
        failed = subprocess.run([sys.executable, "-c", code, path], capture_output=True).returncode
        print("FILE", os.path.relpath(path, site), "fails" if failed else "opens", *gone)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What one image says: its libraries; member → whether it opens, sonames not found."""

    sonames: frozenset[str]
    files: dict[str, tuple[bool, frozenset[str]]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the plan; its image is ``TAG``."""
    try:
        kind = best()
    except CannotStandInError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("links")
    (folder / "requirements.txt").write_text(WHEELS)
    out = folder / "out"
    _torchsolve("resolve", folder / "requirements.txt", "--image", kind.os, "-o", out)
    refs = re.findall(r"^ARG \w+_IMAGE=(\S+)", (out / "Dockerfile").read_text(), re.MULTILINE)
    try:
        ensure(kind, refs, CACHE)
    except CannotStandInError as error:
        pytest.skip(str(error))
    bundle = os.environ.get("SSL_CERT_FILE", "")
    _torchsolve("build", out, "--tag", TAG, *(["--ca-bundle", bundle] if bundle else []))
    yield out
    run(["docker", "rmi", "-f", TAG])


def _torchsolve(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "torchsolve", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def ask(without: str = "") -> Told:
    """Probes the image; ``without`` are system packages that are taken away first."""
    first = f"dpkg --remove --force-depends {without} >/dev/null 2>&1; " if without else ""
    command = ["docker", "run", "--rm", "-i", "--user", "0", "--entrypoint", "sh", TAG]
    script = f"{first}exec python -"
    done = subprocess.run(
        [*command, "-c", script], input=PROBE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines()]
    files = {row[1]: (row[2] == "opens", frozenset(row[3:])) for row in rows if row[0] == "FILE"}
    return Told(next(frozenset(row[1:]) for row in rows if row[0] == "SONAMES"), files)


def predict(plan: Plan, sonames: frozenset[str]) -> dict[str, tuple[bool, frozenset[str]]]:
    """The same of the wheels alone, on an image that has these libraries."""
    host = Host(plan.image.glibc, plan.image.libstdcxx, sonames=sonames, driver=False)
    with IndexClient(IndexSettings(cache_dir=Settings().cache_dir)) as client:
        read = {pin.name: client.kept_binary(pin.file) for pin in plan.pins}
    linker = Linker({name: one for name, one in read.items() if one}, Surroundings(host))
    found = {}
    for name, wheel in linker.wheels.items():
        for file in wheel.files:
            gone = frozenset(lack.soname for lack in linker.missing(name, file, bare=True))
            member = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", file.member)
            found[member] = (not gone, gone)
    return found


def test_the_image_finds_what_was_predicted(built: Path) -> None:
    plan = plan_from_lock(built / "pylock.toml")
    assert plan.links is not None
    assert plan.links.unread == ()
    told = ask()
    assert len(told.files) > 100
    predicted = predict(plan, told.sonames)
    assert {member: told.files.get(member) for member in predicted} == predicted
    # What an extension module reaches was all installed by the plan.
    module = re.compile(r"\.(abi3|cpython-\S+)\.so$")
    assert all(opens for member, (opens, _) in told.files.items() if module.search(member))


def test_without_its_system_packages_the_image_fails_as_predicted(built: Path) -> None:
    plan = plan_from_lock(built / "pylock.toml")
    names = {package.name for package in plan.system_packages}
    assert {"libgl1", "libx11-6"} <= names
    told = ask(" ".join(sorted(names - {"zlib1g", ""})))
    predicted = predict(plan, told.sonames)
    assert {member: told.files.get(member) for member in predicted} == predicted
    opens, gone = told.files["cv2/cv2.abi3.so"]
    assert not opens
    assert "libGL.so.1" in gone
