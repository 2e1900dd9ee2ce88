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
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Plan
from torchsolve.model.version import dotted_key
from torchsolve.report.links import broken_wheels

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
    assert plan.links.broken == ("drawing",)
    assert broken_wheels(plan) == "; not all of it opens in the image: drawing"
    settings = Settings(index=index.url, cache_dir=tmp_path / "cache")
    resolution = pipeline.resolve([str(tmp_path / "requirements.txt")], settings, links=True)
    pipeline.write_plan(resolution, settings, tmp_path / "out")
    dockerfile = (tmp_path / "out/Dockerfile").read_text()
    assert "libgl1" in dockerfile
    readme = (tmp_path / "out/README.md").read_text()
    assert "libodd.so.5" in readme
    assert "| opens in part | drawing:" in readme
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


LIBC = "GLIBC_2.%d { global: quite_new; };"


def needing_glibc(folder: Path, minor: int) -> bytes:
    """An extension that needs ``GLIBC_2.<minor>``."""
    folder.mkdir()
    script = folder / "script"
    script.write_text(LIBC % minor)
    flags = ["-nostdlib", f"-Wl,--version-script={script}"]
    libc = shared(
        folder / "libc.so.6", "int quite_new(){return 1;}", soname="libc.so.6", flags=flags
    )
    code = "extern int quite_new(); int use(){return quite_new();}"
    return shared(folder / "_new.abi3.so", code, needs=[libc], flags=["-nostdlib"]).read_bytes()


def lying(tmp_path: Path, minor: int, version: str = "1.0") -> FakeFile:
    member = {"liar/_new.abi3.so": needing_glibc(tmp_path / version, minor)}
    return FakeFile(make_wheel("liar", version, tag=OLD, members=member))


BOTH = ("debian12", "ubuntu24.04")
OLD = "cp39-abi3-manylinux_2_17_x86_64"


def asked(tmp_path: Path, *files: FakeFile, image: tuple[str, ...]) -> Resolution:
    tmp_path.mkdir(exist_ok=True)
    project = tmp_path / "requirements.txt"
    project.write_text("liar\n")
    with IndexServer({"liar": list(files)}) as server:
        settings = Settings(index=server.url, cache_dir=tmp_path / "cache", image=image)
        return pipeline.resolve([str(project)], settings, links=True)


def test_a_tag_that_promises_too_old_a_glibc_refutes_the_image(tmp_path: Path) -> None:
    found = asked(tmp_path, lying(tmp_path, 38), image=("ubuntu22.04",))
    assert found.plan is None
    assert found.conflict is not None
    assert found.conflict.reference == "glibc-too-old"
    facts = {fact.subject: fact.statement for fact in found.conflict.facts}
    assert "GLIBC_2.38" in facts["liar 1.0"]
    assert "2.35" in facts["<glibc>"]


def test_another_image_is_tried_and_the_tag_is_told(tmp_path: Path) -> None:
    honest = asked(tmp_path / "a", lying(tmp_path, 30), image=BOTH)
    found = asked(tmp_path / "b", lying(tmp_path, 38, "1.1"), image=BOTH)
    assert honest.plan is not None
    assert found.plan is not None
    assert dotted_key(str(honest.plan.image.glibc)) < (2, 38)
    assert dotted_key(str(found.plan.image.glibc)) >= (2, 38)
    (said,) = found.plan.disagreements
    assert "GLIBC_2.38" in said.fact.statement


def test_an_older_version_that_fits_is_taken(tmp_path: Path) -> None:
    files = (lying(tmp_path, 38, "2.0"), lying(tmp_path, 30, "1.0"))
    found = asked(tmp_path, *files, image=("ubuntu22.04",))
    assert found.plan is not None
    assert [(pin.name, pin.version) for pin in found.plan.pins] == [("liar", "1.0")]
    (said,) = found.plan.disagreements
    assert said.claim.statement == "is tagged manylinux_2_17_x86_64"
    assert "GLIBC_2.38" in said.fact.statement
    assert found.plan.links is not None
    assert found.plan.links.told() == []
