"""Whose labels are held against binaries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.model.package import IndexFile
from torchsolve.model.project import WheelFact
from torchsolve.solve import labels


def _wheel(name: str, unread: str | None = None) -> WheelFact:
    filename = f"{name}-1.0-py3-none-any.whl"
    file = IndexFile(
        canonicalize_name(name),
        Version("1.0"),
        filename,
        f"https://index.example/{filename}",
        "project",
    )
    return WheelFact(file, None, unread=unread)


def test_what_could_not_be_read_with_its_project_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def contradictions(wheel: WheelFact) -> tuple[()]:
        asked.append(wheel.file.name)
        return ()

    monkeypatch.setattr(labels, "place_of", lambda _: object())
    project = SimpleNamespace(wheels=(_wheel("read"), _wheel("lost", "its bytes are elsewhere")))
    context = SimpleNamespace(
        labels=SimpleNamespace(contradictions=contradictions),
        projects=(project,),
        settings=SimpleNamespace(trust_labels=False),
    )
    assert labels.disagreements(cast("Any", None), (), cast("Any", context)) == ()
    assert asked == ["read"]
