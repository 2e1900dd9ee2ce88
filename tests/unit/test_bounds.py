"""Input without measure: a clear answer or a clear error, in bounded time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.asking import resolve
from support.index_server import JSON, FakeFile, Fault, IndexServer
from support.wheels import make_metadata, make_wheel
from torchsolve.errors import TorchsolveError
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """CPU seconds of this process: a busy machine is no defect."""
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def answer(tmp_path: Path, index: IndexServer, *lines: str) -> Resolution | TorchsolveError:
    """A resolution, or the one error in its place; anything else is a defect."""
    try:
        return resolve(tmp_path, index, *lines)
    except TorchsolveError as error:
        return error


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


def page(files: list[dict[str, object]]) -> Fault:
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "demo", "files": files}).encode()
    return Fault(body=body, headers={"Content-Type": JSON})


def file(filename: str, **more: object) -> dict[str, object]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {}, **more}


def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    wheel = make_wheel("demo", "1.99999")
    with IndexServer({"demo": [FakeFile(wheel)]}) as index:
        files = [file(f"demo-1.{number}-py3-none-any.whl") for number in range(100_000)]
        index.fail("/simple/demo/", page(files))
        with within(60):
            found = resolve(tmp_path, index, "demo")
    assert found.plan is not None
    assert [pin.version for pin in found.plan.pins] == ["1.99999"]


def test_ten_thousand_requirements(tmp_path: Path) -> None:
    lines = [
        f"demo>={number % 10}.0 ; python_version >= '3.{number % 12}'" for number in range(10_000)
    ]
    with IndexServer({"demo": [pure("demo", "10.0")]}) as index, within(30):
        found = resolve(tmp_path, index, *lines)
    assert found.plan is not None
    assert len(found.plan.pins) == 1


def test_ten_thousand_lines_of_metadata(tmp_path: Path) -> None:
    requires = [f'six>=1.{n % 9} ; extra == "e{n}"' for n in range(10_000)]
    extras = [f"e{n}" for n in range(10_000)]
    text = make_metadata("demo", "1.0", requires, extras=extras)
    world = {
        "demo": [FakeFile(make_wheel("demo", "1.0", metadata=text))],
        "six": [pure("six", "2.0")],
    }
    with IndexServer(world) as index, within(30):
        found = resolve(tmp_path, index, "demo[e7]")
    assert found.plan is not None
    assert {pin.name for pin in found.plan.pins} == {"demo", "six"}


DEEP = "(" * 3000 + "python_version > '3'" + ")" * 3000
LONG = " and ".join(["python_version > '3'"] * 5000)


@pytest.mark.parametrize("marker", [DEEP, LONG], ids=["deep", "long"])
class TestMarkers:
    def test_in_a_file_of_the_user(self, tmp_path: Path, marker: str) -> None:
        with IndexServer({"demo": [pure("demo", "1.0")]}) as index, within(20):
            found = answer(tmp_path, index, f"demo ; {marker}")
        if isinstance(found, Resolution):
            assert found.plan is not None
        else:
            assert found.reference == "bad-requirement"
            assert len(str(found)) < 1000

    def test_in_metadata(self, tmp_path: Path, marker: str) -> None:
        text = make_metadata("demo", "2.0", [f"six ; {marker}"])
        world = {
            "demo": [FakeFile(make_wheel("demo", "2.0", metadata=text)), pure("demo", "1.0")],
            "six": [pure("six", "1.0")],
        }
        with IndexServer(world) as index, within(20):
            found = resolve(tmp_path, index, "demo")
        assert found.plan is not None
        told = "\n".join(found.plan.notes)
        assert len(told) < 1000
        pins = {pin.name: str(pin.version) for pin in found.plan.pins}
        if pins == {"demo": "1.0"}:
            assert "demo 2.0" in told
            assert "no requirement" in told
        else:
            assert pins == {"demo": "2.0", "six": "1.0"}


@pytest.mark.parametrize("line", ["!!! nothing", "six >= ; x", "six ; " + "(" * 3000])
def test_a_dependency_that_nobody_can_read_excludes_its_file(tmp_path: Path, line: str) -> None:
    # As uv does; pip ends with a traceback.
    bad = FakeFile(make_wheel("demo", "2.0", metadata=make_metadata("demo", "2.0", [line])))
    with IndexServer({"demo": [bad, pure("demo", "1.0")], "six": [pure("six", "1.0")]}) as index:
        older = resolve(tmp_path, index, "demo")
        alone = resolve(tmp_path, index, "demo==2.0")
    assert older.plan is not None
    assert [str(pin.version) for pin in older.plan.pins] == ["1.0"]
    assert any("demo 2.0" in note and line[:7] in note for note in older.plan.notes)
    assert alone.plan is None


def test_packages_that_need_themselves_and_each_other(tmp_path: Path) -> None:
    world = {
        "demo": [pure("demo", "1.0", "demo", "other")],
        "other": [pure("other", "1.0", "demo[x]>=1", "third")],
        "third": [pure("third", "1.0", "other==1.0")],
    }
    with IndexServer(world) as index, within(10):
        found = resolve(tmp_path, index, "demo")
    assert found.plan is not None
    assert {pin.name for pin in found.plan.pins} == {"demo", "other", "third"}


def test_a_package_that_needs_another_version_of_itself(tmp_path: Path) -> None:
    with IndexServer({"demo": [pure("demo", "1.0"), pure("demo", "2.0", "demo<2")]}) as index:
        found = resolve(tmp_path, index, "demo")
    assert found.plan is not None
    assert [pin.version for pin in found.plan.pins] == ["1.0"]


@pytest.mark.parametrize(
    "files",
    [
        [file("../../etc/passwd-1.0-py3-none-any.whl")],
        [file("demo-1.0-py3-none-any.whl", size=-5)],
        [file("demo-1.0-py3-none-any.whl", size="big")],
        [{"filename": "demo-1.0-py3-none-any.whl"}],
        [{"filename": 7, "url": "x", "hashes": {}}],
        [file("demo-1.0-py3-none-any.whl", **{"upload-time": "yesterday"})],
        [file("demo-1.0-py3-none-any.whl", **{"requires-python": 3})],
        [file("demo-1.0-py3-none-any.whl", yanked=[1])],
        [file("demo-" + "9" * 100_000 + "-py3-none-any.whl")],
        [file("demo-1.0-" + "py3." * 5000 + "py3-none-any.whl")],
        "files",
        {"a": 1},
    ],
)
def test_pages_that_lie(tmp_path: Path, files: list[dict[str, object]]) -> None:
    """A resolution or one error of ours; never a traceback, never a file out of place."""
    with IndexServer({"demo": [pure("demo", "1.0")]}) as index:
        index.fail("/simple/demo/", page(files), times=9)
        with within(20):
            found = answer(tmp_path, index, "demo")
    if isinstance(found, Resolution):
        assert found.status in CellStatus
        assert "Traceback" not in str(found.reasons)
    else:
        assert found.exit_code in (2, 4)
