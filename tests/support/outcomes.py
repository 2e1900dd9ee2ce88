"""Hand-made outcomes around the plans of ``support.plans``."""

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from support.plans import COMMIT, NODE_URL, digest, layered, standalone
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.outcome import CheckResult, Diagnosis, Matrix, Resolution, SmokeReport
from torchsolve.model.package import Declared, IndexFile
from torchsolve.model.plan import Advice, CellOutcome, CellStatus, Conflict, Plan
from torchsolve.model.project import ProjectFacts, ProjectKind, SourceLocation, WheelFact
from torchsolve.model.target import CellId


def declared(text: str, origin: str, subject: str = "ComfyUI-Mesh") -> Declared:
    strength = Strength.DECLARED if ":" in origin else Strength.CLAIMED
    return Declared(Requirement(text), Evidence(subject, f"needs {text}", strength, origin))


def wheel(place: str, torch: str | None, **changes: object) -> WheelFact:
    filename = place.rsplit("/", 1)[-1]
    name, version = parse_wheel_filename(filename)[:2]
    file = IndexFile(name, version, filename, None, "project", digest(filename), place=place)
    return replace(WheelFact(file, None, torch=torch), **changes)  # type: ignore[arg-type]


def mesh() -> ProjectFacts:
    """The node of ``standalone()``: three folders of wheels, one of them unread."""
    linux = "wheels/Linux"
    return ProjectFacts(
        name="ComfyUI-Mesh",
        reference="example/ComfyUI-Mesh",
        kind=ProjectKind.NODE,
        requirements=(
            declared("einops", "requirements.txt:1"),
            declared("opencv-python", "requirements.txt:2"),
        ),
        undeclared=(declared("rectpack", "nodes.py imports rectpack"),),
        wheels=(
            wheel(f"{linux}/Torch291/cumesh-0.0.1-cp312-cp312-linux_x86_64.whl", "==2.9.1"),
            wheel(f"{linux}/Torch291/o_voxel-0.0.1-cp312-cp312-linux_x86_64.whl", "==2.9.1"),
            wheel(f"{linux}/Torch270/cumesh-0.0.1-cp312-cp312-linux_x86_64.whl", "==2.7.0"),
            wheel(
                f"{linux}/Torch270/o_voxel-0.0.1-cp312-cp312-linux_x86_64.whl",
                "==2.7.0",
                unread="a Git LFS pointer stands in its place",
            ),
        ),
        foreign=("wheels/Windows/Torch291/cumesh-0.0.1-cp312-cp312-win_amd64.whl",),
        source=SourceLocation(NODE_URL, COMMIT),
    )


def _outcome(plan: Plan, **changes: object) -> CellOutcome:
    made = CellOutcome(plan.cell, plan.image, CellStatus.SOLVED, plan)
    return replace(made, **changes)  # type: ignore[arg-type]


def solved() -> Resolution:
    plan = standalone()
    return Resolution(
        CellStatus.SOLVED,
        (mesh(),),
        plan,
        None,
        (_outcome(plan),),
        untried=7,
        chosen_because=("torch 2.9.1 is the newest that a folder of the node names",),
    )


def conflict() -> Conflict:
    """The story of two nodes that no torch serves (STYLE's golden message, in our words)."""
    return Conflict(
        cell="cp312-cu124-torch2.6.0-ubuntu24.04",
        facts=(
            Evidence(
                "wheelx 1.0", "needs torch==2.7.*", Strength.DECLARED, "METADATA of wheelx-1.0"
            ),
            Evidence("cell", "has torch 2.6.0", Strength.DECLARED, "--torch 2.6.0"),
        ),
        reference="no-common-torch",
        advice=(Advice("--torch 2.7.0", "cp312-cu126-torch2.7.0-ubuntu24.04"),),
        rejected=("wheelx 0.9 (no cp312 wheel)",),
    )


def _failed() -> CellOutcome:
    plan = standalone()
    cell = CellId.parse(conflict().cell)
    return CellOutcome(cell, plan.image, CellStatus.INFEASIBLE, None, conflict())


def infeasible() -> Resolution:
    return Resolution(CellStatus.INFEASIBLE, (mesh(),), None, conflict(), (_failed(),))


def unknown() -> Resolution:
    reason = Evidence(
        "wheels/Linux/Torch270/o_voxel", "could not be read", Strength.CLAIMED, "git cat-file"
    )
    return replace(solved(), status=CellStatus.UNKNOWN, reasons=(reason,))


def on_base() -> Resolution:
    plan = layered()
    return Resolution(CellStatus.SOLVED, (), plan, None, (_outcome(plan),))


def matrix() -> Matrix:
    plan = standalone()
    refused = CellOutcome(
        CellId.parse("cp313-cu128-torch2.9.1-ubuntu24.04"),
        plan.image,
        CellStatus.UNKNOWN,
        because=(
            Evidence("torch|index", "is out of reach", Strength.CLAIMED, "matrices/torch.toml"),
        ),
    )
    return Matrix((mesh(),), (_outcome(plan), _failed(), refused))


def smoke() -> SmokeReport:
    return SmokeReport(
        "failed",
        "torchsolve/comfyui-mesh:cp312",
        (
            CheckResult("versions", "passed", "9 equal the lock", 1.24),
            CheckResult("open torchvision/_C.so", "failed", "undefined symbol: _ZN3c10", 0.02),
            CheckResult("open torchaudio/_ffmpeg4.so", "skipped", "libavutil.so.56", 0.01),
        ),
        (Diagnosis("other-torch", "torchvision was built for another torch", "install 0.24.1"),),
    )
