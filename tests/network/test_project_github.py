"""The samples against the repositories that they were recorded from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.repos import needs_git
from torchsolve.errors import UnknownError
from torchsolve.model.project import ProjectFacts
from torchsolve.project import samples
from torchsolve.project.load import ReadOptions, load

pytestmark = [pytest.mark.network, needs_git]


def fetched(reference: str, cache: Path, rev: str | None = None) -> ProjectFacts:
    try:
        return load(reference, ReadOptions(cache, rev=rev))
    except UnknownError as error:
        if error.reference == "repository-unreachable":
            pytest.skip(f"github.com is out of reach: {error.message}")
        raise


@pytest.mark.parametrize("name", samples.names())
def test_a_sample_is_what_its_repository_says(name: str, tmp_path: Path) -> None:
    sample = load(name, ReadOptions(tmp_path))
    assert sample.source.url is not None
    facts = fetched(sample.source.url, tmp_path, sample.source.commit)
    assert facts.name == sample.name
    assert facts.source == sample.source
    assert facts.requirements == sample.requirements
    assert facts.foreign == sample.foreign
    assert facts.node_classes == sample.node_classes
    for theirs, ours in zip(facts.wheels, sample.wheels, strict=True):
        if ours.unread is None:
            assert replace(theirs, metadata=None) == replace(ours, metadata=None)
            assert theirs.metadata == ours.metadata


def test_owner_repo_and_offline_again(tmp_path: Path) -> None:
    facts = fetched("city96/ComfyUI-GGUF", tmp_path)
    assert facts.is_node
    assert "gguf" in {declared.requirement.name for declared in facts.requirements}
    again = load("city96/ComfyUI-GGUF", ReadOptions(tmp_path, offline=True))
    assert again == facts


def test_a_repository_that_may_not_be_read(tmp_path: Path) -> None:
    fetched("city96/ComfyUI-GGUF", tmp_path)
    with pytest.raises(UnknownError) as caught:
        load("city96/there-is-no-such-repository", ReadOptions(tmp_path))
    assert caught.value.reference == "repository-forbidden"
