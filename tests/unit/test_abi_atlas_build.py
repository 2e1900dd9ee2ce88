"""Building the atlas, from wheels that the system's compiler makes, on an index on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.elf import COMPILER, shared
from support.index_server import FakeFile, IndexServer
from support.torch_wheel import C10, INIT, cuda_wheel, torch_wheel
from support.wheels import Archive
from torchsolve.abi.atlas import Atlas
from torchsolve.abi.atlas_check import recheck
from torchsolve.abi.library import read_library
from torchsolve.abi.lines import read_lines
from torchsolve.abi.preloads import preloads
from torchsolve.abi.scratch import scratch
from torchsolve.cli.app import run
from torchsolve.errors import UnknownError
from torchsolve.model.package import IndexFile
from torchsolve.model.version import CudaTag
from torchsolve.wheel.filename import parse

pytestmark = pytest.mark.skipif(
    not COMPILER or not shutil.which("g++"), reason="needs a C and a C++ compiler"
)


def _build(server: IndexServer, folder: Path, *words: str) -> int:
    return run(
        [
            *("atlas", *words, "--index", server.url),
            *("--work", str(folder / "work"), "-o", str(folder / "atlas")),
            *("--cache-dir", str(folder / "cache")),
        ]
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "atlas").iterdir())}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> list[Archive]:
    folder = tmp_path_factory.mktemp("cuda")
    names = ("cudaMalloc", "cudaFree")
    return [
        cuda_wheel(folder, "12.6.77", (*names, "cudaNew")),
        cuda_wheel(folder, "12.4.127", names),
    ]


@pytest.fixture(scope="module")
def torches(tmp_path_factory: pytest.TempPathFactory) -> list[Archive]:
    folder = tmp_path_factory.mktemp("torch")
    requires = ("nvidia-cuda-runtime-cu12==12.4.127; platform_system == 'Linux'", "sympy")
    newer = C10 + "void _ZN3c105newerEv(void) {}"
    return [
        torch_wheel(folder / "b", "9.1.0", c10=newer, requires=requires),
        torch_wheel(folder / "a", "9.0.0", requires=requires),
    ]


@pytest.fixture
def server(torches: list[Archive], runtime: list[Archive]) -> IndexServer:
    projects = {"torch": torches, "nvidia-cuda-runtime-cu12": runtime}
    return IndexServer({name: [FakeFile(a) for a in files] for name, files in projects.items()})


def test_a_release_is_read_from_its_wheel(server: IndexServer, tmp_path: Path) -> None:
    with server:
        assert _build(server, tmp_path, "extend") == 0
    atlas = Atlas(tmp_path / "atlas")
    old, new = Version("9.0.0"), Version("9.1.0")
    assert atlas.releases == (old, new)
    facts = atlas.release(old)
    assert facts is not None
    assert (facts.cuda, facts.cxx11_abi) == (CudaTag("cu126"), True)
    assert facts.layout == {
        "Tensor": 8,
        "TensorImpl": 184,
        "CppFunction": 96,
        "DK_Undefined": 0,
        "DK_CPU": 1,
        "DK_CUDA": 49,
    }
    assert dict(facts.vtables) == {"_ZTVN3c1010TensorImplE": 31 * 8}
    assert facts.exported["libc10.so"] == 5
    assert "libcudart.so.12" in facts.sonames
    assert facts.wheels == {"nvidia-cuda-runtime-cu12": "12.4.127"}
    assert {"libtorch_python.so", "libtorch_cpu.so", "libc10.so", "libc.so.6"} <= facts.mapped
    assert "libcudart.so.12" not in facts.mapped
    assert atlas.missing(old, ["_ZN2at3addEv", "_ZN3c105newerEv"]) == ("_ZN3c105newerEv",)
    assert atlas.first_with("_ZN3c105newerEv") == new
    # libtorch_cpu has it as well.
    assert atlas.library_of("_ZN3c104usedEv", old) == "libc10.so"
    assert not atlas.known("_ZN12_GLOBAL__N_16hiddenEv")
    lines = read_lines(tmp_path / "prints" / "assert_lines.json")
    assert lines.releases == (old, new)
    assert lines.fitting([("ATen/ATen.h", 7)]) == (old, new)
    assert lines.fitting([("ATen/ATen.h", 8)]) == ()
    assert atlas.cuda_first("cudaNew") == ("libcudart.so.12", Version("12.6.77"))
    assert atlas.cuda_first("cudaFree") == ("libcudart.so.12", Version("12.4.127"))


def test_an_extension_tells_what_it_read_and_reads_nothing_twice(
    server: IndexServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server:
        assert _build(server, tmp_path, "extend") == 0
        first, told = _files(tmp_path), capsys.readouterr().out
        shutil.rmtree(tmp_path / "work")
        asked = len(_fetched(server))
        assert _build(server, tmp_path, "extend") == 0
        # Who has the atlas but no records of its making.
        assert len(_fetched(server)) == asked
    assert "torch 9.0.0 (cu126), torch 9.1.0 (cu126), nvidia-cuda-runtime-cu12 12.4.127" in told
    assert "2 torch releases, 9.0.0 to 9.1.0" in told
    assert "nothing new" in capsys.readouterr().out
    assert _files(tmp_path) == first


def _fetched(server: IndexServer) -> list[str]:
    return [path for path in server.paths() if path.endswith(".whl")]


def test_an_index_without_torch_and_a_folder_that_cannot_be(
    server: IndexServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with IndexServer({}) as empty:
        assert _build(empty, tmp_path, "extend") == 2
    assert "no-such-release" in capsys.readouterr().err
    (tmp_path / "work").touch()
    with server:
        assert _build(server, tmp_path, "extend") == 2
    assert "cannot-write" in capsys.readouterr().err


def test_the_same_wheels_give_the_same_bytes(server: IndexServer, tmp_path: Path) -> None:
    with server:
        assert _build(server, tmp_path / "1", "build", "9.0.0", "9.1.0", "--jobs", "1") == 0
        assert _build(server, tmp_path / "2", "build", "9.1.0") == 0
        assert _build(server, tmp_path / "2", "build", "9.0.0") == 0
    assert _files(tmp_path / "1") == _files(tmp_path / "2")


def test_a_build_goes_on_where_it_was(server: IndexServer, tmp_path: Path) -> None:
    with server:
        assert _build(server, tmp_path, "build", "9.0.0") == 0
        asked = len([path for path in server.paths() if path.startswith("/files/torch-9.0.0")])
        first = _files(tmp_path)
        assert _build(server, tmp_path, "build", "9.0.0") == 0
        again = len([path for path in server.paths() if path.startswith("/files/torch-9.0.0")])
    assert asked == again
    assert _files(tmp_path) == first
    # Wheels and libraries are gone, records alone stay.
    assert all(path.suffix == ".record" for path in (tmp_path / "work").iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from torchsolve.abi.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "torch.whl").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_build_was_reading_is_removed_and_a_living_ones_kept(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent / "resolver"
    environ = os.environ | {"PYTHONPATH": str(root)}
    with scratch(tmp_path) as living:
        done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], env=environ, check=False)
        assert done.returncode == -signal.SIGKILL
        (killed,) = set(tmp_path.iterdir()) - {living}
        assert (killed / "torch.whl").exists()
        with scratch(tmp_path) as own:
            assert set(tmp_path.iterdir()) == {living, own}
    assert list(tmp_path.iterdir()) == []


def test_a_broken_record_is_read_again(server: IndexServer, tmp_path: Path) -> None:
    with server:
        assert _build(server, tmp_path, "build", "9.0.0") == 0
        first = _files(tmp_path)
        for path in (tmp_path / "work").iterdir():
            path.write_bytes(path.read_bytes()[:40])
        assert _build(server, tmp_path, "build", "9.0.0") == 0
    assert _files(tmp_path) == first


def test_another_cuda_tag_comes_from_its_own_index(
    server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = torch_wheel(tmp_path / "c", "9.0.0+cu118", cuda="11.8", c10=C10 + "int only_118;")
    with server, IndexServer({"torch": [FakeFile(other)]}) as torch_index:
        assert _build(server, tmp_path, "build", "9.0.0") == 0
        monkeypatch.setenv("TORCHSOLVE_INDEX", server.url)
        assert _build(torch_index, tmp_path, "build", "9.0.0", "--cuda", "cu118") == 0
    atlas, release, tag = Atlas(tmp_path / "atlas"), Version("9.0.0"), CudaTag("cu118")
    assert atlas.releases == (release,)
    facts = atlas.release(release, tag)
    assert facts is not None
    assert facts.cuda == tag
    assert atlas.missing(release, ["only_118"]) == ("only_118",)
    assert atlas.missing(release, ["only_118"], tag) == ()
    # It is no release's default build, whatever it has.
    assert atlas.first_with("only_118") is None
    assert atlas.known("only_118")


@pytest.mark.parametrize(
    ("words", "reference", "code"),
    [
        (("build", "9.9.9"), "no-such-release", 2),
        (("build", "nine"), "bad-version", 2),
        (("build", "9.0.0", "--cuda", "12.6"), "bad-cuda-tag", 2),
        (("build", "9.0.0", "--cuda", "cu118"), "other-cuda-tag", 2),
        (("build", "9.0.0", "--compiler", "no-such-compiler"), "no-compiler", 4),
    ],
)
def test_bad_input_is_said(
    server: IndexServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    reference: str,
    code: int,
) -> None:
    with server:
        assert _build(server, tmp_path, *words, "--json") == code
    assert json.loads(capsys.readouterr().out)["reference"] == reference
    assert not (tmp_path / "atlas").exists()


@pytest.mark.parametrize(
    ("member", "content", "reference"),
    [
        ("torch/lib/libc10.so", b"\x7fELF\x02\x01\x01" + bytes(20), "unreadable-library"),
        ("torch/lib/libtorch_cpu.so", b"not a library", "unreadable-library"),
        ("torch/include/ATen/ATen.h", b"#error nothing here", "headers-not-compiled"),
    ],
)
def test_a_wheel_that_cannot_be_read_is_unknown(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    member: str,
    content: bytes,
    reference: str,
) -> None:
    wheel = torch_wheel(tmp_path / "t", "9.0.0", members={member: content})
    with IndexServer({"torch": [FakeFile(wheel)]}) as server:
        assert _build(server, tmp_path, "build", "9.0.0", "--json") == 4
    assert json.loads(capsys.readouterr().out)["reference"] == reference
    assert not list((tmp_path / "work").iterdir())


def test_files_of_different_builds_are_not_read_together(
    server: IndexServer, tmp_path: Path
) -> None:
    with server:
        assert _build(server, tmp_path / "1", "build", "9.0.0") == 0
        assert _build(server, tmp_path / "2", "build", "9.1.0") == 0
    for name in ("names.bin", "sizes.bin"):
        folder = tmp_path / name
        shutil.copytree(tmp_path / "1" / "atlas", folder)
        shutil.copy(tmp_path / "2" / "atlas" / name, folder / name)
        atlas = Atlas(folder)
        facts = atlas.release(Version("9.0.0"))
        assert facts is not None
        with pytest.raises(UnknownError, match="different builds"):
            atlas.known("x") or dict(facts.vtables)


class _Local:
    """A source of one wheel on the disk."""

    def __init__(self, wheel: Archive, folder: Path) -> None:
        self._path = wheel.write(folder)

    def files(self, name: str) -> list[IndexFile]:
        parsed = parse(self._path.name)
        file = IndexFile(parsed.name, parsed.version, self._path.name, str(self._path), "default")
        return [file] if name == "torch" else []

    def requires(self, _: IndexFile) -> list[Requirement]:
        return []

    def fetch(self, file: IndexFile, target: IO[bytes]) -> int:
        return target.write(Path(str(file.url)).read_bytes())

    def open(self, url: str) -> IO[bytes]:
        return Path(url).open("rb")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (C10, ()),
        (
            C10 + "void _ZN3c105extraEv(void) {}",
            (
                "torch 9.0.0: libc10.so exports _ZN3c105extraEv, the atlas does not have it",
                "torch 9.0.0: libc10.so exports 5 names, the atlas has 4",
            ),
        ),
        (
            C10.replace("[31]", "[34]"),
            ("torch 9.0.0: _ZTVN3c1010TensorImplE has 272 bytes, the atlas says 248",),
        ),
    ],
)
def test_a_check_tells_where_wheel_and_atlas_differ(
    server: IndexServer, tmp_path: Path, source: str, found: tuple[str, ...]
) -> None:
    with server:
        assert _build(server, tmp_path, "build", "9.0.0") == 0
    wheel = torch_wheel(tmp_path / "again", "9.0.0", c10=source)
    local = _Local(wheel, tmp_path / "index")
    assert recheck(Atlas(tmp_path / "atlas"), Version("9.0.0"), local) == found


def test_exports_are_those_that_nm_lists(tmp_path: Path) -> None:
    source = C10 + "__attribute__((weak)) int soft; static int own; int *p(void) { return &own; }"
    library = shared(tmp_path / "libx.so", source, soname="libx.so.1")
    done = subprocess.run(
        ["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True
    )
    with library.open("rb") as stream:
        found = read_library(stream, "libx.so")
    assert set(found.exports) == {line.split()[-1] for line in done.stdout.splitlines()}
    assert found.soname == "libx.so.1"
    assert found.needed == ("libc.so.6",)


def test_only_what_is_opened_without_an_error_counts_as_preloaded() -> None:
    assert preloads(INIT) == ("libnvrtc.so.*[0-9]",)
    listed = INIT.replace(
        '"libnothing.so"', 'for lib in ["libcublas.so.*[0-9]"]: open(lib)'
    ).replace('_preload_cuda_deps("cuda_nvrtc", "libnvrtc.so.*[0-9]")', "_preload_cuda_deps()")
    assert preloads(listed) == ("libcublas.so.*[0-9]",)
    assert preloads("def _load_global_deps():\n    pass\n") == ()
