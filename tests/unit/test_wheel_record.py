"""A binary's record: nothing lost, nothing that depends on order, nothing accepted blindly."""

import json
from dataclasses import replace

import pytest

from torchsolve.errors import UsageError
from torchsolve.model.binary import (
    Binding,
    ElfFile,
    GpuCode,
    Undefined,
    VersionNeed,
    WheelBinary,
)
from torchsolve.wheel.record import distil, dump_binary, load_binary

WANTED = Undefined("_ZN3c107SymBool", None, Binding.GLOBAL, relocated=True)
MALLOC = Undefined("malloc", "GLIBC_2.2.5", Binding.GLOBAL, relocated=True)
SIBLING = Undefined("helper", None, Binding.WEAK, relocated=True)
FILE = ElfFile(
    member="pkg/_C.so",
    machine="x86_64",
    needed=("libc10.so", "libc.so.6"),
    runpath=("$ORIGIN/../torch/lib",),
    versions=(VersionNeed("libc.so.6", "GLIBC_2.2.5"), VersionNeed("libc.so.6", "GLIBC_2.14")),
    undefined=(WANTED, SIBLING, MALLOC),
    defined=("PyInit__C", "own_business"),
    weak_objects=(("_ZTVN3c1011SymNodeImplE", 544),),
    checks=(("ArrayRef.h", 61),),
    toolkits=("12.8",),
    python="abi3",
    python_floor="3.9",
    compilers=("nvrtc",),
    gpu=GpuCode(sass=("sm_86",), ptx=(("compute_86", "8.7"),), compressed=True),
)
LIBRARY = ElfFile(member="pkg/libh.so", machine="x86_64", soname="libh.so", defined=("helper",))
WHEEL = WheelBinary(
    "pkg-1-py3-none-any.whl", "ab" * 32, verified=True, files=(FILE, LIBRARY), bytes_total=9
)


def test_a_record_gives_back_the_value() -> None:
    assert load_binary(dump_binary(WHEEL), "x") == WHEEL


def test_a_wheel_without_code_and_a_file_that_was_not_read_survive() -> None:
    pure = WheelBinary("p-1-py3-none-any.whl", None, verified=False, files=())
    broken = replace(pure, files=(ElfFile("a.so", unread="truncated"),), unread=(("b.so", "crc"),))
    assert load_binary(dump_binary(pure), "x") == pure
    assert load_binary(dump_binary(broken), "x") == broken


def test_distilling_keeps_what_decides() -> None:
    small = distil(WHEEL)
    assert small.files[0].undefined == (WANTED, SIBLING)
    assert small.files[0].defined == ("PyInit__C",)
    assert small.files[1].defined == ("helper",)
    assert small.files[0].versions == FILE.versions
    assert distil(small) == small


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"schema":"torchsolve.binary/1"}',
        b'{"schema":"torchsolve.binary/2","filename":"x"}',
        b'{"schema":"torchsolve.binary/1","filename":"x","surprise":1}',
        b'{"schema":"torchsolve.binary/1","filename":"x","files":[{"member":7}]}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        load_binary(data, "cache/x.json")
    assert caught.value.reference == "bad-binary-record"
    assert caught.value.origin == "cache/x.json"


@pytest.mark.parametrize("key", ["global", "global used", "strong used ", "global maybe "])
def test_a_group_that_says_nothing_is_refused(key: str) -> None:
    document = json.loads(dump_binary(WHEEL))
    document["files"][0]["undefined"] = {key: ["name"]}
    with pytest.raises(UsageError, match="bad-binary-record"):
        load_binary(json.dumps(document).encode(), "x")
