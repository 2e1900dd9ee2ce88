"""What is said of versions that cannot be taken: the reason that is true, and a hint that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_sdist, make_wheel
from torchsolve.cli.app import run

LATE = "2024-01-01T00:00:00Z"
EARLY = "2020-01-01T00:00:00Z"


def wheel(name: str, version: str = "1.0", tag: str = "py3-none-any") -> FakeFile:
    return FakeFile(make_wheel(name, version, tag=tag))


PACKAGES = {
    "plain": [wheel("plain", str(i)) for i in (1, 2, 3)],
    "free": [wheel("free", tag="cp312-cp312t-manylinux_2_17_x86_64")],
    "alpine": [wheel("alpine", tag="cp312-cp312-musllinux_1_2_x86_64")],
    "mac": [wheel("mac", tag="cp312-cp312-macosx_11_0_x86_64")],
    "future": [
        FakeFile(make_sdist("future", "1.0", requires_python=">=3.13"), requires_python=">=3.13")
    ],
    "dated": [
        FakeFile(make_wheel("dated", "1.0"), upload_time=EARLY),
        FakeFile(make_wheel("dated", "2.0"), upload_time=LATE),
        FakeFile(make_wheel("dated", "3.0")),
    ],
}


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with IndexServer(PACKAGES) as server:
        yield server.url


class TestReasons:
    @pytest.fixture(autouse=True)
    def _where(
        self,
        index: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        self.index, self.folder, self.capsys = index, tmp_path, capsys

    def ask(self, line: str, *flags: str, code: int = 3) -> str:
        Path("r.txt").write_text(f"{line}\n")
        where = ["--index", self.index, "--cache-dir", str(self.folder / "cache")]
        assert run(["resolve", "r.txt", "--python", "3.12", *where, *flags]) == code
        out, err = self.capsys.readouterr()
        return out + err

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("free", "free 1.0 → has wheels for cp312t only"),
            ("alpine", "alpine 1.0 → has wheels for musl only"),
            ("mac", "mac 1.0 → has no wheel for Linux x86_64"),
            ("future", "future 1.0 → needs Python >=3.13"),
        ],
    )
    def test_why_no_file_fits(self, name: str, reason: str) -> None:
        assert reason in self.ask(name)

    def test_refused_wheels(self) -> None:
        text = self.ask("plain", "--no-binary", "plain")
        assert "plain 1 to 3 (3 versions) → has no sdist, and its wheels are refused" in text
        assert "hint: without --no-binary gives" in text

    def test_override_that_cannot_be_had_is_named(self) -> None:
        text = self.ask("plain", "--override", "plain==9")
        assert "--override → asks for plain==9 in its place" in text
        assert "hint: without --override gives" in text

    def test_bound_alone_is_blamed_for_what_it_excludes(self) -> None:
        Path("c.txt").write_text("plain<3\n")
        text = self.ask("plain>=3", "--constraint", "c.txt")
        assert "--constraint → allows only plain<3" in text
        assert "index page of plain" not in text

    def test_cut_off_says_whether_there_was_a_date(self) -> None:
        late = self.ask("dated==2.0", "--exclude-newer", "2022-01-01")
        assert "dated 2.0 → was uploaded after the cut-off date" in late
        without = self.ask("dated==3.0", "--exclude-newer", "2022-01-01")
        assert "dated 3.0 → has no upload time to hold against the cut-off date" in without

    def test_extra_that_is_not_there_is_told(self) -> None:
        assert "plain 3 has no extra nope" in self.ask("plain[nope]", code=0)

    def test_python_of_a_script_is_the_script_s_own(self) -> None:
        block = '# /// script\n# requires-python = ">=3.13"\n# dependencies = ["plain"]\n# ///\n'
        Path("s.py").write_text(block)
        where = ["--index", self.index, "--cache-dir", str(self.folder / "cache")]
        assert run(["resolve", "s.py", "--python", "3.12", *where]) == 3
        assert "s.py → needs Python >=3.13 [s.py]" in self.capsys.readouterr().err
