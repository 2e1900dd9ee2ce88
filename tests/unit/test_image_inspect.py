"""From what the probe prints to an inventory; and the probe's own reading of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.engine import FakeEngine, image
from torchsolve.errors import UsageError
from torchsolve.image import probe
from torchsolve.image.inspect import inspect, os_name
from torchsolve.model.engine import Ran
from torchsolve.model.inventory import ImageInventory

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def python(path: str, torch: str | None = None, **more: Any) -> dict[str, Any]:
    """What the probe says of one interpreter."""
    return {
        "python": "3.12.3", "executable": path, "externally_managed": False, "libstdcxx": "3.4.33",
        "dists": [{"name": "PyYAML", "version": "6.0", "requires": []}],
        "torch": torch, "cuda": "12.4" if torch else None, "cxx11_abi": False if torch else None,
        **more,
    }  # fmt: skip


def inspected(pythons: list[dict[str, Any]], **more: Any) -> ImageInventory:
    """The inventory of an image whose probe prints this."""
    facts = {
        "os": {"ID": "ubuntu", "VERSION_ID": "22.04"},
        "glibc": "2.35",
        "pythons": pythons,
        "comfyui": None,
        **more,
    }
    output = "noise\n\n@torchsolve " + json.dumps(facts) + "\n"
    labels = (("torchsolve.comfyui", COMMIT),)
    engine = FakeEngine(lambda _: Ran(0, output, "", 1.0), {"base:1": image("base:1", labels)})
    return inspect("base:1", engine)


def test_the_python_with_torch_is_meant() -> None:
    found = inspected([python("/usr/bin/python3"), python("/opt/venv/bin/python", "2.6.0+cu124")])
    assert (found.executable, found.torch, found.cuda) == (
        "/opt/venv/bin/python",
        "2.6.0+cu124",
        "12.4",
    )
    assert found.os == "ubuntu22.04"
    assert [dist.name for dist in found.dists] == ["pyyaml"]


def test_without_torch_it_is_the_first() -> None:
    found = inspected([python("/a/bin/python"), python("/b/bin/python")])
    assert (found.executable, found.torch) == ("/a/bin/python", None)


def test_comfyui_and_the_commit_that_only_our_label_knows() -> None:
    where = {"path": "/opt/ComfyUI", "version": "0.3.64", "commit": None}
    found = inspected([python("/a/bin/python")], comfyui=where)
    assert (found.comfyui, found.comfyui_version) == ("/opt/ComfyUI", "0.3.64")
    assert found.comfyui_commit == COMMIT


def test_a_label_without_comfyui_is_not_believed() -> None:
    assert inspected([python("/a/bin/python")]).comfyui_commit is None


@pytest.mark.parametrize(
    ("ran", "reference"),
    [
        (Ran(86, "", "", 0.1), "no-python-in-image"),
        (Ran(1, "", "Traceback\nSyntaxError: invalid syntax\n", 0.1), "probe-failed"),
        (Ran(137, "", "", 300.0, timed_out=True), "probe-failed"),
    ],
)
def test_what_cannot_be_looked_into(ran: Ran, reference: str) -> None:
    engine = FakeEngine(lambda _: ran, {"base:1": image("base:1")})
    with pytest.raises(UsageError) as caught:
        inspect("base:1", engine)
    assert caught.value.reference == reference


def test_another_c_library_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        inspected([python("/usr/bin/python3")], glibc="")
    assert caught.value.reference == "not-glibc"


@pytest.mark.parametrize(
    ("ident", "version", "expected"),
    [
        ("ubuntu", "22.04", "ubuntu22.04"),
        ("debian", "12", "debian12"),
        ("rocky", "9.4", "rockylinux9"),
        ("rhel", "9.4", "ubi9"),
        ("", "", "linux"),
    ],
)
def test_names_of_systems(ident: str, version: str, expected: str) -> None:
    assert os_name(ident, version) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__version__ = '2.7.0+cu126'\ncuda: Optional[str] = '12.6'\n", ("2.7.0+cu126", "12.6")),
        ("__version__ = '2.7.0+cpu'\ncuda: Optional[str] = None\n", ("2.7.0+cpu", None)),
        ("__version__ = '1.9.0'\ndebug = False\ncuda = '10.2'\n", ("1.9.0", "10.2")),
    ],
)
def test_torch_is_read_and_not_imported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    expected: tuple[str, str | None],
) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    (package / "version.py").write_text(text)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert probe.torch_facts() == (*expected, None)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (b"_ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_tra", True),
        (b"_ZN3c105ErrorC2ENS_14SourceLocationESs", False),
        (b"_ZN3c104utilE", None),
    ],
)
def test_the_cxx11_abi_is_read_from_names(
    tmp_path: Path, symbol: bytes, expected: bool | None
) -> None:
    library = tmp_path / "libc10.so"
    library.write_bytes(b"\0" + symbol + b"\0")
    assert probe.cxx11_abi(library) is expected
    assert probe.cxx11_abi(tmp_path / "none.so") is None


def test_the_newest_glibcxx_counts_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib/libstdc++.so.6"
    library.write_bytes(b"\0GLIBCXX_3.4.9\0GLIBCXX_3.4.30\0GLIBCXX_3.4\0GLIBCXX_DEBUG\0")
    assert probe.libstdcxx([str(tmp_path)]) == "3.4.30"


def test_a_commit_is_read_from_loose_packed_and_detached_heads(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/master\n")
    (git / "refs/heads/master").write_text(COMMIT + "\n")
    assert probe.commit(tmp_path) == COMMIT
    (git / "refs/heads/master").unlink()
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/master\n")
    assert probe.commit(tmp_path) == COMMIT
    (git / "HEAD").write_text(COMMIT + "\n")
    assert probe.commit(tmp_path) == COMMIT
    assert probe.commit(tmp_path / "none") is None


def test_the_version_of_comfyui(tmp_path: Path) -> None:
    assert probe.comfyui_version(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ComfyUI"\nversion = "0.3.10"\n')
    assert probe.comfyui_version(tmp_path) == "0.3.10"
    (tmp_path / "comfyui_version.py").write_text('__version__ = "0.3.64"\n')
    assert probe.comfyui_version(tmp_path) == "0.3.64"


def test_what_the_loader_finds_is_kept_and_an_older_probe_leaves_it_unknown() -> None:
    found = inspected([python("/usr/bin/python3")], sonames=["libz.so.1", "libGL.so.1"])
    assert found.sonames == ("libGL.so.1", "libz.so.1")
    assert inspected([python("/usr/bin/python3")]).sonames is None


def test_the_libraries_of_this_system_are_those_of_its_loader() -> None:
    said = probe.sonames()
    if said is None:
        pytest.skip("no ldconfig")
    assert "libc.so.6" in said
    assert all(".so" in name for name in said)
