"""The bundled samples: what the nodes' own repositories hold at the recorded commits."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.record_sample import recorded
from support.repos import make_repo, needs_git
from support.wheels import make_wheel
from torchsolve.errors import UsageError
from torchsolve.model.evidence import Strength
from torchsolve.model.project import ProjectFacts, ProjectKind
from torchsolve.project import samples
from torchsolve.project.load import ReadOptions, load
from torchsolve.resources import share

OPTIONS = ReadOptions(Path("unused"))


def texts(facts: ProjectFacts) -> list[str]:
    return [str(declared.requirement) for declared in facts.requirements]


def test_names() -> None:
    assert samples.names() == ("bria-rmbg", "trellis2", "wanvideo")


def test_trellis2() -> None:
    facts = load("trellis2", OPTIONS)
    assert (facts.kind, facts.is_node, facts.name) == (ProjectKind.SAMPLE, True, "ComfyUI-Trellis2")
    assert texts(facts) == ["meshlib", "requests", "pymeshlab", "opencv-python", "scipy"]
    assert facts.source.commit == "ded89500f3ab9130907d9a688d485f0ee677e5e2"
    assert facts.cutoff == facts.source.date == datetime(2026, 1, 7, 8, 37, 2, tzinfo=UTC)
    places = [wheel.file.place or "" for wheel in facts.wheels]
    assert len([p for p in places if "/Torch270/" in p]) == 4
    assert len([p for p in places if "/Torch291/" in p]) == 5
    assert len(facts.foreign) == 20
    unread = {f"{w.torch} {w.file.name}" for w in facts.wheels if w.unread}
    assert unread == {"==2.7.0 cumesh", "==2.7.0 nvdiffrast"}
    assert all((w.metadata is None) == (w.file.sha256 is None) for w in facts.wheels)
    assert {w.file.name for w in facts.wheels if not w.required} == {"nvdiffrec-render"}
    o_voxel = next(w for w in facts.wheels if w.file.name == "o-voxel" and w.torch == "==2.7.0")
    assert o_voxel.metadata is not None
    git = {str(d.requirement) for d in o_voxel.metadata.requires if d.requirement.url}
    assert git == {
        str(Requirement("cumesh @ git+https://github.com/JeffreyXiang/CuMesh.git")),
        str(Requirement("flex_gemm @ git+https://github.com/JeffreyXiang/FlexGEMM.git")),
    }
    undeclared = {str(d.requirement): d.evidence for d in facts.undeclared}
    assert undeclared["transformers>=4.56"].strength is Strength.CLAIMED
    assert undeclared["easydict"].origin == "trellis2/pipelines/samplers/flow_euler.py:5"
    dino = next(m for m in facts.models if "dinov3" in m.path)
    assert (dino.gated, dino.site) == ("manual", "nodes.py:227")
    assert "Trellis2LoadModel" in facts.node_classes


def test_the_other_samples() -> None:
    wan = load("wanvideo", OPTIONS)
    assert texts(wan)[1] == "accelerate>=1.2.1"
    assert "WanVideoModelLoader" in wan.node_classes
    assert {m.mechanism for m in wan.models if m.required} == {"folder_paths"}
    bria = load("bria-rmbg", OPTIONS)
    assert texts(bria) == []
    assert bria.models[0].path == "custom_nodes/ComfyUI-BRIA_AI-RMBG/RMBG-1.4/model.pth"


def test_undeclared_imports_can_be_left_out() -> None:
    assert load("wanvideo", ReadOptions(Path("unused"), undeclared=False)).undeclared == ()


def test_evidence_points_into_recorded_files() -> None:
    for name in samples.names():
        content = json.loads((share("data") / "samples" / f"{name}.json").read_bytes())
        files = {
            file if folder == "." else f"{folder}/{file}"
            for folder, found in content["files"].items()
            for file in found
        }
        origins = [d["origin"] for d in content["requirements"] + content["undeclared"]]
        origins += [m["site"] for m in content["models"]]
        assert {origin.rpartition(":")[0] for origin in origins} <= files
        assert {w["place"] for w in content["wheels"]} | set(content["foreign"]) <= files


def test_a_damaged_sample_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "x.json").write_text('{"format": "torchsolve.sample/1"}')
    monkeypatch.setattr(samples, "share", lambda _: tmp_path)
    with pytest.raises(UsageError) as caught:
        samples.load("x", "x", undeclared=True)
    assert caught.value.reference == "bad-sample"


@needs_git
def test_a_sample_says_what_the_repository_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel("kernel", "1.0", ["torch>=2.4"], tag="cp312-cp312-linux_x86_64")
    lost = make_wheel("lost", "1.0", tag="cp312-cp312-linux_x86_64")
    place = f"wheels/Torch270/{wheel.filename}"
    repo = make_repo(
        tmp_path / "node",
        {
            "__init__.py": "NODE_CLASS_MAPPINGS = {'A': object}",
            "requirements.txt": "numpy>=1\n# no\nscipy ; python_version < '3.13'",
            place: wheel.content,
            f"wheels/Torch270/{lost.filename}": lost.content,
        },
    )
    repo.forget(f"wheels/Torch270/{lost.filename}")
    read = load(str(repo.path), ReadOptions(tmp_path, rev="HEAD"))
    kept = {"name": "node", "url": "https://github.com/o/node"}
    content = recorded(read, ("__init__.py", "requirements.txt", place), kept)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "mine.json").write_text(json.dumps(content))
    monkeypatch.setattr(samples, "share", lambda _: tmp_path)
    sample = samples.load("mine", "mine", undeclared=True)
    assert sample.requirements == read.requirements
    assert sample.node_classes == read.node_classes
    assert sample.source.commit == read.source.commit
    assert sample.source.date == read.source.date
    for ours, theirs in zip(sample.wheels, read.wheels, strict=True):
        assert (ours.file.sha256, ours.file.size) == (theirs.file.sha256, theirs.file.size)
        assert ours.metadata == theirs.metadata
        assert (ours.claims, ours.torch, ours.cuda) == (theirs.claims, theirs.torch, theirs.cuda)
        assert (ours.required, ours.unread is None) == (theirs.required, theirs.unread is None)
    assert sample.wheels[0].file.url == (
        f"https://github.com/o/node/raw/{read.source.commit}/{place}"
    )
