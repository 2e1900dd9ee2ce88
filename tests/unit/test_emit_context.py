"""``context/``, the folder's check, and emit from nothing but the lock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.plans import COMFYUI, PLANS, cpu, digest, pin, standalone
from torchsolve.emit.check import check
from torchsolve.emit.context import context_files
from torchsolve.emit.files import render
from torchsolve.emit.lock import read_lock
from torchsolve.emit.manifest import digest_of
from torchsolve.emit.options import Content, EmitOptions
from torchsolve.emit.write import write
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.plan import Layer, Plan
from torchsolve.model.project import SourceLocation

EVERY_PLAN = pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=list(PLANS))
WHEEL = "wheels/Linux/Torch291/cumesh-0.0.1-cp312-cp312-linux_x86_64.whl"


def _emit(plan: Plan, folder: Path, options: EmitOptions) -> None:
    files: dict[str, Content] = {**render(plan, options), **context_files(plan, options)}
    write(files, folder)


def _local_node(folder: Path) -> Plan:
    """A plan whose node is a folder with one wheel that it uses and one that it does not."""
    for name, content in {
        "nodes.py": b"NODE_CLASS_MAPPINGS = {}\n",
        "a b/put model here.txt": b"",
        ".git/HEAD": b"ref\n",
        "__pycache__/nodes.pyc": b"x",
        WHEEL: b"wheel bytes",
        "wheels/Windows/x-1.0-cp312-cp312-win_amd64.whl": b"other",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    plan = standalone()
    wheel = pin(
        WHEEL.rsplit("/", 1)[-1],
        Layer.PROJECT,
        index="project",
        place=WHEEL,
        url=(folder / WHEEL).as_uri(),
        requested_by=("ComfyUI-Mesh",),
    )
    wheel = replace(wheel, file=replace(wheel.file, sha256=digest("wheel bytes")))
    others = tuple(p for p in plan.pins if p.layer is not Layer.PROJECT)
    node = replace(plan.nodes[0], source=SourceLocation(path=str(folder)))
    return replace(plan, nodes=(node,), pins=(wheel, *others), exceptions=())


@EVERY_PLAN
def test_fresh_files_are_fresh(plan: Plan, tmp_path: Path) -> None:
    _emit(plan, tmp_path, EmitOptions())
    assert check(tmp_path) == ""


@EVERY_PLAN
def test_lock_alone_gives_the_same_bytes(plan: Plan, tmp_path: Path) -> None:
    first = render(plan, EmitOptions())
    (tmp_path / "pylock.toml").write_bytes(first["pylock.toml"])
    assert render(*read_lock(tmp_path / "pylock.toml")) == first
    assert render(plan, EmitOptions()) == first


def test_stale_file_is_shown_as_a_diff(tmp_path: Path) -> None:
    _emit(cpu(), tmp_path, EmitOptions())
    path = tmp_path / "Dockerfile"
    path.write_text(path.read_text().replace("--require-hashes", "--pre"))
    (tmp_path / "constraints.txt").unlink()
    diff = check(tmp_path)
    assert "--- a/Dockerfile\n+++ b/Dockerfile\n" in diff
    assert "--- /dev/null\n+++ b/constraints.txt\n" in diff
    assert "+idna==3.11\n" in diff
    assert any(line.startswith("-") and "--pre" in line for line in diff.splitlines())


def test_script_that_lost_its_executable_bit_is_stale(tmp_path: Path) -> None:
    _emit(standalone(), tmp_path, EmitOptions())
    (tmp_path / "fetch-weights.sh").chmod(0o644)
    diff = check(tmp_path)
    assert diff.startswith("--- a/fetch-weights.sh\n")
    assert "new mode 100755" in diff
    _emit(standalone(), tmp_path, EmitOptions())
    assert check(tmp_path) == ""


def test_file_that_the_plan_no_longer_has_is_stale(tmp_path: Path) -> None:
    plan = standalone()
    _emit(plan, tmp_path, EmitOptions())
    lock = render(replace(plan, weights=()), EmitOptions())["pylock.toml"]
    (tmp_path / "pylock.toml").write_bytes(lock)
    assert "--- a/fetch-weights.sh\n+++ /dev/null\n" in check(tmp_path)


def test_copied_node_travels_without_wheels_it_does_not_use(tmp_path: Path) -> None:
    plan = _local_node(tmp_path / "node")
    found = context_files(plan, EmitOptions(source="copy"))
    assert list(found) == [
        "context/nodes/ComfyUI-Mesh/a b/put model here.txt",
        "context/nodes/ComfyUI-Mesh/nodes.py",
        f"context/wheels/{Path(WHEEL).name}",
    ]
    assert digest_of(found[f"context/wheels/{Path(WHEEL).name}"]) == digest("wheel bytes")


def test_emit_from_the_lock_keeps_the_context(tmp_path: Path) -> None:
    plan, out = _local_node(tmp_path / "node"), tmp_path / "out"
    _emit(plan, out, EmitOptions(source="copy"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again, options = read_lock(out / "pylock.toml")
    _emit(again, out, options)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert check(out) == ""
    assert b"COPY context/wheels /wheels\n" in before[out / "Dockerfile"]
    assert (
        b"COPY context/nodes/ComfyUI-Mesh /src/projects/ComfyUI-Mesh\n"
        in before[out / "Dockerfile"]
    )


def test_changed_context_is_stale(tmp_path: Path) -> None:
    plan, out = _local_node(tmp_path / "node"), tmp_path / "out"
    _emit(plan, out, EmitOptions(source="copy"))
    (out / "context" / "nodes" / "ComfyUI-Mesh" / "nodes.py").write_text("changed")
    assert "+++ b/context/nodes/ComfyUI-Mesh/nodes.py\n" in check(out)


def test_changed_wheel_is_not_copied(tmp_path: Path) -> None:
    plan = _local_node(tmp_path / "node")
    (tmp_path / "node" / WHEEL).write_bytes(b"newer")
    with pytest.raises(UsageError, match="changed-wheel"):
        context_files(plan, EmitOptions(source="copy"))


def test_folder_that_is_gone(tmp_path: Path) -> None:
    plan = standalone()
    node = replace(plan.nodes[0], source=SourceLocation(path=str(tmp_path / "gone")))
    with pytest.raises(UsageError, match="no-source"):
        context_files(replace(plan, nodes=(node,)), EmitOptions(source="copy"))


def test_local_comfyui_travels(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('To see the GUI go to')\n")
    plan = replace(cpu(), comfyui=replace(COMFYUI, commit=None, path=str(tmp_path)))
    assert list(context_files(plan, EmitOptions())) == ["context/ComfyUI/main.py"]
    text = render(plan, EmitOptions())["Dockerfile"].decode()
    assert "COPY context/ComfyUI /src/ComfyUI\n" in text
    assert "git" not in text.replace(".git", "").replace("git's", "")


def test_own_reader_is_asked_for_trees_that_are_no_folders() -> None:
    plan = standalone()
    node = replace(plan.nodes[0], source=SourceLocation(path="/srv/bare.git", commit="a" * 40))
    others = tuple(p for p in plan.pins if p.layer is not Layer.PROJECT)
    options = EmitOptions(
        source="copy", tree=lambda source: [("x.py", str(source.commit).encode())]
    )
    found = context_files(replace(plan, nodes=(node,), pins=others), options)
    assert found == {"context/nodes/ComfyUI-Mesh/x.py": b"a" * 40}


def test_cloned_plan_has_no_context() -> None:
    assert context_files(standalone(), EmitOptions()) == {}


def test_wheel_given_beside_a_node_is_not_looked_for_in_its_clone(tmp_path: Path) -> None:
    path = tmp_path / "extra-1.0-py3-none-any.whl"
    path.write_bytes(b"bytes")
    wheel = pin(path.name, Layer.PROJECT, index="project", place=path.name, url=path.as_uri())
    wheel = replace(wheel, file=replace(wheel.file, sha256=digest("bytes")))
    wheel = replace(wheel, requested_by=(path.name,))
    plan = standalone()
    plan = replace(plan, pins=(*plan.pins, wheel))
    assert list(context_files(plan, EmitOptions())) == [f"context/wheels/{path.name}"]
    text = render(plan, EmitOptions())["Dockerfile"].decode()
    assert "COPY context/wheels /wheels\n" in text
    assert f"/{path.name}" in text
    assert f"ComfyUI-Mesh/{path.name}" not in text


def test_wheel_of_a_clone_on_an_unknown_host_needs_a_copy() -> None:
    plan = standalone()
    node = replace(plan.nodes[0], source=SourceLocation("https://git.example/a/b", "a" * 40))
    pins = tuple(
        replace(p, file=replace(p.file, url=None)) if p.file.index == "project" else p
        for p in plan.pins
    )
    with pytest.raises(UnknownError, match="no-address"):
        render(replace(plan, nodes=(node,), pins=pins), EmitOptions())
