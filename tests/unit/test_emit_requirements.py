"""Requirements files, read back by a parser that is not ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pip_requirements_parser import RequirementsFile

from support.plans import COMMIT, PLANS, digest, layered, pin, standalone, with_git
from torchsolve.emit.files import render
from torchsolve.emit.options import EmitOptions
from torchsolve.model.plan import Layer, Plan

EVERY_PLAN = pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=list(PLANS))


def _files(plan: Plan) -> dict[str, str]:
    return {name: data.decode() for name, data in render(plan, EmitOptions()).items()}


def _parsed(text: str, folder: Path) -> RequirementsFile:
    path = folder / "requirements.txt"
    path.write_text(text)
    return RequirementsFile.from_file(str(path))


@EVERY_PLAN
def test_files_hold_the_pins_and_their_hashes(plan: Plan, tmp_path: Path) -> None:
    files, found = _files(plan), {}
    tools = ("requirements/build.txt", "requirements/uv.txt")
    for name in files:
        if name.startswith("requirements/") and name.endswith(".txt") and name not in tools:
            parsed = _parsed(files[name], tmp_path)
            assert not parsed.invalid_lines
            found.update({item.name: tuple(item.hash_options) for item in parsed.requirements})
    assert found == {
        pin.name: () if pin.vcs else (f"sha256:{pin.file.sha256}",)
        for pin in plan.pins
        if pin.layer is not Layer.BASE
    }


def test_torch_comes_from_its_index(tmp_path: Path) -> None:
    text = _files(standalone())["requirements/torch.txt"]
    assert "--index-url https://index.example/simple/\n" in text
    assert "--extra-index-url https://download.pytorch.org/whl/cu128\n" in text
    assert "torch==2.9.1+cu128 \\\n" in text
    assert "extra-index" not in _files(standalone())["requirements/rest.txt"]


def test_wheel_of_the_project_has_its_address_and_a_checksum_line() -> None:
    files = _files(standalone())
    name = "cumesh-0.0.1-cp312-cp312-linux_x86_64.whl"
    url = f"https://raw.githubusercontent.com/example/ComfyUI-Mesh/{COMMIT}/wheels/Linux/Torch291"
    assert f"cumesh @ {url}/{name} \\\n" in files["requirements/project.txt"]
    assert f"{digest(name)}  {name}\n" in files["requirements/project.sha256"]


def test_git_pin_is_its_commit() -> None:
    text = _files(with_git())["requirements/git.txt"]
    assert f"utils3d @ git+https://github.com/example/utils3d.git@{COMMIT}\n" in text


def test_wheel_of_a_url_is_installed_from_it() -> None:
    wheel = pin(
        "x-1.0-py3-none-any.whl", Layer.PROJECT, index="direct", url="https://a.example/x.whl"
    )
    plan = standalone()
    files = _files(replace(plan, pins=(*plan.pins, wheel)))
    assert "x @ https://a.example/x.whl \\\n" in files["requirements/rest.txt"]


@EVERY_PLAN
def test_constraints_hold_everything_without_a_hash(plan: Plan, tmp_path: Path) -> None:
    text = _files(plan)["constraints.txt"]
    assert "hash" not in text
    versions = {item.name: item.get_pinned_version for item in _parsed(text, tmp_path).requirements}
    assert {pin.name: pin.version for pin in plan.pins}.items() <= versions.items()


def test_constraints_keep_what_the_base_has() -> None:
    lines = _files(layered())["constraints.txt"].splitlines()
    assert "torch==2.6.0+cu124" in lines
    assert "pip==24.0" in lines
    assert "ftfy==6.3.1" in lines
