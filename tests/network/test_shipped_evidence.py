"""Evidence that ships is what a whole read of the published wheel says, checks and fatbins too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pypi_simple import PyPISimple

from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.filename import parse
from torchsolve.wheel.record import distil
from torchsolve.wheel.shipped import shipped

pytestmark = pytest.mark.network

# Small ones; of the first every build has checks, the second has GPU code in several files.
WHEELS = [
    "torchaudio-2.7.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "torchao-0.12.0-cp39-abi3-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
]


@pytest.mark.parametrize("filename", WHEELS, ids=lambda name: name.split("-cp")[0])
def test_a_shipped_record_is_what_the_whole_wheel_says(tmp_path: Path, filename: str) -> None:
    name = parse(filename).name
    with PyPISimple() as client:
        packages = client.get_project_page(name).packages
        package = next(p for p in packages if p.filename == filename)
        client.download_package(package, tmp_path / filename)
    local = read_binaries(tmp_path / filename, filename, gpu=True)
    record = shipped(name, str(local.sha256))
    assert record == distil(replace(local, verified=False, bytes_read=0))
    assert any(file.checks for file in local.files)
    assert any(file.gpu and file.gpu.fatbins for file in local.files)
