"""Failures that people meet: our text to the letter, replayed from what the index said then.

``tests/explain/*.json`` hold what was asked, the distilled index, our text, uv's for the same input
and a judgement of the two. ``tests/support/record_failure.py`` records one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import Archive, make_metadata, make_sdist, make_wheel
from torchsolve.cli.app import run

FOLDER = Path(__file__).parent.parent / "explain"
CASES = sorted(FOLDER.glob("*.json"))


def files(name: str, version: str, row: dict[str, Any]) -> Iterator[FakeFile]:
    requires, python = row.get("requires", ()), row.get("python")
    for filename in row["files"]:
        if filename.endswith(".whl"):
            made = make_wheel(name, version, requires, requires_python=python)
        else:
            made = make_sdist(name, version, requires, requires_python=python)
        text = make_metadata(name, version, requires, requires_python=python)
        archive = Archive(filename, made.content, text)
        yield FakeFile(archive, requires_python=python, yanked=row.get("yanked"))


def served(index: dict[str, Any]) -> dict[str, list[FakeFile]]:
    return {
        name: [file for version, row in versions.items() for file in files(name, version, row)]
        for name, versions in index.items()
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_failure_is_told_so(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    Path("requirements.txt").write_text("\n".join([*case["requirements"], ""]))
    with IndexServer(served(case["index"])) as server:
        where = ["--index", server.url, "--cache-dir", str(tmp_path / "cache")]
        code = run(["resolve", "requirements.txt", "-q", *case["flags"], *where])
    assert capsys.readouterr().err.splitlines() == case["ours"]
    assert code == 3


def test_every_failure_is_judged() -> None:
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in CASES]
    assert len(cases) >= 10
    for case in cases:
        assert case["uv"][0].startswith("error:")
        assert case["judgement"].startswith(("ours", "uv", "equal"))
