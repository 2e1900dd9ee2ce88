"""A build seen from outside: what the client is given, what is kept, how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.plans import standalone
from torchsolve.build.run import BuildOptions, Secret, build
from torchsolve.emit.lock import plan_to_lock
from torchsolve.emit.naming import image_tag
from torchsolve.errors import BuildError, UsageError

CLIENT = """#!/bin/sh
case "$1" in
buildx) exit 1;;
version) echo 20.10.24; exit 0;;
esac
for argument in "$@"; do
    echo "argument $argument" >&2
    case "$argument" in --iidfile=*) echo sha256:0123 > "${argument#--iidfile=}";; esac
done
echo "buildkit ${DOCKER_BUILDKIT}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM scratch\n")
    return directory


def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, further: str = "") -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(CLIENT + further)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_log_is_streamed_and_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, monkeypatch)
    seen: list[str] = []
    result = build(folder, BuildOptions(tag="x:1"), seen.append)
    assert (result.status, result.image, result.image_id) == ("built", "x:1", "sha256:0123")
    assert result.log_path == folder / "build.log"
    assert result.log_path.read_text().splitlines() == seen
    assert "buildkit 1" in seen


def test_every_option_reaches_the_client(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, monkeypatch)
    bundle = tmp_path / "ca.crt"
    bundle.touch()
    monkeypatch.setenv("HF_TOKEN", "a-token-of-some-length")
    options = BuildOptions(
        tag="x:1",
        secrets=(Secret("hf_token", env="HF_TOKEN"),),
        ca_bundle=bundle,
        base_image="stand/in:1",
        build_args=(("UID", "1001"),),
        network="host",
        no_cache=True,
    )
    arguments = build(folder, options).log_path.read_text()
    for expected in (
        f"--secret=id=ca,src={bundle}",
        "--secret=id=hf_token,env=HF_TOKEN",
        "--build-arg=BASE_IMAGE=stand/in:1",
        "--build-arg=UID=1001",
        "--network=host",
        "--no-cache",
        str(folder),
    ):
        assert f"argument {expected}\n" in arguments
    assert "a-token" not in arguments


def test_a_secret_that_a_step_prints_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-token-of-some-length")
    client(tmp_path, monkeypatch, 'echo "got $HF_TOKEN here"\n')
    seen: list[str] = []
    options = BuildOptions(tag="x:1", secrets=(Secret("hf_token", env="HF_TOKEN"),))
    build(folder, options, seen.append)
    assert "got *** here" in seen
    assert "a-token" not in (folder / "build.log").read_text()


def test_the_tag_is_the_one_that_compose_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, monkeypatch)
    plan = standalone()
    (folder / "pylock.toml").write_bytes(plan_to_lock(plan))
    assert build(folder, BuildOptions()).image == image_tag(plan)


def test_a_failure_names_its_cause_where_and_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = "#9 ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    client(tmp_path, monkeypatch, f'echo "{printed}"; exit 1\n')
    with pytest.raises(BuildError) as caught:
        build(folder, BuildOptions(tag="x:1"))
    error = caught.value
    assert (error.reference, error.exit_code) == ("hash-mismatch", 5)
    assert error.origin == str(folder / "build.log")
    assert error.hint
    assert printed in error.facts


def test_an_unknown_failure_shows_the_end_of_the_log(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, monkeypatch, 'echo "ERROR: it rained"; echo "the end"; exit 3\n')
    with pytest.raises(BuildError) as caught:
        build(folder, BuildOptions(tag="x:1"))
    assert caught.value.reference == "build-failed"
    assert caught.value.message == "ERROR: it rained"
    assert caught.value.facts[-1] == "the end"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=hf_token,env=HF_TOKEN", Secret("hf_token", env="HF_TOKEN")),
        ("id=ca,src=/x/ca.crt", Secret("ca", path=Path("/x/ca.crt"))),
        ("id=ca,source=/x/ca.crt", Secret("ca", path=Path("/x/ca.crt"))),
    ],
)
def test_secrets_are_spelled_as_docker_spells_them(text: str, expected: Secret) -> None:
    assert Secret.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "hf_token", "id=x", "env=HF_TOKEN", "id=a b,env=X", "id=x,env=X,src=/y", "id=x,y=z"],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Secret.parse(text)
    assert caught.value.reference == "bad-secret"


def test_a_missing_file_or_variable_is_found_before_anything_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, monkeypatch)
    monkeypatch.delenv("NO_SUCH", raising=False)
    for options in (
        BuildOptions(tag="x:1", ca_bundle=tmp_path / "none.crt"),
        BuildOptions(tag="x:1", secrets=(Secret("a", env="NO_SUCH"),)),
    ):
        with pytest.raises(UsageError) as caught:
            build(folder, options)
        assert caught.value.reference == "bad-secret"
    assert not (folder / "build.log").exists()


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        build(tmp_path, BuildOptions())
    assert caught.value.reference == "not-a-plan"
