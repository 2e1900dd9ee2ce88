"""Closures against uv's, for the requirements of real nodes (tests/data/requirements.json).

DESIGN section 9: same target, same cut-off, no ComfyUI, METADATA only; what torchsolve's tables add
is given to uv as constraints. Then names and versions are equal.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.plan import Plan
from torchsolve.model.version import PythonVersion

pytestmark = pytest.mark.network
CUTOFF = datetime(2026, 11, 20, tzinfo=UTC)
NODES = json.loads((Path(__file__).parent.parent / "data" / "requirements.json").read_text())
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def uv_pins(lines: Path, plan: Plan, tmp_path: Path) -> dict[str, str]:
    constraints = tmp_path / "constraints.txt"
    bound = {e.subject.split(" ")[0] for e in plan.companions} | {"torch"}
    rows = [f"{pin.name}=={pin.version}" for pin in plan.pins if pin.name in bound]
    constraints.write_text("\n".join(rows))
    overrides = tmp_path / "overrides.txt"
    left = {Requirement(edge.dropped).name for edge in plan.exceptions}
    gone = sorted(name for name in left if plan.pin(canonicalize_name(name)) is None)
    overrides.write_text("".join(f"{name} ; python_version < '0'\n" for name in gone))
    # uv knows targets up to glibc 2.40.
    glibc = min(plan.image.glibc, "2.40").replace(".", "_")
    command = [str(UV), "pip", "compile", str(lines), "--constraints", str(constraints)]
    command += ["--overrides", str(overrides)]
    command += ["--python-version", str(plan.cell.python), "--no-config", "--quiet"]
    command += ["--python-platform", f"x86_64-manylinux_{glibc}", "--no-header", "--no-annotate"]
    command += ["--exclude-newer", CUTOFF.isoformat()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = (line.partition("==") for line in done.stdout.splitlines() if "==" in line)
    return {name: version.split(" ")[0] for name, _, version in found}


@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("name", sorted(NODES))
def test_pins_are_those_of_uv(name: str, tmp_path: Path) -> None:
    lines = tmp_path / "requirements.txt"
    lines.write_text("\n".join(NODES[name]["requirements"]))
    settings = Settings(
        cache_dir=tmp_path / "cache", comfyui="none", exclude_newer=CUTOFF, undeclared=False
    )
    found = pipeline.resolve(
        [str(lines)], replace(settings, python=(PythonVersion(3, 12),), evidence="metadata")
    )
    assert found.plan is not None
    ours = {pin.name: pin.version for pin in found.plan.pins}
    assert ours == uv_pins(lines, found.plan, tmp_path)
