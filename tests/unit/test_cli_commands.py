"""Commands end to end over a small index of their own: what lands on stdout, stderr and disk."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve.cli.app import run

ROOT = Path(__file__).parent.parent.parent
LIBRARY = [
    FakeFile(make_wheel("demo", "1.0", ["part>=2"]), upload_time="2025-01-01T00:00:00Z"),
    FakeFile(make_wheel("demo", "1.1", ["part>=2"]), upload_time="2025-06-01T00:00:00Z"),
]
PARTS = [FakeFile(make_wheel("part", "2.0"), upload_time="2025-01-01T00:00:00Z")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with ``r.txt``; settings come from its own ``pyproject.toml``."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (folder / "r.txt").write_text("demo\n")
    with IndexServer({"demo": LIBRARY, "part": PARTS}) as server:
        monkeypatch.setenv("TORCHSOLVE_INDEX", server.url)
        yield folder


def _pins(document: dict[str, dict[str, list[dict[str, str]]]]) -> dict[str, str]:
    return {pin["name"]: pin["version"] for pin in document["plan"]["pins"]}


def test_resolve_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["resolve", "r.txt", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert document["schema"] == "torchsolve.plan/1"
    assert document["status"] == "solved"
    assert _pins(document) == {"demo": "1.1", "part": "2.0"}
    assert document["plan"]["torch"] is None


def test_flag_over_environment_over_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "pyproject.toml").write_text('[tool.torchsolve]\nexclude-newer = "2025-03-01"\n')
    assert run(["resolve", "r.txt", "--json"]) == 0
    assert _pins(json.loads(capsys.readouterr().out))["demo"] == "1.0"
    monkeypatch.setenv("TORCHSOLVE_EXCLUDE_NEWER", "2025-07-01")
    assert run(["resolve", "r.txt", "--json"]) == 0
    assert _pins(json.loads(capsys.readouterr().out))["demo"] == "1.1"
    assert run(["resolve", "r.txt", "--json", "--exclude-newer", "2025-02-01"]) == 0
    assert _pins(json.loads(capsys.readouterr().out))["demo"] == "1.0"


def test_files_and_their_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["resolve", "r.txt", "-o", "out", "--pins", "pins.txt"]) == 0
    out, err = capsys.readouterr()
    assert "wrote out/" not in out
    assert err.startswith("\nwrote out/  ")
    assert "next        torchsolve build out && torchsolve smoke out" in err
    assert (here / "pins.txt").read_text() == "demo==1.1\npart==2.0\n"
    assert run(["emit", "out", "--check"]) == 0
    (here / "out" / "Dockerfile").write_text("FROM scratch\n")
    assert run(["emit", "out", "--check"]) == 6
    out, err = capsys.readouterr()
    assert "-FROM scratch" in out
    assert err.startswith("error: stale-files  [out]")
    assert run(["resolve", "r.txt", "-o", "out"]) == 0
    assert run(["emit", "out", "--check"]) == 0


def test_quiet_keeps_the_result(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["resolve", "r.txt", "-o", "out", "-q"]) == 0
    out, err = capsys.readouterr()
    assert "demo" in out or "cell" in out
    assert err == ""


class _Recorder:
    """A progress that keeps the last stage, and how far it came."""

    def __init__(self) -> None:
        self.last: tuple[str, int | None] = ("", None)
        self.done = 0

    def stage(self, what: str, total: int | None = None) -> None:
        self.last, self.done = (what, total), 0

    def advance(self, steps: int = 1) -> None:
        self.done += steps

    def message(self, line: str) -> None:
        raise AssertionError(line)


@pytest.mark.usefixtures("here")
def test_progress_of_a_matrix_counts_all_its_cells() -> None:
    from torchsolve.config import load_settings
    from torchsolve.pipeline import matrix

    told = _Recorder()
    found = matrix(["r.txt"], load_settings({"python": ["3.12", "3.11"]}), told)
    assert told.last == ("solving cells", len(found.cells))
    assert told.done == len(found.cells) >= 2


def test_matrix_has_one_truth_in_every_format(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["matrix", "r.txt", "--python", "3.12", "--python", "3.11"]
    cells: dict[str, list[str]] = {}
    for name in ("json", "csv", "md", "text"):
        assert run([*argv, "--format", name]) == 0
        cells[name] = _cells(name, capsys.readouterr().out)
    assert len(cells["json"]) >= 2
    assert cells["json"] == cells["csv"] == cells["md"] == cells["text"]
    assert all(cell.startswith(("cp311-", "cp312-")) for cell in cells["json"])


def _cells(name: str, out: str) -> list[str]:
    if name == "json":
        return [cell["cell"] for cell in json.loads(out)["cells"]]
    if name == "csv":
        return [row["cell"] for row in csv.DictReader(io.StringIO(out))]
    lines = (line.removeprefix("| ") for line in out.splitlines())
    return [line.split()[0] for line in lines if line.startswith("cp3")]


def test_html_is_refused_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["matrix", "r.txt", "--format", "html"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown-format  no format is called 'html'")


def test_why_a_version(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "r.txt", "part"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("part 2.0")
    assert "demo 1.1 → part 2.0" in out


def test_why_a_failure(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "r.txt").write_text("demo<1.1\npart<2\n")
    assert run(["why", "r.txt", "--python", "3.12"]) == 0
    out = capsys.readouterr().out
    assert "r.txt:2" in out
    assert run(["resolve", "r.txt", "--python", "3.12"]) == 3


def test_inspect_a_release_and_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_wheel("demo", "1.1", ["part>=2"]).write(here)
    assert run(["inspect", "demo==1.1", str(path), "--json"]) == 0
    released, local = json.loads(capsys.readouterr().out)["wheels"]
    assert released["sha256"] == local["sha256"] == LIBRARY[1].archive.sha256
    assert released["requires"] == local["requires"] == ["part>=2"]
    assert released["extensions"] == local["extensions"] == []
    assert released["torch"] == {"loads": [], "links": [], "refuted": [], "unknown": []}
    assert (released["verified"], local["verified"]) == (False, True)


def test_inspect_tells_labels_that_disagree(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = make_wheel(
        "ext", "0.1+cu126torch2.7.0", ["torch==2.9.1"], tag="cp312-cp312-linux_x86_64"
    )
    path = wheel.write(here / "Torch270")
    assert run(["inspect", str(path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["wheels"]
    assert len(found["disagreements"]) == 1


def test_scan_of_a_node(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pack").mkdir()
    (here / "pack" / "__init__.py").write_text(
        "import torch\nfrom . import old\nNODE_CLASS_MAPPINGS = {}\n"
        "MODEL = torch.load('/srv/w.pt')\n"
    )
    (here / "pack" / "old.py").write_text("print 'Python 2'\n")
    assert run(["scan", "pack", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (site,) = document["sites"]
    assert (site["file"], site["line"], site["path"]) == ("__init__.py", 4, "/srv/w.pt")
    assert (site["decided"], site["choice"], site["reach"]) == (True, "fixed", "import")
    assert [entry["file"] for entry in document["unread"]] == ["old.py"]
    assert run(["scan", "pack"]) == 0
    shown = capsys.readouterr().out
    assert "pack: 1 line that handles a model (2 of 2 Python files in use)" in shown
    assert "4  load  /srv/w.pt    import" in shown
    assert "Not read\n  old.py" in shown
    assert "bound of steps" not in shown


def test_scan_of_a_sample(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "trellis2", "--json"]) == 0
    sites = json.loads(capsys.readouterr().out)["sites"]
    dino = next(s for s in sites if s["repo"] == "facebook/dinov3-vitl16-pretrain-lvd1689m")
    assert (dino["file"], dino["line"], dino["gated"]) == ("nodes.py", 227, "manual")


def test_facts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "check"]) == 0
    capsys.readouterr()
    assert run(["facts", "show", "torch", "2.7.0", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    default = [b["cuda"] for b in row["builds"] if b["default"] and b["machine"] == "x86_64"]
    assert default == ["cu126"]


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_no_color(variable: str, coloured: bool) -> None:
    master, slave = pty.openpty()
    environ = os.environ | {
        "PYTHONPATH": str(ROOT / "resolver"),
        "TERM": "xterm-256color",
        "NO_COLOR": variable,
    }
    argv = [sys.executable, "-m", "torchsolve", "facts", "show", "os"]
    subprocess.run(argv, env=environ, stdout=slave, check=True, timeout=60)
    os.close(slave)
    shown = os.read(master, 65536)
    os.close(master)
    assert (b"\x1b[" in shown) is coloured
