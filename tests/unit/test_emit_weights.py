"""Weights that are fetched on the host, and weights in layers: the scripts are run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from support.hub_server import FakeRepo, HubServer, git_blob, safetensors
from support.plans import PLANS
from torchsolve.emit.files import render
from torchsolve.emit.lock import plan_to_lock, read_lock
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.weight_layers import LAYER_BYTES, weight_layers
from torchsolve.errors import UnknownError
from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile, WeightFile

MODEL = safetensors({"w": ("F16", [8, 8])}, padding=3000)
CONFIG = b'{"it": "is"}\n'
REPO = FakeRepo({"model.safetensors": MODEL, "config.json": CONFIG}, gated="manual", token="t")
FILES = (
    WeightFile("config.json", len(CONFIG), None, git_blob(CONFIG)),
    WeightFile("model.safetensors", len(MODEL), sha256(MODEL).hexdigest()),
)
FOLDER = ModelFile(
    "models/acme/it's here/",
    "nodes.py:7",
    "snapshot_download",
    repo="acme/mesh",
    revision="c" * 40,
    gated="manual",
    files=FILES,
)
CACHED = replace(FOLDER, path="<hf-cache>", mechanism="from_pretrained", gated=False)


def _plan(*weights: ModelFile) -> Plan:
    return replace(PLANS["standalone"](), weights=weights)


def _files(plan: Plan, weights: str) -> dict[str, str]:
    options = EmitOptions(weights="bake" if weights == "bake" else "mount")
    return {path: data.decode() for path, data in render(plan, options).items()}


def _run(
    script: str, folder: Path, server: HubServer, token: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "HF_ENDPOINT": server.url,
        "HF_TOKEN": token,
    }
    command = ["sh", "-s", "--", str(folder / "models")]
    return subprocess.run(
        command, input=script, env=environment, text=True, capture_output=True, check=False
    )


def test_the_script_fetches_what_the_hub_listed_and_checks_it(tmp_path: Path) -> None:
    script = _files(_plan(FOLDER), "mount")["fetch-weights.sh"]
    with HubServer({"acme/mesh": REPO}) as server:
        first = _run(script, tmp_path, server, token="t")
        assert first.returncode == 0, first.stderr
        again = _run(script, tmp_path, server)
        assert again.returncode == 0, again.stderr
        assert len(server.requests) == 2
    folder = tmp_path / "models" / "acme" / "it's here"
    assert (folder / "model.safetensors").read_bytes() == MODEL
    assert (folder / "config.json").read_bytes() == CONFIG
    assert first.stdout.splitlines()[0] == "fetch  acme/it's here/config.json"
    assert again.stdout.splitlines()[0] == "have   acme/it's here/config.json"


def test_a_gated_repository_without_permission(tmp_path: Path) -> None:
    script = _files(_plan(FOLDER), "mount")["fetch-weights.sh"]
    with HubServer({"acme/mesh": REPO}) as server:
        ran = _run(script, tmp_path, server)
        assert ran.returncode == 1
        assert f"ask for access at {server.url}/acme/mesh" in ran.stderr
    assert not [path for path in (tmp_path / "models").rglob("*") if path.is_file()]


def test_what_is_refused_does_not_keep_the_rest_away(tmp_path: Path) -> None:
    free = replace(FOLDER, path="models/free/", repo="acme/free", gated=False)
    script = _files(_plan(FOLDER, free), "mount")["fetch-weights.sh"]
    repos = {"acme/mesh": REPO, "acme/free": replace(REPO, gated=False, token=None)}
    with HubServer(repos) as server:
        ran = _run(script, tmp_path, server)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("error: not all was fetched")
    there = sorted(p.name for p in (tmp_path / "models" / "free").iterdir())
    assert there == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("files", [FILES, ()])
def test_what_a_folder_brings_is_not_called_missing(files: tuple[WeightFile, ...]) -> None:
    inside = ModelFile(f"{FOLDER.path}model.safetensors", "nodes.py:9", "load")
    beside = ModelFile("models/acme/other.pt", "nodes.py:10", "load")
    script = _files(_plan(replace(FOLDER, files=files), inside, beside), "mount")
    left = script["fetch-weights.sh"].partition("# Not fetched:")[2]
    assert "nodes.py:9" not in left
    assert "nodes.py:10" in left


def test_a_part_that_was_complete_is_kept(tmp_path: Path) -> None:
    script = _files(_plan(replace(FOLDER, files=FILES[1:])), "mount")["fetch-weights.sh"]
    part = tmp_path / "models" / "acme" / "it's here" / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL)
    with HubServer({"acme/mesh": REPO}) as server:
        ran = _run(script, tmp_path, server)  # no token: nothing that is asked for is given
    assert ran.returncode == 0, ran.stderr
    assert part.with_suffix("").read_bytes() == MODEL


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_bytes_than_those_of_the_plan_are_refused(tmp_path: Path, name: str) -> None:
    script = _files(_plan(FOLDER), "mount")["fetch-weights.sh"]
    changed = replace(REPO, files={**REPO.files, name: b"x" * 2000}, token=None)
    with HubServer({"acme/mesh": changed}) as server:
        ran = _run(script, tmp_path, server)
    assert ran.returncode == 1
    assert f"error: acme/it's here/{name} is not " in ran.stderr
    assert not (tmp_path / "models" / "acme" / "it's here" / name).exists()


def test_a_mirror_with_the_same_bytes_steps_in(tmp_path: Path) -> None:
    weight = replace(FOLDER, files=FILES[1:], mirror="other/mesh", mirror_commit="d" * 40)
    script = _files(_plan(weight), "mount")["fetch-weights.sh"]
    mirror = FakeRepo({"model.safetensors": MODEL}, commit="d" * 40)
    with HubServer({"acme/mesh": REPO, "other/mesh": mirror}) as server:
        ran = _run(script, tmp_path, server)
        assert ran.returncode == 0, ran.stderr
        assert "acme/mesh refused; other/mesh has the same bytes" in ran.stderr
    path = tmp_path / "models" / "acme" / "it's here" / "model.safetensors"
    assert path.read_bytes() == MODEL


def test_an_unverified_mirror_is_named_and_not_used() -> None:
    files = _files(_plan(replace(FOLDER, mirror="other/mesh")), "mount")
    assert "`other/mesh`, **unverified**" in files["README.md"]
    assert "other/mesh" not in files["fetch-weights.sh"]


def test_layers_run_as_the_dockerfile_runs_them(tmp_path: Path) -> None:
    files = _files(_plan(FOLDER, CACHED), "bake")
    assert "fetch-weights.sh" not in files
    with HubServer({"acme/mesh": REPO}) as server:
        ran = _run(files["weights/1.sh"], tmp_path, server, token="t")
        assert ran.returncode == 0, ran.stderr
    stage = tmp_path / "models"
    assert (stage / "models/acme/it's here/model.safetensors").read_bytes() == MODEL
    cache = stage / "hub/models--acme--mesh"
    assert (cache / "refs/main").read_text() == "c" * 40
    assert (cache / "snapshots" / ("c" * 40) / "config.json").read_bytes() == CONFIG
    dockerfile = files["Dockerfile"]
    assert (
        "RUN --mount=type=secret,id=ca \\\n    --mount=type=secret,id=hf_token \\\n" in dockerfile
    )
    copies = [line for line in dockerfile.splitlines() if "--from=weights-1" in line]
    assert copies == [
        "COPY --from=weights-1 --chown=${UID}:${GID} /weights/hub /opt/cache/huggingface/hub",
        "COPY --from=weights-1 --chown=${UID}:${GID} /weights/models /opt/ComfyUI/models",
    ]
    assert "models:" not in files["compose.yaml"]


def test_large_files_have_layers_of_their_own() -> None:
    sizes = [LAYER_BYTES + 1, LAYER_BYTES // 2, LAYER_BYTES // 2, 1, 2 * LAYER_BYTES]
    files = tuple(WeightFile(f"{n}.bin", size, f"{n}" * 64) for n, size in enumerate(sizes))
    layers = weight_layers(_plan(replace(FOLDER, files=files)))
    names = [[file.download.name for file in layer.files] for layer in layers]
    assert names == [["4.bin"], ["0.bin"], ["1.bin", "2.bin"], ["3.bin"]]
    assert [layer.gated for layer in layers] == [("acme/mesh",)] * 4


def test_without_comfyui_there_is_no_models_folder_to_bake_into() -> None:
    assert weight_layers(replace(_plan(FOLDER), comfyui=None)) == ()


def test_bake_needs_to_know_what_it_bakes() -> None:
    with pytest.raises(UnknownError) as caught:
        _files(_plan(replace(FOLDER, files=())), "bake")
    assert caught.value.reference == "weights-unknown"
    assert caught.value.origin == "nodes.py:7"


def test_the_lock_keeps_it_all(tmp_path: Path) -> None:
    plan = _plan(replace(FOLDER, snippet="a = 1\n", licence="mit"), CACHED)
    options = EmitOptions(weights="bake")
    path = tmp_path / "pylock.toml"
    path.write_bytes(plan_to_lock(plan, options))
    kept, read = read_lock(path)
    assert kept.weights == plan.weights
    assert read.weights == "bake"


def test_vram_is_a_lower_bound_by_parameters_else_by_size() -> None:
    counted = replace(FILES[1], parameters=(("BF16", 2 * 2**30), ("F32", 2**28)))
    pickled = WeightFile("old.pth", 3 * 2**30, "a" * 64)
    weights = (
        replace(FOLDER, files=(counted, FILES[0])),
        replace(FOLDER, path="models/old/", files=(pickled,)),
    )
    section = _files(_plan(*weights), "mount")["README.md"].partition("## 7. VRAM")[2]
    rows = [line for line in section.splitlines() if line.startswith("| ")][:4]
    assert rows == [
        "| weights | parameters | at least |",
        "| `models/acme/it's here/` | 2,147.5 M BF16, 268.4 M F32 | 5.00 GiB |",
        "| `models/old/` | not read: the size of the file | 3.00 GiB |",
        "| all at once, as stored | | 8.00 GiB |",
    ]


def test_a_snippet_stands_under_its_site_and_cannot_close_its_fence() -> None:
    snippet = '    folder = join(models_dir, "x")\n    y = """```"""\n'
    text = _files(_plan(replace(FOLDER, snippet=snippet)), "mount")["README.md"]
    shown = '  ```python\n  folder = join(models_dir, "x")\n  y = """\'\'\'"""\n  ```\n'
    assert shown in text
