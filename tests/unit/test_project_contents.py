"""What a node's source says: imports that nothing declares, surfaces, trials, compilers."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.repos import make_repo, needs_git
from support.wheels import make_wheel
from torchsolve.model.project import ProjectFacts
from torchsolve.model.surface import SurfaceKind, Trial, bears
from torchsolve.project import tested
from torchsolve.project.distributions import alternatives_to, distributions_of
from torchsolve.project.load import load
from torchsolve.project.options import ReadOptions
from torchsolve.wheel.modules import modules_of

NODE = "NODE_CLASS_MAPPINGS = {}\n"


def facts(folder: Path, files: dict[str, str | bytes], **options: object) -> ProjectFacts:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(str(folder), ReadOptions(folder.parent / "cache", **options))  # type: ignore[arg-type]


def undeclared(found: ProjectFacts) -> dict[str, str]:
    return {str(d.requirement): d.evidence.origin for d in found.undeclared}


def test_required_imports_are_told_from_those_that_may_fail(tmp_path: Path) -> None:
    found = facts(
        tmp_path / "node",
        {
            "requirements.txt": "opencv-python-headless\nsome-thing @ https://index.example/x.zip\n",
            "__init__.py": "from .nodes import *\nimport folder_paths, comfy.utils, json\n" + NODE,
            "nodes.py": (
                "import cv2, PIL.Image\nimport some_thing\nfrom google.protobuf import message\n"
                "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n"
                "import os\nif os.environ.get('FAST'):\n    import triton\n"
                "def run():\n    import kornia\n    from .lazy import thing\n"
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n"
            ),
            "lazy.py": "import skimage\n",
            "training/train.py": "import wandb\n",
        },
    )
    assert undeclared(found) == {"pillow": "nodes.py:1", "protobuf": "nodes.py:3"}
    why = {entry.name or entry.module: entry.why for entry in found.optional}
    assert why == {
        "flash_attn": "guarded",
        "triton": "conditional",
        "kornia": "in a function",
        "scikit-image": "in a function",
    }


def test_else_of_a_try_that_imports_comfyui_is_not_guarded(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "__init__.py": "try:\n    import comfy.utils\nexcept ImportError:\n    pass\n"
        "else:\n    from .nodes import NODE_CLASS_MAPPINGS\n",
        "nodes.py": "import trimesh\n" + NODE,
    }
    assert undeclared(facts(tmp_path / "node", files)) == {"trimesh": "nodes.py:1"}


def test_modules_loaded_by_name_and_by_folder(tmp_path: Path) -> None:
    by_list = facts(
        tmp_path / "list",
        {
            "__init__.py": "import importlib\nfor n in ['first', 'second']:\n"
            "    m = importlib.import_module('.parts.{}'.format(n), __name__)\n" + NODE,
            "parts/first.py": "import trimesh\n",
            "parts/second.py": "import einops\n",
        },
    )
    assert set(undeclared(by_list)) == {"trimesh", "einops"}
    guarded = facts(
        tmp_path / "folder",
        {
            "__init__.py": "import importlib.util, os\nHERE = os.path.dirname(__file__)\n"
            "for f in os.listdir(os.path.join(HERE, 'py')):\n    try:\n"
            "        s = importlib.util.spec_from_file_location(f, os.path.join(HERE, 'py', f))\n"
            "        m = importlib.util.module_from_spec(s)\n        s.loader.exec_module(m)\n"
            "    except Exception as e:\n        print(e)\n" + NODE,
            "py/a.py": "import trimesh\n",
        },
    )
    assert undeclared(guarded) == {}
    assert [(o.name, o.why) for o in guarded.optional] == [("trimesh", "guarded")]


def test_modules_that_are_loaded_when_asked_for(tmp_path: Path) -> None:
    lazy = (
        "import importlib\nNAMES = {'Mesh': 'mesh'}\n"
        "def __getattr__(name):\n    return importlib.import_module('.' + NAMES[name], __name__)\n"
    )
    files: dict[str, str | bytes] = {
        "__init__.py": "from . import parts\n" + NODE,
        "parts/__init__.py": lazy,
        "parts/mesh.py": "import trimesh\n",
    }
    found = facts(tmp_path / "lazy", files)
    assert undeclared(found) == {}
    assert [(o.name, o.why) for o in found.optional] == [("trimesh", "in a function")]
    asked = {"__init__.py": "from .parts import Mesh\n" + NODE}
    by_name = facts(tmp_path / "name", files | asked | {"parts/other.py": "import einops\n"})
    assert undeclared(by_name) == {"trimesh": "parts/mesh.py:1"}
    called = lazy.replace("__getattr__", "load") + "for n in NAMES:\n    load(n)\n"
    now = facts(tmp_path / "now", files | {"parts/__init__.py": called})
    assert undeclared(now) == {"trimesh": "parts/mesh.py:1"}


def test_a_local_name_by_sys_path_is_nobodys_distribution(tmp_path: Path) -> None:
    found = facts(
        tmp_path / "node",
        {
            "__init__.py": "import sys, os\nHERE = os.path.dirname(__file__)\n"
            "sys.path.append(os.path.join(HERE, 'modules'))\n"
            "import pack.core\nimport helper_of_mine\n" + NODE,
            "modules/pack/core.py": "import piexif\n",
            "vendor/helper_of_mine/__init__.py": "",
        },
    )
    assert undeclared(found) == {"piexif": "modules/pack/core.py:1"}
    assert not any("helper_of_mine" in note for note in found.notes)


def test_what_no_table_knows_is_looked_up_and_never_guessed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"__init__.py": "import rarething, otherthing\n" + NODE}
    brought = {"rarething": ("rarething",), "otherthing": ("something_else",)}
    found = facts(tmp_path / "node", files, modules_of=brought.get)
    assert undeclared(found) == {"rarething": "__init__.py:1"}
    assert any("otherthing: which distribution" in note for note in found.notes)


def test_a_requirement_that_is_named_like_a_module_is_its_claimed_source(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "ffmpeg-python>=0.2.0\n",
        "__init__.py": "import ffmpeg\n" + NODE,
    }
    assert facts(tmp_path / "node", files).notes == (
        "__init__.py:1: imports ffmpeg: brought by ffmpeg-python, by its name",
    )
    looked = {"ffmpeg-python": ("ffmpeg",)}
    assert facts(tmp_path / "node", files, modules_of=looked.get).notes == ()
    other = {"ffmpeg-python": ("something_else",)}
    (note,) = facts(tmp_path / "node", files, modules_of=other.get).notes
    assert note.endswith("which distribution brings it is not known")


def test_an_optional_import_is_looked_up_like_a_required_one(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "__init__.py": "try:\n    import RareThing, other\nexcept ImportError:\n    pass\n" + NODE
    }
    brought = {"rarething": ("RareThing",)}
    found = facts(tmp_path / "node", files, modules_of=brought.get)
    assert {o.module: o.name for o in found.optional} == {"RareThing": "rarething", "other": None}
    asked = facts(tmp_path / "node", files, extras=("other-python",))
    assert {o.module: o.name for o in asked.optional} == {
        "RareThing": None,
        "other": "other-python",
    }
    assert undeclared(asked) == {"other-python": "__init__.py:2"}
    assert asked.notes == ()


@pytest.mark.parametrize(
    ("name", "module", "same"),
    [
        ("ffmpeg-python", "ffmpeg", True),
        ("python-docx", "docx", True),
        ("PyYAML", "yaml", True),
        ("scikit-learn", "scikit_learn", True),
        ("ffmpeg-progress", "ffmpeg", False),
        ("imageio-ffmpeg", "ffmpeg", False),
    ],
)
def test_names_that_differ_from_a_module_by_python_alone(
    name: str, module: str, same: bool
) -> None:
    assert bears(name, module) is same


def test_bundled_wheels_that_are_imported_are_needed(tmp_path: Path) -> None:
    wheels = {}
    for name in ("cubes", "voxels", "lazy"):
        made = make_wheel(name, "1.0", tag="cp312-cp312-linux_x86_64")
        wheels[f"wheels/{made.filename}"] = made.content
    source = "import cubes\nfrom voxels import x\ndef f():\n    import lazy\n" + NODE
    found = facts(tmp_path / "node", {"__init__.py": source, **wheels})
    assert {w.file.name: w.required for w in found.wheels} == {
        "cubes": True,
        "voxels": True,
        "lazy": False,
    }
    assert found.undeclared == ()


def test_with_asks_for_an_optional_import_or_an_extra(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "__init__.py": "try:\n    import flash_attn, triton\nexcept ImportError:\n    pass\n"
        + NODE,
        "pyproject.toml": "[project]\nname='n'\ndependencies=[]\n"
        "[project.optional-dependencies]\nfast=['xformers']\n",
    }
    found = facts(tmp_path / "node", files, extras=("flash-attn", "fast", "absent"))
    assert undeclared(found) == {"flash-attn": "__init__.py:2"}
    assert [str(d.requirement) for d in found.requirements] == ["xformers"]
    assert any("no extra absent" in note for note in found.notes)
    assert not any("no extra flash-attn" in note for note in found.notes)


def test_no_undeclared_keeps_them_out(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"__init__.py": "import trimesh\n" + NODE}
    assert facts(tmp_path / "node", files, undeclared=False).undeclared == ()


def test_surfaces_are_listed(tmp_path: Path) -> None:
    found = facts(
        tmp_path / "node",
        {
            "__init__.py": "from .ops import kernel\n" + NODE,
            "ops.py": "import os\nfrom torch.utils import cpp_extension as cpp\n"
            "kernel = cpp.load(name='k', sources=['k.cu'])\n"
            "def later():\n    from torch.utils.cpp_extension import load_inline\n"
            "    load_inline(name='x')\n",
            "csrc/setup.py": "from torch.utils.cpp_extension import CUDAExtension\n"
            "setup(ext_modules=[CUDAExtension('k', ['k.cu'])])\n",
            "csrc/k.cu": "",
            "csrc/k.cpp": "",
            "setup.py": "from setuptools import setup\nsetup(install_requires=['a', 'b'])\n",
            "vendor/requirements.txt": "deepspeed==0.16.3\n# x\n",
            "comfy-env.toml": "[cuda]\npackages=['nvdiffrast']\n[pypi-dependencies]\ntimm='*'\n",
            "build_config.yaml": "",
            "pyproject.toml": "[tool.comfy]\nPublisherId='x'\n[[tool.uv.index]]\nname='own'\n"
            "url='https://index.example/flat.html'\nformat='flat'\n",
            "Dockerfile": "ARG CUDA=12.4.1\nFROM nvidia/cuda:${CUDA}-devel-ubuntu22.04\n"
            "RUN pip install torch==2.6.0 --index-url https://download.pytorch.org/whl/cu124\n",
            "README.md": "# x\nTested on Linux with Python 3.11 and Torch = 2.7.0 + cu128\n",
        },
    )
    kinds = {(s.kind, s.place) for s in found.surfaces}
    assert kinds >= {
        (SurfaceKind.SETUP, "setup.py:2"),
        (SurfaceKind.REQUIREMENTS, "vendor/requirements.txt"),
        (SurfaceKind.ENVIRONMENT, "comfy-env.toml"),
        (SurfaceKind.BUILD, "build_config.yaml"),
        (SurfaceKind.NATIVE, "csrc/setup.py"),
        (SurfaceKind.PYPROJECT, "pyproject.toml"),
        (SurfaceKind.DOCKERFILE, "Dockerfile"),
    }
    native = next(s for s in found.surfaces if s.kind is SurfaceKind.NATIVE)
    assert "nvcc" in native.says
    assert [(c.origin, c.at_import) for c in found.compiles] == [
        ("ops.py:3", True),
        ("ops.py:6", False),
    ]
    assert set(found.tested) == {
        Trial("README.md:2", "2.7.0", "12.8", "3.11"),
        Trial("Dockerfile:2", None, "12.4"),
        Trial("Dockerfile:3", "2.6.0", "12.4"),
    }


@needs_git
def test_submodules_are_named_with_their_repository(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "Node", {"__init__.py": "import f5_tts\n" + NODE})
    (repo.path / ".gitmodules").write_text(
        '[submodule "F5-TTS"]\n\tpath = F5-TTS\n\turl = https://github.com/owner/F5-TTS\n'
    )
    import subprocess

    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=repo.path, text=True).strip()
    for command in (
        ["git", "add", ".gitmodules"],
        ["git", "update-index", "--add", "--cacheinfo", f"160000,{head},F5-TTS"],
        ["git", "-c", "user.name=x", "-c", "user.email=x@index.example", "commit", "-qm", "x"],
    ):
        subprocess.run(command, cwd=repo.path, check=True)
    found = load(str(repo.path), ReadOptions(tmp_path / "cache", rev="HEAD"))
    (row,) = [s for s in found.surfaces if s.kind is SurfaceKind.SUBMODULE]
    assert row.place == "F5-TTS"
    assert "https://github.com/owner/F5-TTS" in row.says
    assert found.undeclared == (), "f5_tts lies in the submodule"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Tested on Windows 11 with Python 3.11 and Torch = 2.7.0 + cu128",
            ("2.7.0", "12.8", "3.11"),
        ),
        ("works with PyTorch 2.5.1 (CUDA 12.4)", ("2.5.1", "12.4", None)),
        ("Recommended: python 3.12, cuda 12.6", (None, "12.6", "3.12")),
        ("pip install torch==2.7.0", None),
        ("Tested with many models", None),
        ("tested with nunchaku 1.0.0", None),
    ],
)
def test_lines_of_a_readme(line: str, expected: tuple[str | None, ...] | None) -> None:
    found = [(t.torch, t.cuda, t.python) for t in tested.in_readme("README.md", line)]
    assert found == ([expected] if expected else [])


def test_rows_of_a_table_below_a_word_of_trial() -> None:
    table = "## Tested with\n\n| torch | CUDA |\n|---|---|\n| torch 2.8.0 | cu128 |\n"
    text = table + "\nText.\n| torch 2.9 |"
    assert [t.torch for t in tested.in_readme("README.md", text)] == ["2.8.0"]


def test_broken_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    found = facts(
        tmp_path / "node",
        {
            "__init__.py": "from . import good, bad, latin\n" + NODE,
            "good.py": "import trimesh\n",
            "bad.py": "print 'python 2'\n",
            "latin.py": "# -*- coding: latin-1 -*-\nimport einops  # \xe9\n".encode("latin-1"),
            "pyproject.toml": "[tool.comfy]\n",
        },
    )
    assert set(undeclared(found)) == {"trimesh", "einops"}
    assert any(note.startswith("bad.py: not read: line 1") for note in found.notes)


def test_links_in_circles_end(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "self.py").symlink_to(folder / "self.py")
    assert undeclared(facts(folder, {"__init__.py": "import trimesh\n" + NODE})) == {
        "trimesh": "__init__.py:1"
    }


def test_names_of_modules() -> None:
    assert modules_of(
        [
            "a/__init__.py",
            "a/b.py",
            "c.py",
            "d.cpython-312-x86_64-linux-gnu.so",
            "x-1.dist-info/RECORD",
        ]
    ) == ("a", "c", "d")
    assert modules_of(["google/protobuf/__init__.py", "x-1.data/purelib/y.py"]) == (
        "google.protobuf",
        "y",
    )
    assert distributions_of("PIL.Image") == ("pillow",)
    assert distributions_of("google") == ()
    assert "opencv-python-headless" in alternatives_to("opencv-python")
    assert alternatives_to("pillow") == frozenset()


def test_what_was_read_is_kept_until_a_file_changes(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    first = facts(folder, {"__init__.py": "import trimesh\n" + NODE})
    kept = list((tmp_path / "cache" / "source").iterdir())
    assert kept
    again = facts(folder, {})
    assert again.undeclared == first.undeclared
    for entry in kept:
        entry.write_text("{")
    assert facts(folder, {}).undeclared == first.undeclared, "a damaged entry is read anew"
    changed = facts(folder, {"__init__.py": "import trimesh, einops\n" + NODE})
    assert set(undeclared(changed)) == {"trimesh", "einops"}


def test_a_tree_of_many_files_is_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    (folder / "data").mkdir(parents=True)
    for number in range(5_000):
        (folder / "data" / f"{number}.py").write_text("x = 1\n")
    deep = "[" * 5_000 + "]" * 5_000
    files: dict[str, str | bytes] = {
        "__init__.py": "from . import deep, odd\nimport trimesh\n" + NODE,
        "deep.py": f"x = {deep}\n",
        "odd.py": b"\xff\xfe\x00import einops",
        "install.py": f"x = {'-' * 3_000}1\nimport os\nos.system('pip install a')\n",
    }
    found = facts(folder, files)
    assert undeclared(found) == {"trimesh": "__init__.py:2"}
    assert {note.partition(":")[0] for note in found.notes} >= {"deep.py", "odd.py"}
