"""One import name, two distributions: which stays, what is told, and what is bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.facts import load_facts
from torchsolve.model.outcome import Resolution
from torchsolve.model.version import CudaTag, PythonVersion

NATIVE = "cp312-cp312-manylinux_2_28_x86_64"
HEADLESS, PLAIN, CONTRIB = "opencv-python-headless", "opencv-python", "opencv-contrib-python"


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


WORLD = {
    PLAIN: [pure(PLAIN, "4.9", "numpy"), pure(PLAIN, "4.12", "numpy")],
    HEADLESS: [pure(HEADLESS, "4.9", "numpy", "only-headless"), pure(HEADLESS, "4.12", "numpy")],
    CONTRIB: [pure(CONTRIB, "4.12", "numpy")],
    "numpy": [pure("numpy", "2.0")],
    "only-headless": [pure("only-headless", "1.0")],
    "face": [pure("face", "1.0", f"{HEADLESS}<4.10")],
    "pose": [pure("pose", "1.0", CONTRIB)],
    "onnxruntime": [pure("onnxruntime", "1.20")],
    "onnxruntime-gpu": [pure("onnxruntime-gpu", "1.20")],
    "torch": [FakeFile(make_wheel("torch", "2.7.0", tag=NATIVE))],
}


def resolve(tmp_path: Path, *lines: str, **changes: object) -> Resolution:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    with IndexServer(WORLD) as index:
        base = Settings(
            cache_dir=tmp_path / "cache",
            index=index.url,
            comfyui="none",
            evidence="metadata",
            python=(PythonVersion.parse("3.12"),),
            torch_index=index.url,
        )
        return pipeline.resolve([str(path)], replace(base, **changes))  # type: ignore[arg-type]


def pins(found: Resolution) -> dict[str, str]:
    assert found.plan is not None, found.conflict
    return {pin.name: pin.version for pin in found.plan.pins}


def test_the_richest_stays_and_the_edges_are_exceptions(tmp_path: Path) -> None:
    found = resolve(tmp_path, PLAIN, "pose")
    assert pins(found) == {"numpy": "2.0", CONTRIB: "4.12", "pose": "1.0"}
    assert found.plan is not None
    (edge,) = found.plan.exceptions
    assert (edge.package, edge.dropped) == ("requirements.txt", PLAIN)
    assert edge.reason == f"{CONTRIB} stays: both write cv2"
    assert edge.evidence[0].origin.endswith("requirements.txt:1")


def test_what_was_asked_of_the_other_bounds_the_one_that_stays(tmp_path: Path) -> None:
    found = resolve(tmp_path, PLAIN, "face")
    # And what only the other one needs is not there.
    assert pins(found) == {"face": "1.0", "numpy": "2.0", PLAIN: "4.9"}
    assert found.plan is not None
    assert found.plan.notes == ()


def test_a_bound_that_cannot_be_met_is_told(tmp_path: Path) -> None:
    found = resolve(tmp_path, f"{PLAIN}>=4.12", "face")
    assert pins(found)[PLAIN] == "4.12"
    assert found.plan is not None
    assert found.plan.notes == (f"face asks for {HEADLESS}<4.10; {PLAIN} 4.12 stands in for it",)


@pytest.mark.parametrize("names", [(HEADLESS,), (HEADLESS, PLAIN)])
def test_the_user_s_word_comes_first(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = resolve(tmp_path, PLAIN, HEADLESS, prefer=names)
    assert pins(found) == {"numpy": "2.0", HEADLESS: "4.12"}


def test_exclude_decides_too(tmp_path: Path) -> None:
    found = resolve(tmp_path, PLAIN, HEADLESS, excludes=(PLAIN,))
    assert pins(found) == {"numpy": "2.0", HEADLESS: "4.12"}


@pytest.mark.parametrize(
    ("lines", "cuda", "stays"),
    [
        (("torch",), "cu126", "onnxruntime-gpu"),
        (("torch",), "cpu", "onnxruntime"),
        ((), None, "onnxruntime"),
    ],
)
def test_onnxruntime_goes_by_cuda(
    tmp_path: Path, lines: tuple[str, ...], cuda: str | None, stays: str
) -> None:
    changes: dict[str, object] = {"cuda": (CudaTag(cuda),)} if cuda else {}
    found = resolve(tmp_path, "onnxruntime", "onnxruntime-gpu", *lines, **changes)
    named = [name for name in pins(found) if name.startswith("onnx")]
    assert named == [stays]


def test_one_alone_is_left_as_it_is(tmp_path: Path) -> None:
    found = resolve(tmp_path, HEADLESS)
    assert pins(found) == {"numpy": "2.0", HEADLESS: "4.12"}
    assert found.plan is not None
    assert found.plan.exceptions == ()


def test_the_table_names_each_distribution_once() -> None:
    rows = load_facts().import_names
    assert {row.name: len(row.distributions) for row in rows} == {
        "cv2": 4,
        "onnxruntime": 5,
        "PIL": 2,
    }
