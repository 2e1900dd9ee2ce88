"""Proof from the recorded binaries of real wheels.

Expected: what ``nm -D`` of torch 2.7.0 and 2.8.0, ``readelf`` and ``cuobjdump`` say of them.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import GpuCode
from torchsolve.model.evidence import Strength
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import WheelVerdict
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Place
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.proof import Proofs
from torchsolve.resources import share
from torchsolve.wheel.filename import parse

CP312 = PythonVersion(3, 12)
GUARD = "_ZNK3c107SymBool14guard_or_falseEPKcl"
# sha256 of wheels of the sample trellis2, by their beginnings.
O_VOXEL_270, O_VOXEL_291, FLEX_GEMM_270 = "952f053c", "bcea5e99", "63ebe410"


def file_of(name: str, prefix: str, place: str = "wheels/Linux/Torch270") -> IndexFile:
    data = lzma.decompress((share("data") / "evidence" / f"{name}.xz").read_bytes())
    (sha256,) = {r[:64].decode() for r in data.splitlines() if r.startswith(prefix.encode())}
    filename = f"{name.replace('-', '_')}-0.0.1-cp312-cp312-linux_x86_64.whl"
    wheel = parse(filename)
    return IndexFile(
        wheel.name, wheel.version, filename, None, "project", sha256, place=f"{place}/{filename}"
    )


def at(
    torch: str, cuda: str = "cu128", *, default: bool = True, libstdcxx: str = "3.4.33"
) -> Place:
    return Place(Version(torch), CudaTag(cuda), default, "2.39", libstdcxx)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[IndexClient]:
    with IndexClient(IndexSettings(tmp_path, offline=True)) as opened:
        yield opened


def test_a_symbol_that_the_release_lacks_refutes(client: IndexClient) -> None:
    file = file_of("o-voxel", O_VOXEL_270)
    proof = Proofs(client).proof(file, at("2.7.0", "cu126"), CP312)
    assert proof.verdict is WheelVerdict.REFUTED
    assert "c10::SymBool::guard_or_false" in proof.evidence.statement
    assert "2.8.0 is the first" in proof.evidence.statement
    assert proof.evidence.strength is Strength.PROVEN
    member = "o_voxel/_C.cpython-312-x86_64-linux-gnu.so"
    assert proof.evidence.origin == f"{str(file.sha256)[:12]} {member} {GUARD}"


def test_the_torch_that_it_was_built_with_loads_it(client: IndexClient) -> None:
    proof = Proofs(client).proof(file_of("o-voxel", O_VOXEL_291), at("2.9.1"), CP312)
    assert proof.verdict is WheelVerdict.LOADS


def test_a_library_of_libc10_is_missing_in_every_build(client: IndexClient) -> None:
    place = at("2.7.0", "cu128", default=False)
    proof = Proofs(client).proof(file_of("o-voxel", O_VOXEL_270), place, CP312)
    assert proof.verdict is WheelVerdict.REFUTED


def test_a_build_of_another_cuda_major_has_another_runtime(client: IndexClient) -> None:
    place = at("2.9.1", "cu130", default=False)
    proof = Proofs(client).proof(file_of("o-voxel", O_VOXEL_291), place, CP312)
    assert proof.verdict is WheelVerdict.REFUTED
    assert "libcudart.so.12" in proof.evidence.statement


BITSANDBYTES_0460 = "ef38883c"


@pytest.mark.parametrize(
    ("cuda", "missing"),
    [("cu126", None), ("cu118", None), ("cu129", None), ("cu130", "libcudart.so.12")],
)
def test_of_files_for_each_cuda_that_of_the_build_counts(
    client: IndexClient, cuda: str, missing: str | None
) -> None:
    """It has one for CUDA 11.8, for 12.0 to 12.6 and 12.8, and links cudart dynamically."""
    file = file_of("bitsandbytes", BITSANDBYTES_0460)
    proof = Proofs(client).proof(file, at("2.8.0", cuda, default=False), CP312)
    assert (proof.verdict is WheelVerdict.REFUTED) == (missing is not None)
    assert missing is None or missing in proof.evidence.statement


def test_a_build_that_was_not_read_is_unknown_to_cuda_code(client: IndexClient) -> None:
    place = at("2.9.1", "cu129", default=False)
    proof = Proofs(client).proof(file_of("o-voxel", O_VOXEL_291), place, CP312)
    assert proof.verdict is WheelVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("libstdcxx", "refuted"), [("3.4.29", True), ("3.4.30", True), ("3.4.32", False)]
)
def test_an_old_libstdcxx_refutes(client: IndexClient, libstdcxx: str, refuted: bool) -> None:
    place = at("2.7.0", "cu126", libstdcxx=libstdcxx)
    proof = Proofs(client).proof(file_of("flex-gemm", FLEX_GEMM_270), place, CP312)
    assert (proof.verdict is WheelVerdict.REFUTED) == refuted
    assert ("GLIBCXX_3.4.32" in proof.evidence.statement) == refuted


@pytest.mark.parametrize(
    ("gpu", "refuted"), [("8.0", True), ("9.0", True), ("12.0", False), ("12.1", False)]
)
def test_a_gpu_without_code_refutes(client: IndexClient, gpu: str, refuted: bool) -> None:
    proof = Proofs(client, (gpu,)).proof(file_of("o-voxel", O_VOXEL_291), at("2.9.1"), CP312)
    assert (proof.verdict is WheelVerdict.REFUTED) == refuted
    assert ("build it from source" in proof.evidence.statement) == refuted


@pytest.mark.parametrize(("driver", "refuted"), [("550.54.14", True), ("570.26", False)])
def test_a_driver_that_knows_no_gpu_of_the_wheel_refutes(
    client: IndexClient, driver: str, refuted: bool
) -> None:
    proofs = Proofs(client, driver=driver)
    proof = proofs.proof(file_of("o-voxel", O_VOXEL_291), at("2.9.1"), CP312)
    assert (proof.verdict is WheelVerdict.REFUTED) == refuted
    assert ("only for 12.0 12.1, from driver 570.26 on" in proof.evidence.statement) == refuted
    freed = proofs.freed(gpus=False, driver=True)
    proof = freed.proof(file_of("o-voxel", O_VOXEL_291), at("2.9.1"), CP312)
    assert proof.verdict is WheelVerdict.LOADS


@pytest.mark.parametrize("unread", ["the fatbin at 0x40 claims 9 bytes", None])
def test_gpu_code_that_cannot_be_read_is_unknown_where_a_gpu_was_asked_for(
    client: IndexClient, monkeypatch: pytest.MonkeyPatch, unread: str | None
) -> None:
    file = file_of("o-voxel", O_VOXEL_291)
    real = client.read_remote(file, gpu=True)
    gpu = GpuCode(unread=unread) if unread else None
    blind = replace(real, files=tuple(replace(elf, gpu=gpu) for elf in real.files))
    monkeypatch.setattr(client, "read_remote", lambda *_, **__: blind)
    proof = Proofs(client, ("12.0",)).proof(file, at("2.9.1"), CP312)
    assert proof.verdict is WheelVerdict.UNKNOWN
    assert "its GPU code could not be read" in proof.evidence.statement
    assert Proofs(client).proof(file, at("2.9.1"), CP312).verdict is WheelVerdict.LOADS


def test_what_cannot_be_read_is_unknown(client: IndexClient) -> None:
    file = replace(file_of("o-voxel", O_VOXEL_270), sha256="0" * 64)
    proof = Proofs(client).proof(file, at("2.7.0"), CP312)
    assert proof.verdict is WheelVerdict.UNKNOWN
    assert proof.evidence.strength is Strength.CLAIMED


def test_a_release_newer_than_the_atlas_is_unknown(client: IndexClient) -> None:
    proof = Proofs(client).proof(file_of("o-voxel", O_VOXEL_291), at("99.0.0"), CP312)
    assert proof.verdict is WheelVerdict.UNKNOWN
    assert "atlas extend" in proof.evidence.statement


def test_labels_that_are_contradicted(client: IndexClient) -> None:
    proofs = Proofs(client)
    (found,) = proofs.contradictions(WheelFact(file_of("o-voxel", O_VOXEL_270), None))
    assert found.claim.statement == "was built for torch ==2.7.0"
    assert GUARD in found.fact.origin
    honest = file_of("o-voxel", O_VOXEL_291, "wheels/Linux/Torch291")
    assert proofs.contradictions(WheelFact(honest, None)) == ()


def test_no_symbols_of_x86_64_speak_for_another_machine(client: IndexClient) -> None:
    file = file_of("o-voxel", O_VOXEL_291)
    assert Proofs(client).proof(file, at("2.9.1"), CP312).verdict is WheelVerdict.LOADS
    proof = Proofs(client).proof(file, replace(at("2.9.1"), machine="aarch64"), CP312)
    assert proof.verdict is WheelVerdict.UNKNOWN
    assert "aarch64" in proof.evidence.statement
