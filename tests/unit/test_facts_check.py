"""``facts check`` finds what was broken in a copy of a table, and nothing in our own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from torchsolve.errors import UsageError
from torchsolve.facts import Facts, load_facts
from torchsolve.facts.check import check
from torchsolve.resources import share

BROKEN = [
    # torch
    ("torch", 'version = "2.7.1"', 'version = "2.7.0"', "2.7.0 stands there 2 times"),
    ("torch", 'cuda = "cu126", default = true', 'cuda = "cu126"', "0 default builds for x86_64"),
    (
        "torch",
        'sm = "5.0 6.0 7.0',
        'sm = "12.0 5.0 6.0 7.0',
        "code for 12.0, which CUDA 12.8 brought",
    ),
    ("torch", 'sm = "7.5 8.0 8.6 9.0 10.0', 'sm = "7.0 7.5 8.0 8.6 9.0 10.0', "dropped after 12.9"),
    ("torch", 'sm = "7.5 8.0', 'sm = "7.6 8.0', "capability 7.6 is not in matrices/gpus.toml"),
    ("torch", 'cuda = "cu132", default', 'cuda = "cu1322", default', "not a CUDA tag"),
    ("torch", "uploaded = 2026-10-28", "uploaded = 2026-01-28", "was uploaded before"),
    ("torch", 'requires_python = ">=3.11"', 'requires_python = "3.11 up"', "3.11 up"),
    ("torch", "cxx11_abi = true", 'cxx11_abi = "yes"', "cxx11_abi = 'yes' is no bool"),
    ("torch", '"torch", ', "", "torch is not in its own family"),
    ("torch", 'torchvision = "0.22.1"', 'torchvision = "0.22.9"', "no torch has 0.22.8"),
    ("torch", 'torchvision = "0.22.0"', 'torchvision = "0.22.9"', "2.7.0 has 0.22.9 already"),
    ("torch", 'torchvision = "0.23.0"', 'torchvision = "0.20.0"', "2.7.1 has 0.22.1 already"),
    ("torch", 'torchvision = "0.22.1"', 'torchvision = "0.22.0"', "0.22.0 is that of torch 2.7.0"),
    ("torch", 'torchvision = "0.15.0 0.15.1"', 'torchvision = "0.15.1 0.15.0"', "oldest first"),
    ("torch", 'torchvision = "0.28.0"', 'torchvision = "0.28.x"', "0.28.x"),
    ("torch", 'torchaudio = "2.8.0"', 'torchaudio = "2.6.0"', "2.7.1 has 2.7.1 already"),
    ("torch", 'triton = "==3.5.0"', 'triton = "==3.3.0"', "2.8.0 has 3.4.0 already"),
    # images and systems
    (
        "images",
        'version = "12.6.3"',
        'version = "12.6.2"',
        "12.6.2-base-ubuntu24.04 stands there 2",
    ),
    ("images", 'version = "13.0.2"\nsupported = false', 'version = "13.0.2"', "13.0.3 is newest"),
    ("images", "ubuntu24.04 ubuntu22.04", "ubuntu24.04 ubuntu20.04", "'ubuntu20.04' is not in"),
    ("os", 'libstdcxx = "3.4.30"\n', "", "verified, but without libstdcxx"),
    ("os", 'family = "dnf"', 'family = "yum"', "'yum' is neither apt nor dnf"),
    ("os", 'name = "debian13"', 'name = "debian14"', "'debian13' is not in matrices/os.toml"),
    # GPUs and drivers
    ("gpus", 'driver = "520.61.05"', 'driver = "515.43.04"', "but CUDA 11.8 came with 520.61.05"),
    ("gpus", '"H100", "H200"', '"H100", "H100"', "H100 stands there 2 times"),
    ("drivers", 'driver = "525.60.13"', 'driver = "528.60.13"', "525.60.13"),
    (
        "drivers",
        'cuda = "12.8.0"\ndriver = "570.26"',
        'cuda = "12.8.0"\ndriver = "590.1"',
        "12.8.0",
    ),
    ("drivers", 'isa = "8.7"', 'isa = "8.8"', "stands there twice"),
    # companions
    ("companions", 'cuda_of_torch = "cu128"', 'cuda_of_torch = "cu126"', "says cu128"),
    (
        "companions",
        'version = "==0.0.33"',
        'version = "==0.0.30"',
        "matrices/xformers.toml says cu126",
    ),
    ("companions", 'torch = ">=2.11"', 'torch = ">=3.11"', "no known torch is >=3.11"),
    (
        "companions",
        'version = "==0.0.3"\ntorch = "==2.4.*"',
        'version = "==0.0.3"',
        "bounds neither",
    ),
    ("xformers", 'built_with = "2.7.0+cu126"', 'built_with = "2.7.0+cu124"', "has no 2.7.0+cu124"),
    (
        "xformers",
        'torch = "==2.9.1"',
        'torch = "==2.9.0"',
        "built with torch 2.9.1, asks for ==2.9.0",
    ),
    # ComfyUI
    (
        "comfyui",
        'requirements = "d4594df39399"',
        'requirements = "db0486960217"',
        "d4594df39399 belong",
    ),
    ("comfyui", 'requirements = "d4594df39399"', 'requirements = "0000"', "'0000' is not in"),
    ("comfyui", "date = 2025-10-08", "date = 2025-11-08", "newest first"),
    ("comfyui", 'commit = "a125cd', 'commit = "A125cd', "is no commit"),
    (
        "folders",
        'category = "text_encoders"',
        'category = "encoders"',
        "encoders, which has no row",
    ),
    ("folders", 'folders = "models/vae"', 'folders = "/models/vae"', "below ComfyUI's root"),
    ("folders", "since = 2023-03-18\n", "", "has no since"),
    # names
    (
        "name_styles",
        "+torch(?P<torchdigits>",
        "+torch_(?P<torchdigits>",
        "torch-digits-cu does not match",
    ),
    (
        "name_styles",
        'regex = ["torch-only"]',
        'regex = ["torch-onli"]',
        "'torch-onli' is not there",
    ),
    ("name_styles", "(?P<py>", "(?P<py", "regex"),
    ("name_styles", 'kind = "page"', 'kind = "site"', "'site' is none of"),
    # failures
    ("known_conflicts", "CUDA capability (?P<sm>", "CUDA ability (?P<sm>", "does not find"),
    ("known_conflicts", "operator torchvision::nms", "operator torchvision::nnms", "does not find"),
    ("build_failures", "[Nn]o space left", "[Nn]o room left", "does not find"),
    # system
    (
        "sonames",
        'soname = "libSM.so.6"',
        'soname = "libSM.so.7"',
        "libSM.so.6 is not in sonames.toml",
    ),
    ("sonames", ', dnf = "glib2"', "", "no package for dnf"),
    ("sonames", '"ubuntu22.04" =', '"ubuntu22.10" =', "'ubuntu22.10' is no known OS"),
    ("dist_sonames", '"libEGL.so.1", "libGLESv2.so.2"', '"libEGL.so.7"', "libEGL.so.7 is not in"),
    ("runtime", 'needs = ["git"]', 'needs = ["hg"]', "hg is not described"),
    ("models", 'mirror = "PIA', 'mirror = "PIO', "has no row"),
    ("models", 'gated = "manual"', 'gated = "by hand"', "is none of manual, auto, no"),
    # binary interfaces
    ("layouts", 'effect = "refutes"', 'effect = "rejects"', "is none of refutes, links"),
    ("layouts", 'fields = ["StorageImpl"]', 'fields = ["StorageImpl", "StorageImpl"]', "2 times"),
    ("layouts", 'use = "symbolic"', 'use = "storages"', "symbolic: no rule asks for it"),
    ("layouts", 'symbols = "_ZNR5', 'symbols = "(_ZNR5', "symbols = "),
    (
        "layouts",
        "_ZNK3c104cuda10CUDAStream6streamEv",
        "_ZN3c104cuda20getCurrentCUDAStreamEa",
        "2 times",
    ),
    ("stable_abi", 'version = "2.10.0"', 'version = "2.8.0"', "promised before anything was"),
    ("stable_abi", "torch_list_size", "torch_call_dispatcher", "stands there 2 times"),
    ("libstdcxx", 'glibcxx = "3.4.30"', 'glibcxx = "3.4.28"', "12: no newer than 11"),
    # any table
    ("gpus", 'source = "legacy"', 'source = "nobody"', "source 'nobody' is not in [sources]"),
    ("models", "[sources]", '[sources]\nspare = "x"', "source spare is named by no row"),
    ("os", "\nuid_1000", "\nuid_100", "has an unknown key: uid_100"),
    ("import_names", '"pillow-simd"', '"opencv-python"', "opencv-python stands under cv2 already"),
    (
        "import_names",
        'gpu = ["onnxruntime-gpu"]',
        'gpu = ["tensorrt"]',
        "none of its distributions",
    ),
    ("runtime", "checked = 2026-11-24\n", "", "has no checked"),
    ("drivers", "[[minor_version]]", "[[minor_version", "matrices/drivers.toml"),
]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return Path(shutil.copytree(share("matrices"), tmp_path / "matrices"))


def test_the_shipped_tables_are_sound() -> None:
    assert check(load_facts()) == ()


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"), BROKEN, ids=[f"{b[0]}-{i}" for i, b in enumerate(BROKEN)]
)
def test_a_corruption_is_found(tables: Path, name: str, old: str, new: str, expected: str) -> None:
    path = tables / f"{name}.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    problems = check(Facts(tables))
    assert problems
    assert all(problem.startswith("matrices/") for problem in problems)
    assert any(expected in problem for problem in problems), problems


def test_every_table_has_a_corruption_above() -> None:
    assert {path.stem for path in share("matrices").glob("*.toml")} == {row[0] for row in BROKEN}


def test_a_file_that_nothing_reads(tables: Path) -> None:
    (tables / "spare.toml").write_text("checked = 2026-01-01\n[sources]\n", "utf-8")
    assert check(Facts(tables)) == ("matrices/spare.toml: nothing reads it",)


def test_a_missing_table_is_told_once_and_the_rest_is_checked(tables: Path) -> None:
    (tables / "models.toml").unlink()
    problems = check(Facts(tables))
    assert len(problems) == 1
    assert "matrices/models.toml: cannot be read" in problems[0]


def test_a_table_is_parsed_only_when_it_is_touched(tables: Path) -> None:
    (tables / "images.toml").write_text("not toml at all", "utf-8")
    facts = Facts(tables)
    assert facts.gpus.find("H100").capability == "9.0"
    assert set(facts.read) == {"gpus"}
    with pytest.raises(UsageError) as caught:
        _ = facts.images
    assert caught.value.reference == "bad-table"
    assert caught.value.origin == "matrices/images.toml"


def test_age_is_that_of_the_table_left_longest(tables: Path) -> None:
    path = tables / "models.toml"
    path.write_text(path.read_text("utf-8").replace("checked = 2026-11-24", "checked = 2025-02-03"))
    assert Facts(tables).checked.isoformat() == "2025-02-03"
