"""The engine's answers, on a stand-in base: runs, limits, refusals; nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.standin.base import CACHE, CannotStandInError, best, ensure, run
from torchsolve.build.docker import DockerEngine
from torchsolve.errors import UsageError
from torchsolve.model.engine import PROBE_DIR, RunRequest

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("engine")]
IMAGE = "torchsolve-test-base:1"


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerEngine]:
    try:
        ensure(best(), [IMAGE], CACHE)
    except CannotStandInError as error:
        pytest.skip(str(error))
    found = DockerEngine()
    yield found
    found.close()
    run(["docker", "rmi", IMAGE])


def shell(script: str, **options: object) -> RunRequest:
    """A run of a shell in the stand-in."""
    settings: dict[str, object] = {"files": {}, "timeout": 30.0} | options
    return RunRequest(IMAGE, ("/bin/sh", "-c", script), **settings)  # type: ignore[arg-type]


def test_both_outputs_and_the_exit_code_come_back(engine: DockerEngine) -> None:
    ran = engine.run(shell("echo out; echo err >&2; exit 3"))
    assert (ran.exit, ran.output, ran.errors, ran.timed_out) == (3, "out\n", "err\n", False)


def test_files_are_there_and_readable_for_anyone(engine: DockerEngine) -> None:
    ran = engine.run(shell(f"ls -l {PROBE_DIR}; cat {PROBE_DIR}/a.txt", files={"a.txt": b"hi"}))
    assert "-rw-r--r--" in ran.output
    assert ran.output.endswith("hi")


def test_a_run_that_takes_too_long_is_killed(engine: DockerEngine) -> None:
    ran = engine.run(shell("echo begun; sleep 60", timeout=2.0))
    assert (ran.timed_out, ran.output) == (True, "begun\n")
    assert ran.seconds < 30


def test_there_is_no_network_unless_asked_for(engine: DockerEngine) -> None:
    count = "ls /sys/class/net | grep -cv '^lo$'"
    assert engine.run(shell(count)).output == "0\n"
    assert int(engine.run(shell(count, network=True)).output) >= 1


def test_an_image_as_it_is_described(engine: DockerEngine) -> None:
    config = engine.config(IMAGE)
    assert config.id.startswith("sha256:")
    assert (config.platform, config.user, config.digest) == ("linux/amd64", "", None)


@pytest.mark.parametrize(
    ("request_", "reference"),
    [
        (shell("true", gpu=True), "no-gpu-runtime"),
        (RunRequest(IMAGE, ("no-such-program",), {}, 30.0), "cannot-run"),
        (RunRequest("torchsolve-test-none:1", ("true",), {}, 30.0), "cannot-run"),
    ],
)
def test_what_cannot_be_run_is_one_error(
    engine: DockerEngine, request_: RunRequest, reference: str
) -> None:
    if request_.gpu and "nvidia" in run(["docker", "info"]):
        pytest.skip("this engine has GPUs to give")
    with pytest.raises(UsageError) as caught:
        engine.run(request_)
    assert caught.value.reference == reference


def test_an_image_that_nobody_has(engine: DockerEngine) -> None:
    with pytest.raises(UsageError) as caught:
        engine.config("index.example/none:1")
    assert caught.value.reference == "unknown-image"


def test_no_container_is_left(engine: DockerEngine) -> None:
    engine.run(shell("true"))
    assert run(["docker", "ps", "-aq", "--filter", f"ancestor={IMAGE}"]) == ""
