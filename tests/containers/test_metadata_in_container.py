"""An sdist whose setup.py alone knows what it needs, built in a stand-in base."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.standin.base import CACHE, CannotStandInError, best, ensure, run
from support.wheels import make_sdist
from torchsolve.build.docker import DockerEngine
from torchsolve.build.metadata import ContainerBuilder
from torchsolve.errors import UnknownError
from torchsolve.facts import load_facts
from torchsolve.model.version import PythonVersion

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.xdist_group("engine")]
IMAGE = "torchsolve-test-metadata:1"
SETUP = b"""
import pathlib, sys
from setuptools import setup
pathlib.Path("/tmp/ran-here").write_text("yes")
setup(name="old", version="1.0", install_requires=["six>=1.%d" % sys.version_info[1]])
"""


@pytest.fixture(scope="module")
def builder() -> Iterator[ContainerBuilder]:
    try:
        kind = best()
        ensure(kind, [IMAGE], CACHE)
    except CannotStandInError as error:
        pytest.skip(str(error))
    engine = DockerEngine()
    bundle = os.environ.get("SSL_CERT_FILE")
    yield ContainerBuilder(
        engine,
        IMAGE,
        PythonVersion.parse(kind.python),
        load_facts().images.systems,
        ca_bundle=Path(bundle) if bundle else None,
    )
    engine.close()
    run(["docker", "rmi", IMAGE])


def test_setup_py_runs_in_the_container_and_nowhere_else(builder: ContainerBuilder) -> None:
    sdist = make_sdist("old", "1.0", metadata_version="1.0", members={"setup.py": SETUP})
    text = builder.metadata(sdist.filename, sdist.content)
    assert f"Requires-Dist: six>=1.{builder.python.minor}\n" in text
    assert not Path("/tmp/ran-here").exists()  # noqa: S108 - that is the point
    assert run(["docker", "ps", "-aq", "--filter", f"ancestor={IMAGE}"]) == ""


def test_a_setup_py_that_fails_says_why(builder: ContainerBuilder) -> None:
    broken = make_sdist("old", "1.0", metadata_version="1.0", members={"setup.py": b"import torch"})
    with pytest.raises(UnknownError) as caught:
        builder.metadata(broken.filename, broken.content)
    assert caught.value.reference == "no-static-metadata"
