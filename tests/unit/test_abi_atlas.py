"""The shipped atlas, against what was measured of the same wheels by other means (nm, g++)."""

from __future__ import annotations

import pytest
from packaging.version import Version

from torchsolve.abi.atlas import Atlas, load_atlas
from torchsolve.errors import UsageError
from torchsolve.model.version import CudaTag

# Names that ``nm -D --defined-only`` counts in libc10, libc10_cuda, libtorch, libtorch_cpu,
# libtorch_cuda, libtorch_cuda_linalg and libtorch_python; CUDA, C++ ABI, GLIBCXX, CXXABI.
_LIBRARIES = [
    "libc10.so",
    "libc10_cuda.so",
    "libtorch.so",
    "libtorch_cpu.so",
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libtorch_python.so",
]
_COUNTED = """
2.0.1 11.7 957 291 367 87524 40205 4657 7188 0 3.4.19 1.3.7
2.1.0 12.1 1172 305 367 89228 40489 4657 7464 0 3.4.19 1.3.7
2.1.1 12.1 1172 305 367 89228 40493 4657 7464 0 3.4.19 1.3.7
2.1.2 12.1 1172 305 367 89228 40493 4657 7464 0 3.4.19 1.3.7
2.2.0 12.1 1302 326 367 90704 44703 4658 7825 0 3.4.19 1.3.7
2.2.1 12.1 1302 326 367 90704 44703 4658 7825 0 3.4.19 1.3.7
2.2.2 12.1 1302 326 367 90704 44703 4658 7825 0 3.4.19 1.3.7
2.3.0 12.1 1481 327 540 92581 46633 4660 7856 0 3.4.19 1.3.7
2.3.1 12.1 1481 327 540 92581 46634 4660 7856 0 3.4.19 1.3.7
2.4.0 12.1 1483 326 541 91977 46717 4657 8500 0 3.4.19 1.3.7
2.4.1 12.1 1483 326 541 91560 46717 4657 8500 0 3.4.19 1.3.7
2.5.0 12.4 1529 343 368 83718 46094 4720 8632 0 3.4.19 1.3.7
2.5.1 12.4 1529 343 368 83718 46094 4720 8632 0 3.4.19 1.3.7
2.6.0 12.4 1528 348 368 84332 47084 4717 9372 0 3.4.19 1.3.7
2.7.0 12.6 1086 221 165 73485 45151 4718 2174 1 3.4.22 1.3.11
2.7.1 12.6 1086 221 165 73485 45151 4718 2174 1 3.4.22 1.3.11
2.8.0 12.8 1098 222 213 72017 31258 4726 2193 1 3.4.22 1.3.11
2.9.0 12.8 1130 223 182 77673 31395 4728 2547 1 3.4.22 1.3.11
2.9.1 12.8 1130 223 182 77673 31395 4728 2547 1 3.4.22 1.3.11
2.10.0 12.8 1136 98 182 77791 31805 4735 2547 1 3.4.22 1.3.11
2.11.0 13.0 1142 104 182 77895 20778 2585 2551 1 3.4.22 1.3.11
2.12.0 13.0 1211 102 98 77492 20827 1265 2416 1 3.4.22 1.3.11
2.12.1 13.0 1211 102 98 77492 20827 1265 2416 1 3.4.22 1.3.11
2.13.0 13.0 1284 95 98 74411 20896 1264 2411 1 3.4.22 1.3.11
2.14.0 13.0 1294 95 138 74567 21233 1268 2444 1 3.4.22 1.3.11
2.14.1 13.0 1294 95 138 74567 21233 1268 2444 1 3.4.22 1.3.11
2.15.0 13.2 1303 104 138 74732 27576 1137 2441 1 3.4.22 1.3.11
"""
# Compiled and run from the headers of the same releases.
_LAYOUTS = """
release           2.4.1 2.5.1 2.6.0 2.7.0 2.8.0 2.9.1 2.10.0 2.12.1 2.13.0 2.15.0
TensorImpl        184 184 184 184 184 184 184 184 176 176
StorageImpl       88 88 96 96 96 96 96 96 96 96
FunctionSchema    72 72 72 120 120 120 120 120 120 120
KernelFunction    32 32 32 32 32 40 40 40 40 40
CppFunction       72 72 72 96 96 104 104 104 104 104
Error             80 80 80 128 128 128 128 128 128 128
Node              472 472 472 472 472 472 472 472 464 464
AutogradMeta      168 168 168 192 192 192 200 200 184 184
DK_CUDA           49 50 50 51 51 51 51 51 50 50
DK_Autograd       143 144 144 145 151 151 151 151 150 150
DK_CIA            144 145 145 146 152 152 152 152 151 151
DK_Meta           62 63 63 64 65 65 65 65 64 64
ST_NumOptions     38 38 45 46 47 47 47 47 47 48
"""


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas()


@pytest.mark.parametrize("line", _COUNTED.strip().splitlines(), ids=lambda line: line.split()[0])
def test_a_release_is_as_it_was_counted(atlas: Atlas, line: str) -> None:
    release, cuda, *rest = line.split()
    facts = atlas.release(Version(release))
    assert facts is not None
    assert facts.cuda == CudaTag.from_version(cuda)
    counted = [str(facts.exported[name]) for name in _LIBRARIES]
    abi = str(int(bool(facts.cxx11_abi)))
    assert [*counted, abi, facts.glibcxx, facts.cxxabi] == rest


@pytest.mark.parametrize(
    "line", _LAYOUTS.strip().splitlines()[1:], ids=lambda line: line.split()[0]
)
def test_layouts_are_those_of_the_headers(atlas: Atlas, line: str) -> None:
    releases = _LAYOUTS.split("\n")[1].split()[1:]
    field, *values = line.split()
    facts = [atlas.release(Version(release)) for release in releases]
    assert [str(one.layout[field]) for one in facts if one] == values


def test_a_new_symbol_is_told_with_its_first_release(atlas: Atlas) -> None:
    name = "_ZNK3c107SymBool14guard_or_falseEPKcl"
    assert atlas.first_with(name) == Version("2.8.0")
    assert atlas.missing(Version("2.7.0"), [name, "_ZN5torch7LibraryC1ENS0_4KindE"])[0] == name
    assert atlas.missing(Version("2.8.0"), [name]) == ()
    assert atlas.library_of(name, Version("2.9.1")) == "libc10.so"
    assert atlas.library_of(name, Version("2.7.1")) is None


def test_the_c_plus_plus_abi_flip_removes_names(atlas: Atlas) -> None:
    check = "_ZN3c106detail14torchCheckFailEPKcS2_jRK"
    old, new = f"{check}Ss", f"{check}NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
    assert atlas.releases_with(old)[-1] == Version("2.6.0")
    assert atlas.first_with(new) == Version("2.7.0")


def test_what_no_release_exports_is_not_known(atlas: Atlas) -> None:
    assert not atlas.known("_ZN3c1011not_a_thingEv")
    assert atlas.first_with("_ZN3c1011not_a_thingEv") is None
    assert not atlas.known("GOMP_parallel")


def test_vtables_grow_between_minors(atlas: Atlas) -> None:
    def size(release: str, name: str) -> int | None:
        facts = atlas.release(Version(release))
        return facts.vtables.get(name) if facts else None

    name = "_ZTVN3c1010TensorImplE"
    assert [size(v, name) for v in ("2.7.0", "2.8.0", "2.9.1", "2.10.0")] == [248, 248, 248, 272]


def test_a_version_is_looked_up_without_its_local_part(atlas: Atlas) -> None:
    assert atlas.release(Version("2.7.0+cu126")) is atlas.release(Version("2.7.0"))


def test_what_the_atlas_does_not_have_is_said(atlas: Atlas) -> None:
    assert atlas.release(Version("99.0")) is None
    assert atlas.release(Version("2.7.0"), CudaTag("cu118")) is None
    with pytest.raises(UsageError) as caught:
        atlas.missing(Version("99.0"), ["x"])
    assert (caught.value.reference, caught.value.hint) == (
        "not-in-atlas",
        "torchsolve atlas extend",
    )


@pytest.mark.parametrize(
    ("release", "runtime"),
    [("2.0.1", "11.0"), ("2.10.0", "12"), ("2.11.0", "13"), ("2.15.0", "13")],
)
def test_a_release_brings_the_runtime_of_one_cuda_major(
    atlas: Atlas, release: str, runtime: str
) -> None:
    facts = atlas.release(Version(release))
    assert facts is not None
    brought = {name for name in facts.sonames if name.startswith("libcudart.so")}
    assert brought == {f"libcudart.so.{runtime}"}
    assert brought <= facts.mapped


@pytest.mark.parametrize(
    ("name", "soname", "first"),
    [
        ("cudaGetDriverEntryPointByVersion", "libcudart.so.12", "12.5.39"),
        ("cudaGetKernel", "libcudart.so.12", "12.1.55"),
        ("cudaMemGetLocationInfo", "libcudart.so.13", "13.4.46rc1"),
        ("__nvJitLinkComplete_12_4", "libnvJitLink.so.12", "12.4.99"),
        ("nvJitLinkGetLinkedLTOIR", "libnvJitLink.so.13", "13.2.51"),
    ],
)
def test_the_first_cuda_version_with_a_name(
    atlas: Atlas, name: str, soname: str, first: str
) -> None:
    assert atlas.cuda_first(name) == (soname, Version(first))


def test_cuda_names_that_a_pinned_runtime_lacks(atlas: Atlas) -> None:
    names = ("cudaMalloc", "cudaGetDriverEntryPointByVersion")
    lacks = atlas.cuda.missing("libcudart.so.12", Version("12.4.127"), names)
    assert lacks == ("cudaGetDriverEntryPointByVersion",)
    assert atlas.cuda.missing("libcudart.so.12", Version("12.6.77"), names) == ()
    # Dropped with CUDA 13.
    assert atlas.cuda_first("cudaThreadSynchronize", "libcudart.so.13") is None


def test_what_a_cuda_wheel_brings(atlas: Atlas) -> None:
    brought = atlas.cuda.brings("nvidia-cublas-cu12", Version("12.6.4.1"))
    assert brought == ("libcublas.so.12", "libcublasLt.so.12", "libnvblas.so.12")
    assert atlas.cuda.brings("nvidia-nccl-cu13", Version("2.28.9")) == ("libnccl.so.2",)
    assert atlas.cuda.brings("nvidia-cublas-cu12", Version("99")) is None


def test_every_release_knows_what_its_pinned_cuda_wheels_bring(atlas: Atlas) -> None:
    for release in atlas.releases:
        facts = atlas.release(release)
        assert facts is not None
        assert len(facts.wheels) >= 10
        for package, version in facts.wheels.items():
            brought = atlas.cuda.brings(package, Version(version))
            assert brought is not None
            assert facts.sonames.issuperset(brought)
