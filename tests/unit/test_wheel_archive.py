from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from support.wheels import make_wheel
from torchsolve.errors import UsageError
from torchsolve.wheel.archive import read_contents, read_wheel, sha256_of

SO = {"demo/_C.cpython-312-x86_64-linux-gnu.so": b"\x7fELF", "demo/__init__.py": b""}


def test_metadata_of_a_file(tmp_path: Path) -> None:
    path = make_wheel("demo", "1.0+cu126", ["torch==2.7.0"]).write(tmp_path)
    found = read_wheel(path, path.name)
    assert str(found.version) == "1.0+cu126"
    assert found.requires[0].evidence.origin == f"METADATA of {path.name}:4"


def test_wheel_and_record_facts() -> None:
    wheel = make_wheel("demo", "1.0", tag="cp312-cp312-linux_x86_64", members=SO)
    found = read_contents(io.BytesIO(wheel.content), wheel.filename)
    assert found.tags == ("cp312-cp312-linux_x86_64",)
    assert (found.purelib, found.generator, found.notes) == (False, "tests", ())
    assert found.extensions == ("demo/_C.cpython-312-x86_64-linux-gnu.so",)
    assert found.record is not None
    row = next(r for r in found.record if r.path.endswith(".so"))
    assert (row.sha256, row.size) == (hashlib.sha256(b"\x7fELF").hexdigest(), 4)


def test_a_broken_wheel_file_and_record_are_notes_not_errors() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", "Name: demo\nVersion: 1.0\n")
        archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("demo-1.0.dist-info/RECORD", "a,b\n")
    found = read_contents(buffer, "demo-1.0-py3-none-any.whl")
    assert found.metadata.name == "demo"
    assert (found.tags, found.record) == ((), None)
    assert [note.split()[0] for note in found.notes] == ["WHEEL", "RECORD"]


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def _encrypted(content: bytes) -> bytes:
    """With the flag that says so on every member."""
    raw = bytearray(content)
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + flags] |= 1
            at = raw.find(mark, at + 1)
    return bytes(raw)


GOOD = make_wheel("demo", "1.0", ["six"]).content
INFO = "demo-1.0.dist-info/METADATA"


@pytest.mark.parametrize(
    ("content", "reference"),
    [
        (b"", "not-a-wheel"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not-a-wheel"),
        (GOOD[: len(GOOD) // 2], "not-a-wheel"),
        (_encrypted(GOOD), "not-a-wheel"),
        (_zip({"demo/__init__.py": b""}), "not-a-wheel"),
        (_zip({INFO: b"Version: 1.0\n"}), "bad-metadata"),
        (_zip({INFO: b"Name: x\nVersion: 1\n" + b"\n" * (9 << 20)}), "not-a-wheel"),
        (_zip({"a-1.dist-info/METADATA": b"", "b-1.dist-info/METADATA": b""}), "not-a-wheel"),
    ],
)
def test_what_cannot_be_read(content: bytes, reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_wheel(io.BytesIO(content), "demo-1.0-py3-none-any.whl")
    assert caught.value.reference == reference
    assert "demo-1.0-py3-none-any.whl" in caught.value.origin


def test_of_two_dist_infos_the_one_of_its_name_counts() -> None:
    both = _zip({INFO: b"Name: demo\nVersion: 1.0\n", "x-1.dist-info/METADATA": b"Name: x\n"})
    assert read_wheel(io.BytesIO(both), "demo-1.0-py3-none-any.whl").name == "demo"


@pytest.mark.parametrize("make", ["missing", "folder"])
def test_a_path_that_is_no_file(tmp_path: Path, make: str) -> None:
    path = tmp_path / "x.whl"
    if make == "folder":
        path.mkdir()
    with pytest.raises(UsageError) as caught:
        read_wheel(path, str(path))
    assert caught.value.reference == "not-a-wheel"


def test_corrupt_bytes_inside_are_no_traceback() -> None:
    at = GOOD.index(INFO.encode()) + len(INFO) + 4
    broken = GOOD[:at] + b"\xff\xff\xff\xff" + GOOD[at + 4 :]
    with pytest.raises(UsageError):
        read_wheel(io.BytesIO(broken), "demo-1.0-py3-none-any.whl")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")
