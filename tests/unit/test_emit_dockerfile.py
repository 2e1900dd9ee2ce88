"""What the Dockerfile promises, beyond the exact text that the examples keep."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.plans import PLANS, cpu, inventory, layered, rocky, standalone, with_git
from torchsolve.emit.files import render
from torchsolve.emit.options import EmitOptions
from torchsolve.errors import UsageError
from torchsolve.model.inventory import InstalledDist
from torchsolve.model.plan import Plan, SystemPackage
from torchsolve.model.project import SourceLocation
from torchsolve.model.target import BaseImage, CellId
from torchsolve.model.version import PythonVersion

EVERY_PLAN = pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=list(PLANS))


def _dockerfile(plan: Plan, options: EmitOptions = EmitOptions()) -> str:  # noqa: B008 - frozen
    return render(plan, options)["Dockerfile"].decode()


def _stages(text: str) -> dict[str, str]:
    parts = re.split(r"^FROM (\S+) AS (\w+)\n", text, flags=re.MULTILINE)
    return {parts[n + 1]: f"{parts[n]}\n{parts[n + 2]}" for n in range(1, len(parts), 3)}


def _instructions(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines() if line.strip()]


@EVERY_PLAN
def test_debians_buildkit_understands_it(plan: Plan) -> None:
    text = _dockerfile(plan)
    assert not text.startswith("# syntax")
    for missing in ("<<", "--link", "--checksum", "--network", ",env=", "required=true"):
        assert missing not in text


@EVERY_PLAN
def test_first_instruction_lets_the_base_be_replaced(plan: Plan) -> None:
    reference = plan.image.ref + (f"@{plan.image.digest}" if plan.image.digest else "")
    assert _instructions(_dockerfile(plan))[0] == f"ARG BASE_IMAGE={reference}"


@EVERY_PLAN
def test_every_line_fits(plan: Plan) -> None:
    text = _dockerfile(plan)
    assert max(len(line) for line in text.splitlines()) < 4096
    labels = next(line for line in _instructions(text) if line.startswith("LABEL"))
    assert len(labels) < 4096


@EVERY_PLAN
def test_installs_nothing_but_the_lock(plan: Plan) -> None:
    for line in _instructions(_dockerfile(plan)):
        if re.search(r"pip (install|wheel)|bin/pip --python", line):
            assert "--no-deps" in line or "/opt/uv/" in line
            assert "--require-hashes" in line or "--no-index" in line or "git+" in line


@EVERY_PLAN
def test_constraints_come_after_the_last_install(plan: Plan) -> None:
    lines = _instructions(_dockerfile(plan))
    constraint = next(n for n, line in enumerate(lines) if "PIP_CONSTRAINT=" in line)
    assert "ENV" in lines[constraint]
    assert not [line for line in lines[constraint:] if "pip install" in line]
    for name in ("UV_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT"):
        assert f"{name}=/opt/torchsolve/constraints.txt" in lines[constraint]


@pytest.mark.parametrize("make", [standalone, rocky, with_git])
def test_changed_commit_or_weight_does_not_touch_torch(make: object) -> None:
    assert callable(make)
    plan = make()
    moved = replace(plan.nodes[0], source=SourceLocation(plan.nodes[0].source.url, "f" * 40))
    changed = replace(plan, nodes=(moved,), weights=plan.weights[:1])
    before, after = render(plan, EmitOptions()), render(changed, EmitOptions())
    assert before["Dockerfile"] != after["Dockerfile"]
    old, new = _stages(before["Dockerfile"].decode()), _stages(after["Dockerfile"].decode())
    assert old["torch"].startswith("base\n")
    assert (old["base"], old["torch"]) == (new["base"], new["torch"])
    assert before["requirements/torch.txt"] == after["requirements/torch.txt"]
    copied = re.findall(r"^COPY (?!--from)(\S+)", old["base"] + old["torch"], re.MULTILINE)
    assert copied == ["requirements/torch.txt"]


def test_wheels_are_checked_in_the_stage_that_clones_them() -> None:
    stages = _stages(_dockerfile(standalone()))
    assert "sha256sum --check --strict" in stages["source"]
    assert "from=source,source=/wheels" in stages["final"]
    assert "pip" not in stages["source"].replace("PIP_CERT", "").replace("id=pip", "").replace(
        "/etc/pip.conf", ""
    )


def test_user_is_a_number_and_owns_what_it_writes() -> None:
    text = _dockerfile(standalone())
    assert "useradd" not in text
    assert "\nUSER ${UID}:${GID}\n" in text
    for folder in ("models", "user", "output", "input", "temp", "custom_nodes"):
        assert f"/opt/ComfyUI/{folder} \\\n" in text


def test_other_projects_get_python_and_no_port() -> None:
    text = _dockerfile(cpu())
    assert text.rstrip().endswith('ENTRYPOINT ["python"]')
    assert "HEALTHCHECK" not in text
    assert "EXPOSE" not in text
    assert "NVIDIA" not in text


def test_dnf_installs_on_rocky() -> None:
    text = _dockerfile(rocky())
    assert "apt-get" not in text
    assert "        mesa-libGL \\\n" in text
    assert "        python3.12-devel \\\n" in text


def test_layered_keeps_user_entry_point_and_interpreter() -> None:
    text = _dockerfile(layered())
    assert text.rstrip().endswith("USER comfy")
    assert "ENTRYPOINT" not in text
    assert "/opt/venv" not in text
    assert "/usr/bin/python3 -m pip install --no-deps --require-hashes" in text
    assert "/app/ComfyUI/custom_nodes/ComfyUI-Video" in text
    assert "torch.txt" not in text


def test_layered_on_root_gives_no_user_back() -> None:
    plan = replace(layered(), inventory=replace(inventory(), user=""))
    text = _dockerfile(plan)
    assert _instructions(text)[-1].startswith("LABEL")
    assert "--chown" not in text


def test_layered_on_an_externally_managed_python() -> None:
    plan = replace(layered(), inventory=replace(inventory(), externally_managed=True))
    assert "-m pip install --break-system-packages --no-deps" in _dockerfile(plan)


def test_layered_on_a_python_without_pip_leaves_none_behind() -> None:
    dists = (InstalledDist(inventory().dists[0].name, "1.26.4"),)
    found = replace(inventory(), dists=dists, executable="/app/my env/bin/python")
    text = _dockerfile(replace(layered(), inventory=found))
    assert "'/app/my env/bin/python' -m venv /tmp/pip" in text
    assert "bin/pip --python '/app/my env/bin/python' install" in text
    assert "rm -rf /tmp/pip" in text


def test_python_that_the_os_lacks_is_brought_by_uv() -> None:
    plan = standalone()
    plan = replace(plan, cell=replace(plan.cell, python=PythonVersion(3, 11)))
    files = render(plan, EmitOptions())
    text = files["Dockerfile"].decode()
    assert "uv python install --install-dir /opt/python" in _stages(text)["python"]
    assert "/opt/python/python3.11 -m venv /opt/venv" in text
    assert re.search(
        rb"uv==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}", files["requirements/uv.txt"]
    )
    assert "apt-get" not in _stages(text)["base"]


def test_dockers_python_image_needs_no_package_and_names_the_driver() -> None:
    image = BaseImage(
        "python:3.12-slim-bookworm", "debian12", "slim", None, "2.36", None, (PythonVersion(3, 12),)
    )
    plan = replace(standalone(), image=image, cell=CellId.parse("cp312-cu128-torch2.9.1-debian12"))
    text = _dockerfile(plan)
    assert "apt-get" not in _stages(text)["base"]
    assert "python3.12-dev" not in text
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility\n" in text


def test_egl_asks_for_graphics() -> None:
    egl = SystemPackage("libegl1", "libEGL.so.1", ("nvdiffrast",), "matrices/sonames.toml")
    text = _dockerfile(replace(standalone(), system_packages=(egl,)))
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics\n" in text


def test_git_dependency_that_needs_torch_is_built_beside_it() -> None:
    stages = _stages(_dockerfile(with_git()))
    assert stages["wheels"].startswith("${BUILD_IMAGE}\n")
    assert "COPY --from=torch /opt/venv /opt/venv" in stages["wheels"]
    assert "pip wheel --no-build-isolation --no-deps" in stages["wheels"]
    assert 'TORCH_CUDA_ARCH_LIST="12.0"' in stages["wheels"]
    assert "g++" not in stages["final"]


def test_unknown_os_has_one_clear_error() -> None:
    image = replace(standalone().image, os="slackware15")
    with pytest.raises(UsageError, match="unknown-os"):
        _dockerfile(replace(standalone(), image=image))


@pytest.mark.parametrize(
    "name", ["My Node", "$(touch x)", "a\nRUN evil", '"; rm -rf / #', "`id`", "{{ x }}", "ノード"]
)
def test_hostile_project_name_changes_no_instruction(name: str) -> None:
    plan = standalone()
    node = replace(plan.nodes[0], name=name, classes=(name,))
    pins = tuple(
        replace(pin, requested_by=(name,)) if pin.file.index == "project" else pin
        for pin in plan.pins
    )
    text = _dockerfile(replace(plan, nodes=(node,), pins=pins))
    plain = _instructions(_dockerfile(plan))
    verbs = [line.split()[0] for line in plain]
    assert [line.split()[0] for line in _instructions(text)] == verbs
    for line, usual in zip(_instructions(text), plain, strict=True):
        if not line.startswith("LABEL"):
            assert re.sub(r"[A-Za-z0-9-]", "", line) == re.sub(r"[A-Za-z0-9-]", "", usual)


_BESIDE_PYTHON = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
HADOLINT = shutil.which("hadolint", path=_BESIDE_PYTHON)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed here")
@EVERY_PLAN
def test_hadolint_is_content(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(_dockerfile(plan))
    done = subprocess.run(
        [str(HADOLINT), "--no-color", str(tmp_path / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
