"""Metadata by a build in a container: what is asked of the engine, and what its answer becomes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import FakeEngine, image
from support.index_server import FakeFile, IndexServer
from support.wheels import Archive, make_sdist
from torchsolve.build.metadata import ContainerBuilder
from torchsolve.errors import UnknownError
from torchsolve.facts import load_facts
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.engine import Ran, RunRequest
from torchsolve.model.version import PythonVersion

BASE = "index.example/base:1"
SDIST = make_sdist("old", "1.0", metadata_version="1.0", members={"setup.py": b"evil()"})
REPORT = {
    "version": "1",
    "install": [
        {
            "metadata": {
                "metadata_version": "2.1",
                "name": "old",
                "version": "1.0",
                "requires_dist": ["six>=1", 'tomli; python_version < "3.11"'],
                "requires_python": ">=3.8",
            }
        }
    ],
}


def answering(ran: Ran) -> FakeEngine:
    return FakeEngine(lambda _: ran, {BASE: image(BASE)})


def reported(report: object) -> Ran:
    return Ran(0, f"noise\n@torchsolve {json.dumps(report)}", "", 1.0)


def builder(engine: FakeEngine, **changes: object) -> ContainerBuilder:
    made = ContainerBuilder(engine, BASE, PythonVersion.parse("3.12"), load_facts().images.systems)
    return replace(made, **changes)  # type: ignore[arg-type]


def requires(
    tmp_path: Path, server: IndexServer, engine: FakeEngine | None, **more: bool
) -> list[str]:
    settings = IndexSettings(tmp_path, server.url, retries=0, **more)  # type: ignore[arg-type]
    with IndexClient(settings, builder(engine) if engine else None) as client:
        (file,) = client.page("old").files
        return [str(row.requirement) for row in client.metadata(file).requires]


def test_what_pip_reports_is_what_the_sdist_says(tmp_path: Path) -> None:
    engine = answering(reported(REPORT))
    with IndexServer({"old": [FakeFile(SDIST)]}) as server:
        expected = ["six>=1", 'tomli; python_version < "3.11"']
        assert requires(tmp_path, server, engine) == expected
        # Once: the answer is kept by the sdist's hash, offline too.
        assert requires(tmp_path, server, engine) == expected
        assert requires(tmp_path, server, engine, offline=True) == expected
        assert len(engine.requests) == 1
        # And only for those who ask for it.
        with pytest.raises(UnknownError) as caught:
            requires(tmp_path, server, None)
    assert caught.value.reference == "no-static-metadata"
    assert "--build-metadata" in caught.value.hint


def test_the_container_has_bounds_and_no_secret(tmp_path: Path) -> None:
    engine = answering(reported(REPORT))
    builder(engine, index="https://index.example/simple").metadata(SDIST.filename, SDIST.content)
    (request,) = engine.requests
    assert (request.ref, request.network, request.gpu) == (BASE, True, False)
    assert request.memory
    assert request.processes
    assert set(request.files) == {"build.sh", f"sdist/{SDIST.filename}"}
    script = request.files["build.sh"].decode()
    assert "PIP_INDEX_URL='https://index.example/simple'" in script
    assert "--dry-run" in script
    assert "ubuntu24.04) { export DEBIAN_FRONTEND" in script


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (Ran(1, "", "Traceback\nModuleNotFoundError: No module named 'torch'\n", 1.0), "'torch'"),
        (Ran(137, "", "", 900.0, timed_out=True), "900 seconds"),
        (Ran(0, "nothing", "", 1.0), "exit code 0"),
        (Ran(0, "@torchsolve {", "", 1.0), "no report"),
        (reported({"install": []}), "no report"),
        (reported({"install": [{"metadata": {}}]}), "lacks"),
        (reported({"install": [{"metadata": 3}]}), "lacks"),
    ],
)
def test_a_build_that_fails_is_unknown_with_its_reason(tmp_path: Path, ran: Ran, said: str) -> None:
    with IndexServer({"old": [FakeFile(SDIST)]}) as server, pytest.raises(UnknownError) as caught:
        requires(tmp_path, server, answering(ran))
    assert caught.value.reference == "no-static-metadata"
    assert said in caught.value.message


def test_another_project_s_metadata_is_refused(tmp_path: Path) -> None:
    other = json.loads(json.dumps(REPORT))
    other["install"][0]["metadata"]["name"] = "other"
    with IndexServer({"old": [FakeFile(SDIST)]}) as server, pytest.raises(UnknownError) as caught:
        requires(tmp_path, server, answering(reported(other)))
    assert caught.value.reference == "bad-metadata"


def test_what_is_static_is_never_built(tmp_path: Path) -> None:
    def never(request: RunRequest) -> Ran:
        raise AssertionError(request.command)

    static: Archive = make_sdist("old", "1.0", ["six"], metadata_version="2.2")
    with IndexServer({"old": [FakeFile(static)]}) as server:
        assert requires(tmp_path, server, FakeEngine(never, {BASE: image(BASE)})) == ["six"]
