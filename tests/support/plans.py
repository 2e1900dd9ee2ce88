"""Hand-made plans: what a solve would give, without solving. Hosts are reserved names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.inventory import ImageInventory, InstalledDist
from torchsolve.model.package import Declared, IndexFile
from torchsolve.model.plan import (
    DroppedEdge,
    GpuCoverage,
    Layer,
    NodeSource,
    Pin,
    Plan,
    PlanVerdict,
    Strategy,
    SystemPackage,
    WheelVerdict,
)
from torchsolve.model.project import ComfyUI, ModelFile, SourceLocation
from torchsolve.model.target import BaseImage, CellId
from torchsolve.model.version import PythonVersion

DEFAULT_INDEX = "https://index.example/simple/"
TORCH_INDEX = "https://download.pytorch.org/whl/cu128"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NODE_URL = "https://github.com/example/ComfyUI-Mesh"
_WHEEL_DATE = datetime(2025, 11, 12, 9, 30, tzinfo=UTC)


def digest(text: str) -> str:
    """A sha256 that stands for the bytes of a file that is not here."""
    return hashlib.sha256(text.encode()).hexdigest()


def pin(filename: str, layer: Layer = Layer.REST, **changes: object) -> Pin:
    """A pin of one file, from the default index unless ``index`` or ``url`` say otherwise."""
    if filename.endswith(".whl"):
        name, version = parse_wheel_filename(filename)[:2]
    else:
        name, version = parse_sdist_filename(filename)
    index = str(changes.pop("index", "default"))
    place = changes.pop("place", None)
    url = changes.pop("url", f"https://index.example/files/{filename}")
    file = IndexFile(
        name=name,
        version=version,
        filename=filename,
        url=None if url is None else str(url),
        index=index,
        sha256=digest(filename),
        size=len(filename) * 1000,
        requires_python=">=3.9" if index == "default" else None,
        upload_time=_WHEEL_DATE if index == "default" else None,
        place=None if place is None else str(place),
    )
    made = Pin(
        name=name,
        version=str(version),
        file=file,
        layer=layer,
        requested_by=("ComfyUI",),
        requires=(),
        verdict=WheelVerdict.PURE if "-none-any" in filename else WheelVerdict.LOADS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _bundled(filename: str, **changes: object) -> Pin:
    place = f"wheels/Linux/Torch291/{filename}"
    return pin(
        filename,
        Layer.PROJECT,
        index="project",
        place=place,
        url=f"https://raw.githubusercontent.com/example/ComfyUI-Mesh/{COMMIT}/{place}",
        requested_by=("ComfyUI-Mesh",),
        torch_coupled=True,
        **changes,
    )


def _torch_pins() -> tuple[Pin, ...]:
    cp312 = "cp312-cp312-manylinux_2_28_x86_64.whl"
    triton = pin(f"triton-3.5.1-{cp312}", Layer.TORCH, requested_by=("torch",))
    torch = pin(
        f"torch-2.9.1+cu128-{cp312}",
        Layer.TORCH,
        index="torch",
        url=f"{TORCH_INDEX}/torch-2.9.1%2Bcu128-{cp312}",
        requested_by=("ComfyUI", "torchvision"),
        requires=("triton",),
        torch_coupled=True,
    )
    vision = pin(
        f"torchvision-0.24.1+cu128-{cp312}",
        Layer.TORCH,
        index="torch",
        url=f"{TORCH_INDEX}/torchvision-0.24.1%2Bcu128-{cp312}",
        requires=("torch",),
        torch_coupled=True,
    )
    return torch, vision, triton


def _rest_pins() -> tuple[Pin, ...]:
    return (
        pin("numpy-2.3.5-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"),
        pin("einops-0.8.1-py3-none-any.whl"),
        pin("opencv_python-4.12.0.88-cp37-abi3-manylinux2014_x86_64.whl", requires=("numpy",)),
    )


def _sorted(*pins: Pin) -> tuple[Pin, ...]:
    return tuple(sorted(pins, key=lambda pin: pin.name))


def _declared(text: str, origin: str) -> Declared:
    evidence = Evidence("ComfyUI", f"needs {text}", Strength.DECLARED, origin)
    return Declared(Requirement(text), evidence)


COMFYUI = ComfyUI(
    version="0.3.75",
    commit="89abcdef0123456789abcdef0123456789abcdef",
    path=None,
    requirements=(
        _declared("torch", "requirements.txt:1"),
        _declared("numpy>=1.25.0", "requirements.txt:4"),
    ),
)

WEIGHTS = (
    ModelFile(
        path="models/facebook/dinov3-vitl16-pretrain-lvd1689m/",
        site="nodes.py:227",
        mechanism="models_dir",
        repo="facebook/dinov3-vitl16-pretrain-lvd1689m",
        gated="manual",
        note="The node raises without model.safetensors; it never downloads it.",
    ),
    ModelFile(
        path="models/mesh/ss_dec.safetensors",
        site="nodes.py:231",
        mechanism="url",
        url="https://weights.example/mesh/ss_dec.safetensors",
        size=147_000_000,
        sha256=digest("ss_dec"),
        gated=False,
    ),
    ModelFile(
        path="models/checkpoints/{name}",
        site="nodes.py:40",
        mechanism="folder_paths",
        required=False,
    ),
)


def standalone() -> Plan:
    """A node with two wheels of its own on ubuntu24.04, torch 2.9.1 for CUDA 12.8."""
    dropped = Evidence(
        "o-voxel",
        "requires cumesh@ git+https://github.com/example/CuMesh.git",
        Strength.DECLARED,
        "METADATA of o_voxel-0.0.1-cp312-cp312-linux_x86_64.whl",
    )
    claim = Evidence(
        "wheels/Linux/Torch270/o_voxel", "for torch 2.7.0", Strength.CLAIMED, "folder Torch270"
    )
    fact = Evidence(
        "wheels/Linux/Torch270/o_voxel", "requires torch>=2.8", Strength.DECLARED, "METADATA:14"
    )
    return Plan(
        cell=CellId.parse("cp312-cu128-torch2.9.1-ubuntu24.04"),
        strategy=Strategy.STANDALONE,
        image=BaseImage(
            ref="nvidia/cuda:12.8.1-base-ubuntu24.04",
            os="ubuntu24.04",
            flavor="base",
            cuda="12.8.1",
            glibc="2.39",
            libstdcxx="3.4.33",
            pythons=(PythonVersion(3, 12),),
        ),
        verdict=PlanVerdict.DECLARED,
        pins=_sorted(
            *_torch_pins(),
            *_rest_pins(),
            _bundled("cumesh-0.0.1-cp312-cp312-linux_x86_64.whl", requires=("torch",)),
            _bundled(
                "o_voxel-0.0.1-cp312-cp312-linux_x86_64.whl",
                requires=("numpy", "torch"),
                no_deps="cumesh is served by the wheel beside it",
            ),
        ),
        exceptions=(
            DroppedEdge(
                "o-voxel", "cumesh", "a wheel of the project serves it: cumesh 0.0.1", (dropped,)
            ),
        ),
        gpu=GpuCoverage(
            native=("8.0", "8.6", "9.0", "12.0"),
            ptx=("12.1",),
            missing=(("7.5", ("cumesh-0.0.1-cp312-cp312-linux_x86_64.whl",)),),
        ),
        gpus_asked=("12.0",),
        driver_min="570.26",
        system_packages=(
            SystemPackage("libgl1", "libGL.so.1", ("opencv-python",), "matrices/sonames.toml"),
            SystemPackage(
                "libglib2.0-0t64",
                "libgthread-2.0.so.0",
                ("opencv-python",),
                "matrices/sonames.toml",
            ),
        ),
        weights=WEIGHTS,
        nodes=(
            NodeSource(
                "ComfyUI-Mesh",
                True,
                SourceLocation(NODE_URL, COMMIT, None, datetime(2025, 12, 1, tzinfo=UTC)),
                ("MeshFromImage", "MeshPreview"),
            ),
        ),
        comfyui=COMFYUI,
        indexes=(("default", DEFAULT_INDEX), ("torch", TORCH_INDEX)),
        evidence=(dropped,),
        disagreements=(Disagreement("wheels/Linux/Torch270/o_voxel", claim, fact),),
        notes=("wheels/Windows: 10 wheels for another system were left out",),
        needs_compiler=True,
        companions=(
            Evidence("torchvision", "==0.24.1", Strength.CLAIMED, "matrices/companions.toml"),
        ),
    )


def rocky() -> Plan:
    """The same node on rockylinux9, whose packages dnf installs."""
    plan = standalone()
    return replace(
        plan,
        cell=replace(plan.cell, os="rockylinux9"),
        image=BaseImage(
            ref="nvidia/cuda:12.8.1-base-rockylinux9",
            os="rockylinux9",
            flavor="base",
            cuda="12.8.1",
            glibc="2.34",
            libstdcxx="3.4.29",
            pythons=(PythonVersion(3, 12), PythonVersion(3, 11), PythonVersion(3, 9)),
            digest="sha256:" + digest("nvidia/cuda:12.8.1-base-rockylinux9"),
        ),
        system_packages=(
            SystemPackage("mesa-libGL", "libGL.so.1", ("opencv-python",), "matrices/sonames.toml"),
        ),
    )


def inventory() -> ImageInventory:
    """An image of the user's with torch 2.6.0 for CUDA 12.4 and ComfyUI in it."""
    return ImageInventory(
        ref="registry.example/team/comfyui:2025-03",
        digest="sha256:" + digest("base"),
        platform="linux/amd64",
        os="ubuntu22.04",
        glibc="2.35",
        libstdcxx="3.4.30",
        python="3.10.12",
        executable="/usr/bin/python3",
        externally_managed=False,
        torch="2.6.0+cu124",
        cuda="12.4",
        cxx11_abi=False,
        dists=(
            InstalledDist(canonicalize_name("numpy"), "1.26.4"),
            InstalledDist(canonicalize_name("pip"), "24.0"),
            InstalledDist(canonicalize_name("torch"), "2.6.0+cu124", ("numpy",)),
        ),
        comfyui="/app/ComfyUI",
        comfyui_version="0.3.20",
        user="comfy",
        env=(("PATH", "/usr/bin:/bin"),),
    )


def _base_pin(name: str, version: str) -> Pin:
    file = IndexFile(canonicalize_name(name), Version(version), f"{name}-{version}", None, "base")
    return Pin(name, version, file, Layer.BASE, ("base image",), (), WheelVerdict.LOADS)


def layered() -> Plan:
    """A node on an image of the user's: torch stays, one wheel and one git project are added."""
    found = inventory()
    return Plan(
        cell=CellId.parse("cp310-cu124-torch2.6.0-base-" + digest("base")[:8]),
        strategy=Strategy.LAYERED,
        image=BaseImage(
            ref=found.ref,
            os="ubuntu22.04",
            flavor="base",
            cuda=None,
            glibc="2.35",
            libstdcxx="3.4.30",
            pythons=(PythonVersion(3, 10),),
            digest=found.digest,
        ),
        verdict=PlanVerdict.DECLARED,
        pins=_sorted(
            _base_pin("numpy", "1.26.4"),
            _base_pin("torch", "2.6.0+cu124"),
            pin("ftfy-6.3.1-py3-none-any.whl", requested_by=("ComfyUI-Video",)),
        ),
        nodes=(
            NodeSource(
                "ComfyUI-Video",
                True,
                SourceLocation("https://github.com/example/ComfyUI-Video", COMMIT),
            ),
        ),
        inventory=found,
        indexes=(("default", DEFAULT_INDEX),),
    )


def cpu() -> Plan:
    """A requirements file without torch on a slim Python image."""
    return Plan(
        cell=CellId.parse("cp313-cpu-notorch-debian13"),
        strategy=Strategy.STANDALONE,
        image=BaseImage(
            ref="debian:trixie-slim",
            os="debian13",
            flavor="slim",
            cuda=None,
            glibc="2.41",
            libstdcxx="3.4.33",
            pythons=(PythonVersion(3, 13),),
        ),
        verdict=PlanVerdict.DECLARED,
        pins=_sorted(
            pin("idna-3.11-py3-none-any.whl", requested_by=("requirements.txt",)),
            pin("certifi-2025.11.12-py3-none-any.whl", requested_by=("requirements.txt",)),
        ),
        indexes=(("default", DEFAULT_INDEX),),
    )


def with_git() -> Plan:
    """A node with a git dependency that compiles against torch, and one package without a wheel."""
    plan = standalone()
    git = Pin(
        name="utils3d",
        version="0.0.2",
        file=IndexFile(
            canonicalize_name("utils3d"), Version("0.0.2"), "utils3d-0.0.2", None, "direct"
        ),
        layer=Layer.REST,
        requested_by=("ComfyUI-Mesh",),
        requires=("numpy", "torch"),
        verdict=WheelVerdict.UNKNOWN,
        torch_coupled=True,
        vcs=("https://github.com/example/utils3d.git", COMMIT, None),
    )
    sdist = pin("antlr4-python3-runtime-4.9.3.tar.gz", requested_by=("ComfyUI-Mesh",))
    bundled = tuple(pin for pin in plan.pins if pin.layer is not Layer.PROJECT)
    return replace(plan, pins=_sorted(*bundled, git, sdist), exceptions=())


PLANS = {
    "standalone": standalone,
    "rockylinux9": rocky,
    "layered": layered,
    "cpu": cpu,
    "git": with_git,
}
