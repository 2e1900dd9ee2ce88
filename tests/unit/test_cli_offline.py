"""Offline, and from a snapshot, no socket is opened: as the kernel sees it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.index_server import IndexServer
from support.killed import ENVIRON, can_run, chain, command

STRACE = ("strace", "-f", "-e", "trace=network")
needs_strace = pytest.mark.skipif(not can_run("strace", "true"), reason="strace cannot trace here")
needs_unshare = pytest.mark.skipif(
    not can_run("unshare", "-r", "-n", "true"), reason="no namespace without a network here"
)


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    """A resolve whose cache and snapshot are there; the index is not any more."""
    asked = tmp_path / "requirements.txt"
    asked.write_text("p0\n")
    with IndexServer(chain(5)) as index:
        line = command(asked, index.url, tmp_path / "cache", tmp_path / "pins")
        subprocess.run([*line, "--snapshot", str(tmp_path / "a.snap")], check=True, env=ENVIRON)
    (tmp_path / "pins").unlink()
    return line


def _ends(tmp_path: Path) -> tuple[list[str], ...]:
    snapshot = ["--from-snapshot", str(tmp_path / "a.snap"), "--cache-dir", str(tmp_path / "none")]
    return (["--offline"], snapshot)


def _sockets(tmp_path: Path, line: list[str], end: list[str]) -> list[str]:
    log = tmp_path / "trace"
    subprocess.run(
        [*STRACE, "-o", str(log), *line, *end], check=False, capture_output=True, env=ENVIRON
    )
    return [row for row in log.read_text().splitlines() if "socket(" in row or "connect(" in row]


# What an answer from the cache does without: each costs more than the solve.
HEAVY = ("httpx", "pydantic", "rich", "ctypes", "zstandard", "jinja2", "docker", "elftools")
LIBRARIES = (
    *HEAVY,
    "typer",
    "pip_requirements_parser",
    "optparse",
    "http",
    "ssl",
    "tomlkit",
    "yaml",
    *("bz2", "concurrent", "difflib", "hashlib", "netrc", "random", "shutil", "tempfile"),
)
# What only other inputs, other flags, a failure or another command need.
ROOMS = ("abi", "build", "emit", "extend", "image", "smoke", "project.scan", "project.install")
MODULES = (
    *("inspection", "links", "proof", "weights", "project.notes.read", "project.notes.compare"),
    *("project.pyproject", "project.remote", "project.repository", "project.tree"),
    *("index.binaries", "index.flat", "index.hub", "index.ranges", "index.sdist"),
    *("solve.advice", "solve.conflict", "solve.gpu_conflict", "solve.hurry"),
    *("solve.propagate", "solve.void"),
    *("facts.abi", "facts.comfyui", "facts.conflicts", "facts.folders", "facts.names"),
    *("cli.atlas", "cli.build", "cli.facts", "cli.inspect", "cli.options", "report.plan_json"),
)
# Each module costs a millisecond or two of every run; raise this only for what every run needs.
MOST = 130
LOADED = """
import sys
from torchsolve.cli.app import run
code = run(sys.argv[1:])
print("loaded", *sys.modules)
sys.exit(code)
"""


def test_an_answer_from_the_cache_imports_little(line: list[str]) -> None:
    words = [*line[3:], "--offline", "--evidence", "metadata"]
    done = subprocess.run(
        [line[0], "-c", LOADED, *words], check=True, capture_output=True, text=True, env=ENVIRON
    )
    loaded = set(done.stdout.rsplit("loaded", 1)[1].split())
    assert not set(LIBRARIES) & loaded
    own = {name.removeprefix("torchsolve.") for name in loaded if name.startswith("torchsolve.")}
    assert not set(MODULES) & own
    assert not [name for name in own if name.startswith(ROOMS)]
    assert len(own) <= MOST


@needs_strace
def test_no_socket_is_opened(tmp_path: Path, line: list[str]) -> None:
    for end in _ends(tmp_path):
        assert _sockets(tmp_path, line, end) == []
        assert (tmp_path / "pins").read_text().splitlines()[0] == "p0==3.0"
        (tmp_path / "pins").unlink()


@needs_strace
def test_the_trace_would_show_one(tmp_path: Path, line: list[str]) -> None:
    shutil.rmtree(tmp_path / "cache")
    assert _sockets(tmp_path, line, [])


@needs_unshare
def test_there_need_be_no_network(tmp_path: Path, line: list[str]) -> None:
    for end in _ends(tmp_path):
        subprocess.run(
            ["unshare", "-r", "-n", *line, *end], check=True, capture_output=True, env=ENVIRON
        )
        assert (tmp_path / "pins").read_text().splitlines()[0] == "p0==3.0"
        (tmp_path / "pins").unlink()
