"""A node in, an image out, the image tried: with a real engine, a real torch and a stand-in base.

The negative cases are images made from the good one: what breaks them is known, and so is what must
be found. Times on two cores: about four minutes for the build, half a minute for each smoke test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import support.standin
from support.standin.base import CACHE, CannotStandInError, StandIn, best, ensure, run
from torchsolve.build.client import find_client

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.xdist_group("engine")]

HERE = Path(support.standin.__file__).parent
TAG = "torchsolve-test"


@dataclass(frozen=True, slots=True)
class Built:
    """The folder of the plan, its image, and what base it stands on."""

    directory: Path
    image: str
    kind: StandIn


def torchsolve(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own; its exit code is checked."""
    command = [sys.executable, "-m", "torchsolve", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def ca_options() -> list[str]:
    """A machine behind a proxy that opens TLS says where its authorities are."""
    bundle = os.environ.get("SSL_CERT_FILE", "")
    return ["--ca-bundle", bundle] if bundle else []


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The node with its kernels as a git dependency, and a wheel stack around them."""
    folder = tmp_path_factory.mktemp("project")
    kernels = folder / "kernels"
    shutil.copytree(HERE / "kernels", kernels)
    git = ["git", "-C", str(kernels), "-c", "user.name=test", "-c", "user.email=test@index.example"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "kernels"]):
        run([*git, *command])
    commit = run([*git, "rev-parse", "HEAD"]).strip()
    shutil.copytree(HERE / "node", folder / "standin-node")
    with (folder / "standin-node/requirements.txt").open("a") as file:
        file.write(f"standin-kernels @ git+file://{kernels}@{commit}\n")
    return folder / "standin-node"


@pytest.fixture(scope="module")
def built(node: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The image of a plan for the node with torch 2.7.0 and xformers from the default index."""
    try:
        kind = best()
    except CannotStandInError as error:
        pytest.skip(str(error))
    directory = tmp_path_factory.mktemp("plan") / "out"
    torchsolve(
        "resolve", node, "--torch", "2.7.0", "--image", kind.os,
        "--comfyui", HERE / "comfyui", "-o", directory,
    )  # fmt: skip
    dockerfile = (directory / "Dockerfile").read_text()
    refs = re.findall(r"^ARG (?:BASE|BUILD)_IMAGE=(\S+)", dockerfile, re.MULTILINE)
    try:
        ensure(kind, refs, CACHE)
    except CannotStandInError as error:
        pytest.skip(str(error))
    torchsolve("build", directory, "--tag", f"{TAG}:good", *ca_options())
    yield Built(directory, f"{TAG}:good", kind)
    tags = run(["docker", "images", "-q", "--filter", f"reference={TAG}"]).split()
    run(["docker", "rmi", "-f", *dict.fromkeys(tags)])


def derived(built: Built, name: str, *steps: str) -> str:
    """An image made from the good one by further steps."""
    folder = built.directory.parent / name
    folder.mkdir()
    mount = "--mount=type=secret,id=ca"
    trust = "[ ! -f /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca;"
    lines = [f"FROM {built.image}", "USER root", *(f"RUN {mount} {trust} {step}" for step in steps)]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    client = find_client()
    bundle = os.environ.get("SSL_CERT_FILE", "")
    secret = [f"--secret=id=ca,src={bundle}"] if bundle else []
    command = [*client.command, *client.plain, "--tag", f"{TAG}:{name}", *secret, str(folder)]
    done = subprocess.run(
        command, env=os.environ | dict(client.env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return f"{TAG}:{name}"


def smoke(built: Built, image: str, code: int) -> dict[str, Any]:
    """``smoke --json`` of an image against the plan."""
    done = torchsolve("smoke", built.directory, "--image", image, "--json", code=code)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def statuses(report: dict[str, Any], prefix: str) -> dict[str, str]:
    """Name → status of the checks that start so."""
    return {c["name"]: c["status"] for c in report["checks"] if c["name"].startswith(prefix)}


def test_a_changed_node_does_not_install_torch_again(
    built: Built, node: Path, tmp_path: Path
) -> None:
    changed = tmp_path / node.name
    shutil.copytree(node, changed)
    with (changed / "__init__.py").open("a") as file:
        file.write("\n# another commit\n")
    again = tmp_path / "again"
    torchsolve(
        "resolve", changed, "--torch", "2.7.0", "--image", built.kind.os,
        "--comfyui", HERE / "comfyui", "-o", again,
    )  # fmt: skip
    torchsolve("build", again, "--tag", f"{TAG}:again", *ca_options())
    log = (again / "build.log").read_text()
    steps = re.findall(
        r"^#(\d+) \[(?:torch|final) [^]]*\] (?:RUN|COPY) .*requirements", log, re.MULTILINE
    )
    installs = [step for step in steps if f"#{step} CACHED" in log]
    assert steps
    assert installs == steps, log[-3000:]


def test_the_image_passes(built: Built) -> None:
    report = smoke(built, built.image, 0)
    assert report["status"] == "passed"
    assert report["schema"] == "torchsolve.smoke/1"
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["lock"]["status"] == "passed"
    assert checks["versions:torch"]["detail"].startswith("2.7.0")
    assert checks["versions:torch-cuda"]["status"] == "passed"
    assert checks["comfyui:standin-node"]["status"] == "passed"
    assert statuses(report, "extensions:xformers:xformers/_C.so") != {}
    compiled = statuses(report, "extensions:standin-kernels:")
    assert set(compiled.values()) == {"passed"}
    assert all("seconds" in check and "detail" in check for check in report["checks"])
    observed = json.loads((built.directory / "observed.json").read_text())
    assert observed["status"] == "passed"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", observed["image_id"])


def test_the_image_runs_as_a_numeric_user_that_is_not_root(built: Built) -> None:
    who = run(["docker", "run", "--rm", "--entrypoint", "id", built.image, "-u"])
    assert who.strip() == "1000"


def test_the_inventory_of_the_image(built: Built) -> None:
    done = torchsolve("image", "inspect", built.image, "--json")
    found = json.loads(done.stdout)
    assert found["torch"] == "2.7.0+cu126"
    assert found["cuda"] == "12.6"
    assert found["cxx11_abi"] is True
    assert found["os"] == built.kind.os
    assert found["python"].startswith(built.kind.python + ".")
    assert found["comfyui"] == "/opt/ComfyUI"
    assert found["comfyui_version"] == "0.3.64"
    assert {"xformers", "standin-kernels"} <= {dist["name"] for dist in found["dists"]}


def test_a_layer_on_the_image_leaves_its_torch_alone(built: Built, tmp_path: Path) -> None:
    asked = tmp_path / "requirements.txt"
    asked.write_text("einops\ntorch\n")
    layered = tmp_path / "layered"
    own = tmp_path / "Dockerfile.own"
    own.write_text(f"FROM {built.image}\nENV MINE=1\n")
    done = torchsolve("resolve", asked, "--base", own, "-o", layered, "--json")
    plan = json.loads(done.stdout)["plan"]
    assert plan["strategy"] == "layered"
    kept = {pin["name"] for pin in plan["pins"] if pin["index"] == "base"}
    assert "torch" in kept
    assert "einops" not in kept
    torchsolve("build", layered, "--tag", f"{TAG}:layered", *ca_options())
    report = smoke(Built(layered, f"{TAG}:layered", built.kind), f"{TAG}:layered", 0)
    assert statuses(report, "versions:einops") == {"versions:einops": "passed"}
    assert statuses(report, "versions:torch") != {}


def test_an_xformers_of_another_torch_fails_though_it_imports(built: Built) -> None:
    step = "pip install --no-cache-dir --no-deps xformers==0.0.29.post2"
    image = derived(built, "mismatch", f"unset PIP_CONSTRAINT; {step}")
    imports = ["--entrypoint", "python", image, "-c", "import xformers.ops; print('imported')"]
    assert "imported" in run(["docker", "run", "--rm", *imports])
    report = smoke(built, image, 5)
    assert report["status"] == "failed"
    assert statuses(report, "imports:xformers") == {"imports:xformers:xformers": "passed"}
    assert statuses(report, "extensions:xformers:xformers/_C.so") == {
        "extensions:xformers:xformers/_C.so": "failed"
    }
    assert statuses(report, "versions:xformers") == {"versions:xformers": "failed"}
    assert set(statuses(report, "extensions:torch:").values()) == {"passed"}
    assert "xformers-mismatch" in {cause["reference"] for cause in report["diagnosis"]}


def test_a_node_that_does_not_load_fails_though_comfyui_starts(built: Built) -> None:
    package = "$(python -c 'import standin_kernels as k; print(k.__path__[0])')"
    image = derived(built, "broken", f"mv {package} /opt/away")
    report = smoke(built, image, 5)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["comfyui"]["status"] == "passed"
    assert checks["comfyui:standin-node"]["status"] == "failed"
    assert "No module named 'standin_kernels'" in checks["comfyui:standin-node"]["detail"]


def test_a_node_that_ends_the_process_is_found(built: Built) -> None:
    image = derived(built, "ending", "echo 'import sys; sys.exit(3)' > custom_nodes/aaa_ends.py")
    report = smoke(built, image, 5)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["comfyui"]["status"] == "failed"
    assert checks["comfyui"]["detail"].startswith("it ended with 3")


def test_an_unknown_base_image_is_named_as_the_cause(built: Built) -> None:
    arguments = ["--base-image", "index.example/none:1", "--tag", f"{TAG}:never"]
    done = torchsolve("build", built.directory, *arguments, code=5)
    assert "unknown-image" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lock_of_another_plan_is_noticed(built: Built, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lock = (built.directory / "pylock.toml").read_text()
    (other / "pylock.toml").write_text(lock + "\n")
    done = torchsolve("smoke", other, "--image", built.image, "--json", code=5)
    report = json.loads(done.stdout)
    assert [c["name"] for c in report["checks"] if c["status"] == "failed"] == ["lock"]
