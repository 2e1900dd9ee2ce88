"""What pages and files say beyond names: a resolution over a local index, PEP by PEP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.asking import resolve
from support.index_server import FakeFile, IndexServer
from support.wheels import Archive, make_metadata, make_sdist, make_wheel
from torchsolve.config import parse_moment
from torchsolve.errors import UsageError
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


def files(found: Resolution) -> list[str]:
    assert found.plan is not None, found.conflict
    return [pin.file.filename for pin in found.plan.pins]


def notes(found: Resolution) -> str:
    assert found.plan is not None
    return "\n".join(found.plan.notes)


def wheel(name: str, version: str, tag: str = "py3-none-any", **more: object) -> FakeFile:
    return FakeFile(make_wheel(name, version, tag=tag, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("api", ["json", "html"])
class TestProjectStatus:
    def test_a_quarantined_project_is_refused(self, tmp_path: Path, api: str) -> None:
        with IndexServer({"demo": [wheel("demo", "1.0")]}, api=api) as index:  # type: ignore[arg-type]
            index.about["demo"] = {"project-status": {"status": "quarantined", "reason": "malware"}}
            found = resolve(tmp_path, index, "demo")
        assert found.status is CellStatus.INFEASIBLE
        assert found.conflict is not None
        said = [str(fact) for fact in found.conflict.facts]
        assert any("is quarantined by its index: malware" in line for line in said), said

    @pytest.mark.parametrize("status", ["archived", "deprecated"])
    def test_others_are_told(self, tmp_path: Path, api: str, status: str) -> None:
        with IndexServer({"demo": [wheel("demo", "1.0")]}, api=api) as index:  # type: ignore[arg-type]
            index.about["demo"] = {"project-status": {"status": status, "reason": "use other"}}
            found = resolve(tmp_path, index, "demo")
            again = resolve(tmp_path, index, "demo", offline=True)
        for resolution in (found, again):
            assert files(resolution) == ["demo-1.0-py3-none-any.whl"]
            assert f"demo is called {status} by its index: use other" in notes(resolution)

    def test_an_active_one_is_not(self, tmp_path: Path, api: str) -> None:
        with IndexServer({"demo": [wheel("demo", "1.0")]}, api=api) as index:  # type: ignore[arg-type]
            index.about["demo"] = {"project-status": {"status": "active"}}
            assert notes(resolve(tmp_path, index, "demo")) == ""


@pytest.mark.parametrize("api", ["json", "html"])
class TestTwoIndexes:
    @pytest.mark.parametrize("said", ["nothing", "tracks", "alternate-locations"])
    def test_a_name_on_both_is_told_unless_a_page_says_that_it_is_one(
        self, tmp_path: Path, api: str, said: str
    ) -> None:
        with (
            IndexServer({"demo": [wheel("demo", "2.0")]}, api=api) as index,  # type: ignore[arg-type]
            IndexServer({"demo": [wheel("demo", "1.0")]}, api=api) as extra,  # type: ignore[arg-type]
        ):
            if said == "tracks":
                extra.about["demo"] = {"tracks": [f"{index.url}demo/"]}
            elif said == "alternate-locations":
                index.about["demo"] = {"alternate-locations": [f"{extra.url}demo/"]}
            found = resolve(tmp_path, index, "demo", extra_index=(extra.url,))
            # First-index: a package is never taken from two.
            assert files(found) == ["demo-1.0-py3-none-any.whl"]
            told = "the default index has a project of that name too" in notes(found)
        assert told == (said == "nothing")

    def test_a_name_on_one_is_not_told(self, tmp_path: Path, api: str) -> None:
        with (
            IndexServer({}, api=api) as index,  # type: ignore[arg-type]
            IndexServer({"demo": [wheel("demo", "1.0")]}, api=api) as extra,  # type: ignore[arg-type]
        ):
            assert notes(resolve(tmp_path, index, "demo", extra_index=(extra.url,))) == ""


class TestVariants:
    """PEP 825: neither a labelled file nor a variant marker breaks a solve."""

    def test_labelled_files_are_listed_and_not_taken(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        plain = make_wheel("demo", "1.0")
        labels = ["cuda13.0", "x86_64_v3", "null", "abcd1234"]
        labelled = [
            Archive(f"demo-2.0-py3-none-any-{label}.whl", plain.content, plain.metadata)
            for label in labels
        ]
        index.projects["demo"] = [FakeFile(plain), *map(FakeFile, labelled)]
        found = resolve(tmp_path, index, "demo")
        assert files(found) == ["demo-1.0-py3-none-any.whl"]
        assert "wheel variants that are not considered: " in notes(found)
        assert "demo-2.0-py3-none-any-abcd1234.whl" in notes(found)
        assert "and 1 more" in notes(found)

    def test_a_variant_marker_is_left_out_and_the_rest_holds(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        text = make_metadata(
            "demo", "1.0", ["six", 'gone; "nvidia :: sm_arch" in variant_features']
        )
        index.projects["demo"] = [wheel("demo", "1.0", metadata=text)]
        index.projects["six"] = [wheel("six", "1.16")]
        found = resolve(tmp_path, index, "demo")
        assert files(found) == ["demo-1.0-py3-none-any.whl", "six-1.16-py3-none-any.whl"]
        assert "variant marker: gone" in notes(found)


class TestYanked:
    FILES = (wheel("demo", "1.0"), replace(wheel("demo", "2.0"), yanked="broken build"))

    @pytest.mark.parametrize(
        ("asked", "taken"),
        [("demo", "1.0"), ("demo>=2,<3", None), ("demo==2.*", None), ("demo==2.0", "2.0")],
    )
    def test_only_by_an_exact_pin(
        self, tmp_path: Path, index: IndexServer, asked: str, taken: str | None
    ) -> None:
        index.projects["demo"] = list(self.FILES)
        found = resolve(tmp_path, index, asked)
        if taken is None:
            assert found.status is CellStatus.INFEASIBLE
            assert found.conflict is not None
            assert any("yanked" in str(fact) for fact in found.conflict.facts)
            return
        assert files(found) == [f"demo-{taken}-py3-none-any.whl"]
        assert ("was yanked by its publisher: broken build" in notes(found)) == (taken == "2.0")


class TestCutOff:
    def test_files_without_a_time_are_left_out_and_told(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        dated = replace(wheel("demo", "1.0"), upload_time="2025-01-01T00:00:00Z")
        index.projects["demo"] = [dated, wheel("demo", "2.0")]
        found = resolve(tmp_path, index, "demo", exclude_newer=parse_moment("2026-01-01"))
        assert files(found) == ["demo-1.0-py3-none-any.whl"]
        assert "the cut-off leaves out demo-2.0-py3-none-any.whl: the index gives no" in notes(
            found
        )

    def test_a_later_file_of_a_version_does_not_hide_the_earlier_one(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        early = replace(wheel("demo", "1.0"), upload_time="2025-01-01T00:00:00Z")
        late = replace(
            wheel("demo", "1.0", "cp312-cp312-manylinux_2_17_x86_64"),
            upload_time="2025-09-01T00:00:00Z",
        )
        index.projects["demo"] = [early, late]
        before = resolve(tmp_path, index, "demo", exclude_newer=parse_moment("2025-06-01"))
        assert files(before) == ["demo-1.0-py3-none-any.whl"]
        after = resolve(tmp_path, index, "demo")
        assert files(after) == ["demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"]


def test_as_of_commit_without_a_commit_is_a_slip(tmp_path: Path, index: IndexServer) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(tmp_path, index, "demo", as_of="commit")
    assert caught.value.reference == "no-commit-date"


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (["cp312-cp312-musllinux_1_2_x86_64", "py3-none-any"], "py3-none-any"),
        (["cp312-cp312t-manylinux_2_17_x86_64", "py3-none-any"], "py3-none-any"),
        (["cp312-cp312-manylinux_2_99_x86_64", "py3-none-any"], "py3-none-any"),
        (["cp312-cp312-manylinux_2_17_aarch64", "py3-none-any"], "py3-none-any"),
        (["py2.py3-none-any"], "py2.py3-none-any"),
        (
            ["cp310.cp311.cp312-cp310.cp311.cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"],
            "cp310.cp311.cp312-cp310.cp311.cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
        ),
        (["cp38-abi3-manylinux_2_17_x86_64", "py3-none-any"], "cp38-abi3-manylinux_2_17_x86_64"),
        (
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"],
            "cp312-cp312-manylinux_2_28_x86_64",
        ),
        (
            ["cp38-abi3-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_17_x86_64"],
            "cp312-cp312-manylinux_2_17_x86_64",
        ),
        (["cp312-cp312-linux_x86_64"], "cp312-cp312-linux_x86_64"),
    ],
)
def test_tags_of_the_target(
    tmp_path: Path, index: IndexServer, tags: list[str], taken: str
) -> None:
    index.projects["demo"] = [wheel("demo", "1.0", tag) for tag in tags]
    assert files(resolve(tmp_path, index, "demo")) == [f"demo-1.0-{taken}.whl"]


def test_the_highest_build_number_is_a_number(tmp_path: Path, index: IndexServer) -> None:
    index.projects["demo"] = [wheel("demo", "1.0", build=build) for build in ("9", "10", "1a")]
    assert files(resolve(tmp_path, index, "demo")) == ["demo-1.0-10-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("demo", "1!0.1"),
        ("demo<1!0", "2.7.1"),
        ("demo==2.7.0", "2.7.0+cu126"),
        ("demo==2.7.0+cu124", "2.7.0+cu124"),
        ("demo===2.7.0+CU124", "2.7.0+cu124"),
        ("demo===2.7.0", None),
        ("demo>2.7.0,<2.7.1", None),
        ("demo<1!0,>2.7.0", "2.7.1"),
        ("demo==2.8.0.dev1", "2.8.0.dev1"),
        ("demo<2.7.0", "2.6.0.post1"),
        ("demo~=2.6.0", "2.6.0.post1"),
    ],
)
def test_versions(tmp_path: Path, index: IndexServer, asked: str, taken: str | None) -> None:
    """Expected values are those of ``uv pip compile`` 0.13.9 over the same index."""
    numbers = ["1!0.1", "2.8.0.dev1", "2.7.1", "2.7.0+cu126", "2.7.0+cu124", "2.6.0.post1"]
    index.projects["demo"] = [wheel("demo", number) for number in numbers]
    found = resolve(tmp_path, index, asked)
    assert [p.version for p in found.plan.pins] == [taken] if taken and found.plan else not taken


class TestBadFiles:
    def test_metadata_of_another_name_or_version_excludes_the_file(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        index.projects["demo"] = [
            wheel("demo", "1.0"),
            wheel("demo", "2.0", metadata=make_metadata("other", "2.0")),
            wheel("demo", "3.0", metadata=make_metadata("demo", "9.9")),
        ]
        found = resolve(tmp_path, index, "demo")
        again = resolve(tmp_path, index, "demo", offline=True)
        for resolution in (found, again):
            assert files(resolution) == ["demo-1.0-py3-none-any.whl"]
            assert (
                "demo 2.0 is not considered: it cannot be installed: its metadata says other 2.0"
                in notes(resolution)
            )
            assert "demo 3.0 is not considered" in notes(resolution)

    def test_a_metadata_file_of_another_hash_is_never_used(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        index.projects["demo"] = [replace(wheel("demo", "1.0"), metadata_sha256="0" * 64)]
        found = resolve(tmp_path, index, "demo")
        assert found.status is CellStatus.UNKNOWN
        assert found.plan is None
        assert "the index announced" in str(found.reasons[0])

    def test_hash_mode_takes_only_what_the_file_names(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        old, new = wheel("demo", "1.0"), wheel("demo", "2.0")
        index.projects["demo"] = [old, new]
        line = f"demo --hash=sha256:{old.archive.sha256}"
        assert files(resolve(tmp_path, index, line)) == ["demo-1.0-py3-none-any.whl"]

    @pytest.mark.parametrize("algorithm", ["sha512", "md5"])
    def test_other_algorithms_rule_nothing_out(
        self, tmp_path: Path, index: IndexServer, algorithm: str
    ) -> None:
        index.projects["demo"] = [wheel("demo", "1.0")]
        found = resolve(tmp_path, index, "--require-hashes", f"demo --hash={algorithm}:{'0' * 64}")
        assert files(found) == ["demo-1.0-py3-none-any.whl"]
        assert "--require-hashes: the file gives no sha256 for demo" in notes(found)

    def test_hash_mode_is_held_against_the_whole_closure(
        self, tmp_path: Path, index: IndexServer
    ) -> None:
        demo = wheel("demo", "1.0", requires=["six"])
        index.projects["demo"], index.projects["six"] = [demo], [wheel("six", "1.0")]
        line = f"demo --hash=sha256:{demo.archive.sha256}"
        assert notes(resolve(tmp_path, index, line)) == ""
        assert "no sha256 for six" in notes(resolve(tmp_path, index, "--require-hashes", line))

    def test_an_sdist_of_the_new_name_form(self, tmp_path: Path, index: IndexServer) -> None:
        index.projects["my-demo"] = [FakeFile(make_sdist("my-demo", "1.0", metadata_version="2.2"))]
        assert files(resolve(tmp_path, index, "My.Demo")) == ["my_demo-1.0.tar.gz"]
