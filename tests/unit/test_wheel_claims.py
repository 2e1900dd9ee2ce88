from __future__ import annotations

import pytest

from torchsolve.facts import facts
from torchsolve.facts.names import NameExample
from torchsolve.model.evidence import Strength
from torchsolve.wheel.claims import Claims, claims


def read(example: NameExample) -> Claims:
    kinds = {style.kind for style in facts.name_styles if style.id in example.regexes}
    if "page" in kinds:
        return claims("x-1.0-py3-none-any.whl", index_page=example.text)
    if "folder" in kinds:
        return claims(example.text.rpartition("/")[2], example.text)
    return claims(example.text)


@pytest.mark.parametrize("example", facts.name_examples, ids=lambda e: e.text)
def test_every_name_seen_in_the_wild_is_decoded(example: NameExample) -> None:
    found = read(example)
    assert (found.torch, found.cuda) == (example.torch, example.cuda)
    assert (found.cxx11_abi, found.sm) == (example.cxx11_abi, example.sm)
    if example.python:
        assert found.python == example.python


def test_all_styles_of_the_table_were_seen() -> None:
    assert len(facts.name_examples) >= 55
    assert all(style.examples for style in facts.name_styles)


def test_pt_digits_are_read_as_the_release_that_has_such_a_build() -> None:
    # torch 2.1.0 has a cu121 build and no cu128 one, torch 2.10 the other way round.
    assert claims("fvdb_core-0.4.2+pt210.cu128-cp312-cp312-linux_x86_64.whl").torch == "==2.10.*"
    assert claims("x-1.0+pt210cu121-cp310-cp310-linux_x86_64.whl").torch == "==2.1.0"
    assert claims("flash_attn-2.7.4+pt270cu126-cp312-cp312-linux_x86_64.whl").torch == "==2.7.0"


def test_the_file_name_outweighs_its_folder_and_both_are_evidence() -> None:
    found = claims(
        "spconv_cu126-2.3.8-cp312-cp312-manylinux_2_28_x86_64.whl",
        "_Build_Wheels/_Wheels_linux_py312_torch2.7.0_cu128/"
        "spconv_cu126-2.3.8-cp312-cp312-manylinux_2_28_x86_64.whl",
    )
    assert (found.cuda, found.torch, found.glibc) == ("cu126", "==2.7.0", "2.28")
    statements = [(e.statement, e.origin.split()[0]) for e in found.evidence]
    assert ("was built for CUDA cu126", "package") in statements
    assert ("was built for CUDA cu128", "folder") in statements
    assert {e.strength for e in found.evidence} == {Strength.CLAIMED}


@pytest.mark.parametrize(
    ("filename", "python", "platform", "glibc"),
    [
        ("a-1-cp39-abi3-win_amd64.whl", "cp39-abi3", "windows", None),
        ("a-1-cp312-cp312-macosx_11_0_arm64.whl", "cp312", "macos", None),
        ("a-1-cp313-cp313t-linux_aarch64.whl", "cp313t", "linux aarch64", None),
        ("a-1-cp310-cp310-manylinux2014_x86_64.whl", "cp310", "linux x86_64", "2.17"),
        ("a-1-py2.py3-none-any.whl", "py2.py3", "any", None),
        (
            "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "cp311",
            "linux x86_64",
            "2.17",
        ),
    ],
)
def test_tags(filename: str, python: str, platform: str, glibc: str | None) -> None:
    found = claims(filename)
    assert (found.python, found.platform, found.glibc) == (python, platform, glibc)


def test_a_plain_name_in_a_plain_folder_claims_no_torch() -> None:
    found = claims("numpy-2.1.0-cp312-cp312-linux_x86_64.whl", "wheels/numpy-2.1.0-cp312.whl")
    assert (found.torch, found.cuda, found.cxx11_abi, found.sm) == (None, None, None, None)
