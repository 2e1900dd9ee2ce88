from __future__ import annotations

import pytest
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.wheel.filename import parse, parse_sdist, variant_label


def test_a_build_tag_stands_between_version_and_python() -> None:
    wheel = parse("torch-2.10.0-3-cp310-cp310-manylinux_2_28_x86_64.whl")
    assert (wheel.name, wheel.version, wheel.build) == ("torch", Version("2.10.0"), (3, ""))


def test_a_compressed_tag_set_is_every_combination() -> None:
    wheel = parse(
        "flash_attn-2.7.4+cu130torch2.10-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl"
    )
    assert {str(tag) for tag in wheel.tags} == {
        "cp311-cp311-manylinux_2_24_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
    }
    assert wheel.name == "flash-attn"
    assert wheel.version.local == "cu130torch2.10"


@pytest.mark.parametrize(
    ("filename", "label"),
    [
        ("torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64-cuda13.0.whl", "cuda13.0"),
        ("torch-2.13.0-1-cp312-cp312-manylinux_2_28_x86_64-null.whl", "null"),
        ("demo-1.0-py3-none-any-0a1b2c3d.whl", "0a1b2c3d"),
        ("torch-2.10.0-3-cp310-cp310-manylinux_2_28_x86_64.whl", None),
        ("demo-1.0-py3-none-any.whl", None),
        # a build tag that does not start with a digit is a malformed name, not a variant
        ("foo-1.0-cu12-cp312-cp312-linux_x86_64.whl", None),
        ("demo-1.0-py3-none-any-UPPER.whl", None),
    ],
)
def test_variant_labels(filename: str, label: str | None) -> None:
    assert variant_label(filename) == label


def test_a_variant_is_an_error_of_its_own() -> None:
    with pytest.raises(UsageError) as caught:
        parse("torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64-cuda13.0.whl")
    assert caught.value.reference == "variant-wheel-name"


@pytest.mark.parametrize(
    "filename",
    [
        "x.whl",
        "demo-1.0-py3-none-any.zip",
        "demo-notaversion-py3-none-any.whl",
        "foo-1.0-cu12-cp312-cp312-linux_x86_64.whl",
        "",
    ],
)
def test_what_is_no_wheel_name(filename: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(filename)
    assert caught.value.reference == "bad-wheel-name"
    assert caught.value.hint


def test_sdist_names() -> None:
    assert parse_sdist("python-dateutil-2.9.0.post0.tar.gz") == (
        "python-dateutil",
        Version("2.9.0.post0"),
    )
    with pytest.raises(UsageError) as caught:
        parse_sdist("demo-1.0.tar.bz2")
    assert caught.value.reference == "bad-sdist-name"
