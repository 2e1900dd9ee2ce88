"""The lock: PEP 751 by packaging's reader, and every plan back from it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.pylock import Pylock

from support.plans import COMMIT, NODE_URL, PLANS, cpu, digest, standalone, with_git
from torchsolve.emit.lock import plan_from_lock, plan_to_lock, read_lock
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.portable import portable
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.plan import Layer, Plan
from torchsolve.model.project import SourceLocation

EVERY_PLAN = pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=list(PLANS))

_EMPTY = 'lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n'


def _saved(content: bytes, folder: Path) -> Path:
    path = folder / "pylock.toml"
    path.write_bytes(content)
    return path


@EVERY_PLAN
def test_plan_comes_back_equal(plan: Plan, tmp_path: Path) -> None:
    lock = plan_to_lock(plan)
    back = plan_from_lock(_saved(lock, tmp_path))
    assert back == plan
    assert plan_to_lock(back) == lock


@EVERY_PLAN
def test_packaging_reads_every_package_with_its_hash(plan: Plan) -> None:
    pylock = Pylock.from_dict(tomllib.loads(plan_to_lock(plan).decode()))
    wanted = {
        pin.name: pin.file.sha256 if pin.vcs is None else pin.vcs[1]
        for pin in plan.pins
        if pin.layer is not Layer.BASE
    }
    found: dict[str, str] = {}
    for package in pylock.packages:
        if package.vcs is not None:
            found[package.name] = package.vcs.commit_id
        else:
            files = [*(package.wheels or ()), package.sdist]
            (hashes,) = [file.hashes for file in files if file is not None]
            found[package.name] = hashes["sha256"]
    assert found == wanted


def test_standard_part_names_index_url_and_time() -> None:
    pylock = Pylock.from_dict(tomllib.loads(plan_to_lock(standalone()).decode()))
    packages = {str(package.name): package for package in pylock.packages}
    torch = packages["torch"]
    assert str(torch.version) == "2.9.1+cu128"
    assert torch.index == "https://download.pytorch.org/whl/cu128"
    assert [dict(item) for item in torch.dependencies or ()] == [{"name": "triton"}]
    (wheel,) = packages["cumesh"].wheels or ()
    assert wheel.url == (
        f"https://raw.githubusercontent.com/example/ComfyUI-Mesh/{COMMIT}"
        "/wheels/Linux/Torch291/cumesh-0.0.1-cp312-cp312-linux_x86_64.whl"
    )
    assert packages["cumesh"].index is None
    (einops,) = packages["einops"].wheels or ()
    assert einops.upload_time is not None
    assert einops.upload_time.isoformat() == "2025-11-12T09:30:00+00:00"
    assert str(pylock.requires_python) == "==3.12.*"


def test_options_come_back(tmp_path: Path) -> None:
    lock = plan_to_lock(cpu(), EmitOptions(source="copy", weights="none"))
    options = read_lock(_saved(lock, tmp_path))[1]
    assert (options.source, options.weights, options.root) == ("copy", "none", tmp_path)


def test_file_without_hash_is_never_locked() -> None:
    plan = cpu()
    first, second = plan.pins
    bad = replace(first, file=replace(first.file, sha256=None))
    unread = replace(second, unread="its bytes are a Git LFS pointer")
    with pytest.raises(UnknownError, match="no-hash") as caught:
        plan_to_lock(replace(plan, pins=(bad, unread)))
    assert caught.value.exit_code == 4
    assert any(first.file.filename in fact for fact in caught.value.facts)
    assert any("Git LFS pointer" in fact for fact in caught.value.facts)
    assert "#sha256=" not in caught.value.hint


def test_an_sdist_whose_requirements_are_unknown_has_its_hash(tmp_path: Path) -> None:
    plan = cpu()
    first, *rest = plan.pins
    name = f"{first.name}-{first.version}.tar.gz"
    file = replace(first.file, filename=name, url=f"https://index.example/{name}")
    unread = replace(first, file=file, unread="says nothing without being built")
    lock = plan_to_lock(replace(plan, pins=(unread, *rest)))
    found = read_lock(_saved(lock, tmp_path))[0].pin(first.name)
    assert found is not None
    assert found.file.sha256 == first.file.sha256


def test_an_address_without_a_hash_is_told_where_to_put_it() -> None:
    plan = cpu()
    first, *rest = plan.pins
    bare = replace(first, file=replace(first.file, sha256=None, index="direct"))
    with pytest.raises(UnknownError, match="no-hash") as caught:
        plan_to_lock(replace(plan, pins=(bare, *rest)))
    assert "#sha256=" in caught.value.hint
    assert caught.value.facts == (f"{first.file.filename} → its address gives no #sha256=…",)


def test_a_file_that_nobody_saw_is_not_held_against_its_index() -> None:
    plan = standalone()
    pins = tuple(
        replace(pin, file=replace(pin.file, url=None, sha256=None)) if pin.name == "torch" else pin
        for pin in plan.pins
    )
    with pytest.raises(UnknownError, match="no-hash") as caught:
        plan_to_lock(replace(plan, pins=pins))
    (fact,) = caught.value.facts
    assert fact.endswith("→ was not read: the torch index was out of reach")
    assert "--torch-index default" in caught.value.hint


UNSAFE = [
    (COMMIT, "--upload-pack=touch x"),
    (COMMIT, COMMIT[:39]),
    (f'url = "{NODE_URL}"', 'url = "ext::sh -c touch"'),
    (f'url = "{NODE_URL}"', 'url = "ssh://-oProxyCommand=touch/x"'),
    ('"models/mesh/ss_dec.safetensors"', '"models/../../etc/cron.d/x"'),
    ('"models/mesh/ss_dec.safetensors"', '"/etc/cron.d/x"'),
    ('"https://weights.example/mesh/ss_dec.safetensors"', '"--config=x"'),
    ('repo = "facebook/dinov3-vitl16-pretrain-lvd1689m"', 'repo = "--local-dir=x"'),
    ('place = "wheels/Linux', 'place = "../Linux'),
]


@pytest.mark.parametrize(("old", "new"), UNSAFE)
def test_a_lock_that_reaches_out_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = plan_to_lock(standalone()).decode()
    assert old in text
    with pytest.raises(UsageError, match="bad-lock"):
        plan_from_lock(_saved(text.replace(old, new).encode(), tmp_path))


def test_a_git_commit_of_a_package_is_no_option(tmp_path: Path) -> None:
    text = plan_to_lock(with_git()).decode()
    old = f'commit-id = "{COMMIT}"'
    assert old in text
    with pytest.raises(UsageError, match="bad-lock"):
        plan_from_lock(_saved(text.replace(old, 'commit-id = "main"').encode(), tmp_path))


def test_local_folders_and_credentials_stay_here(tmp_path: Path) -> None:
    plan = standalone()
    home = SourceLocation(None, None, str(tmp_path / "My Node"))
    plan = replace(
        plan,
        nodes=(replace(plan.nodes[0], source=home),),
        indexes=(("default", "https://me:secret@index.example/simple/"),),
        notes=(f"{tmp_path}/My Node/setup.py was not run",),
        weights=(),
        pins=tuple(
            replace(p, file=replace(p.file, url=f"file://{tmp_path}/My%20Node/{p.file.place}"))
            for p in plan.pins
            if p.layer is Layer.PROJECT
        ),
    )
    lock = plan_to_lock(plan)
    assert b"secret" not in lock
    assert str(tmp_path).encode() not in lock
    back = plan_from_lock(_saved(lock, tmp_path))
    assert back == portable(plan, EmitOptions())
    assert back.nodes[0].source.path == "context/nodes/ComfyUI-Mesh"
    assert back.notes == ("setup.py was not run",)
    cumesh = back.pin("cumesh")
    assert cumesh is not None
    assert cumesh.file.url == "context/wheels/cumesh-0.0.1-cp312-cp312-linux_x86_64.whl"
    assert plan_to_lock(back) == lock


def test_wheel_known_by_place_alone_gets_the_address_of_the_commit() -> None:
    plan = standalone()
    pins = tuple(
        replace(pin, file=replace(pin.file, url=None)) if pin.file.index == "project" else pin
        for pin in plan.pins
    )
    assert portable(replace(plan, pins=pins), EmitOptions()) == plan


def test_copy_takes_the_folder_even_where_a_remote_is_known() -> None:
    plan = standalone()
    source = SourceLocation(NODE_URL, COMMIT, "/srv/nodes/mesh")
    plan = replace(plan, nodes=(replace(plan.nodes[0], source=source),))
    cloned = portable(plan, EmitOptions(source="clone")).nodes[0].source
    copied = portable(plan, EmitOptions(source="copy")).nodes[0].source
    assert (cloned.url, cloned.commit, cloned.path) == (NODE_URL, COMMIT, None)
    assert copied.path == "context/nodes/ComfyUI-Mesh"


def test_project_without_any_source_is_refused() -> None:
    plan = standalone()
    lost = replace(plan.nodes[0], source=SourceLocation())
    with pytest.raises(UsageError, match="no-source"):
        plan_to_lock(replace(plan, nodes=(lost,)))


def test_two_projects_of_one_folder_are_refused() -> None:
    plan = standalone()
    twin = replace(plan.nodes[0], name="comfyui mesh")
    with pytest.raises(UsageError, match="same-folder"):
        plan_to_lock(replace(plan, nodes=(*plan.nodes, twin)))


def test_git_dependency_is_locked_by_commit() -> None:
    document = tomllib.loads(plan_to_lock(with_git()).decode())
    entry = next(item for item in document["packages"] if item["name"] == "utils3d")
    assert entry["vcs"] == {
        "type": "git",
        "url": "https://github.com/example/utils3d.git",
        "commit-id": COMMIT,
    }


def test_a_sdist_is_an_sdist() -> None:
    document = tomllib.loads(plan_to_lock(with_git()).decode())
    entry = next(item for item in document["packages"] if item["name"].startswith("antlr4"))
    assert entry["sdist"]["hashes"] == {"sha256": digest("antlr4-python3-runtime-4.9.3.tar.gz")}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (None, "no-lock"),
        ("lock-version = ", "bad-lock"),
        ('lock-version = "1.0"\n', "bad-lock"),
        (_EMPTY, "foreign-lock"),
        (_EMPTY + '[tool.torchsolve]\nschema = "torchsolve.lock/1"\n', "bad-lock"),
        (_EMPTY + '[tool]\ntorchsolve = "no"\n', "foreign-lock"),
    ],
)
def test_what_is_no_lock_of_ours(text: str | None, reference: str, tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=reference) as caught:
        plan_from_lock(path)
    assert str(path) in caught.value.origin


def test_damaged_value_is_named(tmp_path: Path) -> None:
    lock = plan_to_lock(cpu()).replace(b'cell = "cp313', b'cell = "xx313')
    with pytest.raises(UsageError, match=r"tool\.torchsolve\.cell: not a cell id"):
        plan_from_lock(_saved(lock, tmp_path))


def test_lock_that_is_not_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bad-lock"):
        plan_from_lock(_saved(b"\xff\xfe\x00", tmp_path))
