"""ELF files as the dynamic linker sees them: compiled here, held against nm and pyelftools."""

from __future__ import annotations

import subprocess
import sysconfig
from ctypes import CDLL
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from support.binaries import (
    Counted,
    damaged,
    library,
    needs_binutils,
    needs_compiler,
    without_sections,
)
from torchsolve.model.binary import Binding, ElfFile, VersionNeed
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.elf_image import read_image, read_sections
from torchsolve.wheel.elf_source import BytesSource

SOURCE = r"""
#include <cstdio>
#include <string>
extern "C" int from_elsewhere(int);
extern "C" int perhaps() __attribute__((weak));
extern "C" __attribute__((visibility("hidden"))) int kept_inside() { return 3; }
extern "C" int shown(int x) {
    return from_elsewhere(x) + (perhaps ? perhaps() : 0) + kept_inside();
}
namespace c10 {
struct Base { virtual ~Base() {} virtual int f() { return 1; } virtual int g() { return 2; } };
}
namespace mine { struct Other { virtual ~Other() {} }; }
c10::Base *base() { return new c10::Base; }
mine::Other *other() { return new mine::Other; }
std::string text() { return std::string(1000, 'x') + "yz"; }
const char *check = "is_mkldnn() INTERNAL ASSERT FAILED at \"/b/site-packages/torch/include/"
    "c10/core/TensorImpl.h\":1300, please report a bug to PyTorch. ";
const char *name_alone = "/b/torch/include/c10/util/ArrayRef.h";
const char *tool = "Cuda compilation tools, release 12.8, V12.8.93";
"""
FLAGS = ("-Wl,-soname,libmine.so.1", "-Wl,-rpath,$ORIGIN/../lib:/opt/x", "-Wl,--enable-new-dtags")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return library(tmp_path_factory.mktemp("elf") / "libmine.so", SOURCE, *FLAGS).read_bytes()


def names(path: Path, *flags: str) -> set[str]:
    """What ``nm`` lists, without versions."""
    done = subprocess.run(
        ["nm", "-D", "--without-symbol-versions", *flags, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.split()[-1] for line in done.stdout.splitlines()}


@needs_compiler
def test_a_library_of_our_own(built: bytes) -> None:
    elf = read_elf(built, "lib/libmine.so")
    undefined = {symbol.name: symbol for symbol in elf.undefined}
    assert elf.unread is None
    assert elf.machine in {"x86_64", "aarch64"}
    assert elf.soname == "libmine.so.1"
    assert elf.runpath == ("$ORIGIN/../lib", "/opt/x")
    assert elf.rpath == ()
    assert "libc.so.6" in elf.needed
    assert undefined["from_elsewhere"].binding is Binding.GLOBAL
    assert undefined["from_elsewhere"].version is None
    assert undefined["from_elsewhere"].relocated
    assert undefined["perhaps"].binding is Binding.WEAK
    assert "shown" in elf.defined
    assert "kept_inside" not in elf.defined
    assert elf.python is None


@needs_compiler
def test_versions_of_symbols_and_of_libraries(built: bytes) -> None:
    elf = read_elf(built, "m")
    versions = {symbol.name: symbol.version for symbol in elf.undefined}
    assert versions["_Znwm"] == "GLIBCXX_3.4"
    assert VersionNeed("libstdc++.so.6", "GLIBCXX_3.4") in elf.versions


@needs_compiler
def test_prints_of_inlined_torch_headers(built: bytes) -> None:
    elf = read_elf(built, "m")
    # Two words before the functions, two destructors, two functions.
    assert ("_ZTVN3c104BaseE", 48) in elf.weak_objects
    assert {name for name, _ in elf.weak_objects} == {"_ZTVN3c104BaseE", "_ZTIN3c104BaseE"}
    assert elf.checks == (("c10/core/TensorImpl.h", 1300),)
    assert elf.toolkits == ("12.8",)


@needs_compiler
@pytest.mark.parametrize(
    ("source", "compilers"),
    [
        (
            'extern "C" int nvrtcCompileProgram(); int f() { return nvrtcCompileProgram(); }',
            "nvrtc",
        ),
        ('const char *opened = "nvJitLinkAddData";', "nvjitlink"),
        ('extern "C" void *PyInit_libtriton() { return 0; }', "triton"),
    ],
)
def test_who_makes_gpu_code_at_run_time(tmp_path: Path, source: str, compilers: str) -> None:
    elf = read_elf(library(tmp_path / "x.so", source).read_bytes(), "m")
    assert elf.compilers == (compilers,)


@needs_compiler
def test_the_dynamic_segment_is_enough(built: bytes) -> None:
    bare = without_sections(built)
    assert read_sections(read_image(BytesSource(bare))) == ()
    assert read_elf(bare, "m") == read_elf(built, "m")


@needs_compiler
@needs_binutils
def test_a_symbol_that_no_relocation_uses(tmp_path: Path) -> None:
    path = library(
        tmp_path / "unused.so",
        'extern "C" int used(); int f() { return used(); }',
        "-Wl,-u,unused_name",
    )
    found = {s.name: s.relocated for s in read_elf(path.read_bytes(), "m").undefined}
    assert found["used"]
    if "unused_name" in names(path, "-u"):
        assert not found["unused_name"]


@needs_compiler
@pytest.mark.parametrize("style", ["sysv", "gnu", "both"])
def test_each_kind_of_hash_table(tmp_path: Path, style: str) -> None:
    path = library(tmp_path / "hash.so", SOURCE, f"-Wl,--hash-style={style}")
    elf = read_elf(path.read_bytes(), "m")
    assert set(elf.defined) >= {"shown", "_Z4basev", "_Z5otherv", "_Z4textB5cxx11v"}
    assert "from_elsewhere" in {symbol.name for symbol in elf.undefined}


@needs_compiler
def test_a_library_that_defines_nothing(tmp_path: Path) -> None:
    path = library(
        tmp_path / "empty.so",
        'extern "C" int one(); extern "C" int two(int);'
        '__attribute__((constructor, visibility("hidden"))) void f() { two(one()); }',
        "-Wl,--hash-style=gnu",
        "-nostdlib",
    )
    elf = read_elf(path.read_bytes(), "m")
    assert [symbol.name for symbol in elf.undefined] == ["one", "two"]


@needs_compiler
@pytest.mark.parametrize(
    ("used", "member", "abi", "floor"),
    [
        # Measured by CPython: Misc/stable_abi.toml has PyList_New since 3.2, PyType_GetName 3.11.
        ("PyList_New", "x.cpython-312-x86_64-linux-gnu.so", "abi3", "3.2"),
        ("PyType_GetName", "x.abi3.so", "abi3", "3.11"),
        ("_PyObject_GetDictPtr", "x.cpython-312-x86_64-linux-gnu.so", "cp312", None),
        ("_PyObject_GetDictPtr", "x.cpython-313t-x86_64-linux-gnu.so", "cp313t", None),
        ("_PyObject_GetDictPtr", "x.abi3.so", "cp", None),
    ],
)
def test_the_python_abi_is_told_by_names(
    tmp_path: Path, used: str, member: str, abi: str, floor: str | None
) -> None:
    source = f'extern "C" void *{used}(int); extern "C" void *PyInit_x() {{ return {used}(0); }}'
    elf = read_elf(library(tmp_path / "x.so", source).read_bytes(), member)
    assert (elf.python, elf.python_floor) == (abi, floor)


STDLIB = sorted(Path(sysconfig.get_config_var("DESTSHARED") or ".").glob("*.so"))[::4]


@needs_binutils
@pytest.mark.parametrize("path", STDLIB, ids=lambda path: path.name)
def test_real_libraries_as_nm_and_pyelftools_read_them(path: Path) -> None:
    elf = read_elf(path.read_bytes(), path.name)
    assert elf.unread is None
    assert {symbol.name for symbol in elf.undefined} == names(path, "-u")
    assert set(elf.defined) == names(path, "--defined-only")
    with path.open("rb") as stream:
        peer = next(s for s in ELFFile(stream).iter_segments() if isinstance(s, DynamicSegment))
        needed = [vars(tag).get("needed") for tag in peer.iter_tags("DT_NEEDED")]
    assert list(elf.needed) == needed
    assert elf.python is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: b"", "too short"),
        (lambda data: data[:40], "too short"),
        (lambda _: b"#!/bin/sh\n" + bytes(100), "no ELF file"),
        (lambda data: data[:4] + b"\x01" + data[5:], "not a 64-bit"),
        (lambda data: data[:5] + b"\x02" + data[6:], "not a little-endian"),
        (lambda data: data[:0x38] + b"\xff\xff" + data[0x3A:], "65535 segments"),
        (lambda data: data[:0x20] + b"\xff" * 7 + b"\x00" + data[0x28:], "past its end"),
    ],
    ids=["empty", "short", "script", "32-bit", "big-endian", "segments", "lying"],
)
@needs_compiler
def test_files_that_are_not_read_say_why(built: bytes, change: object, reason: str) -> None:
    assert callable(change)
    elf = read_elf(change(built), "m")
    assert elf.unread is not None
    assert reason in elf.unread
    assert elf == ElfFile("m", unread=elf.unread)


def _segments(data: bytes, kind: int, other: int) -> bytes:
    """With another type on the program headers of one type."""
    copy = bytearray(data)
    for at in range(64, 64 + 56 * len(read_image(BytesSource(data)).segments), 56):
        if copy[at] == kind:
            copy[at] = other
    return bytes(copy)


@needs_compiler
@pytest.mark.parametrize(
    ("change", "reason", "linker"),
    [
        (lambda data: data[:0x10] + b"\x01" + data[0x11:], "type 1", "only ET_DYN and ET_EXEC"),
        (lambda data: _segments(data, 1, 4), "no segment to load", "no loadable segments"),
        (lambda data: _segments(data, 2, 4), "no dynamic section", "no dynamic section"),
    ],
    ids=["object", "load", "dynamic"],
)
def test_a_library_that_the_linker_refuses_is_unread(
    built: bytes, tmp_path: Path, change: object, reason: str, linker: str
) -> None:
    assert callable(change)
    path = tmp_path / "libmine.so"
    path.write_bytes(change(built))
    assert reason in (read_elf(path.read_bytes(), "pkg/libmine.so").unread or "")
    with pytest.raises(OSError, match=linker):
        CDLL(str(path))


@needs_compiler
def test_symbols_that_are_none_are_told(built: bytes) -> None:
    dynamic = next(s for s in read_image(BytesSource(built)).segments if s.kind == 2)
    at = built.index((6).to_bytes(8, "little"), dynamic.offset)
    assert "null symbol" in str(read_elf(built[: at + 8] + bytes(8) + built[at + 16 :], "m").unread)


@needs_compiler
def test_a_foreign_machine_is_named_by_its_number(built: bytes) -> None:
    riscv = built[:0x12] + (243).to_bytes(2, "little") + built[0x14:]
    assert read_elf(riscv, "m").machine == "243"


@needs_compiler
def test_every_truncation_is_told_or_harmless(built: bytes) -> None:
    whole = read_elf(built, "m", gpu=True)
    for size in range(0, len(built), 97):
        source = Counted(built[:size])
        elf = read_elf(source, "m", gpu=True)
        assert elf.unread is not None or elf.undefined == whole.undefined
        assert source.calls < 1000


@needs_compiler
@pytest.mark.parametrize("batch", range(4))
def test_any_damage_ends_soon_and_without_an_error(built: bytes, batch: int) -> None:
    """The headers, the dynamic section and the tables in front are where lies can be told."""
    image = read_image(BytesSource(built))
    dynamic = next(s for s in image.segments if s.kind == 2)
    places = (
        (0, 64),
        (64, 64 + 56 * len(image.segments)),
        (dynamic.offset, dynamic.offset + dynamic.size),
        (0x200, 0x3000),
        (0, len(built)),
    )
    for seed in range(batch * 100, batch * 100 + 100):
        source = Counted(damaged(built, places, seed))
        assert isinstance(read_elf(source, "m", gpu=True), ElfFile)
        assert source.calls < 200_000
        assert source.bytes < 400 * len(built)


@needs_compiler
def test_a_library_with_versions_of_its_own(tmp_path: Path) -> None:
    """Undefined names have index 1 there, which ``.gnu.version_d`` gives to the file itself."""
    script = tmp_path / "versions"
    script.write_text("MINE_1 { global: shown; local: *; };\n")
    path = library(tmp_path / "libmine.so", SOURCE, *FLAGS, f"-Wl,--version-script={script}")
    elf = read_elf(path.read_bytes(), "m")
    assert {s.name: s.version for s in elf.undefined}["from_elsewhere"] is None
    assert set(elf.defined) == names(path, "--defined-only") == {"MINE_1", "shown"}


@needs_compiler
def test_a_weak_need_of_a_version_binds_nobody(built: bytes) -> None:
    elf = read_elf(built, "m")
    # An entry is hash, flags, index, name, next: the flags become VER_FLG_WEAK.
    at = built.index(_elf_hash("GLIBCXX_3.4").to_bytes(4, "little"))
    weak = built[: at + 4] + b"\2\0" + built[at + 6 :]
    assert set(elf.versions) - set(read_elf(weak, "m").versions) == {
        VersionNeed("libstdc++.so.6", "GLIBCXX_3.4")
    }
    assert read_elf(weak, "m").undefined == elf.undefined


def _elf_hash(name: str) -> int:
    """The hash of the System V gABI."""
    value = 0
    for char in name.encode():
        value = (value << 4) + char
        value ^= (value & 0xF0000000) >> 24
        value &= 0x0FFFFFFF
    return value
