"""Locks, scripts, groups and uv's tables as what a user points at."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.errors import UsageError
from torchsolve.model.outcome import Resolution
from torchsolve.model.project import ProjectFacts
from torchsolve.model.version import PythonVersion
from torchsolve.project.load import ReadOptions, load, load_all

GOOD, BAD, COMMIT = "a" * 64, "b" * 64, "c" * 40
SOURCE = 'source = { registry = "https://r.example/" }'


@pytest.fixture
def options(tmp_path: Path) -> ReadOptions:
    return ReadOptions(tmp_path / "cache")


def written(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def texts(facts: ProjectFacts) -> list[str]:
    return [str(declared.requirement) for declared in facts.requirements]


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


def resolve(tmp_path: Path, index: IndexServer, reference: str, **changes: object) -> Resolution:
    base = Settings(
        cache_dir=tmp_path / "cache",
        index=index.url,
        comfyui="none",
        python=(PythonVersion.parse("3.12"),),
    )
    return pipeline.resolve([reference], replace(base, **changes))  # type: ignore[arg-type]


def pins(found: Resolution) -> dict[str, str]:
    assert found.plan is not None, found.conflict
    return {pin.name: pin.version for pin in found.plan.pins}


class TestPylock:
    TEXT = f"""
        lock-version = "1.0"
        created-by = "hand"
        requires-python = ">=3.11"
        [[packages]]
        name = "demo"
        version = "1.0"
        [[packages.wheels]]
        url = "https://f.example/demo-1.0-py3-none-any.whl"
        hashes = {{ sha256 = "{GOOD}" }}
        [[packages]]
        name = "other"
        version = "2.0"
        marker = "sys_platform == 'win32'"
        index = "https://corp.example/simple"
        sdist = {{ url = "https://f.example/other-2.0.tar.gz", hashes = {{ sha256 = "{BAD}" }} }}
        [[packages]]
        name = "fromgit"
        [packages.vcs]
        type = "git"
        url = "https://git.example/x.git"
        commit-id = "{COMMIT}"
        subdirectory = "sub"
        [[packages]]
        name = "archived"
        [packages.archive]
        url = "https://f.example/archived-1.0.tar.gz"
        hashes = {{ sha256 = "{GOOD}" }}
        [[packages]]
        name = "mine"
        directory = {{ path = "." }}
    """

    def test_its_pins_hashes_and_places(self, tmp_path: Path, options: ReadOptions) -> None:
        facts = load(written(tmp_path, "pylock.toml", self.TEXT), options)
        assert texts(facts) == [
            "demo==1.0",
            'other==2.0; sys_platform == "win32"',
            f"fromgit @ git+https://git.example/x.git@{COMMIT}#subdirectory=sub",
            f"archived @ https://f.example/archived-1.0.tar.gz#sha256={GOOD}",
        ]
        assert dict(facts.hashes) == {
            "demo": frozenset({f"sha256:{GOOD}"}),
            "other": frozenset({f"sha256:{BAD}"}),
        }
        assert [(row.package, row.url) for row in facts.indexes] == [
            ("other", "https://corp.example/simple")
        ]
        assert facts.requires_python == ">=3.11"
        assert any("mine" in note for note in facts.notes)

    @pytest.mark.parametrize(
        "text", ["[", 'lock-version = "9.0"\n', 'lock-version = "1.0"\n', "packages = 3\n"]
    )
    def test_what_is_none(self, tmp_path: Path, options: ReadOptions, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            load(written(tmp_path, "pylock.toml", text), options)
        assert caught.value.reference == "bad-lock"

    def test_a_plan_of_ours_comes_back(self, tmp_path: Path) -> None:
        """What is written as a lock and given as a project gives the same pins again."""
        world = {
            "demo": [pure("demo", "1.0", "six"), pure("demo", "2.0")],
            "six": [pure("six", "1")],
        }
        with IndexServer(world) as index:
            asked = written(tmp_path, "r.txt", "demo<2\n")
            first = resolve(tmp_path, index, asked)
            settings = Settings(cache_dir=tmp_path / "cache", index=index.url)
            pipeline.write_plan(first, settings, tmp_path / "out")
            again = resolve(tmp_path, index, str(tmp_path / "out" / "pylock.toml"))
        assert pins(again) == pins(first) == {"demo": "1.0", "six": "1"}


class TestUvLock:
    TEXT = f"""
        version = 1
        revision = 3
        requires-python = ">=3.11"
        [[package]]
        name = "app"
        version = "0"
        source = {{ virtual = "." }}
        dependencies = [
            {{ name = "demo", extra = ["fast"] }},
            {{ name = "num", version = "1.0", {SOURCE}, marker = "sys_platform == 'darwin'" }},
            {{ name = "num", version = "2.0", {SOURCE}, marker = "sys_platform == 'linux'" }},
            {{ name = "vcsed" }},
        ]
        [package.optional-dependencies]
        web = [{{ name = "web" }}]
        [package.dev-dependencies]
        dev = [{{ name = "tool" }}]
        [[package]]
        name = "demo"
        version = "1.5"
        {SOURCE}
        wheels = [{{ url = "https://f.example/demo-1.5-py3-none-any.whl", hash = "sha256:{GOOD}" }}]
        [[package]]
        name = "num"
        version = "1.0"
        {SOURCE}
        resolution-markers = ["sys_platform == 'darwin'"]
        [[package]]
        name = "num"
        version = "2.0"
        {SOURCE}
        resolution-markers = ["sys_platform == 'linux'"]
        [[package]]
        name = "vcsed"
        version = "3"
        source = {{ git = "https://git.example/v?rev=main#{COMMIT}" }}
    """

    def test_the_project_s_own_are_asked_for_and_all_are_bounds(
        self, tmp_path: Path, options: ReadOptions
    ) -> None:
        facts = load(written(tmp_path, "uv.lock", self.TEXT), options)
        assert texts(facts) == [
            "demo[fast]",
            'num==1.0; sys_platform == "darwin"',
            'num==2.0; sys_platform == "linux"',
            "vcsed",
        ]
        assert [str(row.requirement) for row in facts.constraints] == [
            "demo==1.5",
            'num==1.0; sys_platform == "darwin"',
            'num==2.0; sys_platform == "linux"',
        ]
        assert dict(facts.hashes)["demo"] == frozenset({f"sha256:{GOOD}"})
        assert {row.package for row in facts.indexes} == {"demo", "num"}

    def test_extras_and_groups(self, tmp_path: Path, options: ReadOptions) -> None:
        path = written(tmp_path, "uv.lock", self.TEXT)
        asked = replace(options, extras=("web",), groups=("dev",))
        assert texts(load(path, asked))[-2:] == ["web", "tool"]
        for wrong in (replace(options, extras=("gone",)), replace(options, groups=("gone",))):
            with pytest.raises(UsageError) as caught:
                load(path, wrong)
            assert caught.value.reference in ("unknown-extra", "unknown-group")


class TestScript:
    TEXT = """\
        #!/usr/bin/env python3
        # A script.
        # /// script
        # requires-python = ">=3.11"
        # dependencies = [
        #   "demo<2",
        #   "other ; sys_platform == 'linux'",
        # ]
        # ///
        import demo
    """

    def test_its_block(self, tmp_path: Path, options: ReadOptions) -> None:
        facts = load(written(tmp_path, "run.py", self.TEXT), options)
        assert texts(facts) == ["demo<2", 'other; sys_platform == "linux"']
        assert facts.requires_python == ">=3.11"
        assert facts.requirements[0].evidence.origin.endswith("run.py:6")

    @pytest.mark.parametrize(
        ("text", "reference"),
        [
            ("import demo\n", "no-script-metadata"),
            ("# /// script\n# dependencies = [\n", "no-script-metadata"),
            ("# /// script\n# x = [\n# ///\n", "bad-toml"),
            ("# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n", "bad-toml"),
            ('# /// script\n# dependencies = ["demo ="]\n# ///\n', "bad-requirement"),
        ],
    )
    def test_what_is_none(
        self, tmp_path: Path, options: ReadOptions, text: str, reference: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            load(written(tmp_path, "run.py", text), options)
        assert caught.value.reference == reference


PYPROJECT = """
    [project]
    name = "app"
    dependencies = ["demo", "app[web]"]
    [project.optional-dependencies]
    web = ["web", "app[deep]"]
    deep = ["deep"]
    [dependency-groups]
    test = ["pytest", {include-group = "lint"}]
    lint = ["ruff"]
    loop = [{include-group = "loop"}]
"""


class TestGroups:
    def test_an_extra_of_its_own_is_followed(self, tmp_path: Path, options: ReadOptions) -> None:
        facts = load(written(tmp_path, "pyproject.toml", PYPROJECT), options)
        assert texts(facts) == ["demo", "web", "deep"]

    def test_a_group_with_what_it_includes(self, tmp_path: Path, options: ReadOptions) -> None:
        path = written(tmp_path, "pyproject.toml", PYPROJECT)
        for reference in (path, str(tmp_path)):
            facts = load(reference, replace(options, groups=("test",)))
            assert texts(facts) == ["demo", "web", "deep", "pytest", "ruff"]
            assert "(group test)" in facts.requirements[-1].evidence.statement

    @pytest.mark.parametrize(
        ("group", "reference"), [("gone", "unknown-group"), ("loop", "bad-group")]
    )
    def test_one_that_is_none(
        self, tmp_path: Path, options: ReadOptions, group: str, reference: str
    ) -> None:
        path = written(tmp_path, "pyproject.toml", PYPROJECT)
        with pytest.raises(UsageError) as caught:
            load(path, replace(options, groups=(group,)))
        assert caught.value.reference == reference

    @pytest.mark.parametrize(
        ("asked", "reference"),
        [({"groups": ("gone",)}, "unknown-group"), ({"extras": ("gone",)}, "unknown-extra")],
    )
    def test_one_that_no_project_has_is_a_slip(
        self,
        tmp_path: Path,
        options: ReadOptions,
        asked: dict[str, tuple[str, ...]],
        reference: str,
    ) -> None:
        lines = written(tmp_path, "requirements.txt", "demo\n")
        folder = tmp_path / "app"
        folder.mkdir()
        written(folder, "pyproject.toml", PYPROJECT)
        wanted = replace(options, **asked)  # type: ignore[arg-type]
        for references in ([lines], [str(folder)], [lines, str(folder)]):
            with pytest.raises(UsageError) as caught:
                load_all(references, wanted)
            assert caught.value.reference == reference

    def test_one_of_two_projects_may_have_it(self, tmp_path: Path, options: ReadOptions) -> None:
        lines = written(tmp_path, "requirements.txt", "demo\n")
        folder = tmp_path / "app"
        folder.mkdir()
        written(folder, "pyproject.toml", PYPROJECT)
        found = load_all([lines, str(folder)], replace(options, groups=("test",)))
        assert texts(found[0]) == ["demo"]
        assert texts(found[1])[-2:] == ["pytest", "ruff"]

    def test_a_broken_group_says_what_is_broken(self, tmp_path: Path, options: ReadOptions) -> None:
        path = written(tmp_path, "pyproject.toml", "[dependency-groups]\nodd = [3]\n")
        with pytest.raises(UsageError, match="Invalid dependency group item: 3"):
            load(path, replace(options, groups=("odd",)))

    def test_extras_that_setuptools_reads_from_files(
        self, tmp_path: Path, options: ReadOptions
    ) -> None:
        text = """
            [project]
            name = "app"
            dynamic = ["dependencies", "optional-dependencies"]
            [tool.setuptools.dynamic]
            dependencies = { file = "needs.txt" }
            optional-dependencies.Fast_One = { file = ["fast.txt"] }
        """
        path = written(tmp_path, "pyproject.toml", text)
        written(tmp_path, "needs.txt", "demo\n")
        written(tmp_path, "fast.txt", "quick\n")
        asked = replace(options, extras=("fast-one",))
        for reference in (path, str(tmp_path)):
            assert texts(load(reference, options)) == ["demo"]
            assert texts(load(reference, asked)) == ["demo", "quick"]

    def test_dependencies_that_a_backend_would_say_are_unknown(
        self, tmp_path: Path, options: ReadOptions
    ) -> None:
        text = '[project]\nname = "app"\ndynamic = ["dependencies"]\n'
        facts = load(written(tmp_path, "pyproject.toml", text), options)
        assert ["not known" in fact.statement for fact in facts.untold] == [True]


class TestUvTables:
    TEXT = """
        [project]
        name = "app"
        dependencies = ["demo[x]>=1", "corp", "torch", "neighbour", "plain", "maced"]
        [tool.uv.sources]
        Demo = { git = "https://git.example/demo", tag = "v1", subdirectory = "py" }
        corp = { index = "corp" }
        torch = [{ index = "pt", marker = "sys_platform == 'linux'" }]
        neighbour = { workspace = true }
        maced = [{ url = "https://f.example/m-1.0.tar.gz", marker = "sys_platform == 'darwin'" }]
        [[tool.uv.index]]
        name = "corp"
        url = "https://corp.example/simple"
        explicit = true
        [[tool.uv.index]]
        name = "pt"
        url = "https://download.pytorch.org/whl/cu128"
        explicit = true
        [[tool.uv.index]]
        name = "more"
        url = "https://more.example/simple"
    """

    def test_sources_and_indexes(self, tmp_path: Path, options: ReadOptions) -> None:
        facts = load(written(tmp_path, "pyproject.toml", self.TEXT), options)
        assert texts(facts) == [
            "demo[x] @ git+https://git.example/demo@v1#subdirectory=py",
            "corp",
            "torch",
            "neighbour",
            "plain",
            "maced",
        ]
        assert [(row.kind, row.package, row.url) for row in facts.indexes] == [
            ("--extra-index-url", None, "https://more.example/simple"),
            ("--index-url", "corp", "https://corp.example/simple"),
        ]
        notes = "\n".join(facts.notes)
        assert "--cuda cu128" in notes
        assert "neighbour has a source (workspace True) that is not followed" in notes

    def test_a_package_comes_from_its_source_alone(self, tmp_path: Path) -> None:
        with (
            IndexServer({"demo": [pure("demo", "9.0")]}) as index,
            IndexServer({"demo": [pure("demo", "1.0")]}) as corp,
        ):
            text = f"""
                [project]
                name = "app"
                dependencies = ["demo"]
                [tool.uv.sources]
                demo = {{ index = "corp" }}
                [[tool.uv.index]]
                name = "corp"
                url = "{corp.url}"
                explicit = true
            """
            found = resolve(tmp_path, index, written(tmp_path, "pyproject.toml", text))
            assert pins(found) == {"demo": "1.0"}
            assert index.paths() == []
