"""Sdists: which of their files speaks, and archives that were made to harm."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.wheels import Archive, make_metadata, make_sdist
from torchsolve.errors import TorchsolveError, UnknownError
from torchsolve.index.sdist import read_sdist
from torchsolve.model.evidence import Strength
from torchsolve.model.package import DistMetadata, IndexFile

OLD = make_metadata("demo", "1.0", requires_python=">=3.6")
NOISE = random.Random(1).randbytes(10**6)  # noqa: S311
TORCH = b"torch>=2.0\n"
REQUIRES_TXT = """\
numpy
PyYAML>=5.1,<7
helper@ https://index.example/helper-1.0.zip#sha256=00

[:python_version < "3.7"]
dataclasses

[:sys_platform == "linux" or sys_platform == "darwin"]
uvloop>=0.17

[Dev_Tools]
pytest[testing]>=7
# a comment

[all:python_version >= "3.8"]
shapely  # another one

[empty]
"""
PROJECT = """\
[project]
name = "Demo"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["torch>=2.0; sys_platform == 'linux' or sys_platform == 'darwin'", "six"]
[project.optional-dependencies]
Dev_Tools = ["pytest", "mypy; python_version < '3.13'"]
"""


def read(sdist: Archive, name: str = "demo") -> DistMetadata | None:
    file = IndexFile(canonicalize_name(name), Version("1.0"), sdist.filename, None, "default")
    return read_sdist(io.BytesIO(sdist.content), file)


def requires(found: DistMetadata | None) -> list[str]:
    assert found is not None
    return [str(d.requirement) for d in found.requires]


def old_sdist(members: Mapping[str, bytes], name: str = "demo") -> Archive:
    """An sdist whose PKG-INFO is not static."""
    return make_sdist(name, "1.0", metadata=OLD, members=members)


def tar_of(*entries: tuple[tarfile.TarInfo | str, bytes]) -> Archive:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry, data in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return Archive("demo-1.0.tar.gz", gzip.compress(buffer.getvalue()), b"")


def zip_of(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Archive:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return Archive("demo-1.0.zip", buffer.getvalue(), b"")


class TestPrecedence:
    def test_a_static_pkg_info_outweighs_all_else(self) -> None:
        members = {"pyproject.toml": PROJECT.encode(), "demo.egg-info/requires.txt": TORCH}
        assert requires(read(make_sdist("demo", "1.0", ["numpy"], members=members))) == ["numpy"]

    @pytest.mark.parametrize("field", ["Requires-Dist", "Provides-Extra", "requires-python"])
    def test_a_pkg_info_that_leaves_it_to_the_build_does_not_speak(self, field: str) -> None:
        sdist = make_sdist(
            "demo", "1.0", dynamic=[field], members={"demo.egg-info/requires.txt": TORCH}
        )
        assert requires(read(sdist)) == ["torch>=2.0"]

    def test_pyproject_is_declared_and_outweighs_an_egg_info(self) -> None:
        members = {"pyproject.toml": PROJECT.encode(), "demo.egg-info/requires.txt": b"other\n"}
        found = read(old_sdist(members))
        assert requires(found) == [
            'torch>=2.0; sys_platform == "linux" or sys_platform == "darwin"',
            "six",
            'pytest; extra == "dev-tools"',
            'mypy; python_version < "3.13" and extra == "dev-tools"',
        ]
        assert found is not None
        evidence = found.requires[1].evidence
        assert (evidence.subject, evidence.statement) == ("demo 1.0", "needs six")
        assert evidence.strength is Strength.DECLARED
        assert evidence.origin == "pyproject.toml of demo-1.0.tar.gz"
        assert found.extras == {"dev-tools"}
        # What was made for this very file is nearer to the wheel than what it was made of.
        assert found.requires_python == ">=3.6"

    def test_an_egg_info_is_claimed(self) -> None:
        found = read(old_sdist({"src/demo.egg-info/requires.txt": TORCH}))
        assert found is not None
        assert found.requires[0].evidence.strength is Strength.CLAIMED
        assert found.requires[0].evidence.origin == (
            "demo.egg-info/requires.txt of demo-1.0.tar.gz"
        )
        assert (found.name, found.version) == ("demo", Version("1.0"))
        assert found.requires_python == ">=3.6"

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"setup.py": b"", "demo.egg-info/PKG-INFO": OLD, "demo.egg-info/SOURCES.txt": b""},
            {"requirements.txt": TORCH, "requires.txt": TORCH, "egg-info/requires.txt": TORCH},
            {"vendored.egg-info/requires.txt": TORCH},
            {"demo.egg-info/requires.txt": b"[extra\nsix\n"},
            # Two that contradict each other.
            {"a/demo.egg-info/requires.txt": TORCH, "b/demo.egg-info/requires.txt": b"six\n"},
            {"tests/pyproject.toml": PROJECT.encode()},
        ],
    )
    def test_none_of_them_is_unknown(self, members: dict[str, bytes]) -> None:
        assert read(old_sdist(members)) is None

    def test_the_egg_info_nearest_to_the_top(self) -> None:
        nested = "tests/data/demo.egg-info/requires.txt"
        members = {nested: b"six\n", "demo.egg-info/requires.txt": TORCH, f"x/{nested}": b"six\n"}
        assert requires(read(old_sdist(members))) == ["torch>=2.0"]

    def test_names_are_compared_as_indexes_do(self) -> None:
        sdist = old_sdist({"My_Demo.Tool.egg-info/requires.txt": TORCH}, "my-demo-tool")
        assert requires(read(sdist, "my-demo-tool")) == ["torch>=2.0"]

    @pytest.mark.parametrize("late", [False, True])
    def test_the_order_in_the_archive_says_nothing(self, late: bool) -> None:
        files = [
            ("demo-1.0/demo.egg-info/requires.txt", b"six\n"),
            ("demo-1.0/pyproject.toml", PROJECT.encode()),
            ("demo-1.0/PKG-INFO", make_metadata("demo", "1.0", ["numpy"], metadata_version="2.4")),
        ]
        assert requires(read(tar_of(*files[:: 1 if late else -1]))) == ["numpy"]


class TestPyproject:
    @pytest.mark.parametrize(
        "text",
        [
            "[build-system]\nrequires = ['setuptools']\n",
            "[project]\nname = 'demo'\ndynamic = ['dependencies']\n",
            "[project]\nname = 'demo'\ndependencies = []\ndynamic = ['optional-dependencies']\n",
            "[project]\nname = 'demo'\ndependencies = []\ndynamic = ['requires-python']\n",
            "[project]\nname = 'other'\ndependencies = ['six']\n",
            "[project]\ndependencies = ['six']\n",
            "[project]\nname = 'demo'\ndependencies = 'six'\n",
            "[project]\nname = 'demo'\ndependencies = [1]\n",
            "[project]\nname = 'demo'\noptional-dependencies = []\n",
            "[project]\nname = 'demo'\n[tool.poetry.dependencies]\nsix = '*'\n",
            "project = 1\n",
            "no toml",
            "x = " + "[" * 100_000,
        ],
    )
    def test_what_leaves_it_to_a_build_is_unknown(self, text: str) -> None:
        assert read(old_sdist({"pyproject.toml": text.encode()})) is None

    def test_neither_listed_nor_dynamic_is_none(self) -> None:
        text = b"[project]\nname = 'demo'\ndynamic = ['version', 'readme']\n"
        found = read(old_sdist({"pyproject.toml": text}))
        assert requires(found) == []

    def test_a_project_without_pkg_info(self) -> None:
        # What a forge serves of a tag.
        found = read(
            tar_of(("demo-abc/setup.py", b""), ("demo-abc/pyproject.toml", PROJECT.encode()))
        )
        assert requires(found)[1] == "six"
        assert found is not None
        assert found.requires_python == ">=3.9"

    def test_what_is_no_requirement_is_set_aside(self) -> None:
        bad = "no requirement at all"
        text = f"[project]\nname = 'demo'\ndependencies = ['six', '{bad}']\n"
        found = read(old_sdist({"pyproject.toml": text.encode()}))
        assert requires(found) == ["six"]
        assert found is not None
        assert found.notes == (
            f"set aside, not a requirement: {bad} [pyproject.toml of demo-1.0.tar.gz]",
        )


def parts_of(line: str) -> tuple[str, frozenset[str], str, str | None, str]:
    found = Requirement(line)
    marker = str(found.marker).replace("(", "").replace(")", "").replace("Dev_Tools", "dev-tools")
    return found.name, frozenset(found.extras), str(found.specifier), found.url, marker


class TestRequiresTxt:
    def test_it_is_read_as_importlib_reads_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "demo.egg-info"
        folder.mkdir()
        text = REQUIRES_TXT.replace("# a comment", "").replace("  # another one", "")
        folder.joinpath("requires.txt").write_text(text)
        expected = PathDistribution(folder).requires
        assert expected is not None
        found = requires(read(old_sdist({"demo.egg-info/requires.txt": REQUIRES_TXT.encode()})))
        assert [parts_of(line) for line in found] == [parts_of(line) for line in expected]

    def test_markers_hold_together(self) -> None:
        # Old versions of setuptools left a line's own marker where it was.
        text = b"""[a:os_name == "nt" or os_name == "java"]\nx>=1; python_version < "3"\n"""
        found = read(old_sdist({"demo.egg-info/requires.txt": text}))
        assert requires(found) == [
            'x>=1; python_version < "3" and (os_name == "nt" or os_name == "java") and extra == "a"'
        ]

    def test_extras_without_requirements_are_extras(self) -> None:
        found = read(old_sdist({"demo.egg-info/requires.txt": REQUIRES_TXT.encode()}))
        assert found is not None
        assert found.extras == {"dev-tools", "all", "empty"}
        assert found.notes == ()

    def test_a_line_under_what_is_no_marker_is_set_aside_not_unconditional(self) -> None:
        text = b"six\n[:python_version is new]\ntorch\n[x:]\nnumpy\n"
        found = read(old_sdist({"demo.egg-info/requires.txt": text}))
        assert requires(found) == ["six", 'numpy; extra == "x"']
        assert found is not None
        assert found.notes[0].startswith("set aside, not a requirement: torch ;")

    @pytest.mark.parametrize("text", [b"", b"\n", b"\n[x]\nsix\n"])
    def test_an_empty_one_claims_that_there_is_nothing(self, text: bytes) -> None:
        found = read(old_sdist({"demo.egg-info/requires.txt": text}))
        assert [line for line in requires(found) if "extra" not in line] == []


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "../pyproject.toml",
            "/pyproject.toml",
            "pyproject.toml",
            "demo-1.0/../pyproject.toml",
            "demo-1.0//pyproject.toml",
            "other/pyproject.toml",
            "demo-1.0/./pyproject.toml",
            "demo-1.0\\pyproject.toml",
        ],
    )
    def test_a_file_that_is_not_at_the_top_of_the_sdist(self, path: str) -> None:
        data = PROJECT.encode()
        assert read(tar_of(("demo-1.0/setup.py", b""), (path, data))) is None
        assert read(zip_of({"demo-1.0/setup.py": b"", path: data})) is None

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
    def test_what_is_no_plain_file(self, kind: bytes) -> None:
        entry = tarfile.TarInfo("demo-1.0/pyproject.toml")
        entry.type, entry.linkname = kind, "/etc/hostname"
        assert read(tar_of(("demo-1.0/setup.py", b""), (entry, b""))) is None

    def test_a_link_in_a_zip_is_not_followed(self) -> None:
        entry = zipfile.ZipInfo("demo-1.0/pyproject.toml")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(entry, "../../outside/pyproject.toml")
        assert read(Archive("demo-1.0.zip", buffer.getvalue(), b"")) is None

    def test_the_later_of_two_members_of_one_path_is_what_unpacking_leaves(self) -> None:
        path = "demo-1.0/demo.egg-info/requires.txt"
        assert requires(read(tar_of((path, b"six\n"), (path, TORCH)))) == ["torch>=2.0"]

    def test_a_leading_dot_is_no_folder(self) -> None:
        assert requires(read(tar_of(("./demo-1.0/pyproject.toml", PROJECT.encode()))))[1] == "six"

    def test_a_zip(self) -> None:
        found = read(zip_of({"demo-1.0/demo.egg-info/requires.txt": TORCH}))
        assert requires(found) == ["torch>=2.0"]


class TestForgedArchives:
    def test_nothing_is_read_behind_what_is_needed(self) -> None:
        static = make_metadata("demo", "1.0", ["six"], metadata_version="2.2")
        whole = tar_of(("demo-1.0/PKG-INFO", static), ("demo-1.0/x", NOISE))
        cut = Archive(whole.filename, whole.content[:20_000], b"")
        assert requires(read(cut)) == ["six"]

    @pytest.mark.parametrize("make", [tar_of, lambda *files: zip_of(dict(files))])
    def test_a_member_larger_than_its_like(self, make: object) -> None:
        assert callable(make)
        bomb = make(("demo-1.0/PKG-INFO", OLD), ("demo-1.0/pyproject.toml", b"#" * (8 * 2**20 + 1)))
        with pytest.raises(UnknownError) as caught:
            read(bomb)
        assert caught.value.reference == "no-static-metadata"
        assert "pyproject.toml of more than 8 MiB" in caught.value.message

    def test_an_archive_that_unpacks_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("torchsolve.index.members.UNPACKED_LIMIT", 2**20)
        with pytest.raises(UnknownError) as caught:
            read(tar_of(("demo-1.0/x", bytes(2**21)), ("demo-1.0/PKG-INFO", OLD)))
        assert caught.value.reference == "no-static-metadata"
        assert "more than 1 MiB" in caught.value.message

    def test_members_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("torchsolve.index.members._COUNT_LIMIT", 100)
        with pytest.raises(UnknownError) as caught:
            read(tar_of(*((f"demo-1.0/{i}", b"") for i in range(101))))
        assert caught.value.reference == "no-static-metadata"

    @pytest.mark.parametrize("size", [-512, -1024, 2**40])
    @pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_a_size_that_is_a_lie(self, size: int, kind: bytes) -> None:
        # A negative one sends tarfile back to where it was, for ever; a large one is allocated.
        entry = tarfile.TarInfo("demo-1.0/PKG-INFO")
        entry.type, entry.size = kind, size
        first = tarfile.TarInfo("demo-1.0/setup.py").tobuf()
        content = gzip.compress(first + entry.tobuf(tarfile.GNU_FORMAT) * 2 + bytes(4096))
        with pytest.raises(UnknownError) as caught:
            read(Archive("demo-1.0.tar.gz", content, b""))
        assert caught.value.reference in ("not-an-sdist", "no-static-metadata")

    def test_headers_of_headers(self) -> None:
        entry = tarfile.TarInfo("././@LongLink")
        entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 1
        content = gzip.compress((entry.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 5000)
        with pytest.raises(UnknownError) as caught:
            read(Archive("demo-1.0.tar.gz", content, b""))
        assert caught.value.reference == "not-an-sdist"

    def test_a_zip_that_is_compressed_as_no_sdist_is(self) -> None:
        with pytest.raises(UnknownError) as caught:
            read(zip_of({"demo-1.0/PKG-INFO": OLD}, zipfile.ZIP_BZIP2))
        assert caught.value.reference == "not-an-sdist"

    def test_a_zip_member_without_a_name(self) -> None:
        content = zip_of({"x": b""}).content.replace(b"x", b"\0")
        with pytest.raises(UnknownError) as caught:
            read(Archive("demo-1.0.zip", content, b""))
        assert caught.value.reference == "not-an-sdist"

    @pytest.mark.parametrize("seed", range(40))
    def test_damage_anywhere_is_an_answer_or_one_clear_error(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        members = {"pyproject.toml": PROJECT.encode(), "demo.egg-info/requires.txt": TORCH}
        whole = old_sdist(members)
        packed = zip_of({f"demo-1.0/{path}": data for path, data in members.items()})
        for _ in range(10):
            inner = gzip.compress(damaged(gzip.decompress(whole.content), chance), 1)
            assert answer(whole.filename, inner) in EXPECTED
            assert answer(whole.filename, damaged(whole.content, chance)) in EXPECTED
            assert answer(packed.filename, damaged(packed.content, chance)) in EXPECTED


EXPECTED = ("read", "unknown", "not-an-sdist", "no-static-metadata", "bad-metadata")


def damaged(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randrange(1, 5)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def answer(filename: str, content: bytes) -> str:
    try:
        return "read" if read(Archive(filename, content, b"")) else "unknown"
    except TorchsolveError as error:
        return error.reference
