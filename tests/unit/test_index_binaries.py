from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from support.elf import COMPILER, shared
from support.index_server import FakeFile, IndexServer
from support.wheels import Archive, make_wheel
from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.client import IndexClient
from torchsolve.index.inflate import LazyMember
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import WheelBinary
from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.elf import read_elf, read_leading
from torchsolve.wheel.elf_source import Unreadable

pytestmark = pytest.mark.skipif(COMPILER is None, reason="this machine has no C compiler")

# What stands between the tables at the front and the dynamic section: GPU code, in real wheels.
NOISE = ",".join(map(str, Random(7).randbytes(400_000)))  # noqa: S311
SOURCE = f"""
extern int other(int); extern int unused(int); int printf(const char *, ...);
__attribute__((weak)) extern int perhaps(void);
static const unsigned char noise[] = {{{NOISE}}};
int entry(int x) {{ printf("%d", noise[x]); return other(x) + (perhaps ? perhaps() : 0); }}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("library")
    needed = shared(
        folder / "libneeded.so", "int other(int x) { return x; }", soname="libneeded.so.3"
    )
    return shared(folder / "ext.so", SOURCE, soname="ext.so", needs=[needed]).read_bytes()


@pytest.fixture(scope="module")
def wheel(library: bytes) -> Archive:
    members = {
        "demo/ext.so": library,
        "demo/notes.so": b"INPUT(ext.so)",
        "demo/data.bin": b"x" * 99,
    }
    return make_wheel("demo", "1.0", ["torch"], tag="cp312-cp312-linux_x86_64", members=members)


def client_of(tmp_path: Path, server: IndexServer, *, offline: bool = False) -> IndexClient:
    return IndexClient(
        IndexSettings(tmp_path, server.url, offline=offline, backoff=0.01, retries=0)
    )


def read(tmp_path: Path, server: IndexServer, *, gpu: bool = False) -> WheelBinary:
    with client_of(tmp_path, server) as client:
        return client.read_remote(client.page("demo").files[0], gpu=gpu)


def file_requests(server: IndexServer) -> int:
    return sum("/files/" in path for path in server.paths())


def test_leading_bytes_say_what_the_dynamic_section_says(library: bytes) -> None:
    told = read_leading(_Counted(library), "demo/ext.so")
    whole = read_elf(library, "demo/ext.so")
    assert told is not None
    assert replace(told, needed=()) == replace(whole, needed=())
    assert set(told.needed) == set(whole.needed) == {"libneeded.so.3", "libc.so.6"}
    assert [u.name for u in told.undefined if u.relocated and u.version is None][-2:] == [
        "other",
        "perhaps",
    ]


def test_leading_bytes_are_few(library: bytes) -> None:
    source = _Counted(library)
    read_leading(source, "demo/ext.so")
    assert source.reach < len(library) / 4


@pytest.mark.parametrize(("soname", "known"), [("libc10.so", True), ("libneeded.so.3", False)])
def test_checks_in_front_of_gpu_code_are_read_where_torch_is_needed(
    tmp_path: Path, soname: str, known: bool
) -> None:
    check = '"INTERNAL ASSERT FAILED at \\"/x/torch/include/c10/core/SymInt.h\\":90, please report"'
    code = SOURCE.replace("int entry", f"const char *check(void) {{ return {check}; }}\nint entry")
    fatbin = "\\x50\\xed\\x55\\xba"
    code += f'const char gpu[600000] __attribute__((section(".nv_fatbin"))) = "{fatbin}";\n'
    needed = shared(tmp_path / soname, "int other(int x) { return x; }", soname=soname)
    source = _Counted(shared(tmp_path / "ext.so", code, needs=[needed]).read_bytes())
    told = read_leading(source, "demo/ext.so")
    assert told is not None
    assert told.checks == ((("c10/core/SymInt.h", 90),) if known else ())
    assert source.reach < source.size - 300_000


def test_strings_that_are_not_behind_the_symbols_are_not_guessed(library: bytes) -> None:
    from elftools.elf.elffile import ELFFile

    strings = ELFFile(io.BytesIO(library)).get_section_by_name(".dynstr")
    assert strings is not None
    at = strings["sh_offset"]
    moved = bytearray(library)
    moved[at] = ord("X")  # as patchelf leaves them
    assert read_leading(_Counted(bytes(moved)), "ext.so") is None


def test_every_cut_and_flip_is_none_unread_or_the_truth(library: bytes) -> None:
    truth = read_elf(library, "ext.so", strings=False)
    names = {u.name for u in truth.undefined}
    random = Random(1)  # noqa: S311
    for _ in range(300):
        damaged = bytearray(library)
        damaged[random.randrange(4096)] ^= 1 << random.randrange(8)
        told = read_leading(_Counted(bytes(damaged[: random.randrange(64, len(damaged))])), "x.so")
        if told is not None and told.unread is None:
            assert len({u.name for u in told.undefined} - names) <= 1


def test_a_remote_wheel_is_read_by_few_bytes(
    tmp_path: Path, wheel: Archive, library: bytes
) -> None:
    with IndexServer({"demo": [FakeFile(wheel)]}) as server:
        found = read(tmp_path, server)
    (elf,) = found.files
    assert elf.member == "demo/ext.so"
    assert {u.name for u in elf.undefined} >= {"other", "perhaps"}
    assert found.bytes_total == len(wheel.content)
    assert found.bytes_read < found.bytes_total / 2
    assert (found.sha256, found.verified) == (wheel.sha256, False)


def test_gpu_code_makes_it_read_all(tmp_path: Path, wheel: Archive) -> None:
    with IndexServer({"demo": [FakeFile(wheel)]}) as server:
        found = read(tmp_path, server, gpu=True)
    assert found.bytes_read > found.bytes_total * 0.9
    assert found.files[0].gpu is not None


def test_a_wheel_is_read_once_and_then_offline(tmp_path: Path, wheel: Archive) -> None:
    with IndexServer({"demo": [FakeFile(wheel)]}, cache_control="max-age=600") as server:
        first = read(tmp_path, server)
        before = file_requests(server)
        assert read(tmp_path, server) == first
        with client_of(tmp_path, server, offline=True) as client:
            file = client.page("demo").files[0]
            assert client.read_remote(file) == first
            with pytest.raises(UnknownError, match="offline"):
                client.read_remote(file, gpu=True)
        assert file_requests(server) == before


def test_refused_ranges_mean_one_download_for_good(tmp_path: Path, wheel: Archive) -> None:
    with IndexServer({"demo": [FakeFile(wheel)]}, ranges=False) as server:
        found = read(tmp_path, server)
        before = file_requests(server)
        again = read(tmp_path, server, gpu=True)
        assert file_requests(server) == before
    assert found.verified
    assert found.bytes_read == found.bytes_total == len(wheel.content)
    assert again.files[0].gpu is not None


def test_a_download_that_is_not_what_was_announced(tmp_path: Path, wheel: Archive) -> None:
    lying = FakeFile(wheel, sha256="0" * 64)
    with (
        IndexServer({"demo": [lying]}, ranges=False) as server,
        pytest.raises(UnknownError) as caught,
    ):
        read(tmp_path, server)
    assert caught.value.reference == "hash-mismatch"


def test_no_zip_is_said(tmp_path: Path, wheel: Archive) -> None:
    broken = replace(wheel, content=wheel.content[: len(wheel.content) // 2])
    with (
        IndexServer({"demo": [FakeFile(broken)]}) as server,
        pytest.raises(UnknownError) as caught,
    ):
        read(tmp_path, server)
    assert caught.value.reference == "not-a-wheel"


def test_a_damaged_member_is_unread_not_absent(tmp_path: Path, wheel: Archive) -> None:
    content = bytearray(wheel.content)
    at = content.find(b"demo/ext.so") + 200
    content[at : at + 64] = bytes(64)
    with IndexServer({"demo": [FakeFile(replace(wheel, content=bytes(content)))]}) as server:
        found = read(tmp_path, server)
    assert [member for member, _ in found.unread] == ["demo/ext.so"]
    assert found.files[0].unread


def test_a_kept_record_that_was_changed_is_read_again(tmp_path: Path, wheel: Archive) -> None:
    with IndexServer({"demo": [FakeFile(wheel)]}) as server:
        first = read(tmp_path, server)
        key = f"{wheel.sha256[:2]}/{wheel.sha256[2:]}"
        entry = Cache(tmp_path).read("binaries", key)
        assert entry is not None
        Cache(tmp_path).write("binaries", key, Entry(entry.head, "{}"))
        assert read(tmp_path, server) == first


def test_range_and_whole_agree(tmp_path: Path, wheel: Archive) -> None:
    whole = read_binaries(io.BytesIO(wheel.content), wheel.filename)
    with IndexServer({"demo": [FakeFile(wheel)]}) as server:
        by_range = read(tmp_path, server)
    assert by_range.files[0].defined == ()
    assert {u.name for u in by_range.files[0].undefined} < {
        u.name for u in whole.files[0].undefined
    }
    assert by_range.files[0].versions == whole.files[0].versions


def member_of(content: bytes, **forged: int) -> tuple[bytes, zipfile.ZipInfo]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.so", content)
    info = zipfile.ZipFile(packed).infolist()[0]
    for key, value in forged.items():
        setattr(info, key, value)
    return packed.getvalue(), info


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        ({"file_size": 500}, "more than its size"),
        ({"file_size": 5000}, "ends before its size"),
        ({"CRC": 1}, "checksum"),
        ({"header_offset": 3}, "no header"),
        ({"flag_bits": 1}, "encrypted"),
        ({"compress_type": 14}, "method 14"),
    ],
)
def test_members_that_lie(tmp_path: Path, forged: dict[str, int], why: str) -> None:
    data, info = member_of(bytes(range(256)) * 4, **forged)
    with (
        pytest.raises(Unreadable, match=why),
        LazyMember(lambda start, end: data[start:end], info, tmp_path) as member,
    ):
        member.read_at(0, info.file_size)


def test_a_bomb_is_not_unpacked_past_what_is_asked(tmp_path: Path) -> None:
    data, info = member_of(bytes(64 << 20))
    with LazyMember(lambda start, end: data[start:end], info, tmp_path) as member:
        assert member.read_at(100, 4) == bytes(4)
        assert member.reach < info.file_size


class _Counted:
    """A source that remembers how far it was read."""

    def __init__(self, data: bytes) -> None:
        self._data, self.reach = data, 0

    @property
    def size(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > len(self._data):
            raise Unreadable("past its end")
        self.reach = max(self.reach, offset + size)
        return self._data[offset : offset + size]


def test_checks_behind_the_tables_are_found_where_gpu_code_is_read(tmp_path: Path) -> None:
    """Sections of GPU code end late: what is inflated for them is looked through for checks."""
    text = 'ASSERT FAILED at \\"/x/torch/include/c10/core/Late.h\\":12, please'
    source = f'{SOURCE} const char *late(void) {{ return "{text}"; }}'
    built = shared(tmp_path / "ext.so", source).read_bytes()
    made = make_wheel("demo", "1.0", tag="cp312-cp312-linux_x86_64", members={"ext.so": built})
    local = read_binaries(io.BytesIO(made.content), made.filename, gpu=True)
    assert local.files[0].checks == (("c10/core/Late.h", 12),)
    with IndexServer({"demo": [FakeFile(made)]}) as server:
        remote = read(tmp_path / "cache", server, gpu=True)
    assert remote.files[0].checks == local.files[0].checks
