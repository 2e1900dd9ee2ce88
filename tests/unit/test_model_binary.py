"""Which files of a wheel say on what GPUs it runs."""

from __future__ import annotations

from torchsolve.model.binary import ElfFile, GpuCode, general_code


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
