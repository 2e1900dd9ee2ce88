"""Notes held against the source; first the story's own: four of its claims are not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.plans import PLANS
from torchsolve.errors import UsageError
from torchsolve.facts import load_facts
from torchsolve.model.claim import Checked, ClaimKind, Standing
from torchsolve.model.named_model import named_model
from torchsolve.model.project import ModelFile, WeightFile
from torchsolve.project import samples
from torchsolve.project.load import load
from torchsolve.project.notes.compare import check_claims
from torchsolve.project.notes.read import claims_of, read_notes
from torchsolve.project.options import ReadOptions
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.tree import FolderTree


def check(sample: str, text: str) -> tuple[Checked, ...]:
    project = samples.load(sample, sample, undeclared=True)
    return check_claims(claims_of("notes.md", text), (project,), None, load_facts())


def by_kind(found: tuple[Checked, ...]) -> dict[ClaimKind, Checked]:
    return {checked.claim.kind: checked for checked in found}


def test_wheels_of_another_torch() -> None:
    (found,) = check("trellis2", "The bundled wheels require torch 2.7.0.")
    assert found.standing is Standing.DIFFERS
    assert "torch ==2.9.1 in wheels/Linux/Torch291" in found.fact


def test_a_second_git_dependency() -> None:
    (found,) = check("trellis2", "- o_voxel declares cumesh as a git dependency")
    assert found.standing is Standing.DIFFERS
    assert "cumesh and flex-gemm by git" in found.fact
    assert found.fact_origin.startswith("METADATA of o_voxel")
    both = check("trellis2", "o_voxel needs cumesh and flex_gemm by git")
    assert {checked.standing for checked in both} == {Standing.AGREES}


def test_a_re_upload_of_what_is_gated() -> None:
    found = by_kind(check("trellis2", "DINOv3: no ungated alternative exists"))[ClaimKind.GATED]
    assert found.standing is Standing.DIFFERS
    assert "PIA-SPACE-LAB/dinov3-vitl-pretrain-lvd1689m" in found.fact


def test_models_that_are_not_loaded_the_standard_way() -> None:
    found = by_kind(check("wanvideo", "all models use standard folder_paths"))[ClaimKind.LOADING]
    assert found.standing is Standing.DIFFERS
    assert "bundled" in found.fact
    assert "hardcoded" in found.fact


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("put it at models/microsoft/TRELLIS.2-4B/pipeline.json", Standing.AGREES),
        ("`ComfyUI/models/microsoft/`", Standing.AGREES),
        ("models/trellis/ss_dec_conv3d_16l8_fp16.safetensors", Standing.DIFFERS),
        ("models/checkpoints/other.pt", Standing.DIFFERS),
        ("custom_nodes/ComfyUI-Trellis2/requirements.txt", Standing.UNKNOWN),
        ("`microsoft/TRELLIS.2-4B`", Standing.AGREES),
        ("https://huggingface.co/someone/TRELLIS.2-4B", Standing.DIFFERS),
        ("https://github.com/visualbruno/ComfyUI-Trellis2", Standing.UNKNOWN),
        ("open http://localhost:8188", Standing.AGREES),
        ("docker run -p 7860:7860 image", Standing.DIFFERS),
    ],
)
def test_paths_repositories_and_ports(text: str, standing: Standing) -> None:
    assert {checked.standing for checked in check("trellis2", text)} >= {standing}


def test_alternatives_and_open_names_of_a_path() -> None:
    text = "T5 goes to models/clip/umt5.safetensors, LoRAs to models/loras/"
    assert {c.standing for c in check("wanvideo", text)} == {Standing.AGREES}


def test_each_claim_is_named_once_with_its_line() -> None:
    found = claims_of("a.md", "x\nmodels/vae/a.pt\nmodels/vae/a.pt\n")
    assert [(claim.kind, claim.origin) for claim in found] == [(ClaimKind.PATH, "a.md:2")]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"\xff\x00models/vae/a.pt\x00")
    assert [claim.value for claim in read_notes(path)] == ["models/vae/a.pt"]
    path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(UsageError, match="3,000,000 bytes"):
        read_notes(path)


@pytest.mark.parametrize(
    ("text", "path", "revision"),
    [
        ("owner/name", "models/name/", None),
        ("owner/name@v1=models/loras", "models/loras/", "v1"),
        ("owner/name=custom_nodes/Node/RMBG-1.4", "custom_nodes/Node/RMBG-1.4/", None),
    ],
)
def test_a_model_that_only_the_user_knows(text: str, path: str, revision: str | None) -> None:
    model = named_model(text)
    assert (model.repo, model.path, model.revision) == ("owner/name", path, revision)


@pytest.mark.parametrize(
    "text", ["name", "a/b=etc/passwd", "a/b=custom_nodes", "a/b=models/../x", "a/b c", ""]
)
def test_what_is_no_model(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        named_model(text)


def _solved(sample: str, text: str, *weights: ModelFile) -> list[tuple[str, Standing, str]]:
    project = samples.load(sample, sample, undeclared=True)
    plan = replace(PLANS["standalone"](), weights=weights)  # cp312-cu128-torch2.9.1
    found = check_claims(claims_of("n.md", text), (project,), plan, load_facts())
    return [(c.claim.kind.value, c.standing, c.fact) for c in found]


def test_versions_of_cuda_and_python() -> None:
    assert _solved("trellis2", "needs CUDA 12.4 and Python 3.11") == [
        ("cuda", Standing.DIFFERS, "the plan has CUDA 12.8"),
        ("python", Standing.DIFFERS, "the plan has Python 3.12"),
    ]
    agreed = _solved("trellis2", "cu128 on CUDA 12, Python 3.12")
    assert {standing for _, standing, _ in agreed} == {Standing.AGREES}
    assert len(agreed) == 3


@pytest.mark.parametrize(
    ("text", "gate", "standing"),
    [
        ("`acme/mesh` is gated", "manual", Standing.AGREES),
        ("`acme/mesh` is not gated", "manual", Standing.DIFFERS),
        ("`acme/mesh` is ungated", False, Standing.AGREES),
        ("`acme/mesh` is gated", False, Standing.DIFFERS),
    ],
)
def test_access_by_what_the_hub_answered(text: str, gate: str | bool, standing: Standing) -> None:
    files = (WeightFile("a.safetensors", 1, None),)
    weight = ModelFile("models/a/", "n.py:1", "load", repo="acme/mesh", gated=gate, files=files)
    assert ("gated", standing) in [found[:2] for found in _solved("trellis2", text, weight)]


def test_a_repository_of_the_plan_and_one_of_idle_code(tmp_path: Path) -> None:
    weight = ModelFile("models/a/", "n.py:1", "load", repo="acme/mesh")
    (found,) = _solved("trellis2", "from `acme/mesh`", weight)
    assert found[1:] == (Standing.AGREES, "acme/mesh")
    (tmp_path / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (tmp_path / "old.py").write_text(
        "from huggingface_hub import snapshot_download\nsnapshot_download('acme/old')\n"
    )
    project = samples.load("trellis2", "trellis2", undeclared=True)
    project = replace(project, scan=scan_tree(FolderTree(tmp_path), "node"))
    (checked,) = check_claims(claims_of("n.md", "`acme/old`"), (project,), None, load_facts())
    assert (checked.standing, checked.fact_origin) == (Standing.DIFFERS, "old.py:2")


def test_a_short_name_inside_another_is_not_the_same_place() -> None:
    (found,) = check("trellis2", "models/ultralytics/pt")
    assert found.fact == "no loading site of the source reads it"


def test_a_place_that_an_undecided_path_may_be_is_not_said_to_differ(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text(
        "import os, torch, folder_paths\n"
        "from unknown_package import pick\n"
        "class L:\n    FUNCTION = 'go'\n    def go(self):\n"
        "        torch.load(os.path.join(folder_paths.models_dir, 'a', 'fixed.pt'))\n"
        "        torch.load(os.path.join(folder_paths.models_dir, 'b', pick()))\n"
        "NODE_CLASS_MAPPINGS = {'L': L}\n"
    )
    project = load(str(tmp_path), ReadOptions(tmp_path / "cache"))
    text = "models/a/fixed.pt\nmodels/b/deep/x.pt\nmodels/c/x.pt\n"
    found = check_claims(claims_of("n.md", text), (project,), None, load_facts())
    assert {checked.claim.value: checked.standing for checked in found} == {
        "models/a/fixed.pt": Standing.AGREES,
        "models/b/deep/x.pt": Standing.UNKNOWN,
        "models/c/x.pt": Standing.DIFFERS,
    }
    (open_,) = (checked for checked in found if checked.standing is Standing.UNKNOWN)
    assert open_.fact_origin == "__init__.py:7"


def test_a_path_of_which_nothing_is_known_agrees_with_no_claim() -> None:
    project = samples.load("trellis2", "trellis2", undeclared=True)
    models = (ModelFile("{{o},models/def.pt}", "n.py:17", "load"),)
    project = replace(project, models=models)
    found = check_claims(
        claims_of("n.md", "models/def.pt\nmodels/loras/z.pt\n"), (project,), None, load_facts()
    )
    assert {c.claim.value: (c.standing, c.fact_origin) for c in found} == {
        "models/def.pt": (Standing.AGREES, "n.py:17"),
        "models/loras/z.pt": (Standing.UNKNOWN, "n.py:17"),
    }


def _claims(text: str) -> list[tuple[str, str, str]]:
    return [(c.kind.value, c.value, c.subject) for c in claims_of("n.md", text)]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("needs at least 16GB vram", [("vram", "16 GB", "")]),
        ("a GPU with 24 GB of VRAM", [("vram", "24 GB", "")]),
        ("VRAM: 12 GB", [("vram", "12 GB", "")]),
        ("takes 10 GB on disk", []),
        ("The models are downloaded automatically", [("download", "by itself", "")]),
        ("The checkpoint downloads itself on first run", [("download", "by itself", "")]),
        ("has autodownload", []),  # of what is not said
        ("You must download the models manually", []),
        ("If the automatic download of the models is slow", []),
        ("no auto-download of models", []),
        (
            "auto-downloaded to `ComfyUI\\models\\LLM\\x`",
            [("path", "models/LLM/x", ""), ("download", "by itself", "models/LLM/x")],
        ),
    ],
)
def test_what_a_sentence_says_of_memory_and_downloads(
    text: str, claims: list[tuple[str, str, str]]
) -> None:
    assert _claims(text) == claims


@pytest.mark.parametrize(
    ("sample", "text", "standing"),
    [
        ("trellis2", "`microsoft/TRELLIS.2-4B` downloads itself on first run", Standing.AGREES),
        (
            "trellis2",
            "models/facebook/dinov3-vitl16-pretrain-lvd1689m is downloaded automatically",
            Standing.DIFFERS,
        ),
        ("trellis2", "All models are downloaded automatically", Standing.UNKNOWN),
        ("trellis2", "`acme/other` is downloaded automatically", Standing.UNKNOWN),
        ("bria-rmbg", "The model downloads itself at the first launch", Standing.DIFFERS),
    ],
)
def test_whether_models_come_by_themselves(sample: str, text: str, standing: Standing) -> None:
    found = by_kind(check(sample, text))[ClaimKind.DOWNLOAD]
    assert found.standing is standing
    if standing is not Standing.UNKNOWN:
        assert found.fact_origin


def test_memory_against_the_largest_weight_that_is_needed() -> None:
    files = (WeightFile("a.safetensors", 30_000_000_000),)
    weight = ModelFile("models/a/", "n.py:1", "load", repo="acme/mesh", files=files)
    (found,) = _solved("trellis2", "24 GB VRAM is enough", weight)
    assert found == ("vram", Standing.DIFFERS, "models/a/ alone takes 30.0 GB as it is stored")
    (found,) = _solved("trellis2", "48 GB VRAM", weight)
    assert found[1] is Standing.UNKNOWN
    (found,) = _solved("trellis2", "8 GB VRAM", replace(weight, required=False))
    assert found[1] is Standing.UNKNOWN
