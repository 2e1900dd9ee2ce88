"""``dockerfiles/examples``: exact files of hand-made plans, which users may read as well.

``TORCHSOLVE_RENEW=1 pytest tests/unit/test_emit_examples.py`` writes them anew: read the diff then.
Probes are left out: they are the same in every plan and have their own tests.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.plans import PLANS
from torchsolve.emit.files import render
from torchsolve.emit.options import EmitOptions
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
    assert "fetch mesh/ss_dec.safetensors" in text
    assert "hf download facebook/dinov3-vitl16-pretrain-lvd1689m --local-dir" in text
    assert "#   models/checkpoints/{name}" in text


def test_gpu_is_given_by_the_runtime() -> None:
    assert "runtime: nvidia" in _rendered("standalone")["compose.yaml"].decode()
    assert "nvidia" not in _rendered("cpu")["compose.yaml"].decode()


def test_without_weights_nothing_is_mounted_or_fetched() -> None:
    files = render(PLANS["standalone"](), EmitOptions(weights="none"))
    assert "fetch-weights.sh" not in files
    assert b"MODELS_DIR" not in files["compose.yaml"] + files["README.md"]
