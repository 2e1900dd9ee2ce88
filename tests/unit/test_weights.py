"""Weights of a plan, with what the hub tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.hub_server import FakeRepo, HubServer, safetensors
from torchsolve.facts import load_facts
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.project import ModelFile
from torchsolve.weights import Described, describe

UNET = safetensors({"w": ("BF16", [1000, 1000])}, padding=2000)
VAE = safetensors({"w": ("F32", [10])}, padding=3000)
PIPELINE = FakeRepo(
    {
        "model_index.json": b"{}",
        "unet/diffusion.safetensors": UNET,
        "unet/diffusion.bin": b"p" * 5000,
        "vae/vae.safetensors": VAE,
        "onnx/model.data": b"o" * 4000,
    },
    licence="openrail",
)


def described(
    server: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch, *weights: ModelFile
) -> Described:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(cache / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with IndexClient(IndexSettings(cache_dir=cache, retries=0)) as client:
        return describe(weights, client.hub, load_facts())


def _folder(mechanism: str = "snapshot_download", repo: str = "acme/pipe") -> ModelFile:
    return ModelFile("models/acme/pipe/", "nodes.py:7", mechanism, repo=repo)


def test_a_repository_by_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = replace(_folder(), allow=("unet/", "*.json"), ignore=("*.bin",))
    with HubServer({"acme/pipe": PIPELINE}) as server:
        (found,) = described(server, tmp_path, monkeypatch, weight).weights
    assert [file.name for file in found.files] == ["model_index.json", "unet/diffusion.safetensors"]
    assert found.size == 2 + len(UNET)
    assert (found.revision, found.licence, found.gated) == ("c" * 40, "openrail", False)
    assert found.files[1].parameters == (("BF16", 1_000_000),)


def test_loaders_take_safetensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = replace(_folder("from_pretrained"), path="<hf-cache>")
    with HubServer({"acme/pipe": PIPELINE}) as server:
        found = described(server, tmp_path, monkeypatch, _folder("from_pretrained"), cached)
    names = ["model_index.json", "unet/diffusion.safetensors", "vae/vae.safetensors"]
    assert [[file.name for file in weight.files] for weight in found.weights] == [names, names]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models/acme/pipe/vae/vae.safetensors", "vae/vae.safetensors"),
        ("models/vae/diffusion.safetensors", "unet/diffusion.safetensors"),
    ],
)
def test_one_file_by_the_end_of_its_path(
    path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = ModelFile(path, "nodes.py:7", "hf_hub_download", repo="acme/pipe")
    with HubServer({"acme/pipe": PIPELINE}) as server:
        (found,) = described(server, tmp_path, monkeypatch, weight).weights
    assert [file.name for file in found.files] == [name]
    assert found.sha256 == found.files[0].sha256


def test_a_file_that_the_repository_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = ModelFile("models/gone.pth", "nodes.py:7", "hf_hub_download", repo="acme/pipe")
    with HubServer({"acme/pipe": PIPELINE}) as server:
        (found,) = described(server, tmp_path, monkeypatch, weight).weights
    assert (found.files, found.size) == ((), None)
    assert found.note == "the repository has no such file"


def test_an_address_of_the_hub_is_a_file_of_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({"acme/pipe": replace(PIPELINE, tags=("v2",))}) as server:
        url = f"{server.url}/acme/pipe/resolve/v2/vae/vae.safetensors"
        weight = ModelFile("models/vae/x.safetensors", "nodes.py:7", "url", url=url)
        elsewhere = replace(weight, url="https://weights.example/a/b/resolve/main/c.pth")
        found, other = described(server, tmp_path, monkeypatch, weight, elsewhere).weights
    assert (found.repo, found.revision) == ("acme/pipe", "c" * 40)
    assert [file.name for file in found.files] == ["vae/vae.safetensors"]
    assert other == elsewhere


GATED = "facebook/dinov3-vitl16-pretrain-lvd1689m"
MIRROR = "PIA-SPACE-LAB/dinov3-vitl-pretrain-lvd1689m"


@pytest.mark.parametrize(("same", "commit"), [(True, "d" * 40), (False, None)])
def test_a_mirror_counts_by_its_bytes(
    same: bool, commit: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = FakeRepo({"model.safetensors": UNET}, gated="manual", token="t")
    mirror = FakeRepo({"model.safetensors": UNET if same else VAE}, commit="d" * 40)
    with HubServer({GATED: original, MIRROR: mirror}) as server:
        (found,) = described(server, tmp_path, monkeypatch, _folder(repo=GATED)).weights
    assert (found.gated, found.mirror, found.mirror_commit) == ("manual", MIRROR, commit)
    # The head of a gated file is not given without permission: then its size has to do.
    assert found.files[0].parameters == ()


def test_tables_tell_access_where_the_hub_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer({}) as server:
        found = described(server, tmp_path, monkeypatch, _folder(repo=GATED))
    assert found.weights[0].gated == "manual"
    assert found.weights[0].files == ()
    said = "sizes, hashes and access of 2 model repositories are unknown: "
    assert found.notes == (f"{said}the model hub answered 404 for {MIRROR}",)


def test_a_path_may_name_the_repository_that_no_code_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As nodes.py:227 of visualbruno/ComfyUI-Trellis2 opens it.
    opened = ModelFile(f"models/{GATED}/model.safetensors", "nodes.py:7", "models_dir")
    other = ModelFile("models/acme/model.safetensors", "nodes.py:8", "models_dir")
    original = FakeRepo({"model.safetensors": UNET, "config.json": b"{}"}, gated="manual")
    with HubServer({GATED: original}) as server:
        found = described(server, tmp_path, monkeypatch, opened, other).weights
    assert (found[0].repo, found[0].gated) == (GATED, "manual")
    assert [file.name for file in found[0].files] == ["model.safetensors"]
    assert found[1] == other


def test_a_hub_out_of_reach_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer({}) as server:
        pass
    weights = [_folder(repo=f"acme/{name}") for name in "abc"]
    found = described(server, tmp_path, monkeypatch, *weights)
    assert found.weights == tuple(weights)
    (note,) = found.notes
    assert note.startswith("sizes, hashes and access of 3 model repositories are unknown: ")


def test_what_nobody_decided_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = ModelFile("models/{repo}/", "nodes.py:7", "snapshot_download", repo="acme/{name}")
    with HubServer({"acme/pipe": PIPELINE}) as server:
        assert described(server, tmp_path, monkeypatch, weight) == Described((weight,), ())
        assert server.requests == []
