"""The probe that opens extensions: its ELF reader, and what it says of each way to fail.

The dynamic linker is the judge in the probe and the truth here; the files are compiled on the spot.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.elf import COMPILER, shared
from torchsolve.resources import probe_files
from torchsolve.smoke.probes import extensions
from torchsolve.smoke.probes.extensions import read_elf

needs_cc = pytest.mark.skipif(COMPILER is None, reason="this machine has no C compiler")
pytestmark = [needs_cc, pytest.mark.skipif(sys.platform != "linux", reason="ELF is Linux's")]

MODULE = "void PyInit_mod(void) {}"


class Site:
    """A folder of installed packages, and the probe run over it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "site"
        self.root.mkdir()
        self.spare = root / "spare"

    def install(self, name: str, *files: str) -> None:
        """Give the files under the root to a distribution."""
        info = self.root / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    def package(self, name: str, code: str = "") -> None:
        """An importable package of that name."""
        (self.root / name).mkdir(exist_ok=True)
        (self.root / name / "__init__.py").write_text(code)

    def probe(self, tmp_path: Path, *, gpu: bool = False) -> dict[str, tuple[str, str]]:
        """Name → (status, detail)."""
        script, question = tmp_path / "extensions.py", tmp_path / "input.json"
        script.write_bytes(probe_files()["extensions.py"])
        question.write_text(json.dumps({"timeout": 20, "gpu": gpu}))
        done = subprocess.run(
            [sys.executable, "-S", str(script), str(question)],
            env=os.environ | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [li for li in done.stdout.splitlines() if li.startswith("@torchsolve ")]
        found = [json.loads(line.removeprefix("@torchsolve ")) for line in lines]
        return {f["name"].removeprefix("extensions:"): (f["status"], f["detail"]) for f in found}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_the_reader_sees_of_a_module(tmp_path: Path) -> None:
    library = shared(tmp_path / "libdep.so", "int dep(void) { return 1; }", soname="libdep.so.1")
    source = "int dep(void); extern int soft(void) __attribute__((weak));\n" + MODULE
    source += "\nint use(void) { return dep() + (soft ? soft() : 0); }"
    elf = read_elf(shared(tmp_path / "mod.so", source, needs=[library]))
    assert elf.machine in ("x86_64", "aarch64")
    assert "libdep.so.1" in elf.needed
    assert elf.exports_module
    assert not elf.needs_torch()
    assert "dep" in elf.undefined
    assert "soft" not in elf.undefined


def test_a_library_that_only_calls_a_module_is_none(tmp_path: Path) -> None:
    source = "void PyInit_other(void); void embed(void) { PyInit_other(); }"
    assert not read_elf(shared(tmp_path / "lib.so", source)).exports_module


def test_a_library_that_links_to_torch_is_an_extension(tmp_path: Path) -> None:
    torch = shared(tmp_path / "libc10.so", "int c10(void) { return 1; }", soname="libc10.so")
    elf = read_elf(shared(tmp_path / "_C.so", "int x;", needs=[torch]))
    assert elf.needs_torch()
    assert not elf.exports_module


@pytest.mark.parametrize("keep", [0, 3, 5, 20, 63, 64, 200, 1000])
def test_a_file_cut_short_is_a_value_error(tmp_path: Path, keep: int) -> None:
    path = shared(tmp_path / "mod.so", MODULE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"\S"):
        read_elf(path)


def test_broken_tables_are_a_value_error_and_nothing_else(tmp_path: Path) -> None:
    whole = shared(tmp_path / "mod.so", MODULE).read_bytes()
    for at in range(0, 64, 2):
        broken = tmp_path / f"broken{at}.so"
        broken.write_bytes(whole[:at] + b"\xff\xff" + whole[at + 2 :])
        try:
            read_elf(broken)
        except ValueError:
            continue


def test_a_healthy_extension_passes_and_a_plain_library_is_not_opened(
    site: Site, tmp_path: Path
) -> None:
    shared(site.root / "pkg/mod.so", MODULE)
    shared(site.root / "pkg/libplain.so", "int x;")
    site.install("pkg", "pkg/mod.so", "pkg/libplain.so")
    found = site.probe(tmp_path)
    assert found.pop("extensions") == (
        "passed",
        "1 extensions opened one by one, 1 other shared objects",
    )
    assert found == {"pkg:pkg/mod.so": ("passed", "")}


def test_a_missing_symbol_fails_with_its_name(site: Site, tmp_path: Path) -> None:
    source = "void _ZN3c105gone(void);\n" + MODULE + "\nvoid use(void) { _ZN3c105gone(); }"
    shared(site.root / "pkg/mod.so", source)
    site.install("pkg", "pkg/mod.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert status == "failed"
    assert "undefined symbol: _ZN3c105gone" in detail


def test_a_missing_library_fails_with_its_name(site: Site, tmp_path: Path) -> None:
    gone = shared(site.spare / "libgone.so", "int x;", soname="libgone.so.7")
    shared(site.root / "pkg/mod.so", MODULE, needs=[gone])
    site.install("pkg", "pkg/mod.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert (status, detail.split(":")[0]) == ("failed", "libgone.so.7")


def driver(site: Site) -> Path:
    return shared(
        site.spare / "libcuda.so", "int cuInit(int f) { return f; }", soname="libcuda.so.1"
    )


def test_what_lacks_only_the_driver_is_skipped(site: Site, tmp_path: Path) -> None:
    source = "int cuInit(int);\n" + MODULE + "\nint use(void) { return cuInit(0); }"
    shared(site.root / "pkg/mod.so", source, needs=[driver(site)])
    site.install("pkg", "pkg/mod.so")
    found = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert found == ("skipped", "lacks only the driver's libcuda.so.1")
    status, detail = site.probe(tmp_path, gpu=True)["pkg:pkg/mod.so"]
    assert (status, "libcuda.so.1" in detail) == ("failed", True)


def test_a_missing_driver_hides_no_missing_symbol(site: Site, tmp_path: Path) -> None:
    source = "int cuInit(int); int _ZNK3c105Error4whatEv(void);\n" + MODULE
    source += "\nint use(void) { return cuInit(_ZNK3c105Error4whatEv()); }"
    shared(site.root / "pkg/mod.so", source, needs=[driver(site)])
    site.install("pkg", "pkg/mod.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert status == "failed"
    assert "undefined symbol: _ZNK3c105Error4whatEv" in detail


def test_a_missing_driver_hides_no_missing_library(site: Site, tmp_path: Path) -> None:
    gone = shared(site.spare / "libcudart.so", "int x;", soname="libcudart.so.11.0")
    shared(site.root / "pkg/mod.so", MODULE, needs=[driver(site), gone])
    site.install("pkg", "pkg/mod.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert (status, "libcudart.so.11.0" in detail) == ("failed", True)


def test_builds_for_each_ffmpeg_are_alternatives(site: Site, tmp_path: Path) -> None:
    for major, soname in ((4, "libavutil.so.56"), (6, "libavutil.so.58")):
        gone = shared(site.spare / f"libavutil{major}.so", "int x;", soname=soname)
        shared(site.root / f"pkg/lib/core{major}.so", MODULE, needs=[gone])
    site.install("pkg", "pkg/lib/core4.so", "pkg/lib/core6.so")
    found = site.probe(tmp_path)
    assert found["pkg:pkg/lib/core4.so"] == (
        "skipped",
        "one of alternative builds; the system has no libavutil.so.56",
    )
    assert found["pkg:pkg/lib/core6.so"][0] == "skipped"


def test_an_only_build_that_needs_ffmpeg_must_open(site: Site, tmp_path: Path) -> None:
    gone = shared(site.spare / "libavutil.so", "int x;", soname="libavutil.so.56")
    shared(site.root / "pkg/core.so", MODULE, needs=[gone])
    site.install("pkg", "pkg/core.so")
    assert site.probe(tmp_path)["pkg:pkg/core.so"][0] == "failed"


def test_a_library_that_the_package_loads_first_is_loaded_first(site: Site, tmp_path: Path) -> None:
    code = "int own(void) { return 1; }"
    own = shared(site.root / "pkg/lib/libown.so", code, soname="libown.so")
    source = "int own(void);\n" + MODULE + "\nint use(void) { return own(); }"
    shared(site.root / "pkg/mod.so", source, needs=[own])
    site.install("pkg", "pkg/mod.so", "pkg/lib/libown.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert (status, detail) == ("passed", "after its own libown.so")


def test_its_own_package_is_imported_first_where_that_works(site: Site, tmp_path: Path) -> None:
    """torch loads CUDA's libraries at import, and its own files count on that."""
    code = "int hid(void) { return 1; }"
    hidden = shared(site.spare / "libhidden.so", code, soname="libhidden.so")
    source = "int hid(void);\n" + MODULE + "\nint use(void) { return hid(); }"
    shared(site.root / "pkg/mod.so", source, needs=[hidden])
    site.package("pkg", f"import ctypes\nctypes.CDLL({str(hidden)!r})\n")
    site.install("pkg", "pkg/mod.so", "pkg/__init__.py")
    assert site.probe(tmp_path)["pkg:pkg/mod.so"] == ("passed", "")


def test_a_package_that_breaks_at_import_is_opened_without(site: Site, tmp_path: Path) -> None:
    shared(site.root / "pkg/mod.so", MODULE)
    site.package("pkg", "import os\nos.abort()\n")
    site.install("pkg", "pkg/mod.so")
    assert site.probe(tmp_path)["pkg:pkg/mod.so"] == ("passed", "")


def test_an_extension_that_crashes_is_told_apart_and_stops_nothing(
    site: Site, tmp_path: Path
) -> None:
    crash = "__attribute__((constructor)) static void boom(void) { __builtin_trap(); }\n"
    shared(site.root / "pkg/a.so", crash + MODULE)
    shared(site.root / "pkg/b.so", MODULE)
    site.install("pkg", "pkg/a.so", "pkg/b.so")
    found = site.probe(tmp_path)
    assert found["pkg:pkg/a.so"][0] == "failed"
    assert "signal" in found["pkg:pkg/a.so"][1]
    assert found["pkg:pkg/b.so"] == ("passed", "")


def test_a_build_for_another_python_is_set_aside(site: Site, tmp_path: Path) -> None:
    source = "void _PyGone_InThisPython(void);\n" + MODULE
    source += "\nvoid use(void) { _PyGone_InThisPython(); }"
    shared(site.root / "pkg/mod.cpython-36m-x86_64-linux-gnu.so", source)
    shared(site.root / "pkg/lib.cpython-36m-x86_64-linux-gnu.so", MODULE)
    site.install("pkg", *(f"pkg/{stem}.cpython-36m-x86_64-linux-gnu.so" for stem in ("mod", "lib")))
    found = site.probe(tmp_path)
    assert found["pkg:pkg/mod.cpython-36m-x86_64-linux-gnu.so"][0] == "skipped"
    assert found["pkg:pkg/lib.cpython-36m-x86_64-linux-gnu.so"][0] == "passed"


def test_a_build_for_another_machine_is_set_aside(site: Site, tmp_path: Path) -> None:
    path = shared(site.root / "pkg/mod.so", MODULE)
    data = bytearray(path.read_bytes())
    data[18:20] = (243).to_bytes(2, "little")  # EM_RISCV
    path.write_bytes(data)
    site.install("pkg", "pkg/mod.so")
    status, detail = site.probe(tmp_path)["pkg:pkg/mod.so"]
    assert (status, detail) == ("skipped", "built for another machine: 243")


def test_torch_that_does_not_import_fails_the_whole(site: Site, tmp_path: Path) -> None:
    site.package("torch", "raise ImportError('libtorch_cpu.so: cannot open shared object file')\n")
    site.install("torch", "torch/__init__.py")
    found = site.probe(tmp_path)
    assert found["torch"][0] == "failed"
    assert "libtorch_cpu.so" in found["torch"][1]
    assert found["extensions"][0] == "failed"


def test_folders_that_scripts_lie_in_answer_for_no_package() -> None:
    here = str(Path(extensions.__file__).parent)
    assert here not in sys.path
