"""GPU code: files that NVIDIA's own tools made, and damaged ones.

``tests/data/fatbins`` was made with ``ptxas``, ``nvcc`` and ``fatbinary`` of CUDA 13.0 and 13.5 out
of a kernel of five instructions; what is in them is what ``fatbinary`` was given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.binaries import (
    FATBINS,
    Code,
    Counted,
    damaged,
    embedded,
    fatbin,
    library,
    needs_compiler,
)
from torchsolve.model.binary import Fatbin, GpuCode
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.elf_image import read_image
from torchsolve.wheel.elf_source import BytesSource
from torchsolve.wheel.fatbin import read_gpu

SASS = tuple(f"sm_{n}" for n in ["80", "90", "90a", "100", "100a", "100f", "103f", "120a", "120f"])
PTX = tuple((f"compute_{n}", "9.0") for n in ["80", "90a", "100f", "120a"])
ALL = (Fatbin(SASS, tuple(name for name, _ in PTX)),)
WHOLE = GpuCode(SASS, PTX, (), compressed=True, fatbins=ALL)


def gpu_of(tmp_path: Path, blob: bytes, section: str = ".nv_fatbin") -> GpuCode:
    path = library(tmp_path / "x.so", "int f() { return 1; }", fatbin=blob, section=section)
    found = read_elf(path.read_bytes(), "x.so", gpu=True).gpu
    assert found is not None
    return found


@needs_compiler
@pytest.mark.parametrize("name", ["compressed", "packed"])
@pytest.mark.parametrize("section", [".nv_fatbin", "__nv_relfatbin"])
def test_what_fatbinary_wrote(tmp_path: Path, name: str, section: str) -> None:
    blob = (FATBINS / f"{name}.fatbin").read_bytes()
    assert gpu_of(tmp_path, blob, section) == WHOLE


@needs_compiler
def test_link_time_code_of_nvcc(tmp_path: Path) -> None:
    blob = (FATBINS / "lto.fatbin").read_bytes()
    found = gpu_of(tmp_path, blob)
    assert found == GpuCode(lto=("lto_80", "lto_100f"), compressed=True, fatbins=())


@needs_compiler
def test_several_fatbins_with_padding_between(tmp_path: Path) -> None:
    one = fatbin([Code(2, 86), Code(1, 86, (8, 7))])
    two = fatbin([Code(2, 90, flags=0x100011)])
    found = gpu_of(tmp_path, one + bytes(-len(one) % 8 + 5000 * 8) + two + one)
    each = (Fatbin(("sm_86",), ("compute_86",), 2), Fatbin(("sm_90a",), ()))
    assert found == GpuCode(("sm_86", "sm_90a"), (("compute_86", "8.7"),), fatbins=each)


@needs_compiler
def test_linked_device_code_serves_a_gpu_or_its_objects_do(tmp_path: Path) -> None:
    # bitsandbytes: the objects have machine code and PTX, what was linked of them has no PTX.
    thing = fatbin([Code(2, 80), Code(1, 80, (8, 7))])
    linked = fatbin([Code(2, 80)])
    (tmp_path / "objects").write_bytes(thing + thing)
    source = embedded(tmp_path / "objects", "__nv_relfatbin")
    path = library(tmp_path / "x.so", source, fatbin=linked)
    found = read_elf(path.read_bytes(), "x.so", gpu=True).gpu
    assert found is not None
    assert found.fatbins == (Fatbin(("sm_80",), ("compute_80",)),)


@needs_compiler
def test_machine_code_of_no_function_covers_nothing(tmp_path: Path) -> None:
    # nvcc's last step adds such a file, for its own default architecture, to all that it links.
    nothing = (b"\x7fELF" + bytes(60) + b"\0.shstrtab\0.nv.info\0").ljust(128, b"\0")
    kernel = (b"\x7fELF" + bytes(60) + b"\0.shstrtab\0.text._Z4fillPi\0").ljust(128, b"\0")
    added = fatbin([Code(2, 75, payload=nothing), Code(1, 75, (8, 7))])
    found = gpu_of(tmp_path, fatbin([Code(2, 90, payload=kernel)]) + added)
    assert found.sass == ("sm_75", "sm_90")
    assert found.fatbins == (Fatbin(("sm_90",), ()),)


@needs_compiler
def test_no_gpu_code_and_code_that_was_not_asked_for(tmp_path: Path) -> None:
    data = library(tmp_path / "x.so", "int f() { return 1; }").read_bytes()
    assert read_elf(data, "x.so", gpu=True).gpu == GpuCode(fatbins=())
    assert read_elf(data, "x.so").gpu is None


@needs_compiler
def test_stripped_section_headers(tmp_path: Path) -> None:
    from support.binaries import without_sections

    blob = (FATBINS / "packed.fatbin").read_bytes()
    path = library(tmp_path / "x.so", "int f() { return 1; }", fatbin=blob)
    bare = without_sections(path.read_bytes())
    assert read_gpu(read_image(BytesSource(bare))) == GpuCode(
        SASS, PTX, (), compressed=True, fatbins=ALL
    )


@needs_compiler
def test_other_sections_that_hold_the_magic_are_no_gpu_code(tmp_path: Path) -> None:
    assert gpu_of(tmp_path, fatbin([Code(2, 86)]), ".rodata.tools") == GpuCode(fatbins=())


def with_size(blob: bytes, at: int, size: int) -> bytes:
    return blob[:at] + size.to_bytes(8, "little") + blob[at + 8 :]


GOOD = fatbin([Code(2, 80), Code(2, 86)])
SECOND = 16 + 64 + 8


@needs_compiler
@pytest.mark.parametrize(
    ("blob", "sass", "reason"),
    [
        (with_size(GOOD, 8, 1 << 40), (), "claims"),
        (with_size(GOOD, 24, 1 << 60), (), "lies about its size"),
        (with_size(GOOD, SECOND + 8, 1 << 20), ("sm_80",), "lies about its size"),
        (GOOD[:20] + bytes(4) + GOOD[24:], (), "lies about its size"),
        (fatbin([Code(2, 80), Code(77, 80)]), ("sm_80",), "unknown kind 77"),
        (fatbin([Code(256, 80)]), (), "packed"),
    ],
    ids=["fatbin", "entry", "second", "no header", "kind", "packed"],
)
def test_lies_are_told(tmp_path: Path, blob: bytes, sass: tuple[str, ...], reason: str) -> None:
    found = gpu_of(tmp_path, blob)
    assert found.sass == sass
    assert found.unread is not None
    assert reason in found.unread


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    blob = (FATBINS / "packed.fatbin").read_bytes() + fatbin([Code(2, 86), Code(1, 86, (8, 7))])
    path = tmp_path_factory.mktemp("gpu") / "x.so"
    return library(path, "int f() { return 1; }", fatbin=blob).read_bytes()


@needs_compiler
@pytest.mark.parametrize("batch", range(4))
def test_any_damage_ends_soon_and_without_an_error(both: bytes, batch: int) -> None:
    start = both.index(bytes.fromhex("50ed55ba"))
    for seed in range(batch * 100, batch * 100 + 100):
        source = Counted(damaged(both, [(start, start + 3500)], seed))
        assert isinstance(read_elf(source, "x.so", gpu=True).gpu, GpuCode)
        assert source.calls < 10_000
        assert source.bytes < 100 * len(both)
