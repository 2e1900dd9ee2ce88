"""The form of ``data/samples/*.json`` (a file edge: pydantic stays here)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleRequirement(_Strict):
    """A requirement with the line that states it; ``why`` bounds a claimed one."""

    requirement: str
    origin: str
    why: str | None = None


class SampleWheel(_Strict):
    """A wheel of the tree; all but ``place`` is null where its bytes could not be read.

    ``lines``: where each of ``requires`` stands in its METADATA, from 1.
    """

    place: str
    sha256: str | None = None
    size: int | None = None
    requires: list[str] | None = None
    lines: list[int] = []
    requires_python: str | None = None
    extras: list[str] = []
    required: bool = True
    unread: str | None = None

    @model_validator(mode="after")
    def _read_or_not(self) -> SampleWheel:
        if (self.requires is None) != (self.unread is not None):
            raise ValueError(f"{self.place}: either its METADATA or the reason why not")
        return self


class SampleModel(_Strict):
    """A weight, as ``model.project.ModelFile``."""

    path: str
    site: str
    mechanism: str
    repo: str | None = None
    url: str | None = None
    size: int | None = None
    sha256: str | None = None
    gated: Literal["manual", "auto"] | bool | None = None
    required: bool = True
    note: str | None = None


class Sample(_Strict):
    """One node at one commit. ``date``: of the commit, ISO 8601, UTC. ``files``: folder → names."""

    format: Literal["torchsolve.sample/1"]
    name: str
    url: str
    commit: str
    date: str
    requirements: list[SampleRequirement]
    undeclared: list[SampleRequirement] = []
    wheels: list[SampleWheel] = []
    foreign: list[str] = []
    models: list[SampleModel] = []
    node_classes: list[str]
    files: dict[str, list[str]]
    notes: list[str] = []
