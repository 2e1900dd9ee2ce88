"""How a run ends: one error, its exit code, nothing on stdout that is no result."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.index_server import IndexServer
from torchsolve import __version__
from torchsolve.cli import failures
from torchsolve.cli.app import run
from torchsolve.errors import UnknownError

RESOLVER = Path(__file__).parent.parent.parent / "resolver"


def _process(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torchsolve", *argv],
        env=os.environ | {"PYTHONPATH": str(RESOLVER), "COLUMNS": "100"} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> type[_Raiser]:
    """Makes ``scan`` raise what it is given."""
    monkeypatch.setattr("torchsolve.project.load.load", _Raiser.load)
    return _Raiser


class _Raiser:
    error: BaseException = ValueError()

    @classmethod
    def load(cls, *_: object) -> None:
        raise cls.error


def test_version_needs_no_command_line_library() -> None:
    code = (
        "import sys; sys.argv = ['torchsolve', '--version']\n"
        "from torchsolve.__main__ import main; main()\n"
        "heavy = {'typer', 'rich', 'httpx', 'importlib.metadata'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(RESOLVER)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"torchsolve {__version__}\n"), done.stderr


def test_version_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["torchsolve"] == __version__


@pytest.mark.parametrize(
    ("argv", "says", "hint"),
    [
        ([], "Missing command", "torchsolve --help"),
        (["resolv"], "No such command 'resolv'", "torchsolve --help"),
        (["resolve"], "Missing argument 'PROJECT'", "torchsolve resolve --help"),
        (["resolve", "x", "--torhc", "2"], "No such option: --torhc", "torchsolve resolve --help"),
        (["image"], "Missing command", "torchsolve image --help"),
        (["emit", "x", "y"], "unexpected extra argument", "torchsolve emit --help"),
    ],
)
def test_usage(argv: list[str], says: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: bad-usage  ")
    assert says in err
    assert err.endswith(f"hint: {hint}\n")


@pytest.mark.parametrize("flag", [["--json"], ["--format", "json"], ["--format=json"]])
def test_a_failure_as_json_is_the_only_output(
    flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["matrix", "x", "--cuda", "cu12", *flag]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert document["schema"] == "torchsolve.error/1"
    assert document["reference"] == "unknown-cuda-tag"
    assert set(document) >= {"schema", "reference", "message", "facts", "hint"}


def test_a_rooms_error_keeps_its_code(
    raised: type[_Raiser], capsys: pytest.CaptureFixture[str]
) -> None:
    raised.error = UnknownError("index-unreachable", "no answer", origin="here", facts=("a → b",))
    assert run(["scan", "x"]) == 4
    assert capsys.readouterr().err == "error: index-unreachable  [here] no answer\n  a → b\n"


def test_interrupt_is_one_line(raised: type[_Raiser], capsys: pytest.CaptureFixture[str]) -> None:
    raised.error = KeyboardInterrupt()
    assert run(["scan", "x"]) == failures.INTERRUPTED == 130
    assert capsys.readouterr().err.strip() == "interrupted"


@pytest.mark.parametrize(
    ("number", "reference"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EACCES, "not-permitted")],
)
def test_a_full_or_forbidden_disk_is_no_defect(
    number: int, reference: str, raised: type[_Raiser], capsys: pytest.CaptureFixture[str]
) -> None:
    raised.error = OSError(number, os.strerror(number), "/some/where")
    assert run(["scan", "x"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {reference}  [/some/where] ")


def test_a_defect_is_one_line_and_a_log(
    raised: type[_Raiser],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    raised.error = ZeroDivisionError("at https://user:hunter2@index.example/")
    assert run(["scan", "https://user:hunter2@index.example/x.whl"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.startswith("error: defect  a defect of torchsolve: ZeroDivisionError")
    logs = list(tmp_path.rglob("defect.log"))
    assert len(logs) == 1
    text = logs[0].read_text()
    assert "Traceback" in text
    assert "hunter2" not in text + err


def test_verbose_shows_the_traceback(
    raised: type[_Raiser],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    raised.error = ZeroDivisionError("x")
    assert run(["scan", "x", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_went_away_is_no_failure_to_talk_of() -> None:
    command = f"{sys.executable} -m torchsolve resolve --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | {"PYTHONPATH": str(RESOLVER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() in ("0", "141")
    assert done.stderr == ""


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    "argv", ["facts show torch --json", "facts show torch", "facts nosuch --json", "--version"]
)
def test_a_stdout_that_takes_nothing_is_one_error(argv: str) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "torchsolve", *argv.split()],
            env=os.environ | {"PYTHONPATH": str(RESOLVER)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr == "error: cannot-write  [standard output] no space left on device\n"


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_what_a_terminal_would_obey_is_spelled_out(
    flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["resolve", "a\x1b[31mb\nc\x9bd", *flag]) == 2
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\x9b" not in out + err
    if flag:
        assert "a\x1b[31mb\nc\x9bd" in json.loads(out)["message"]
    else:
        assert "a\\x1b[31mb\\nc\\x9bd" in err
        assert len(err.splitlines()) == 2


def test_no_colour_in_a_pipe() -> None:
    done = _process("emit", "nowhere", FORCE_COLOR="", TERM="xterm-256color")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


def test_completion_is_offered() -> None:
    done = _process("--show-completion", "bash", SHELL="/bin/bash")
    # typer asks the parent process which shell it is: below a test runner that may be none.
    if "not supported" not in done.stderr:
        assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("cv2", "did you mean opencv-python? else"),
        ("transfomers", "did you mean transformers? else"),
        ("zz-nobody-has-it", "check the name, or"),
    ],
)
def test_a_name_that_no_index_has_is_said_so(
    asked: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "requirements.txt"
    lines.write_text(f"{asked}\n")
    with IndexServer({}) as server:
        where = ["--index", server.url, "--cache-dir", str(tmp_path / "cache")]
        code = run(["resolve", str(lines), "--python", "3.12", *where])
    told = capsys.readouterr().err
    assert code == 3
    assert "error: no-such-package " in told
    assert f"hint: {hint} say where it is: --index URL" in told
