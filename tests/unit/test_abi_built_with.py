"""What a wheel was built with: lines, vtables, symbols, CUDA; and the stable ABI."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.built_with import BuiltWith, built_with
from torchsolve.abi.lines import check_lines, dump_lines, load_lines, read_lines
from torchsolve.abi.stable import is_stable_name, stable
from torchsolve.abi.symbols import Wanted, depends_on_cxx11_abi, looks_like_torch
from torchsolve.model.binary import Binding, ElfFile, Undefined, WheelBinary

TENSOR = "_ZN2at4_ops5empty13memory_format4callEN3c108ArrayRefINS2_6SymIntEEE"
HEADER = """\
#define CHECK_IT(x) TORCH_INTERNAL_ASSERT(x)
#define QUIET(x) ((void)(x))
// TORCH_INTERNAL_ASSERT(not code)
const char* text = "TORCH_INTERNAL_ASSERT(nor this)";
void f() {
  TORCH_INTERNAL_ASSERT(
      a,
      "why (" , b);
  CHECK_IT(c);
  QUIET(d);
}
"""


def built(
    *checks: tuple[str, int],
    weak: tuple[tuple[str, int], ...] = (),
    names: tuple[str, ...] = (TENSOR,),
    needed: tuple[str, ...] = (),
) -> BuiltWith:
    undefined = tuple(Undefined(n, None, Binding.WEAK, relocated=True) for n in names)
    file = ElfFile("a.so", undefined=undefined, checks=checks, weak_objects=weak, needed=needed)
    return built_with(WheelBinary("x.whl", None, verified=True, files=(file,)), load_atlas())


def test_lines_of_several_headers_leave_one_minor() -> None:
    # Of o_voxel 0.0.1 and flex_gemm 0.0.1, both built with 2.9.
    found = built(("c10/util/ArrayRef.h", 61), ("c10/core/TensorImpl.h", 1765))
    assert found.torch == "2.9"
    assert found.releases == (Version("2.9.0"), Version("2.9.1"))
    assert "c10/core/TensorImpl.h line 1765" in " ".join(found.evidence)


def test_one_line_that_many_releases_have_says_nothing_for_certain() -> None:
    found = built(("torch/csrc/autograd/variable.h", 305))
    assert found.torch is None
    assert len(found.releases) > 2


def test_lines_that_no_release_has_together() -> None:
    found = built(("c10/util/ArrayRef.h", 62), ("c10/core/TensorImpl.h", 1765))
    assert (found.torch, found.releases) == (None, ())
    assert found.evidence[-1].endswith("no release that is known")


def test_what_torch_1_13_has_as_well_is_not_called_2_0() -> None:
    # dgl 1.1.3: its tensoradapter for 1.13.0 and that for 2.0.0 have these lines, its dgl_sparse
    # for 2.0.0 has the others, and that for 1.13.0 has 602.
    both = built(("c10/core/Allocator.h", 165), ("c10/core/Allocator.h", 170))
    assert (both.torch, both.older) == (None, True)
    assert "1.13.1" in both.evidence[-1]
    own = built(("c10/core/Allocator.h", 165), ("ATen/core/ivalue.h", 626))
    assert (own.torch, own.older) == ("2.0", False)
    assert built(("ATen/core/ivalue.h", 602)).releases == ()


def test_a_header_that_torch_does_not_have_is_no_evidence() -> None:
    assert built(("mylib/own.h", 7)).evidence == ()


def test_a_vtable_of_its_own_tells() -> None:
    # abi: SymNodeImpl has 520 bytes up to 2.7, 544 in 2.8 and 2.9, 560 from 2.10 on.
    found = built(weak=(("_ZTVN3c1011SymNodeImplE", 544),))
    # 2.0.1 exports no such class, so nothing is known of it.
    assert {str(v) for v in found.releases} - {"2.0.1"} == {"2.8.0", "2.9.0", "2.9.1"}


def test_cuda_13_excludes_releases_that_have_no_such_build() -> None:
    found = built(needed=("libcudart.so.13",))
    assert min(found.releases) >= Version("2.9")


def test_a_wheel_without_torch_has_no_answer() -> None:
    assert built(names=("malloc",)) == BuiltWith(None, (), ())


def test_spelling_of_strings_is_no_evidence_before_all_builds_had_one() -> None:
    name = (
        "_ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
    )
    assert depends_on_cxx11_abi(name)
    undefined = (Undefined(name, None, Binding.GLOBAL, relocated=True),)
    file = ElfFile("a.so", undefined=undefined)
    found = built_with(WheelBinary("x.whl", None, verified=True, files=(file,)), load_atlas())
    # 2.6.0+cu126 has this name, 2.6.0+cu124, which the atlas holds, has not.
    assert Version("2.6.0") in found.releases


def test_check_lines_of_a_header() -> None:
    lines = check_lines({"c10/a.h": HEADER, "c10/none.h": "int x;\n"})
    # First and last line of the call; the macro that expands to a check; no definition, no comment.
    assert lines == {"c10/a.h": frozenset({6, 8, 9})}


def test_a_table_of_lines_survives_its_file(tmp_path: Path) -> None:
    table = {
        Version("2.10.0"): {"c10/a.h": frozenset({3})},
        Version("2.9.1"): {"c10/a.h": frozenset({2}), "c10/b.h": frozenset({5})},
    }
    path = tmp_path / "lines.json"
    path.write_bytes(dump_lines(table))
    found = read_lines(path)
    assert found.releases == (Version("2.9.1"), Version("2.10.0"))
    assert found.fitting([("c10/a.h", 2)]) == (Version("2.9.1"),)
    assert found.fitting([("a.h", 3)]) == (Version("2.10.0"),)
    assert found.fitting([("c10/b.h", 5)]) == (Version("2.9.1"),)
    assert not read_lines(tmp_path / "none.json").knows("c10/a.h")


def test_the_shipped_lines_agree_with_headers_that_were_read_by_hand() -> None:
    table = load_lines()
    for version, line in (("2.7.0", 62), ("2.7.1", 62), ("2.8.0", 61), ("2.9.1", 61)):
        assert table.allows(Version(version), "c10/util/ArrayRef.h", line)
        assert not table.allows(Version(version), "c10/util/ArrayRef.h", 123 - line)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aoti_torch_get_data_ptr", True),
        ("torch_library_impl", True),
        ("_ZN5torch6stable6TensorC1Ev", True),
        ("_ZN5torch10headeronly6detail3fooEv", True),
        ("_ZN5torch6stable3fooERKN2at6TensorE", False),
        ("_ZN3c105ErrorD1Ev", False),
        ("_ZN4c10d5StoreD2Ev", False),
        ("THPVariable_Wrap", False),
        ("_ZN8pybind116detail11type_casterIN2at6TensorEvE4loadENS_6handleEb", False),
    ],
)
def test_what_belongs_to_the_stable_abi(name: str, expected: bool) -> None:
    assert is_stable_name(name) is expected


def test_floors_of_the_stable_abi() -> None:
    found = stable(Wanted(("aoti_torch_get_data_ptr", "torch_library_impl")), load_atlas())
    assert found.stable
    assert (found.promise, found.promised_by) == (Version("2.10.0"), "torch_library_impl")
    assert found.fact == Version("2.10.0")
    old = stable(Wanted(("aoti_torch_get_data_ptr",)), load_atlas())
    assert (old.promise, old.promised_by) == (Version("2.9.0"), "")
    assert old.fact is not None
    assert old.fact < Version("2.9.0")


def test_a_shim_in_no_list_has_no_promise() -> None:
    # One of the seven that are exported since 2.10.0 and that upstream's manifest leaves out
    # has a declaration; a name that nobody declares has nothing.
    found = stable(Wanted(("torch_of_my_own",)), load_atlas())
    assert (found.promise, found.promised_by, found.fact) == (None, "torch_of_my_own", None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_ZNK3c107SymBool14guard_or_falseEPKcl", True),
        ("_ZTVN5torch8autograd4NodeE", True),
        ("_ZN10torchaudio12cuda_versionEv", False),
        ("_ZN5mylib2at1xEv", False),
        ("torch_like_c_name", False),
        ("THPVariableClass", True),
        ("_ZNSt6vectorIN2at6TensorEE4sizeEv", False),
    ],
)
def test_names_of_torch(name: str, expected: bool) -> None:
    assert looks_like_torch(name) is expected
