"""A node by its id on the Comfy registry, over a local stand-in of its API."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from support.repos import make_repo, needs_git
from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.project.load import load
from torchsolve.project.options import ReadOptions
from torchsolve.project.reference import RegistryId, SampleName, classify
from torchsolve.project.registry import repository_of

BASE = "https://index.example/registry"


def answering(answers: dict[str, bytes]) -> Callable[[str, IO[bytes]], object]:
    def download(url: str, target: IO[bytes]) -> object:
        if url not in answers:
            raise UnknownError("index-error", "the index answered 404", origin=url)
        return target.write(answers[url])

    return download


@pytest.mark.parametrize("text", ["comfyui-mesh", "comfy:comfyui-mesh", "comfy:trellis2"])
def test_ids(text: str) -> None:
    found = classify(text, lambda: ("trellis2",))
    assert found == RegistryId(text.removeprefix("comfy:"), None)
    assert classify("trellis2", lambda: ("trellis2",)) == SampleName("trellis2")
    assert classify("comfy:a@v1", tuple) == RegistryId("a", "v1")


def test_an_address_is_kept_for_offline(tmp_path: Path) -> None:
    node = {"id": "mesh", "repository": "https://github.com/owner/mesh", "latest_version": None}
    download = answering({f"{BASE}/nodes/mesh": json.dumps(node).encode()})
    assert repository_of("mesh", BASE, tmp_path, download) == "https://github.com/owner/mesh"
    assert repository_of("mesh", BASE, tmp_path, None) == "https://github.com/owner/mesh"
    with pytest.raises(UnknownError, match="never asked"):
        repository_of("other", BASE, tmp_path, None)


@pytest.mark.parametrize(
    ("answer", "error", "reference"),
    [
        (None, UsageError, "unknown-reference"),
        (b'{"repository": ""}', UsageError, "unknown-reference"),
        (b"<html>", UnknownError, "registry-error"),
        (b"[]", UnknownError, "registry-error"),
    ],
)
def test_what_is_no_node(
    tmp_path: Path, answer: bytes | None, error: type[UsageError | UnknownError], reference: str
) -> None:
    download = answering({f"{BASE}/nodes/mesh": answer} if answer is not None else {})
    with pytest.raises(error) as caught:
        repository_of("mesh", BASE, tmp_path, download)
    assert caught.value.reference == reference
    assert not (tmp_path / "registry").exists()


def test_a_registry_out_of_reach_says_so(tmp_path: Path) -> None:
    with (
        IndexClient(IndexSettings(cache_dir=tmp_path)) as client,
        pytest.raises(UnknownError) as caught,
    ):
        repository_of("mesh", "http://127.0.0.1:9", tmp_path, client.download)
    assert caught.value.reference == "registry-unreachable"
    assert "owner/repo" in caught.value.hint


@needs_git
def test_a_node_is_read_from_the_repository_that_the_registry_names(tmp_path: Path) -> None:
    repo = make_repo(
        tmp_path / "ComfyUI-Mesh",
        {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "requirements.txt": "einops\n"},
    )
    node = {"repository": repo.path.as_uri()}
    options = ReadOptions(
        tmp_path / "cache",
        registry=BASE,
        download=answering({f"{BASE}/nodes/mesh": json.dumps(node).encode()}),
    )
    found = load("comfy:mesh", options)
    assert found.name == "ComfyUI-Mesh"
    assert [str(d.requirement) for d in found.requirements] == ["einops"]


@pytest.mark.parametrize("address", ["ssh://git@github.com/o/r", "ext::sh -c id", "/etc"])
def test_an_address_that_git_must_not_follow(tmp_path: Path, address: str) -> None:
    answer = json.dumps({"repository": address}).encode()
    options = ReadOptions(
        tmp_path, registry=BASE, download=answering({f"{BASE}/nodes/mesh": answer})
    )
    with pytest.raises(UsageError):
        load("comfy:mesh", options)


def test_the_stand_in_writes_what_it_is_given() -> None:
    target = io.BytesIO()
    answering({"a": b"x"})("a", target)
    assert target.getvalue() == b"x"
