"""Which files of a wheel, and which fatbins of a file, say on what GPUs it runs."""

from __future__ import annotations

from torchsolve.model.binary import ElfFile, Fatbin, GpuCode, general_code
from torchsolve.model.gpu import covered


def elf(member: str, *sass: str, ptx: tuple[str, ...] = ()) -> ElfFile:
    code = GpuCode(sass, tuple((name, "8.0") for name in ptx))
    return ElfFile(member, "x86_64", gpu=code if sass or ptx else None)


def members(*files: ElfFile) -> list[str]:
    return [file.member for file in general_code(files)]


def test_a_library_for_one_architecture_takes_nothing_from_the_general_one() -> None:
    # xformers 0.0.30: _C.so has 6.0 to 9.0a and PTX, _C_flashattention3.so sm_90a alone.
    general = elf("_C.so", "sm_60", "sm_80", "sm_90a", ptx=("compute_80",))
    assert members(general, elf("_C_flashattention3.so", "sm_90a")) == ["_C.so"]


def test_without_general_code_it_is_all_there_is() -> None:
    assert members(elf("_C.so", "sm_90a"), elf("plain.so")) == ["_C.so"]


def test_every_general_file_counts() -> None:
    assert members(elf("a.so", "sm_80"), elf("b.so", "sm_120", ptx=("compute_120",))) == [
        "a.so",
        "b.so",
    ]


def code(*fatbins: Fatbin) -> GpuCode:
    sass = sorted({name for one in fatbins for name in one.sass})
    ptx = sorted({name for one in fatbins for name in one.ptx})
    return GpuCode(tuple(sass), tuple((name, "8.0") for name in ptx), fatbins=fatbins)


def test_a_gpu_that_some_fatbins_lack_is_covered_in_part() -> None:
    # vllm 0.6.3's _C.so: 19 fatbins for 7.0 to 9.0, one for 7.5 to 8.9, 24 for 9.0a alone.
    general = Fatbin(("sm_70", "sm_75", "sm_80", "sm_89", "sm_90"), (), 19)
    older = Fatbin(("sm_75", "sm_80", "sm_89"), ())
    hopper = Fatbin(("sm_90a",), (), 24)
    found = covered(code(general, older, hopper), "9.0")
    assert (found.how, found.without, found.of, found.gap) == ("partial", 1, 44, True)
    # What was made for one architecture alone is an addition: partial, but no gap.
    found = covered(code(general, older, hopper), "8.0")
    assert (found.how, found.without, found.gap) == ("partial", 24, False)
    assert covered(code(general, older), "10.0").how == "missing"


def test_the_weakest_fatbin_says_how_a_gpu_is_served() -> None:
    native, by_ptx = (
        Fatbin(("sm_80", "sm_90"), ("compute_80",)),
        Fatbin(("sm_80",), ("compute_80",)),
    )
    assert covered(code(native), "9.0").how == "native"
    assert covered(code(native, by_ptx), "9.0").how == "ptx"


def test_the_sets_of_the_file_serve_where_fatbins_are_not_known() -> None:
    found = covered(GpuCode(("sm_80",), (("compute_80", "8.0"),)), "9.0")
    assert (found.how, found.of) == ("ptx", 0)
