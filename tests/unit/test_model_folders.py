"""Where ComfyUI looks for models: its day, ``extra_model_paths.yaml``, ``--base-directory``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from torchsolve.cli.app import run
from torchsolve.errors import UsageError
from torchsolve.facts import load_facts
from torchsolve.project.model_folders import model_folders

EXTRA = """
comfyui:
  base_path: /data/shared
  is_default: true
  checkpoints: models/checkpoints/
a111:
  base_path: webui
  loras: |
    models/Lora
    models/LyCORIS
  unet: /srv/unet
empty:
"""


def _folders(tmp_path: Path, text: str) -> dict[str, tuple[str, ...]]:
    file = tmp_path / "extra.yaml"
    file.write_text(text, encoding="utf-8")
    found = model_folders(load_facts().folders, None, file)
    return {name: folders for name, (folders, _) in found.items()}


def test_folders_of_a_file_come_first_or_last(tmp_path: Path) -> None:
    """As ComfyUI's ``utils/extra_config.py`` and ``folder_paths.add_model_folder_path`` do it."""
    found = _folders(tmp_path, EXTRA)
    assert found["checkpoints"] == ("/data/shared/models/checkpoints", "models/checkpoints")
    assert found["loras"] == ("models/loras", "webui/models/Lora", "webui/models/LyCORIS")
    # An old name is the new category.
    assert found["diffusion_models"] == ("models/unet", "models/diffusion_models", "/srv/unet")
    assert found["unet"] == found["diffusion_models"]


@pytest.mark.parametrize(
    ("text", "category", "folders"),
    [
        # A folder that is known keeps its place, unless it is to be the first.
        ("diffusion_models: models/unet", "unet", ("models/unet", "models/diffusion_models")),
        (
            "is_default: true\n  unet: models/diffusion_models/",
            "diffusion_models",
            ("models/diffusion_models", "models/unet"),
        ),
        # Of several lines under is_default the last comes first.
        ("is_default: true\n  vae: |\n    /a\n    /b", "vae", ("/b", "/a", "models/vae")),
        # A category of its own; the base may be the environment's to say, a folder may not.
        ("base_path: $DATA/x\n  own: a", "own", ("{DATA}/x/a",)),
        ("base_path: ${DATA}\n  own: ../a", "own", ("a",)),
        ("base_path: ~/x\n  own: |\n    a\n\n    /abs", "own", ("~/x/a", "/abs")),
        ("own: $NOT/a", "own", ("$NOT/a",)),
    ],
)
def test_each_line_as_comfyui_adds_it(
    tmp_path: Path, text: str, category: str, folders: tuple[str, ...]
) -> None:
    """Held against ComfyUI's own two functions, run on the same files."""
    assert _folders(tmp_path, f"a:\n  {text}\n")[category] == folders


@pytest.mark.parametrize("text", ["- a", "a: b", "a:\n  loras: [x]", "a:\n  base_path: 3", "a: {"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        _folders(tmp_path, text)
    assert caught.value.reference == "bad-model-paths"


NODE = """
import os
import folder_paths
import torch
NODE_CLASS_MAPPINGS = {}
A = torch.load(os.path.join(folder_paths.models_dir, "a.pt"))
B = folder_paths.get_full_path("checkpoints", "b.ckpt")
C = torch.load("/srv/c.pt")
"""


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text(NODE, encoding="utf-8")
    (tmp_path / "extra.yaml").write_text(EXTRA, encoding="utf-8")
    return tmp_path


def _paths(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[int, str]:
    assert run(["scan", "pack", "--json", *flags]) == 0
    sites = json.loads(capsys.readouterr().out)["sites"]
    return {site["line"]: site["path"] for site in sites}


def test_scan_with_folders_elsewhere(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = {6: "models/a.pt", 7: "models/checkpoints/b.ckpt", 8: "/srv/c.pt"}
    assert _paths(capsys) == plain
    moved = _paths(capsys, "--base-directory", "/data")
    assert moved == {6: "/data/models/a.pt", 7: "/data/models/checkpoints/b.ckpt", 8: "/srv/c.pt"}
    found = _paths(capsys, "--extra-model-paths", "extra.yaml")[7]
    assert found == "{/data/shared/models,models}/checkpoints/b.ckpt"
    assert _paths(capsys) == plain


def test_a_category_without_folders_is_the_users(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack / "pack" / "__init__.py").write_text(
        "import folder_paths\nNODE_CLASS_MAPPINGS = {}\n"
        "folder_paths.folder_names_and_paths['formats'] = ((), {'.json'})\n"
        "F = folder_paths.get_full_path('formats', 'a.json')\n",
        encoding="utf-8",
    )
    assert run(["scan", "pack", "--json"]) == 0
    sites = json.loads(capsys.readouterr().out)["sites"]
    found = {s["line"]: (s["path"], s["decided"], s["choice"]) for s in sites}
    assert found[4] == ("{formats}/a.json", False, "config")
    assert found[3][1:] == (False, "config")


def test_scan_refuses_what_it_cannot_follow(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "pack", "--base-directory", "data"]) == 2
    assert run(["scan", "pack", "--extra-model-paths", "nowhere.yaml"]) == 2
    assert run(["scan", "pack", "--comfyui", "9.9"]) == 2
    assert capsys.readouterr().err.count("error: ") == 3


def test_an_unchanged_node_is_scanned_once(
    pack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _paths(capsys)
    with monkeypatch.context() as patched:
        patched.setattr("torchsolve.project.contents.scan_tree", None)
        assert _paths(capsys) == first
    # A file that lies there changes what is found: it is no download.
    (pack / "pack" / "new.py").write_text("import torch\n", encoding="utf-8")
    (pack / "pack" / "__init__.py").write_text(NODE.replace("a.pt", "d.pt"), encoding="utf-8")
    assert _paths(capsys)[6] == "models/d.pt"


def test_what_was_kept_and_is_damaged_is_read_again(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _paths(capsys)
    (kept,) = (pack / "cache").rglob("*.models.json")
    kept.write_bytes(kept.read_bytes()[:40])
    assert _paths(capsys) == first
