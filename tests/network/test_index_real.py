"""The default index, held against facts that are known from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.evidence import Strength
from torchsolve.model.package import IndexFile

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def client(cache: Path) -> Iterator[IndexClient]:
    with IndexClient(IndexSettings(cache)) as opened:
        yield opened


def wheel(client: IndexClient, name: str, version: str, part: str) -> IndexFile:
    return next(
        f
        for f in client.page(name).files
        if f.version == Version(version) and part in f.filename and f.is_wheel
    )


def sdist(client: IndexClient, name: str, version: str) -> IndexFile:
    files = (f for f in client.page(name).files if not f.is_wheel)
    return next(f for f in files if f.version == Version(version))


def edges(client: IndexClient, file: IndexFile) -> dict[str, str]:
    found = client.metadata(file).requires
    return {d.requirement.name: str(d.requirement.specifier) for d in found}


def test_torch_2_7_0_pins_its_triton_and_cuda(client: IndexClient) -> None:
    file = wheel(client, "torch", "2.7.0", "cp312-cp312-manylinux_2_28_x86_64")
    assert file.upload_time is not None
    assert file.upload_time.date().isoformat() == "2025-04-23"
    assert file.sha256 == "15aab3e31c16feb12ae0a88dba3434a458874636f360c567caa6a91f6bfba481"
    needs = edges(client, file)
    assert needs["triton"] == "==3.3.0"
    assert needs["nvidia-cuda-runtime-cu12"] == "==12.6.77"


def test_xformers_0_0_30_pins_torch(client: IndexClient) -> None:
    file = wheel(client, "xformers", "0.0.30", "cp312-cp312-manylinux")
    assert edges(client, file)["torch"] == "==2.7.0"


def test_torchvision_0_1_6_is_yanked(client: IndexClient) -> None:
    # Pure Python, asks for no torch version: only its being yanked rules it out.
    found = {str(f.version): f.yanked for f in client.page("torchvision").files}
    assert found["0.1.6"] is not None
    assert found["0.22.0"] is None


# What the METADATA of a wheel says that pip built of each (setuptools 84.2.1, Python 3.11).
BUILT = {
    ("fvcore", "0.1.5.post20221221"): [
        "numpy",
        "yacs>=0.1.6",
        "pyyaml>=5.1",
        "tqdm",
        "termcolor>=1.1",
        "Pillow",
        "tabulate",
        "iopath>=0.1.7",
        'dataclasses; python_version < "3.7"',
        'shapely; extra == "all"',
    ],
    ("iopath", "0.1.10"): [
        "tqdm",
        "typing_extensions",
        "portalocker",
        'dataclasses; python_version < "3.7"',
        'boto3; extra == "aws"',
    ],
    ("antlr4-python3-runtime", "4.9.3"): ['typing; python_version < "3.5"'],
}


@pytest.mark.parametrize(("name", "version"), BUILT)
def test_an_egg_info_claims_what_a_build_gives(
    client: IndexClient, name: str, version: str
) -> None:
    found = client.metadata(sdist(client, name, version))
    assert [d.requirement for d in found.requires] == list(map(Requirement, BUILT[name, version]))
    assert {d.evidence.strength for d in found.requires} == {Strength.CLAIMED}
    assert found.requires_python == (None if name.startswith("antlr4") else ">=3.6")


def test_a_pyproject_declares_what_a_build_gives(client: IndexClient) -> None:
    # Its PKG-INFO is of version 2.1 and has an egg-info beside it.
    found = client.metadata(sdist(client, "ultralytics", "8.3.0"))
    assert len(found.requires) == 47
    assert found.extras == {"dev", "explorer", "export", "extra", "logging"}
    assert {d.evidence.origin for d in found.requires} == {
        "pyproject.toml of ultralytics-8.3.0.tar.gz"
    }
    lines = {str(d.requirement) for d in found.requires}
    assert {"torch>=1.8.0", 'coverage[toml]; extra == "dev"'} <= lines


def test_an_sdist_of_setup_py_alone_is_unknown_not_without_requirements(
    client: IndexClient,
) -> None:
    with pytest.raises(UnknownError) as caught:
        client.metadata(sdist(client, "wget", "3.2"))
    assert caught.value.reference == "no-static-metadata"


def test_a_name_that_nobody_has(client: IndexClient) -> None:
    assert client.page("torchsolve-tests-no-such-project").files == ()


def test_a_second_run_with_a_cut_off_asks_nothing(cache: Path, client: IndexClient) -> None:
    page = client.page("xformers")
    cutoff = datetime(2025, 6, 1, tzinfo=UTC)
    for offline in (False, True):
        settings = IndexSettings(cache, offline=offline, exclude_newer=cutoff)
        with IndexClient(settings) as second:
            found = second.page("xformers").files
            assert second.requests == 0
        assert str(found[0].version) == "0.0.30"
        assert len(found) < len(page.files)
