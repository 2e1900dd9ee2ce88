"""An earlier lock keeps its pins where they hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import UsageError
from torchsolve.model.outcome import Resolution

NATIVE = "cp312-cp312-manylinux_2_28_x86_64"


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


def torch(version: str) -> FakeFile:
    return FakeFile(make_wheel("torch", version, tag=NATIVE))


@pytest.fixture
def index() -> Iterator[IndexServer]:
    world = {
        "demo": [pure("demo", "1.0", "six", "light>=1")],
        "six": [pure("six", "1.0")],
        "light": [pure("light", "1.0")],
        "torch": [torch("2.7.0")],
    }
    with IndexServer(world) as server:
        yield server


def settings(tmp_path: Path, index: IndexServer, **changes: object) -> Settings:
    base = Settings(
        cache_dir=tmp_path / "cache", index=index.url, comfyui="none", evidence="metadata"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def resolve(tmp_path: Path, index: IndexServer, *lines: str, **changes: object) -> Resolution:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return pipeline.resolve([str(path)], settings(tmp_path, index, **changes))


def locked(tmp_path: Path, index: IndexServer, *lines: str) -> Path:
    """A lock of today; then new versions of everything are published."""
    found = resolve(tmp_path, index, *lines)
    pipeline.write_plan(found, settings(tmp_path, index), tmp_path / "out")
    for name in ("demo", "six", "light"):
        index.projects[name].append(pure(name, "2.0", *(["six", "light>=1"] * (name == "demo"))))
    index.projects["torch"].append(torch("2.9.1"))
    shutil.rmtree(tmp_path / "cache")
    return tmp_path / "out" / "pylock.toml"


def pins(found: Resolution) -> dict[str, str]:
    assert found.plan is not None, found.conflict
    return {pin.name: pin.version for pin in found.plan.pins}


OLD = {"demo": "1.0", "six": "1.0", "light": "1.0"}
NEW = {"demo": "2.0", "six": "2.0", "light": "2.0"}


def test_its_pins_are_kept_and_counted(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    found = resolve(tmp_path, index, "demo", lock=lock)
    assert pins(found) == OLD
    assert found.kept == (f"3 of 3 pins of {lock} kept",)


def test_the_files_stay_byte_for_byte(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    before = {path: path.read_bytes() for path in lock.parent.rglob("*") if path.is_file()}
    again = resolve(tmp_path, index, "demo", lock=lock)
    pipeline.write_plan(again, settings(tmp_path, index), lock.parent)
    assert {path: path.read_bytes() for path in lock.parent.rglob("*") if path.is_file()} == before


def test_without_it_everything_is_new(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    assert pins(resolve(tmp_path, index, "demo")) == NEW
    found = resolve(tmp_path, index, "demo", lock=lock, upgrade=True)
    assert (pins(found), found.kept) == (NEW, ())


def test_one_package_is_upgraded(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    found = resolve(tmp_path, index, "demo", lock=lock, upgrade_packages=("light",))
    assert pins(found) == {**OLD, "light": "2.0"}


def test_a_pin_that_no_longer_holds_goes(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    found = resolve(tmp_path, index, "demo", "six>1", lock=lock)
    assert pins(found) == {**OLD, "six": "2.0"}
    assert found.kept[1:] == ("six 1.0 → 2.0",)


def test_what_is_no_longer_needed_is_told(tmp_path: Path, index: IndexServer) -> None:
    lock = locked(tmp_path, index, "demo")
    assert resolve(tmp_path, index, "six", lock=lock).kept == (
        f"1 of 3 pins of {lock} kept",
        "demo 1.0 is not needed",
        "light 1.0 is not needed",
    )


@pytest.mark.parametrize("engine", ["core", "resolvelib", "both"])
def test_its_cell_is_kept_unless_torch_is_upgraded(
    tmp_path: Path, index: IndexServer, engine: str
) -> None:
    lock = locked(tmp_path, index, "torch", "six")
    kept = resolve(tmp_path, index, "torch", "six", lock=lock, engine=engine)
    assert pins(kept) == {"torch": "2.7.0", "six": "1.0"}
    assert kept.witness == ""
    newer = resolve(
        tmp_path, index, "torch", "six", lock=lock, engine=engine, upgrade_packages=("torch",)
    )
    assert pins(newer) == {"torch": "2.9.1", "six": "1.0"}


def test_a_lock_that_is_none(tmp_path: Path, index: IndexServer) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text("packages = 1\n")
    with pytest.raises(UsageError) as caught:
        resolve(tmp_path, index, "six", lock=path)
    assert (caught.value.reference, "--upgrade" in caught.value.hint) == ("bad-lock", True)
