"""``dockerfiles/examples``: exact files of hand-made plans, which users may read as well.

``TORCHSOLVE_RENEW=1 pytest tests/unit/test_emit_examples.py`` writes them anew: read the diff then.
Probes are left out: they are the same in every plan and have their own tests.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from support.plans import PLANS
from torchsolve.emit.files import render
from torchsolve.emit.options import EmitOptions
from torchsolve.model.project import ModelFile
from torchsolve.resources import share

EXAMPLES = share("dockerfiles") / "examples"
EVERY_NAME = pytest.mark.parametrize("name", list(PLANS))


def _rendered(name: str) -> dict[str, bytes]:
    files = render(PLANS[name](), EmitOptions())
    return {path: data for path, data in files.items() if not path.startswith("smoke/")}


def _kept(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@EVERY_NAME
def test_example_is_what_we_write_today(name: str) -> None:
    files, folder = _rendered(name), EXAMPLES / name
    if os.environ.get("TORCHSOLVE_RENEW"):
        for path in set(_kept(folder)) - set(files):
            (folder / path).unlink()
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    kept = _kept(folder)
    assert sorted(kept) == sorted(files)
    for path, data in files.items():
        assert kept[path].decode() == data.decode(), path


@EVERY_NAME
def test_readme_has_its_ten_sections_and_balanced_tables(name: str) -> None:
    text = _rendered(name)["README.md"].decode()
    headings = re.findall(r"^## (\d+)\. (.+)$", text, re.MULTILINE)
    assert [int(number) for number, _ in headings] == list(range(1, 11))
    assert [title for _, title in headings][:2] == ["Overview", "Models"]
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block


@EVERY_NAME
def test_text_files_end_with_one_line_break_and_no_trailing_space(name: str) -> None:
    for path, data in _rendered(name).items():
        text = data.decode()
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path


@EVERY_NAME
def test_no_time_and_no_machine_in_the_files(name: str) -> None:
    everything = b"".join(_rendered(name).values()).decode()
    assert str(Path.home()) + "/" not in everything.replace("/root/.", "")
    assert os.uname().nodename not in everything


def test_fetch_script_is_sh_and_fetches_what_is_decided() -> None:
    script = _rendered("standalone")["fetch-weights.sh"]
    subprocess.run(["sh", "-n"], input=script, check=True)
    text = script.decode()
    assert "url mesh/ss_dec.safetensors" in text
    assert "hf download facebook/dinov3-vitl16-pretrain-lvd1689m --local-dir" in text
    assert "#   models/checkpoints/{name}" in text


def _without_comfyui(*weights: ModelFile) -> dict[str, str]:
    plan = replace(PLANS["standalone"](), comfyui=None, weights=weights)
    return {path: data.decode() for path, data in render(plan, EmitOptions()).items()}


# As BRIA_RMBG.py:44 of ZHO-ZHO-ZHO/ComfyUI-BRIA_AI-RMBG reads its weights: from its own folder.
IN_NODE = ModelFile(
    path="custom_nodes/ComfyUI-Mesh/RMBG-1.4/model.pth",
    site="BRIA_RMBG.py:44",
    mechanism="load",
    repo="briaai/RMBG-1.4",
)


def test_weights_of_a_node_without_comfyui_reach_the_node() -> None:
    files = _without_comfyui(IN_NODE)
    assert files["compose.yaml"].endswith(
        """\
    volumes:
      # In the node's own folder; ./fetch-weights.sh brings it first.
      - type: bind
        source: "${MODELS_DIR:-./models}/custom_nodes/ComfyUI-Mesh/RMBG-1.4/model.pth"
        target: "/opt/app/ComfyUI-Mesh/RMBG-1.4/model.pth"
        bind:
          create_host_path: false
"""
    )
    assert "/src/projects/ComfyUI-Mesh /opt/app/ComfyUI-Mesh\n" in files["Dockerfile"]
    fetched = 'hf download briaai/RMBG-1.4 model.pth --local-dir "$root/"custom_nodes/'
    assert f"{fetched}ComfyUI-Mesh/RMBG-1.4 || failed=1\n" in files["fetch-weights.sh"]
    assert "Not fetched" not in files["fetch-weights.sh"]


def test_weights_in_a_node_are_mounted_beside_the_models_folder() -> None:
    plan = replace(PLANS["standalone"](), weights=(IN_NODE,))
    compose = render(plan, EmitOptions())["compose.yaml"].decode()
    volumes = compose[compose.index("    volumes:") :].splitlines()
    assert '      - "${MODELS_DIR:-./models}:/opt/ComfyUI/models"' in volumes
    assert '        target: "/opt/ComfyUI/custom_nodes/ComfyUI-Mesh/RMBG-1.4/model.pth"' in volumes
    assert volumes[volumes.index("          create_host_path: false") + 1].startswith("      - ")


def test_readme_of_a_node_without_comfyui_promises_none() -> None:
    readme = _without_comfyui(IN_NODE)["README.md"]
    assert "| ComfyUI | none: " in readme
    assert "/opt/ComfyUI" not in readme
    assert "over the image's `models/`" not in readme
    assert "`/opt/app/ComfyUI-Mesh/RMBG-1.4/model.pth`" in readme


def test_models_folder_that_no_comfyui_has_is_not_mounted() -> None:
    files = _without_comfyui(*PLANS["standalone"]().weights)
    assert "volumes" not in files["compose.yaml"]
    assert "No ComfyUI is in the image, so nothing is mounted" in files["README.md"]


def test_script_says_why_it_leaves_a_weight_out() -> None:
    script = _without_comfyui(
        replace(IN_NODE, repo=None),
        replace(IN_NODE, path="models/{name}"),
        replace(IN_NODE, path="custom_nodes/Another/x.pth"),
    )["fetch-weights.sh"]
    left_out = script[script.index("# Not fetched:") :].splitlines()[1:]
    assert [line.rpartition(": ")[2] for line in left_out] == [
        "the node names no source",
        "the node leaves the choice to you",
        "it belongs neither under models/ nor into a node's folder",
    ]


def test_gpu_is_given_by_the_runtime() -> None:
    assert "runtime: nvidia" in _rendered("standalone")["compose.yaml"].decode()
    assert "nvidia" not in _rendered("cpu")["compose.yaml"].decode()


def test_without_weights_nothing_is_mounted_or_fetched() -> None:
    files = render(PLANS["standalone"](), EmitOptions(weights="none"))
    assert "fetch-weights.sh" not in files
    assert b"MODELS_DIR" not in files["compose.yaml"] + files["README.md"]
