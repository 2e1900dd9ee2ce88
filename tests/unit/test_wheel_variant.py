"""``variant.json`` as a claim (PEP 825): what it says, and what the binaries make of it.

Expected values: the PEP's own example of the file's form, torch's own exports, the GPU code that
fatbin.c lays down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.wheels import Archive, make_wheel
from torchsolve.abi.atlas import load_atlas
from torchsolve.abi.contradictions import contradictions
from torchsolve.abi.survey import survey
from torchsolve.model.binary import (
    Binding,
    ElfFile,
    GpuCode,
    Undefined,
    WheelBinary,
)
from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.claims import Claims
from torchsolve.wheel.filename import parse, variant_label, without_label
from torchsolve.wheel.record import dump_binary, load_binary
from torchsolve.wheel.variant import VariantClaims, read_variant

LABEL = "cuda12.8"
# c10::SymBool::guard_or_false, which 2.8.0 was the first to export.
GUARD = "_ZNK3c107SymBool14guard_or_falseEPKcl"


def variant(**features: list[str]) -> str:
    """The file with properties ``nvidia__sm_arch=[…]``."""
    properties: dict[str, dict[str, list[str]]] = {}
    for key, values in features.items():
        namespace, feature = key.split("__")
        properties.setdefault(namespace, {})[feature] = values
    return json.dumps({"$schema": "https://example.org/0.1.1", "variants": {LABEL: properties}})


def read(text: str) -> VariantClaims:
    found = read_variant(text, "demo")
    assert found is not None
    return found


def binary(text: str, **file: Any) -> WheelBinary:
    elf = ElfFile("demo/_C.so", machine="x86_64", **file)
    return WheelBinary("demo.whl", "ab" * 32, True, (elf,), variant=text)


def told(wheel: WheelBinary) -> list[tuple[str, str]]:
    """The contradicted claims, each with the fact."""
    found = contradictions("demo", wheel, survey(wheel, load_atlas()), Claims(), None)
    return [(row.claim.statement, row.fact.statement) for row in found]


def test_properties_are_read() -> None:
    found = read(
        variant(
            nvidia__sm_arch=["90a_real", "80_real", "80_virtual"],
            nvidia__cuda_version_lower_bound=["12.8"],
            nvidia__cuda_version_upper_bound=["13"],
            abi_dependency__torch=["2.10", "2.9"],
        )
    )
    assert (found.label, found.torch) == (LABEL, ("2.10", "2.9"))
    assert (found.sass, found.ptx) == (("sm_90a", "sm_80"), ("compute_80",))
    assert (found.cuda_from, found.cuda_below) == ("12.8", "13")
    assert found.specifiers == ("==2.10.*", "==2.9.*")
    assert "is the variant abi_dependency :: torch :: 2.10 or 2.9" in [
        evidence.statement for evidence in found.evidence
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"variants": {"a": 1}}', "[" * 100_000])
def test_a_broken_file_is_said(text: str) -> None:
    found = read(text)
    assert not found.evidence
    assert "cannot be read" in found.notes[0]


def test_a_wheel_is_one_variant() -> None:
    found = read('{"variants": {"a": {}, "b": {}}}')
    assert found.notes == ("variant.json has 2 variants, a wheel is one",)


def test_torch_that_the_symbols_refute() -> None:
    undefined = (Undefined(GUARD, None, Binding.GLOBAL, relocated=True),)
    text = variant(abi_dependency__torch=["2.7", "2.8"])
    wheel = binary(text, needed=("libtorch_cpu.so", "libc10.so"), undefined=undefined)
    ((claim, fact),) = told(wheel)
    assert claim == "is the variant abi_dependency :: torch :: 2.7 or 2.8"
    assert fact.startswith("does not load on torch 2.7.1: torch 2.7.1 does not export c10::SymBool")


def test_gpu_code_that_is_not_there() -> None:
    text = variant(nvidia__sm_arch=["120_real", "90_real"])
    wheel = binary(text, gpu=GpuCode(("sm_90",), ()))
    assert told(wheel) == [
        ("is the variant nvidia :: sm_arch :: 120_real or 90_real", "has no sm_120, only sm_90")
    ]
    honest = binary(variant(nvidia__sm_arch=["90_real"]), gpu=GpuCode(("sm_90",), ()))
    assert told(honest) == []


def test_a_driver_that_cannot_serve_the_run_time() -> None:
    text = variant(nvidia__cuda_version_lower_bound=["12.8"])
    wheel = binary(text, needed=("libcudart.so.13",))
    assert told(wheel) == [
        ("is the variant nvidia :: cuda_version_lower_bound :: 12.8", "needs libcudart.so.13")
    ]
    assert told(binary(text, needed=("libcudart.so.12",))) == []


def labelled() -> Archive:
    text = variant(abi_dependency__torch=["2.7"]).encode()
    return make_wheel(
        "demo", "1.0", ["torch"], members={"demo-1.0.dist-info/variant.json": text, "a.py": b""}
    )


def test_it_travels_with_what_was_read(tmp_path: Path) -> None:
    found = read_binaries(labelled().write(tmp_path), "demo.whl")
    assert read(found.variant or "").torch == ("2.7",)
    assert load_binary(dump_binary(found), "demo.whl").variant == found.variant


def test_the_name_without_its_label() -> None:
    name = "torch-2.13.0-1-cp312-cp312-manylinux_2_28_x86_64-cuda13.0.whl"
    assert variant_label(name) == "cuda13.0"
    assert str(parse(without_label(name)).version) == "2.13.0"
    assert without_label("demo-1.0-py3-none-any.whl") == "demo-1.0-py3-none-any.whl"
