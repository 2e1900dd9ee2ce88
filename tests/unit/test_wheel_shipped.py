from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.package import IndexFile
from torchsolve.resources import share
from torchsolve.wheel.filename import parse
from torchsolve.wheel.shipped import pack, shipped

# Torch291/o_voxel of the sample trellis2.
O_VOXEL = "bcea5e99"
FILENAME = "o_voxel-0.0.1-cp312-cp312-linux_x86_64.whl"


def sha256_of(prefix: str) -> str:
    data = lzma.decompress((share("data") / "evidence" / "o-voxel.xz").read_bytes())
    return next(
        line[:64].decode() for line in data.splitlines() if line.startswith(prefix.encode())
    )


def test_a_known_wheel_is_known_by_its_hash() -> None:
    found = shipped("o-voxel", sha256_of(O_VOXEL))
    assert found is not None
    (file,) = found.files
    # readelf -d and cuobjdump say so of that wheel.
    assert "libcudart.so.12" in file.needed
    assert file.gpu is not None
    assert file.gpu.sass == ("sm_120",)


def test_another_hash_or_name_is_not_known() -> None:
    assert shipped("o-voxel", "0" * 64) is None
    assert shipped("no-such-package", "0" * 64) is None


def test_all_evidence_is_small() -> None:
    sizes = [path.stat().st_size for path in (share("data") / "evidence").iterdir()]
    assert 0 < sum(sizes) <= 1_500_000


def test_the_same_wheels_pack_to_the_same_bytes() -> None:
    one = WheelBinary("a.whl", "a" * 64, True, (ElfFile("a.so", needed=("libc.so.6",)),))
    two = replace(one, filename="b.whl", sha256="b" * 64)
    assert pack([one, two]) == pack([two, one])
    assert pack([one]) != pack([two])


def test_damage_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "torn.xz").write_bytes(pack([])[:-4])
    monkeypatch.setattr("torchsolve.wheel.shipped.share", lambda _: tmp_path)
    with pytest.raises(UnknownError) as caught:
        shipped("torn", "0" * 64)
    assert caught.value.reference == "bad-evidence"


def test_an_index_answers_from_it_without_a_socket(tmp_path: Path) -> None:
    name = parse(FILENAME)
    file = IndexFile(name.name, name.version, FILENAME, None, "project", sha256_of(O_VOXEL))
    with IndexClient(IndexSettings(tmp_path, offline=True)) as client:
        assert client.read_remote(file, gpu=True).sha256 == file.sha256
