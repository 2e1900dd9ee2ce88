"""The link check against the dynamic linker: what is predicted for a tree is what ldd says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.elf import COMPILER, shared
from torchsolve.abi.demangle import demangle
from torchsolve.abi.host import Host
from torchsolve.abi.link import Linker, Surroundings, check_links
from torchsolve.model.binary import ElfFile, VersionNeed, WheelBinary
from torchsolve.model.link import LinkIssue, LinkKind
from torchsolve.wheel.elf import read_elf

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
RUNPATH, RPATH = "-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"


@dataclass
class Site:
    """A site-packages folder: files by wheel, and a folder of libraries that are nowhere."""

    root: Path
    spare: Path
    members: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self,
        wheel: str,
        member: str,
        *needs: Path,
        soname: str = "",
        paths: str = "",
        kind: str = RUNPATH,
    ) -> Path:
        """Compiles a file of a wheel; ``paths`` is its search path."""
        flags = [kind, f"-Wl,-rpath,{paths}"] if paths else []
        self.members.setdefault(wheel, []).append(member)
        code = f"/* {wheel} {member} */ int v{len(self.members[wheel])};"
        return shared(self.root / member, code, soname=soname, needs=needs, flags=flags)

    def absent(self, soname: str) -> Path:
        """A library to link with that is not there later."""
        return shared(self.spare / soname, "int gone;", soname=soname)

    @property
    def wheels(self) -> dict[str, WheelBinary]:
        """What the wheels are, read back from the compiled files."""
        return {
            name: WheelBinary(
                f"{name}.whl", None, verified=True, files=tuple(map(self._read, rows))
            )
            for name, rows in self.members.items()
        }

    def _read(self, member: str) -> ElfFile:
        return read_elf((self.root / member).read_bytes(), member)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site", tmp_path / "spare")


def ldd(path: Path) -> set[str]:
    """Sonames that the dynamic linker does not find."""
    done = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True)
    return set(re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE))


def predicted(site: Site, around: Surroundings | None = None) -> dict[str, set[str]]:
    """Member → sonames that will not be found, for all files of the tree."""
    linker = Linker(site.wheels, around or Surroundings(Host(sonames=frozenset())))
    return {
        file.member: {lack.soname for lack in linker.missing(name, file, bare=True)}
        for name, wheel in linker.wheels.items()
        for file in wheel.files
    }


def test_every_prediction_is_what_ldd_says(site: Site) -> None:
    gone = site.absent("libgone.so.7")
    inner = site.add("a", "a.libs/libinner-0a1b2c3d.so.1", gone, soname="libinner-0a1b2c3d.so.1")
    middle = site.add("a", "a.libs/libmiddle.so.2", inner, soname="libmiddle.so.2")
    site.add("a", "a/runpath.abi3.so", middle, paths="$ORIGIN/../a.libs")
    site.add("a", "a/rpath.abi3.so", middle, paths="$ORIGIN/../a.libs", kind=RPATH)
    site.add("a", "a/lost.abi3.so", middle)
    site.add("b", "b/deep/other.abi3.so", middle, paths="$ORIGIN/../../a.libs", kind=RPATH)
    site.add("b", "b/braces.abi3.so", inner, paths="${ORIGIN}/../a.libs")
    site.add("b", "b/home.abi3.so", middle, paths="/home/nobody/lib:$ORIGIN/../a.libs")
    said = {member: ldd(site.root / member) for rows in site.members.values() for member in rows}
    assert predicted(site) == said
    # RPATH is handed down to what is opened, RUNPATH is not.
    assert said["a/rpath.abi3.so"] == {"libgone.so.7"}
    assert said["a/runpath.abi3.so"] == {"libinner-0a1b2c3d.so.1"}


def undefined(path: Path) -> set[str]:
    """Symbols that the dynamic linker does not find, but for those of the interpreter."""
    done = subprocess.run(["ldd", "-r", str(path)], capture_output=True, text=True, check=True)
    found = re.findall(r"undefined symbol: ([^\s,]+)", done.stdout + done.stderr)
    return {name for name in found if not name.startswith("Py")}


LACKING = """
extern int nobody_has(int), beside_has(int), needed_has(int), PyLong_AsInt(void*), unused(int);
extern __attribute__((weak)) int weak_one(int);
extern void *_ZN5other5ThingC1Ev(void);
int use(void *x) { return nobody_has(1) + beside_has(2) + needed_has(3) + PyLong_AsInt(x)
  + (weak_one ? weak_one(4) : 0) + (_ZN5other5ThingC1Ev() != 0); }
"""


def test_symbols_that_nobody_has_are_those_that_the_linker_misses(site: Site) -> None:
    site.members["a"] = ["a/_x.abi3.so", "a/libneeded.so", "a/libbeside.so"]
    code = "int needed_has(int x){return x;}"
    needed = shared(site.root / "a/libneeded.so", code, soname="libneeded.so")
    shared(site.root / "a/libbeside.so", "int beside_has(int x){return x;}")
    needs = "-Wl,-rpath,$ORIGIN"
    path = shared(site.root / "a/_x.abi3.so", LACKING, needs=[needed], flags=[needs])
    found = check_links(site.wheels, Surroundings(Host()))
    told = {i.subject: i.reached for i in found.issues if i.kind is LinkKind.SYMBOL}
    assert set(told) == undefined(path)
    assert told == {"nobody_has": True, "_ZN5other5ThingC1Ev": True, "beside_has": False}
    ((_, text),) = found.told(spoken=demangle)
    assert text.startswith("other::Thing::Thing(), nobody_has: ")


def test_where_a_system_library_may_have_a_symbol_nothing_is_said(site: Site) -> None:
    site.members["a"] = ["a/_x.abi3.so"]
    shared(site.root / "a/_x.abi3.so", LACKING, needs=[site.absent("libGL.so.1")])
    found = check_links(site.wheels, Surroundings(Host(), packaged=frozenset({"libGL.so.1"})))
    assert issues(found.issues, LinkKind.SYMBOL) == []


def issues(found: Iterable[LinkIssue], kind: LinkKind) -> list[tuple[str, tuple[str, ...]]]:
    return [(issue.subject, issue.wheels) for issue in found if issue.kind is kind]


def test_libraries_are_the_systems_or_nobodys(site: Site) -> None:
    site.add("a", "a/x.abi3.so", site.absent("libGL.so.1"), site.absent("libnobody.so.3"))
    site.add("b", "b/y.abi3.so", site.absent("libcuda.so.1"), site.absent("libGL.so.1"))
    found = check_links(site.wheels, Surroundings(Host(), packaged=frozenset({"libGL.so.1"})))
    assert issues(found.issues, LinkKind.LIBRARY) == [("libnobody.so.3", ("a",))]
    assert [(need.soname, need.wheels) for need in found.system] == [("libGL.so.1", ("a", "b"))]


def test_what_the_image_has_by_itself_is_neither_installed_nor_missed(site: Site) -> None:
    site.add("a", "a/x.abi3.so", site.absent("libGL.so.1"), site.absent("libnobody.so.3"))
    has = frozenset({"libGL.so.1", "libnobody.so.3"})
    packaged = frozenset({"libGL.so.1"})
    found = check_links(site.wheels, Surroundings(Host(), packaged=packaged, present=has))
    assert (found.issues, found.system) == ((), ())


def test_a_plugin_that_nothing_opens_does_not_bother_a_person(site: Site) -> None:
    site.add("a", "a/x.abi3.so")
    site.add("a", "a/plugins/liboracle.so", site.absent("libclntsh.so.23"))
    found = check_links(site.wheels, Surroundings(Host()))
    assert issues(found.issues, LinkKind.LIBRARY) == [("libclntsh.so.23", ("a",))]
    assert found.told() == []


def test_a_back_end_for_other_makers_gpus_does_not_bother_a_person(site: Site) -> None:
    site.add("a", "a/_hip.abi3.so", site.absent("libamdhip64.so.7"))
    found = check_links(site.wheels, Surroundings(Host()))
    assert issues(found.issues, LinkKind.LIBRARY) == [("libamdhip64.so.7", ("a",))]
    assert found.told() == []


def test_of_alternatives_one_that_opens_is_enough(site: Site) -> None:
    for major in (4, 6):
        needed = site.absent(f"libavutil.so.{50 + major}")
        site.add("codec", f"codec/ops{major}.abi3.so", needed)
    none = check_links(site.wheels, Surroundings(Host()))
    assert len(issues(none.issues, LinkKind.LIBRARY)) == 2
    one = check_links(site.wheels, Surroundings(Host(), packaged=frozenset({"libavutil.so.56"})))
    assert issues(one.issues, LinkKind.LIBRARY) == []
    assert [need.soname for need in one.system] == ["libavutil.so.56"]


def test_of_alternatives_the_one_whose_library_another_wheel_brings_is_opened(site: Site) -> None:
    """bitsandbytes has a library for each CUDA, and its RUNPATH leads to none of them."""
    soname = "libcudart.so.12"
    brought = site.add("nvidia-x", f"nvidia/x/lib/{soname}", soname=soname)
    site.add("bnb", "bnb/libbnb_cuda118.so", site.absent("libcudart.so.11.0"))
    site.add("bnb", "bnb/libbnb_cuda128.so", brought)
    found = check_links(site.wheels, Surroundings(Host()))
    assert issues(found.issues, LinkKind.LIBRARY) == []
    assert issues(found.issues, LinkKind.MAJORS) == []


def test_what_another_wheel_brings_out_of_the_loaders_sight_is_hidden(site: Site) -> None:
    needed = site.add("nvidia-x", "nvidia/x/lib/libcux.so.9", soname="libcux.so.9")
    site.add("seen", "seen/x.abi3.so", needed, paths="$ORIGIN/../nvidia/x/lib")
    site.add("blind", "blind/x.abi3.so", needed)
    found = check_links(site.wheels, Surroundings(Host()))
    (issue,) = [issue for issue in found.issues if issue.kind is LinkKind.HIDDEN]
    assert (issue.subject, issue.wheels, issue.by) == ("libcux.so.9", ("blind",), "nvidia-x")
    assert ldd(site.root / "blind/x.abi3.so") == {"libcux.so.9"}
    assert ldd(site.root / "seen/x.abi3.so") == set()


def test_a_builders_folder_in_a_search_path_is_reported(site: Site) -> None:
    paths = "/home/mike/env/lib:/usr/lib/x86_64-linux-gnu:/opt/build/lib:$ORIGIN"
    site.add("a", "a/x.abi3.so", paths=paths)
    found = check_links(site.wheels, Surroundings(Host()))
    told = issues(found.issues, LinkKind.PATH)
    assert told == [("/home/mike/env/lib", ("a",)), ("/opt/build/lib", ("a",))]
    assert [wheels for wheels, _ in found.told()] == [("a",)]
    assert found.told(frozenset({"b"})) == []


def binary(*files: ElfFile) -> WheelBinary:
    return WheelBinary("x.whl", None, verified=True, files=files)


def test_versions_of_the_systems_libraries_are_held_against_the_image() -> None:
    needs = (
        VersionNeed("libstdc++.so.6", "GLIBCXX_3.4.32"),
        VersionNeed("libc.so.6", "GLIBC_2.38"),
    )
    wheels = {"flex-gemm": binary(ElfFile("flex_gemm/_C.abi3.so", versions=needs))}
    old = check_links(wheels, Surroundings(Host("2.35", "3.4.30")))
    told = issues(old.issues, LinkKind.VERSION)
    both = [("GLIBCXX_3.4.32", ("flex-gemm",)), ("GLIBC_2.38", ("flex-gemm",))]
    assert told == both
    assert check_links(wheels, Surroundings(Host("2.39", "3.4.33"))).issues == ()


def test_two_majors_of_a_cuda_library_are_reported() -> None:
    wheels = {
        "old": binary(ElfFile("old/x.abi3.so", needed=("libcudart.so.11.0",))),
        "new": binary(ElfFile("new/libcudart.41118559.so.12", soname="libcudart.so.12")),
    }
    found = check_links(wheels, Surroundings(Host()))
    (issue,) = [issue for issue in found.issues if issue.kind is LinkKind.MAJORS]
    assert issue.subject == "libcudart"
    assert "11 for old, 12 for new" in issue.detail


def library(member: str, content: str, soname: str) -> ElfFile:
    return ElfFile(member, soname=soname, content=content)


def test_copies_meet_by_soname_and_not_by_auditwheels_names() -> None:
    def brings(folder: str, content: str, soname: str) -> WheelBinary:
        user = ElfFile(f"{folder}/x.abi3.so", needed=(soname,), runpath=("$ORIGIN",))
        return binary(user, library(f"{folder}/{soname}", content, soname))

    plain, hashed = "libQt6Core.so.6", "libgfortran-040039e1.so.5"
    for soname, contents, told in (
        (plain, ("a", "b"), [(plain, ("one", "two"))]),
        (plain, ("a", "a"), []),
        (hashed, ("a", "b"), []),
    ):
        wheels = {n: brings(n, c, soname) for n, c in zip(("one", "two"), contents, strict=True)}
        found = check_links(wheels, Surroundings(Host()))
        assert issues(found.issues, LinkKind.COPIES) == told


def test_wheels_that_write_over_each_other_are_reported() -> None:
    wheels = {
        name: binary(ElfFile("cv2/cv2.abi3.so", content=name))
        for name in ("opencv-python", "opencv-python-headless")
    }
    found = check_links(wheels, Surroundings(Host()))
    assert issues(found.issues, LinkKind.OVERLAP) == [("cv2/cv2.abi3.so", tuple(wheels))]
