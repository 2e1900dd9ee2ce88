"""The probes that import and that compare versions, run over packages made on the spot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from torchsolve.resources import probe_files

Site = Path


def install(site: Site, name: str, version: str = "1.0", top: str = "", **modules: str) -> None:
    """A distribution with top-level modules of that code."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for module, code in modules.items():
        (site / module).mkdir()
        (site / module / "__init__.py").write_text(code)
    (info / "RECORD").write_text("".join(f"{module}/__init__.py,,\n" for module in modules))
    if top:
        (info / "top_level.txt").write_text(top)


def run(tmp_path: Path, site: Site, probe: str, question: dict[str, Any]) -> dict[str, Any]:
    """Name of each result → the result."""
    script, asked = tmp_path / f"{probe}.py", tmp_path / "input.json"
    script.write_bytes(probe_files()[script.name])
    asked.write_text(json.dumps(question))
    done = subprocess.run(
        [sys.executable, "-S", str(script), str(asked)],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("@torchsolve ")]
    found = (json.loads(line.removeprefix("@torchsolve ")) for line in lines)
    return {record["name"]: record for record in found}


def imported(
    tmp_path: Path, *dists: str, gpu: bool = False, timeout: float = 20
) -> dict[str, tuple[str, str]]:
    """Results of the import probe, without its summary."""
    question = {"dists": dists, "timeout": timeout, "gpu": gpu}
    found = run(tmp_path, tmp_path / "site", "imports", question)
    assert found.pop("imports")["status"] == "passed"
    return {
        name.removeprefix("imports:"): (record["status"], record["detail"])
        for name, record in found.items()
    }


def test_a_package_that_imports_passes_and_only_those_asked_for_are_tried(tmp_path: Path) -> None:
    install(tmp_path / "site", "Good_Name", good="print('hello')")
    install(tmp_path / "site", "other", other="1 / 0")
    assert imported(tmp_path, "good-name") == {"good-name:good": ("passed", "")}


def test_a_broken_package_fails_with_its_error(tmp_path: Path) -> None:
    install(tmp_path / "site", "bad", bad="import nonexistent_pkg_xyz")
    assert imported(tmp_path, "bad") == {
        "bad:bad": ("failed", "ModuleNotFoundError: No module named 'nonexistent_pkg_xyz'")
    }


@pytest.mark.parametrize(
    "message",
    [
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
        "0 active drivers ([]). There should only be one.",
        "libcuda.so.1: cannot open shared object file: No such file or directory",
        "No CUDA GPUs are available",
    ],
)
def test_one_that_asks_for_a_gpu_is_told_apart(tmp_path: Path, message: str) -> None:
    install(tmp_path / "site", "gpu", gpu=f"raise RuntimeError({message!r})")
    status, detail = imported(tmp_path, "gpu")["gpu:gpu"]
    assert (status, detail) == ("skipped", f"asks for a GPU at import: RuntimeError: {message}")
    assert imported(tmp_path, "gpu", gpu=True)["gpu:gpu"][0] == "failed"


def test_the_wish_for_a_gpu_is_found_behind_another_error(tmp_path: Path) -> None:
    code = "try:\n    raise OSError('No CUDA GPUs are available')\n"
    code += "except OSError as error:\n    raise ImportError('cannot start') from error\n"
    install(tmp_path / "site", "gpu", gpu=code)
    assert imported(tmp_path, "gpu")["gpu:gpu"][0] == "skipped"


def test_a_cpu_build_of_torch_is_no_missing_gpu(tmp_path: Path) -> None:
    code = "raise AssertionError('Torch not compiled with CUDA enabled')"
    install(tmp_path / "site", "gpu", gpu=code)
    assert imported(tmp_path, "gpu")["gpu:gpu"][0] == "failed"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(0)", "the import ended the process"),
        ("import os; os.abort()", "killed by signal 6"),
        ("import time; time.sleep(60)", "no end within 1 s"),
    ],
)
def test_what_ends_or_hangs_fails_and_stops_nothing(
    tmp_path: Path, code: str, expected: str
) -> None:
    install(tmp_path / "site", "bad", bad=code)
    install(tmp_path / "site", "good", good="")
    found = imported(tmp_path, "bad", "good", timeout=1)
    assert found == {"bad:bad": ("failed", expected), "good:good": ("passed", "")}


def test_no_import_hides_what_another_lacks(tmp_path: Path) -> None:
    install(tmp_path / "site", "first", first="import sys\nsys.modules['gone'] = sys\n")
    install(tmp_path / "site", "second", second="import gone")
    found = imported(tmp_path, "first", "second")
    assert found["second:second"][0] == "failed"


def test_a_folder_of_tests_beside_a_package_is_nobodys_import(tmp_path: Path) -> None:
    install(tmp_path / "site", "pkg", pkg="", tests="1 / 0", _private="1 / 0")
    assert imported(tmp_path, "pkg") == {"pkg:pkg": ("passed", "")}


def test_top_level_names_are_taken_from_the_wheel_where_it_lists_them(tmp_path: Path) -> None:
    install(tmp_path / "site", "pkg", top="one\n", one="", two="1 / 0")
    assert imported(tmp_path, "pkg") == {"pkg:one": ("passed", "")}


def test_what_an_import_prints_is_kept(tmp_path: Path) -> None:
    code = "import sys; print('WARNING[XFORMERS]: cannot load', file=sys.stderr)"
    install(tmp_path / "site", "pkg", pkg=code)
    question = {"dists": ["pkg"], "timeout": 20, "gpu": False}
    found = run(tmp_path, tmp_path / "site", "imports", question)
    assert "WARNING[XFORMERS]" in found["imports:pkg:pkg"]["output"]


def versions(tmp_path: Path, cuda: str | None = "any", **pins: str | None) -> dict[str, Any]:
    return run(tmp_path, tmp_path / "site", "versions", {"pins": pins, "cuda": cuda})


def test_versions_equal_the_lock_or_not(tmp_path: Path) -> None:
    for name in ("same", "other", "git"):
        install(tmp_path / "site", name, "1.0")
    install(tmp_path / "site", "further", "2")
    found = versions(tmp_path, same="1.0", other="1.1", git=None, gone="3")
    assert {name: record["status"] for name, record in found.items()} == {
        "versions:same": "passed",
        "versions:other": "failed",
        "versions:git": "passed",
        "versions:gone": "failed",
        "versions": "passed",
    }
    assert found["versions:other"]["detail"] == "1.0 is installed, the lock says 1.1"
    assert found["versions"]["detail"] == "beyond the lock: further"


@pytest.mark.parametrize(
    ("built", "wanted", "status"),
    [
        ("'12.6'", "12.6", "passed"),
        ("'12.8'", "12.6", "failed"),
        ("None", "12.6", "failed"),
        ("None", None, "passed"),
        ("'12.6'", None, "failed"),
    ],
)
def test_torch_is_the_build_that_the_cell_names(
    tmp_path: Path, built: str, wanted: str | None, status: str
) -> None:
    install(tmp_path / "site", "torch", "2.7.0", torch="raise SystemExit('imported')")
    text = f"__version__ = '2.7.0'\ncuda: Optional[str] = {built}\n"
    (tmp_path / "site/torch/version.py").write_text(text)
    found = versions(tmp_path, wanted, torch="2.7.0")
    assert found["versions:torch-cuda"]["status"] == status
