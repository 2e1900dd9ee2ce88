"""The READMEs of the three samples, whole: what a person reads who did not build the image.

``tests/data/samples`` is what the default index had of each plan's packages: name, version, tag,
Requires-Python, upload time and requirements, distilled from a snapshot of a run against it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.golden import assert_golden
from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings, load_settings

DATA = Path(__file__).parent.parent / "data" / "samples"
ASKED: dict[str, dict[str, object]] = {
    "trellis2": {"gpu": ["12.0"]},
    "wanvideo": {"comfyui": "0.3.64", "as-of": "now", "torch": ["2.7.0"]},
    "bria-rmbg": {},
}


def _file(name: str, version: str, row: dict[str, Any]) -> FakeFile:
    wheel = make_wheel(
        name, version, row.get("requires", ()), tag=row["tag"], requires_python=row.get("python")
    )
    return FakeFile(wheel, requires_python=row.get("python"), upload_time=row.get("uploaded"))


@pytest.fixture(params=list(ASKED))
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    name = request.param
    packages = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    world = {
        package: [_file(package, version, row) for version, row in versions.items()]
        for package, versions in packages.items()
    }
    with IndexServer(world) as server:
        settings = _settings(tmp_path, server.url, ASKED[name])
        found = pipeline.resolve([name], settings)
        assert found.plan is not None, found.conflict
        pipeline.write_plan(found, settings, tmp_path / "out")
    return name, tmp_path / "out"


def _settings(tmp_path: Path, index: str, asked: dict[str, object]) -> Settings:
    flags = {"cache-dir": str(tmp_path / "cache"), "index": [index], "evidence": "metadata"}
    return load_settings({**flags, **asked}, environ={}, directory=tmp_path)


def test_readme(plan: tuple[str, Path]) -> None:
    name, folder = plan
    assert_golden(f"samples/{name}.md", (folder / "README.md").read_text(encoding="utf-8"))
