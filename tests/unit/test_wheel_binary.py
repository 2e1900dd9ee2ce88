"""Wheels on the disk: which members are read, what becomes of damaged ones."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from support.binaries import Code, fatbin, library, needs_compiler
from torchsolve.errors import UsageError
from torchsolve.wheel import binary
from torchsolve.wheel.binary import read_binaries

NAME = "pkg-1.0-cp312-cp312-linux_x86_64.whl"


@pytest.fixture(scope="session")
def elf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("wheel") / "x.so"
    return library(path, "int f() { return 1; }", fatbin=fatbin([Code(2, 86)])).read_bytes()


def wheel(**members: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream


@needs_compiler
def test_extensions_libraries_and_programs_are_read_the_rest_is_not(elf: bytes) -> None:
    members = {
        "pkg/_C.abi3.so": elf,
        "pkg.libs/libz-1a2b.so.1.2.11": elf,
        "pkg-1.0.data/scripts/tool": elf,
        "nvidia/cu13/bin/ptxas": elf,
        "pkg/module.py": b"import pkg._C",
        "pkg/script.so": b"GROUP ( libx.so.1 )",
        "pkg/bin/wrapper": b"#!/bin/sh\n",
        "pkg-1.0.dist-info/METADATA": b"Name: pkg\n",
        "pkg/données é.so": elf,
    }
    stream = wheel(**members)
    found = read_binaries(stream, NAME, gpu=True)
    assert [file.member for file in found.files] == [
        "nvidia/cu13/bin/ptxas",
        "pkg-1.0.data/scripts/tool",
        "pkg.libs/libz-1a2b.so.1.2.11",
        "pkg/_C.abi3.so",
        "pkg/données é.so",
    ]
    assert {file.gpu.sass for file in found.files if file.gpu} == {("sm_86",)}
    assert found.unread == ()
    assert found.verified
    assert found.sha256 == sha256(stream.getvalue()).hexdigest()
    assert found.bytes_total == found.bytes_read == len(stream.getvalue())


@needs_compiler
def test_large_members_go_through_a_file(elf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = wheel(**{"pkg/_C.so": elf})
    in_memory = read_binaries(stream, NAME, gpu=True)
    monkeypatch.setattr(binary, "_IN_MEMORY", 100)
    assert read_binaries(stream, NAME, gpu=True) == in_memory


def test_a_wheel_without_compiled_code(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(wheel(**{"pkg/__init__.py": b""}).getvalue())
    assert read_binaries(path, NAME).files == ()


@needs_compiler
@pytest.mark.parametrize("damage", ["data", "encrypted", "method", "size"])
def test_a_damaged_member_is_told_and_the_others_are_read(elf: bytes, damage: str) -> None:
    raw = bytearray(wheel(**{"pkg/_A.so": elf, "pkg/_B.so": elf}).getvalue())
    local, central = raw.index(b"PK\x03\x04"), raw.index(b"PK\x01\x02")
    if damage == "data":
        raw[local + 300 : local + 400] = bytes(100)
    elif damage == "encrypted":
        raw[local + 6] |= 1
        raw[central + 8] |= 1
    elif damage == "method":
        raw[local + 8] = raw[central + 10] = 99
    else:
        raw[central + 24 : central + 28] = (0x7FFFFFF0).to_bytes(4, "little")
    found = read_binaries(io.BytesIO(bytes(raw)), NAME)
    assert [member for member, _ in found.unread] == ["pkg/_A.so"]
    assert [file.member for file in found.files if file.unread is None] == ["pkg/_B.so"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<html>404</html>", "no ELF file"),
    ],
)
def test_what_has_a_librarys_name_and_is_none_is_unread(content: bytes, why: str) -> None:
    found = read_binaries(wheel(**{"pkg/_C.abi3.so": content}), NAME)
    assert [member for member, _ in found.unread] == ["pkg/_C.abi3.so"]
    assert why in found.unread[0][1]


@pytest.mark.parametrize(
    "content", [b"/* GNU ld script */\nGROUP ( libz.so.1 )", b"\xcf\xfa\xed\xfe", b"MZ\x90"]
)
def test_libraries_of_other_systems_and_linker_scripts_are_passed_over(content: bytes) -> None:
    assert read_binaries(wheel(**{"pkg/libz.so": content}), NAME).files == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip", wheel(a=b"x").getvalue()[:-30]],
    # Not of the bytes: they hold the time, and workers would collect different tests.
    ids=["empty", "text", "cut off"],
)
def test_what_is_no_archive_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_binaries(path, NAME)
    assert caught.value.reference == "not-a-wheel"
    assert caught.value.origin == NAME


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not-a-wheel"):
        read_binaries(tmp_path / NAME, NAME)
