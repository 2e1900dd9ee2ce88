from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.repos import bare_copy, make_repo, needs_git, write
from torchsolve.errors import UsageError
from torchsolve.facts import facts
from torchsolve.project.comfyui import checkout, from_row

FILES: dict[str, bytes | str] = {
    "main.py": "",
    "requirements.txt": "comfyui-frontend-package==1.27.10\ntorch\n\n#non essential\nkornia>=0.7\n",
    "comfyui_version.py": '# generated\n__version__ = "0.3.64"\n',
    "pyproject.toml": '[project]\nname = "ComfyUI"\nversion = "0.3.63"\n',
}


def test_a_folder(tmp_path: Path) -> None:
    found = checkout(write(tmp_path / "ComfyUI", FILES))
    assert (found.version, found.commit, found.path) == ("0.3.64", None, str(tmp_path / "ComfyUI"))
    assert [(str(d.requirement), d.evidence.origin) for d in found.requirements] == [
        ("comfyui-frontend-package==1.27.10", "ComfyUI/requirements.txt:1"),
        ("torch", "ComfyUI/requirements.txt:2"),
        ("kornia>=0.7", "ComfyUI/requirements.txt:5"),
    ]


def test_where_the_version_comes_from(tmp_path: Path) -> None:
    without = {k: v for k, v in FILES.items() if k != "comfyui_version.py"}
    assert checkout(write(tmp_path / "a", without)).version == "0.3.63"
    bare = {k: FILES[k] for k in ("main.py", "requirements.txt")}
    assert checkout(write(tmp_path / "b", bare)).version == "unknown"


@needs_git
def test_git(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {k: FILES[k] for k in ("main.py", "requirements.txt")})
    head = repo.git("rev-parse", "HEAD")
    in_tree = checkout(repo.path)
    assert (in_tree.commit, in_tree.version) == (head, head[:7])
    repo.commit(FILES)
    bare = checkout(bare_copy(repo, tmp_path / "ComfyUI.git"))
    assert (bare.version, bare.commit) == ("0.3.64", repo.git("rev-parse", "HEAD"))
    assert len(bare.requirements) == 3


def test_not_comfyui(tmp_path: Path) -> None:
    for path, reference in ((tmp_path / "no", "no-such-file"), (tmp_path, "not-comfyui")):
        with pytest.raises(UsageError) as caught:
            checkout(path)
        assert caught.value.reference == reference


def test_every_known_state_can_be_solved_with() -> None:
    for row in facts.comfyui.releases:
        found = from_row(row)
        assert found.commit == row.commit
        assert found.path is None
        stated = [line for line in row.requirements if line and not line.startswith("#")]
        assert len(found.requirements) == len(stated)
        assert "torch" in {d.requirement.name for d in found.requirements}


@dataclass(frozen=True)
class Row:
    version: str | None
    commit: str
    requirements: tuple[str, ...]


def test_a_state_between_releases_and_a_damaged_one() -> None:
    found = from_row(Row(None, "a" * 40, ("torch",)))
    assert found.version == "aaaaaaa"
    assert found.requirements[0].evidence.origin == "ComfyUI aaaaaaa requirements.txt:1"
    with pytest.raises(UsageError, match="bad-requirement"):
        from_row(Row("1", "a" * 40, ("torch=1",)))
