"""Every naming style on its own examples, and on all others, where it must claim nothing wrong."""

from __future__ import annotations

import re

import pytest
from packaging.version import Version

from torchsolve.facts import load_facts
from torchsolve.facts.names import NameExample, NameStyle

FACTS = load_facts()
STYLES = {style.id: style for style in FACTS.name_styles}
EXAMPLES = FACTS.name_examples
PAIRS = [(STYLES[key], example) for example in EXAMPLES for key in example.regexes]


def torch_of(groups: dict[str, str | None]) -> set[str] | None:
    """All readings of the torch groups, as specifiers; None where there are none."""
    torch = groups.get("torch")
    if torch:
        exact = f"=={torch}" if torch.count(".") == 2 else f"=={torch}.*"
        return {f">={torch}" if groups.get("higher") else exact}
    digits = groups.get("torchdigits") or groups.get("pytdigits")
    if digits:
        return {f"=={digits[0]}.{digits[1:-1]}.{digits[-1]}"}
    digits = groups.get("ptdigits")
    if digits:
        both = {f"=={digits[0]}.{digits[1:]}.*"}
        return both | ({f"=={digits[0]}.{digits[1:-1]}.{digits[-1]}"} if len(digits) > 2 else set())
    return None


def cuda_of(groups: dict[str, str | None]) -> str | None:
    if groups.get("cpu"):
        return "cpu"
    digits = groups.get("cu") or groups.get("cumaj")
    return f"cu{digits.replace('.', '')}" if digits else None


def agree(groups: dict[str, str | None], example: NameExample, *, whole: bool) -> None:
    torch, cuda, abi = torch_of(groups), cuda_of(groups), groups.get("abi")
    if torch is not None:
        assert example.torch in torch, f"{example.text} claims torch {torch}"
    if cuda is not None:
        assert example.cuda == cuda, f"{example.text} claims {cuda}"
    if abi is not None:
        assert example.cxx11_abi is (abi in ("TRUE", "1")), f"{example.text} claims ABI {abi}"
    if whole:
        assert (groups.get("py") is not None) == (example.python is not None)
        assert (groups.get("sm") is not None) == (example.sm is not None)


def test_all_55_styles_are_there() -> None:
    assert len(EXAMPLES) == 55
    assert sum(not example.verified for example in EXAMPLES) == 2
    assert {style.kind for style in FACTS.name_styles} == {"filename", "folder", "package", "page"}


@pytest.mark.parametrize(("style", "example"), PAIRS, ids=[f"{s.id}:{e.text}" for s, e in PAIRS])
def test_style_decodes_its_examples(style: NameStyle, example: NameExample) -> None:
    found = re.search(style.regex, example.text)
    assert found
    agree(found.groupdict(), example, whole=True)


@pytest.mark.parametrize("style", FACTS.name_styles, ids=[s.id for s in FACTS.name_styles])
def test_style_claims_nothing_wrong_elsewhere(style: NameStyle) -> None:
    for example in EXAMPLES:
        found = re.search(style.regex, example.text)
        if found and style.id not in example.regexes:
            agree(found.groupdict(), example, whole=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.text for e in EXAMPLES])
def test_what_an_example_says_is_found_by_its_styles(example: NameExample) -> None:
    found = [re.search(STYLES[key].regex, example.text) for key in example.regexes]
    groups = [match.groupdict() for match in found if match]
    cuda = {cuda_of(group) for group in groups} - {None}
    assert cuda == ({example.cuda} if example.cuda else set())
    torch = [readings for group in groups if (readings := torch_of(group))]
    if example.torch and example.package != "torch":
        assert torch


@pytest.mark.parametrize(
    "name",
    [
        "bitsandbytes-0.50.2-py3-none-manylinux_2_24_x86_64.whl",
        "xformers-0.0.35-py39-none-manylinux_2_28_x86_64.whl",
        "torchvision-0.29.2-py3-none-manylinux_2_28_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "nvidia_cublas_cu12-12.6.4.1-py3-none-manylinux2014_x86_64.whl",
        "torch-2.10.0-3-cp310-cp310-manylinux_2_28_x86_64.whl",
    ],
)
def test_plain_names_say_nothing_of_torch(name: str) -> None:
    for style in FACTS.name_styles:
        found = re.search(style.regex, name)
        assert found is None or torch_of(found.groupdict()) is None


def test_specifiers_of_examples_name_real_versions() -> None:
    for example in EXAMPLES:
        if example.torch:
            assert Version(example.torch.lstrip("=>").removesuffix(".*")) >= Version("1.10")
