"""Answers that are given again, and every change after which they may not be."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.index_server import FakeFile, IndexServer
from support.killed import ENVIRON, can_run
from support.wheels import make_wheel
from torchsolve.cli import recording
from torchsolve.cli.recall import FOREVER, Slot, slot
from torchsolve.cli.recording import allow, recorded
from torchsolve.config import Settings
from torchsolve.model.trace import fresh_until, looked_at, unwatched

WATCHED = """
import sys
from torchsolve.__main__ import main
code = main()
solved = "torchsolve.cli.app" in sys.modules
sys.stderr.write(f"\\n{'solved' if solved else 'remembered'} {len(sys.modules)}\\n")
sys.exit(code)
"""
# A second change within a tick of the clock may leave the same state: nothing is kept before it.
TICK = 0.06


@dataclass
class Ran:
    """How one run ended."""

    code: int
    out: str
    err: str
    pins: str | None
    remembered: bool
    modules: int


@dataclass
class Here:
    """A folder with an input of every kind, whose index is gone again."""

    folder: Path
    server: IndexServer
    environ: dict[str, str]
    flags: list[str] = field(default_factory=list)
    offline: bool = True

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True, parents=True)
        (self.folder / name).write_text(text)

    def run(self, *more: str) -> Ran:
        line = ["resolve", "r.txt", *self.flags, *(["--offline"] if self.offline else []), *more]
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, *line],
            capture_output=True,
            text=True,
            check=False,
            env=self.environ,
            cwd=self.folder,
        )
        err, _, how = done.stderr.rstrip("\n").rpartition("\n")
        word, modules = how.split(" ")
        pins = self.folder / "pins.txt"
        told = pins.read_text() if pins.exists() else None
        return Ran(done.returncode, done.stdout, err, told, word == "remembered", int(modules))

    def settle(self) -> Ran:
        """Runs until the answer is remembered."""
        for _ in range(4):
            time.sleep(TICK)
            ran = self.run()
            if ran.remembered:
                return ran
        raise AssertionError(f"not remembered: {ran}")


def library(*versions: str) -> list[FakeFile]:
    return [FakeFile(make_wheel("demo", v, ["part>=1"])) for v in versions]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    folder = tmp_path / "outer" / "here"
    folder.mkdir(parents=True)
    parts = [FakeFile(make_wheel("part", v)) for v in ("1.0", "2.0", "3.0")]
    with IndexServer({"demo": library("1.0", "1.1"), "part": parts}) as server:
        environ = {
            **ENVIRON,
            "HOME": str(tmp_path / "home"),
            "TORCHSOLVE_CACHE_DIR": str(folder / "cache"),
            "TORCHSOLVE_INDEX": server.url,
        }
        place = Here(folder, server, environ, ["-c", "c.txt"])
        place.flags = ["--constraint", "c.txt", "--pins", "pins.txt"]
        place.write("r.txt", "-r more.txt\n")
        place.write("more.txt", "demo\n")
        place.write("c.txt", "part<3\n")
        place.offline = False
        assert place.run().code == 0
        place.offline = True
        yield place


def same(one: Ran, other: Ran) -> bool:
    return (one.code, one.out, one.err, one.pins) == (other.code, other.out, other.err, other.pins)


def test_an_unchanged_input_is_answered_without_a_solve(here: Here) -> None:
    first = here.run()
    again = here.settle()
    assert first.code == 0
    assert first.pins == "demo==1.1\npart==2.0\n"
    assert same(first, again)
    (here.folder / "pins.txt").write_text("another hand")
    assert here.run().pins == first.pins
    assert here.run("-q").remembered is False


def test_a_remembered_answer_imports_next_to_nothing(here: Here) -> None:
    here.flags = ["--constraint", "c.txt"]
    here.run()
    # Those that the interpreter itself starts with are 30 to 45.
    assert here.settle().modules <= 60


Change = Callable[[Here], None]


def _online(here: Here) -> None:
    here.offline = False
    here.run("--json")
    here.offline = True


def _newer_page(here: Here) -> None:
    """Another run fetches the page anew."""
    here.server.projects["demo"] = library("1.0", "1.1", "1.2")
    _page(here, "demo").unlink()
    _online(here)


def _damaged_page(here: Here) -> None:
    _online(here)
    page = _page(here, "part")
    page.write_bytes(page.read_bytes()[:-9])


def _page(here: Here, name: str) -> Path:
    (page,) = (here.folder / "cache/index").rglob(f"pages/*/{name}")
    return page


def _moved_here(here: Here) -> None:
    """An older file of the same size takes the place of the one that was read."""
    other = here.folder / "other.txt"
    other.write_text("part<3\n")
    os.utime(other, ns=(0, (here.folder / "c.txt").stat().st_mtime_ns))
    other.replace(here.folder / "c.txt")


# One after the other: each gives another answer than the one before.
CHANGES: dict[str, Change] = {
    "a newer page": _newer_page,
    "the file": lambda here: here.write("r.txt", "-r more.txt\npart<2\n"),
    "an included file": lambda here: here.write("more.txt", "demo<1.2\n"),
    "a constraint": lambda here: here.write("c.txt", "part<1\n"),
    "another file in its place": _moved_here,
    "settings of the folder": lambda here: here.write(
        "pyproject.toml", "[tool.torchsolve]\nexclude = ['part']\n"
    ),
    "a variable": lambda here: here.environ.update(TORCHSOLVE_EXCLUDE="other"),
    "a lost page": lambda here: _page(here, "part").unlink(),
    "a damaged page": _damaged_page,
    "a file that is gone": lambda here: (here.folder / "more.txt").unlink(),
}
# What was looked for in vain, and then is there.
FOUND: dict[str, Change] = {
    "pip.conf": lambda here: here.write(
        "../../home/.config/pip/pip.conf", "[global]\nindex-url = https://a.example/simple\n"
    ),
    "uv.toml": lambda here: here.write("../uv.toml", 'index-url = "https://b.example/simple"\n'),
}


def test_after_a_change_the_answer_is_made_anew(here: Here) -> None:
    here.write("r.txt", "demo==1.0\npart==1.0\n")
    _online(here)  # for what later inputs need of it
    here.write("r.txt", "-r more.txt\n")
    for what, change in CHANGES.items():
        if what == "a damaged page":
            _online(here)
        before = here.settle()
        change(here)
        after = here.run()
        assert not after.remembered, what
        assert not same(before, after) or what == "a damaged page", what


def test_a_configuration_that_appears_is_seen(here: Here) -> None:
    del here.environ["TORCHSOLVE_INDEX"]
    for change in FOUND.values():
        before = here.settle()
        assert before.code == 4
        change(here)
        assert not here.run().remembered
    assert "b.example" in here.run("-v").err


def test_a_page_that_arrives_ends_an_offline_miss(here: Here) -> None:
    here.write("more.txt", "demo\nlate\n")
    here.server.projects["late"] = [FakeFile(make_wheel("late", "1.0"))]
    assert here.run().code == 4
    assert here.settle().code == 4
    here.offline = False
    here.run("--json")
    here.offline = True
    assert here.run().code == 0


def test_infeasible_is_an_answer_too(here: Here) -> None:
    here.write("c.txt", "part<1\n")
    here.offline = False
    assert here.run().code == 3  # reads what an offline run will need
    here.offline = True
    first = here.run()
    again = here.settle()
    assert first.code == 3
    assert "part" in first.err
    assert same(first, again)


def test_online_it_holds_while_the_pages_are_fresh(here: Here) -> None:
    here.offline = False
    before = here.settle()
    here.server.projects["demo"] = library("1.0", "1.1", "1.2")
    assert same(here.run(), before)
    _page(here, "demo").unlink()
    assert here.run().pins == "demo==1.2\npart==2.0\n"


INPUTS = {
    "r.txt": {"r.txt": "-r more.txt\n-c c.txt\n./gone/\n", "gone/pyproject.toml": "[project]\n"},
    "a.py": {"a.py": "# /// script\n# dependencies = ['demo']\n# ///\n"},
    "pyproject.toml": {
        "pyproject.toml": "[project]\nname='a'\ndynamic=['dependencies']\n"
        "[tool.setuptools.dynamic]\ndependencies={file=['more.txt']}\n"
    },
    "pylock.toml": {
        "pylock.toml": "lock-version='1.0'\ncreated-by='a'\n[[packages]]\nname='demo'\n"
        "version='1.1'\n[[packages.wheels]]\nurl='https://a.example/demo-1.1-py3-none-any.whl'\n"
        "hashes={sha256='00'}\n"
    },
}
STRACE = ("strace", "-f", "-qq", "-e", "trace=%file")
CALL = re.compile(r'^\d+ +(\w+)\((?:AT_FDCWD, )?"([^"]*)"')
# Walking up to a name, and what is written.
PASSING = ("readlink", "getcwd", "mkdir", "rename", "unlink", "chdir", "execve", "access")


@pytest.mark.skipif(not can_run("strace", "true"), reason="strace cannot trace here")
@pytest.mark.parametrize("name", INPUTS)
def test_all_that_the_kernel_sees_is_watched(here: Here, name: str, tmp_path: Path) -> None:
    for path, text in INPUTS[name].items():
        here.write(path, text)
    line = [sys.executable, "-c", WATCHED, "resolve", name, *here.flags[:2]]
    log, answers = tmp_path / "trace", here.folder / "cache/answers"
    for _ in range(4):
        time.sleep(TICK)
        traced = [*STRACE, "-o", str(log), *line]
        subprocess.run(traced, env=here.environ, cwd=here.folder, check=False, capture_output=True)
        if answers.exists():
            break
    (answer,) = answers.iterdir()
    calls = filter(None, map(CALL.match, log.read_text().splitlines()))
    seen = {str(here.folder / m[2]) for m in calls if not m[1].startswith(PASSING)}
    watched = {str(here.folder / text) for text in answer.read_bytes().decode().split("\0")}
    own = (str(answers), str(here.folder / "cache/index/v2/drafts"))
    ours = {path for path in seen if not path.startswith(own)}
    ours = {path for path in ours if path.startswith((str(tmp_path), "/etc/pip", "/etc/uv"))}
    passed = {str(folder) for path in watched for folder in Path(path).parents}
    assert len(ours) > 5
    assert ours - watched - passed == set()


# One process, no command: what the recording itself promises.


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slot:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHSOLVE_CACHE_DIR", str(tmp_path / "cache"))
    # The tests' own modules may be of this second.
    monkeypatch.setattr(recording.Recording, "_code", lambda _: [])
    found = slot(["resolve"])
    assert found is not None
    return found


def keep(place: Slot, work: Callable[[], object], code: int = 0) -> None:
    def run() -> int:
        allow(Settings(cache_dir=Path(place.folder)), None)
        work()
        return code

    assert recorded(place, run) == code


def test_what_is_said_comes_in_order(place: Slot, capsys: pytest.CaptureFixture[str]) -> None:
    def talk() -> None:
        print("one")
        print("two", file=sys.stderr)
        print("three")

    keep(place, talk, 3)
    answer = place.read()
    assert answer is not None
    assert answer.chunks == [("1", "one\n"), ("2", "two\n"), ("1", "three\n")]
    capsys.readouterr()
    assert answer.give() == 3
    assert capsys.readouterr() == ("one\nthree\n", "two\n")


ELSEWHERE: dict[str, tuple[dict[str, Any], Path | None]] = {
    "the files of a plan": ({}, Path("out")),
    "a snapshot": ({"snapshot": Path("a.snap")}, None),
    "pins to a device": ({"pins": Path("/dev/null")}, None),
    "a cache that only a file names": ({"cache_dir": Path("another")}, None),
    "builds": ({"build_metadata": True}, None),
    "an image": ({"base": "ubuntu:24.04"}, None),
}


@pytest.mark.parametrize(("more", "output"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_leaves_more_than_pins_is_not_kept(
    place: Slot, more: dict[str, Any], output: Path | None
) -> None:
    def work() -> int:
        allow(Settings(**{"cache_dir": Path(place.folder), **more}), output)
        return 0

    assert recorded(place, work) == 0
    assert place.read() is None


@pytest.mark.parametrize("code", [1, 2, 5, 130, 141])
def test_defects_and_interruptions_are_not_kept(place: Slot, code: int) -> None:
    keep(place, lambda: None, code)
    assert place.read() is None


OUTSIDE: dict[str, Callable[[], object]] = {
    "a program": lambda: subprocess.run(["true"], check=True),
    "a variable that it sets": lambda: os.putenv("TORCHSOLVE_X", "1"),
    "a folder": unwatched,
    "a page that is stale already": lambda: fresh_until(time.time() - 1),
    "a device": lambda: looked_at("/dev/null"),
}


@pytest.mark.parametrize("work", OUTSIDE.values(), ids=OUTSIDE)
def test_what_cannot_be_watched_is_not_kept(place: Slot, work: Callable[[], object]) -> None:
    keep(place, work)
    assert place.read() is None


def test_it_holds_no_longer_than_a_page_does(place: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()

    def work() -> None:
        fresh_until(now + 900)
        fresh_until(now + 600)

    keep(place, work)
    assert place.read() is not None
    for moment in (now + 601, now - 60):  # a clock that was set back tells nothing
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        assert place.read() is None
    monkeypatch.setattr(time, "time", lambda: now + 599)
    assert place.read() is not None


def test_a_file_of_this_moment_is_not_trusted(place: Slot, tmp_path: Path) -> None:
    path = tmp_path / "asked"
    path.write_text("1")
    keep(place, path.read_text)
    assert place.read() is None
    time.sleep(TICK)
    keep(place, path.read_text)
    assert place.read() is not None


def test_a_file_that_changes_while_it_is_read_is_not_trusted(place: Slot, tmp_path: Path) -> None:
    path = tmp_path / "asked"
    path.write_text("1")
    time.sleep(TICK)

    def work() -> None:
        path.read_text()
        path.write_text("2")

    keep(place, work)
    assert place.read() is None


def test_changed_code_is_no_longer_this_code(
    place: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    source = tmp_path / "own.py"
    source.write_text("")
    module = type(sys)("own")
    module.__file__ = str(source)
    monkeypatch.setattr(sys, "modules", {"own": module})
    keep(place, lambda: None)
    assert place.read() is None
    time.sleep(TICK)
    keep(place, lambda: None)
    assert place.read() is not None
    source.write_text("a = 1")
    assert place.read() is None


def test_a_damaged_answer_is_none(place: Slot) -> None:
    keep(place, lambda: print("answer"))
    path = Path(place.path)
    whole = path.read_bytes()
    assert place.read() is not None
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        assert place.read() is None
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert place.read() is None
    keep(place, lambda: print("answer"))
    assert place.read() is not None


def test_an_answer_at_another_key_is_none(place: Slot) -> None:
    keep(place, lambda: None)
    other = Slot(place.folder, "0" * 40)
    Path(place.path).rename(other.path)
    assert other.read() is None


def test_the_store_is_bounded(place: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_MOST", 3)
    for number in range(8):
        keep(Slot(place.folder, f"{number:040}"), lambda: None)
    kept = sorted(path.name for path in Path(place.folder, "answers").iterdir())
    assert kept == [f"{number:040}" for number in (5, 6, 7)]


def test_the_key_is_all_that_a_run_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def key(*argv: str) -> str:
        found = slot(argv)
        assert found is not None
        return found.path

    keys = {key("resolve", "a"), key("resolve", "a", "b"), key("resolve", "a b")}
    monkeypatch.setenv("NO_COLOR", "1")
    keys.add(key("resolve", "a"))
    monkeypatch.setenv("NO_COLOR", "")
    keys.add(key("resolve", "a"))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    keys.add(key("resolve", "a"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    keys.add(key("resolve", "a"))
    assert len(keys) == 7
    assert key("resolve", "--cache-dir", "c").startswith(str(tmp_path / "sub" / "c" / "answers"))
    assert key("resolve", "--cache-dir=c").startswith(str(tmp_path / "sub" / "c" / "answers"))


def test_an_address_with_credentials_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slot(["resolve", "--index", "https://user:word@index.example/simple"]) is None
    assert slot(["matrix", "r.txt"]) is None
    assert slot([]) is None
    monkeypatch.setenv("PIP_INDEX_URL", "https://word@index.example/simple")
    assert slot(["resolve", "r.txt"]) is None


def _change(chance: random.Random, names: list[Path]) -> None:
    path, other = chance.sample(names, 2)
    how = chance.choice(("write", "remove", "touch", "move", "link", "point"))
    if how == "write":
        if path.is_symlink() and not path.exists():
            path.unlink()
        path.write_text(str(chance.randrange(3)))
    elif how in ("remove", "touch") and path.exists():
        path.unlink() if how == "remove" else os.utime(path, ns=(0, 0))
    elif other.exists() and how == "move":
        other.replace(path)
    elif other.exists() and how in ("link", "point"):
        path.unlink(missing_ok=True)
        path.hardlink_to(other) if how == "link" else path.symlink_to(other)


def test_random_changes_never_bring_a_wrong_answer(place: Slot, tmp_path: Path) -> None:
    """A work that is a function of some files, and all that may happen to them between two runs."""
    chance = random.Random(7)  # noqa: S311 - no secret
    names = [tmp_path / name for name in ("a", "b", "c", "sub/d")]
    (tmp_path / "sub").mkdir()
    said: list[str] = []

    def work() -> int:
        allow(Settings(cache_dir=Path(place.folder)), None)
        said.clear()
        for path in names:
            looked_at(path.parent)
            try:
                said.append(path.read_text() if path.parent.is_dir() else "no folder")
            except OSError as error:
                said.append(type(error).__name__)
        print(said)
        return 0

    (tmp_path / "a").write_text("0")
    recalled = 0
    for _ in range(400):
        for _ in range(chance.randrange(3)):
            _change(chance, names)
        answer = place.read()
        recorded(place, work)
        if answer is not None:
            recalled += 1
            assert answer.chunks == [("1", f"{said}\n")]
        if chance.random() < 0.2:
            time.sleep(TICK)
            recorded(place, work)
    assert recalled > 50


def test_forever_is_how_it_is_written() -> None:
    assert repr(float("inf")) == FOREVER
