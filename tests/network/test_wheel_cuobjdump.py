"""GPU code of published wheels, as NVIDIA's ``cuobjdump`` lists it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pypi_simple import PyPISimple

from bench.cuobjdump import compare

pytestmark = pytest.mark.network

WHEELS = [
    "torchvision-0.23.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "torchaudio-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "torchao-0.12.0-cp39-abi3-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    "bitsandbytes-0.50.2-py3-none-manylinux_2_24_x86_64.whl",
    "xformers-0.0.30-cp312-cp312-manylinux_2_28_x86_64.whl",
]


def fetch(filename: str, folder: Path) -> Path:
    with PyPISimple() as client:
        page = client.get_project_page(filename.split("-")[0])
        package = next(p for p in page.packages if p.filename == filename)
        client.download_package(package, folder / filename)
    return folder / filename


@pytest.fixture(scope="module")
def cuobjdump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuobjdump")
    name = "nvidia_cuda_cuobjdump-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(fetch(name, folder)) as archive:
        tool = Path(archive.extract("nvidia/cu13/bin/cuobjdump", folder))
    tool.chmod(0o755)
    return tool


@pytest.mark.parametrize("filename", WHEELS, ids=lambda name: name.split("-cp")[0].split("-py")[0])
def test_the_same_machine_code_and_ptx(cuobjdump: Path, tmp_path: Path, filename: str) -> None:
    rows = [row for row in compare(str(cuobjdump), fetch(filename, tmp_path)) if any(row.sass)]
    assert rows
    # It gives up on machine code of CUDA 12.1 ("Invalid ELF"); what it listed is in ours.
    assert {row.verdict for row in rows} <= {"equal", "stopped"}
    assert sum(row.verdict == "stopped" for row in rows) <= 1
