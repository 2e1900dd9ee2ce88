"""A plan is read for what its image must bring: over a local index, with real ELF files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.elf import COMPILER, shared
from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.emit.lock import plan_from_lock
from torchsolve.model.link import LinkKind
from torchsolve.model.plan import Plan

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
NATIVE = "cp312-cp312-manylinux_2_28_x86_64"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexServer]:
    gone = [
        shared(tmp_path / soname, "int x;", soname=soname)
        for soname in ("libGL.so.1", "libodd.so.5")
    ]
    module = shared(tmp_path / "_gl.abi3.so", "int y;", needs=gone).read_bytes()
    wheel = make_wheel("drawing", "1.0", tag=NATIVE, members={"drawing/_gl.abi3.so": module})
    with IndexServer({"drawing": [FakeFile(wheel)]}) as server:
        yield server


def resolved(index: IndexServer, tmp_path: Path, *, links: bool, offline: bool = False) -> Plan:
    project = tmp_path / "requirements.txt"
    project.write_text("drawing\n")
    settings = Settings(
        index=index.url, cache_dir=tmp_path / "cache", image=("ubuntu24.04",), offline=offline
    )
    plan = pipeline.resolve([str(project)], settings, links=links).plan
    assert plan is not None
    return plan


def test_what_wheels_need_is_installed_or_told(index: IndexServer, tmp_path: Path) -> None:
    plan = resolved(index, tmp_path, links=True)
    assert [(p.name, p.soname, p.needed_by) for p in plan.system_packages] == [
        ("libgl1", "libGL.so.1", ("drawing",)),
        ("", "libodd.so.5", ("drawing",)),
    ]
    assert plan.links is not None
    assert [(i.kind, i.subject) for i in plan.links.issues] == [(LinkKind.LIBRARY, "libodd.so.5")]
    settings = Settings(index=index.url, cache_dir=tmp_path / "cache")
    resolution = pipeline.resolve([str(tmp_path / "requirements.txt")], settings, links=True)
    pipeline.write_plan(resolution, settings, tmp_path / "out")
    dockerfile = (tmp_path / "out/Dockerfile").read_text()
    assert "libgl1" in dockerfile
    assert "libodd.so.5" in (tmp_path / "out/README.md").read_text()
    kept = plan_from_lock(tmp_path / "out/pylock.toml").links
    assert kept is not None
    assert kept.issues == plan.links.issues


def test_a_wheel_is_read_when_files_are_written_and_never_again(
    index: IndexServer, tmp_path: Path
) -> None:
    before = resolved(index, tmp_path, links=False)
    assert before.links is not None
    assert [name for name, _ in before.links.unread] == ["drawing"]
    resolved(index, tmp_path, links=True)
    offline = resolved(index, tmp_path, links=True, offline=True)
    assert offline.links is not None
    assert (offline.links.wheels, offline.links.unread) == (("drawing",), ())
