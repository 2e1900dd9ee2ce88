"""Verdicts over the shipped atlas; expected values are what dlopen said or what a run showed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from torchsolve.abi.atlas import Atlas, load_atlas
from torchsolve.abi.host import Host
from torchsolve.abi.judge import Judge, judge
from torchsolve.model.binary import (
    Binding,
    Cause,
    ElfFile,
    Judgement,
    Undefined,
    VersionNeed,
    WheelBinary,
)

TORCH = ("libc10.so", "libtorch.so", "libtorch_cpu.so", "libc.so.6", "libstdc++.so.6")
GUARD = "_ZNK3c107SymBool14guard_or_falseEPKcl"
IMPL = "_ZNR5torch7Library5_implEPKcONS_11CppFunctionENS_17_RegisterOrVerifyE"
CPP = "_ZN5torch11CppFunctionD1Ev"
SIZES = "_ZNK3c1010TensorImpl12sizes_customEv"
TYPE = "_ZNK2at10TensorBase8containsEv"
BLOB = "_ZN2at11TensorMaker11make_tensorEv"
# Lines of inlined checks that real wheels carry.
BUILT = {
    "2.4": (("ATen/core/ivalue_inl.h", 2034), ("c10/core/TensorImpl.h", 1290)),
    "2.8": (("ATen/core/ivalue_inl.h", 2386), ("c10/core/TensorImpl.h", 1300)),
    "2.9": (("c10/core/TensorImpl.h", 1765), ("torch/csrc/autograd/variable.h", 305)),
}


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas()


def wants(*names: str, **more: object) -> ElfFile:
    undefined = tuple(Undefined(n, None, Binding.GLOBAL, relocated=True) for n in sorted(names))
    file = ElfFile("pkg/_C.so", machine="x86_64", needed=TORCH, undefined=undefined)
    return replace(file, **more)  # type: ignore[arg-type]


def wheel(*files: ElfFile) -> WheelBinary:
    return WheelBinary("x-0-py3-none-any.whl", None, verified=True, files=files)


def on(version: str, binary: WheelBinary, atlas: Atlas, host: Host | None = None) -> Judgement:
    return judge(binary, Version(version), atlas, host or Host())


def test_a_missing_symbol_refutes_and_names_the_first_release(atlas: Atlas) -> None:
    found = on("2.7.0", wheel(wants(GUARD)), atlas)
    assert (found.verdict, found.cause, found.missing) == ("refuted", Cause.SYMBOL, (GUARD,))
    assert "c10::SymBool::guard_or_false" in found.reason
    assert "2.8.0 is the first to have" in found.reason
    assert on("2.8.0", wheel(wants(GUARD)), atlas).verdict == "links"


@pytest.mark.parametrize(
    "symbol",
    [
        Undefined(GUARD, None, Binding.WEAK, relocated=True),
        Undefined(GUARD, None, Binding.GLOBAL, relocated=False),
        Undefined("_ZNSt15__exception_ptr13exception_ptr9_M_addrefEv", None, Binding.GLOBAL, True),
        Undefined("GOMP_parallel", None, Binding.GLOBAL, relocated=True),
        Undefined("malloc", "GLIBC_2.2.5", Binding.GLOBAL, relocated=True),
    ],
)
def test_what_the_linker_never_misses(atlas: Atlas, symbol: Undefined) -> None:
    assert on("2.7.0", wheel(replace(wants(), undefined=(symbol,))), atlas).verdict != "refuted"


def test_a_sibling_serves_what_it_defines(atlas: Atlas) -> None:
    helper = ElfFile("pkg/libh.so", machine="x86_64", needed=TORCH, defined=(GUARD,))
    user = wants(GUARD, needed=("libh.so", *TORCH), runpath=("$ORIGIN",))
    assert on("2.7.0", wheel(user, helper), atlas).verdict == "loads"
    assert on("2.7.0", wheel(replace(user, needed=TORCH), helper), atlas).verdict == "refuted"


def test_a_sibling_that_lacks_a_symbol_refutes_who_brings_it(atlas: Atlas) -> None:
    helper = replace(wants(GUARD), member="pkg/libh.so")
    user = wants(needed=("libh.so", *TORCH), runpath=("$ORIGIN",))
    judged = Judge(wheel(user, helper), atlas, Host())
    assert judged.file(user, Version("2.7.0")).cause is Cause.SYMBOL


def test_a_sibling_without_a_path_needs_somebody_to_open_it(atlas: Atlas) -> None:
    helper = ElfFile("pkg/libh.so", machine="x86_64", needed=("libc.so.6",))
    user = ElfFile("pkg/_C.so", machine="x86_64", needed=("libh.so", "libc.so.6"))
    assert on("2.7.0", wheel(user, helper), atlas).verdict == "loads"
    bare = on("2.7.0", wheel(user, helper), atlas, Host(opens_own=False))
    assert (bare.cause, bare.missing) == (Cause.LIBRARY, ("libh.so",))


def test_a_cuda_library_of_another_major_refutes(atlas: Atlas) -> None:
    user = ElfFile("pkg/_C.so", machine="x86_64", needed=("libcudart.so.12", "libc.so.6"))
    found = on("2.11.0", wheel(user), atlas)
    assert (found.cause, found.missing) == (Cause.LIBRARY, ("libcudart.so.12",))
    assert "libcudart.so.13" in found.reason
    assert on("2.10.0", wheel(user), atlas).verdict == "loads"


def test_a_bundled_copy_serves_by_its_file_name_alone(atlas: Atlas) -> None:
    copy = ElfFile("x.libs/libcudart.4111.so.12", machine="x86_64", soname="libcudart.so.12")
    path = ("$ORIGIN/../x.libs",)
    user = ElfFile("pkg/_C.so", machine="x86_64", needed=(copy.member[7:],), runpath=path)
    assert on("2.11.0", wheel(user, copy), atlas).verdict == "loads"
    assert on("2.11.0", wheel(replace(user, needed=("libcudart.so.12",)), copy), atlas).cause is (
        Cause.LIBRARY
    )


def test_a_name_that_this_cuda_minor_does_not_have_yet(atlas: Atlas) -> None:
    name = "cudaGetDriverEntryPointByVersion"
    symbol = Undefined(name, "libcudart.so.12", Binding.GLOBAL, relocated=True)
    user = wants(needed=("libcudart.so.12", *TORCH), undefined=(symbol,))
    assert on("2.5.1", wheel(user), atlas).missing == (name,)
    assert on("2.7.0", wheel(user), atlas).verdict == "loads"


@pytest.mark.parametrize(
    ("need", "host", "refuted"),
    [
        (("libstdc++.so.6", "GLIBCXX_3.4.32"), Host(libstdcxx="3.4.30"), True),
        (("libstdc++.so.6", "GLIBCXX_3.4.32"), Host(libstdcxx="3.4.32"), False),
        (("libstdc++.so.6", "GLIBCXX_3.4.32"), Host(), False),
        (("libstdc++.so.6", "CXXABI_1.3.15"), Host(libstdcxx="3.4.32"), True),
        (("libstdc++.so.6", "CXXABI_1.3.13"), Host(libstdcxx="3.4.30"), False),
        (("libc.so.6", "GLIBC_2.38"), Host(glibc="2.36"), True),
        (("libc.so.6", "GLIBC_2.4"), Host(glibc="2.36"), False),
        (("libc.so.6", "GLIBC_PRIVATE"), Host(glibc="2.36"), False),
        (("libgcc_s.so.1", "GCC_14.0.0"), Host(libstdcxx="3.4.30"), True),
    ],
)
def test_versions_of_the_host(
    atlas: Atlas, need: tuple[str, str], host: Host, refuted: bool
) -> None:
    found = on("2.7.0", wheel(wants(versions=(VersionNeed(*need),))), atlas, host)
    assert (found.cause is Cause.VERSION) is refuted


def test_the_driver_and_the_python(atlas: Atlas) -> None:
    user = wants(needed=("libcuda.so.1",), python="cp312")
    assert on("2.7.0", wheel(user), atlas).verdict == "loads"
    assert on("2.7.0", wheel(user), atlas, Host(driver=False)).missing == ("libcuda.so.1",)
    assert on("2.7.0", wheel(user), atlas, Host(python="cp311")).cause is Cause.PYTHON
    stable = wheel(replace(user, python="abi3"))
    assert on("2.7.0", stable, atlas, Host(python="cp311")).verdict == "loads"


def test_extensions_of_other_pythons_are_dead_weight(atlas: Atlas) -> None:
    old = ElfFile("p/_C.cpython-39.so", machine="x86_64", needed=("libc.so.6",), python="cp39")
    new = replace(old, member="p/_C.cpython-311.so", python="cp311")
    here = Host(python="cp311")
    assert on("2.7.0", wheel(old, new), atlas, here).verdict == "loads"
    assert on("2.7.0", wheel(old), atlas, here).cause is Cause.PYTHON


def test_built_for_this_minor_loads_and_for_another_only_links(atlas: Atlas) -> None:
    binary = wheel(wants(SIZES, checks=BUILT["2.9"]))
    assert on("2.9.0", binary, atlas).verdict == "loads"
    assert on("2.9.1", binary, atlas).verdict == "loads"
    assert on("2.8.0", binary, atlas).verdict == "links"


@pytest.mark.parametrize(
    ("built", "names", "version", "field"),
    [
        ("2.8", (CPP, IMPL), "2.9.1", "CppFunction"),
        ("2.4", (CPP, IMPL), "2.5.1", "DK_CUDA"),
        ("2.9", (SIZES, BLOB), "2.10.0", "_ZTVN3c1010TensorImplE"),
        ("2.9", (SIZES,), "2.13.0", "TensorImpl"),
    ],
)
def test_layouts_that_a_run_showed_to_break(
    atlas: Atlas, built: str, names: tuple[str, ...], version: str, field: str
) -> None:
    found = on(version, wheel(wants(*names, checks=BUILT[built])), atlas)
    assert (found.verdict, found.cause) == ("refuted", Cause.LAYOUT)
    assert field in found.missing


def test_a_layout_that_only_some_code_uses_links_and_is_listed(atlas: Atlas) -> None:
    found = on("2.10.0", wheel(wants(SIZES, checks=BUILT["2.9"])), atlas)
    assert found.verdict == "links"
    assert "_ZTVN3c1010TensorImplE 248 → 272" in found.missing


def test_the_stable_abi_loads_wherever_its_shims_are(atlas: Atlas) -> None:
    binary = wheel(wants("torch_library_impl", "aoti_torch_get_data_ptr"))
    assert on("2.10.0", binary, atlas).verdict == "loads"
    assert on("2.15.0", binary, atlas).verdict == "loads"
    assert on("2.9.1", binary, atlas).missing == ("torch_library_impl",)


def test_what_is_not_known(atlas: Atlas) -> None:
    broken = wheel(ElfFile("a.so", unread="truncated"))
    assert on("2.9.1", broken, atlas).verdict == "unknown"
    assert on("9.9", wheel(wants(SIZES)), atlas).verdict == "unknown"
    assert on("2.9.1", wheel(wants(SIZES, machine="aarch64")), atlas).verdict == "unknown"
    assert on("2.9.1", wheel(wants(SIZES, needed=("libc.so.6",))), atlas).verdict == "unknown"
    assert on("2.9.1", wheel(wants("nobodys_business")), atlas).verdict == "unknown"
    assert on("2.9.1", wheel(), atlas).verdict == "pure"
    unread = replace(wheel(), unread=(("b.so", "encrypted"),))
    assert on("2.9.1", unread, atlas).verdict == "unknown"


def test_what_glibc_took_in_needs_no_other_library(atlas: Atlas) -> None:
    # fbgemm_gpu 1.2.0's asmjit.so names no librt; dlopen takes it on glibc 2.36.
    user = ElfFile("p/asmjit.so", machine="x86_64", needed=("libc.so.6",))
    symbol = Undefined("shm_open", None, Binding.GLOBAL, relocated=True)
    binary = wheel(replace(user, undefined=(symbol,)))
    assert on("2.9.1", binary, atlas, Host(glibc="2.36")).verdict == "loads"
    assert on("2.9.1", binary, atlas, Host(glibc="2.31")).verdict == "unknown"


def test_names_of_libm_need_no_libm(atlas: Atlas) -> None:
    # pandas 3.1.1's timedeltas names libc alone; dlopen takes it, for Python has libm.
    user = ElfFile("p/timedeltas.so", machine="x86_64", needed=("libc.so.6",))
    symbol = Undefined("nextafter", None, Binding.GLOBAL, relocated=True)
    binary = wheel(replace(user, undefined=(symbol,)))
    assert on("2.9.1", binary, atlas, Host(glibc="2.31")).verdict == "loads"


def test_what_distributions_package_is_not_torchs_alone(atlas: Atlas) -> None:
    # numba 0.68.1's omppool; torch bundles a libgomp too, under another name.
    user = wheel(ElfFile("p/omppool.so", machine="x86_64", needed=("libgomp.so.1.0.0",)))
    assert on("2.8.0", user, atlas).verdict == "loads"
    bare = Host(sonames=frozenset())
    assert on("2.8.0", user, atlas, bare).cause is Cause.LIBRARY


def test_a_broken_sibling_is_never_taken_for_a_good_one(atlas: Atlas) -> None:
    broken = ElfFile("pkg/libh.so", unread="truncated")
    user = ElfFile("pkg/_C.so", machine="x86_64", needed=("libh.so",), runpath=("$ORIGIN",))
    judged = Judge(wheel(user, broken), atlas, Host()).file(user, Version("2.9.1"))
    assert judged.verdict == "unknown"


def test_alternatives_stand_for_one_another_where_a_library_is_missing(atlas: Atlas) -> None:
    eleven = ElfFile("pkg/lib_cuda118.so", machine="x86_64", needed=("libcudart.so.11.0",))
    twelve = ElfFile("pkg/lib_cuda126.so", machine="x86_64", needed=("libcudart.so.12",))
    assert on("2.7.0", wheel(eleven, twelve), atlas).verdict == "loads"
    assert on("2.7.0", wheel(eleven), atlas).cause is Cause.LIBRARY
    assert on("2.11.0", wheel(eleven, twelve), atlas).cause is Cause.LIBRARY


def test_of_alternatives_that_all_lack_a_library_the_nearest_speaks(atlas: Atlas) -> None:
    # bitsandbytes 0.46.0 on torch 2.11, which brings CUDA 13.
    eleven = ElfFile("pkg/lib_cuda118.so", machine="x86_64", needed=("libcudart.so.11.0",))
    twelve = ElfFile("pkg/lib_cuda126.so", machine="x86_64", needed=("libcudart.so.12",))
    found = on("2.11.0", wheel(eleven, twelve), atlas)
    assert (found.member, found.missing) == ("pkg/lib_cuda126.so", ("libcudart.so.12",))
    assert found.reason.endswith("torch 2.11.0 brings libcudart.so.13")


def test_the_alternative_for_the_releases_own_cuda_stands_for_all(atlas: Atlas) -> None:
    # 2.8.0 brings CUDA 12.8, 2.7.0 12.6: what the other file wants is not asked.
    older = ElfFile("pkg/lib_cuda126.so", machine="x86_64", needed=("libcudart.so.12",))
    newer = wants(GUARD, member="pkg/lib_cuda128.so")
    assert on("2.7.0", wheel(older, newer), atlas).verdict == "loads"
    assert on("2.8.0", wheel(older, newer), atlas).member == "pkg/lib_cuda128.so"
    bad = replace(newer, member="pkg/lib_cuda126.so")
    assert on("2.7.0", wheel(replace(older, member="pkg/lib_cuda128.so"), bad), atlas).missing == (
        GUARD,
    )


@pytest.mark.parametrize("place", ["pkg/libp_pytorch_{}.so", "pkg/torch-{}/libp.so"])
def test_the_alternative_for_the_release_itself_stands_for_all(atlas: Atlas, place: str) -> None:
    # dgl 1.1.3 on torch 2.0.1: its file for 1.13.0 wants what 2.0 no longer has, and is not opened.
    # metatensor-torch has a folder for each minor.
    old = wants("_ZN3c106detail19maybe_wrap_dim_slowEllb", member=place.format("1.13"))
    mine = wants(member=place.format("2.8"))
    late = wants(GUARD, member=place.format("2.80"))
    assert on("2.8.0", wheel(old, mine, late), atlas).verdict == "loads"
    assert on("2.7.0", wheel(replace(old, member=place.format("2.7")), mine), atlas).missing


def test_needs_that_go_round_in_a_circle(atlas: Atlas) -> None:
    one = ElfFile("p/a.so", machine="x86_64", needed=("b.so",), runpath=("$ORIGIN",))
    other = ElfFile("p/b.so", machine="x86_64", needed=("a.so", "b.so"), runpath=("${ORIGIN}",))
    assert on("2.9.1", wheel(one, other), atlas).verdict == "loads"


COLD = "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm"


def test_a_newer_libstdcxx_name_is_torchs_copy_or_the_hosts_own(atlas: Atlas) -> None:
    # lmcache 0.5.6: lmcache_fs.so on Debian 12 fails on 2.7.0 by this name, and opens on 2.8.0.
    old, new = Host(libstdcxx="3.4.30"), Host(libstdcxx="3.4.33")
    found = on("2.7.0", wheel(wants(COLD)), atlas, old)
    assert (found.verdict, found.cause) == ("refuted", Cause.VERSION)
    assert found.missing == ("GLIBCXX_3.4.31", COLD)
    assert on("2.8.0", wheel(wants(COLD)), atlas, old).verdict == "loads"
    assert on("2.7.0", wheel(wants(COLD)), atlas, new).verdict == "loads"


def test_a_reference_qualified_name_of_the_standard_library_is_not_torchs(atlas: Atlas) -> None:
    # sphericart-torch 2.0.4 on 2.7.0, whose libraries have no copy of it.
    name = "_ZNOSt7__cxx1115basic_stringbufIcSt11char_traitsIcESaIcEE3strEv"
    assert on("2.7.0", wheel(wants(name)), atlas, Host(libstdcxx="3.4.30")).verdict == "loads"


def test_a_symbol_of_a_library_that_nobody_names_is_out_of_reach(atlas: Atlas) -> None:
    # intel-extension-for-pytorch 2.8.0: libintel-ext-pt-python.so names libtorch.so, not the
    # library that has the symbol; alone it fails, its extension names both.
    name = (
        "_ZN5torch3jit8toIValueEN8pybind116handleERKN3c104Type24SingletonOrSharedTypePtrIS4_EE"
        "St8optionalIiE"
    )
    part = wants(name, member="pkg/libpart.so")
    found = Judge(wheel(part), atlas, Host()).file(part, Version("2.8.0"))
    assert (found.verdict, found.cause, found.missing) == ("refuted", Cause.SYMBOL, (name,))
    assert "libtorch_python.so" in found.reason
    opener = wants(needed=(*TORCH, "libtorch_python.so", "libpart.so"), rpath=("$ORIGIN",))
    assert on("2.8.0", wheel(opener, part), atlas).verdict == "links"


def test_of_builds_for_several_torches_each_counts_for_itself(atlas: Atlas) -> None:
    # metatensor-torch, sphericart-torch: a folder for each minor in one wheel.
    old = wants(SIZES, member="pkg/torch-2.4/_C.so", checks=BUILT["2.4"])
    new = wants(SIZES, member="pkg/torch-2.9/_C.so", checks=BUILT["2.9"])
    judge_ = Judge(wheel(old, new), atlas, Host())
    assert judge_.file(old, Version("2.4.1")).verdict == "loads"
    assert judge_.file(new, Version("2.9.1")).verdict == "loads"


def test_a_cuda_library_that_torch_does_not_open_is_the_wheels_to_open(atlas: Atlas) -> None:
    # sgl-kernel 0.1.0: 2.6.0 opens libnvrtc at import, 2.5.1 does not.
    file = wants(needed=(*TORCH, "libnvrtc.so.12"))
    assert on("2.6.0", wheel(file), atlas).verdict == "loads"
    assert on("2.5.1", wheel(file), atlas).verdict == "links"
    assert on("2.5.1", wheel(file), atlas, Host(opens_own=False)).verdict == "refuted"
