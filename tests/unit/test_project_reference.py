from __future__ import annotations

from pathlib import Path

import pytest

from torchsolve.errors import UsageError
from torchsolve.project.reference import (
    LocalPath,
    Reference,
    Repository,
    SampleName,
    WheelUrl,
    classify,
)


def samples() -> tuple[str, ...]:
    return ("trellis2", "wanvideo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trellis2", SampleName("trellis2")),
        ("owner/repo", Repository("https://github.com/owner/repo", None)),
        ("owner/repo.git", Repository("https://github.com/owner/repo", None)),
        ("owner/repo@v1.2", Repository("https://github.com/owner/repo", "v1.2")),
        ("owner/repo@feature/x", Repository("https://github.com/owner/repo", "feature/x")),
        ("owner/re.po", Repository("https://github.com/owner/re.po", None)),
        ("https://github.com/o/r", Repository("https://github.com/o/r", None)),
        ("https://github.com/o/r.git", Repository("https://github.com/o/r", None)),
        ("https://github.com/o/r/", Repository("https://github.com/o/r", None)),
        ("https://github.com/o/r/tree/main", Repository("https://github.com/o/r", "main")),
        ("https://github.com/o/r/commit/abc123", Repository("https://github.com/o/r", "abc123")),
        ("git+https://github.com/o/r@v1", Repository("https://github.com/o/r", "v1")),
        ("https://git.example/o/r.git", Repository("https://git.example/o/r.git", None)),
        ("file:///srv/r.git", Repository("file:///srv/r.git", None)),
        ("https://index.example/x-1-py3-none-any.whl", WheelUrl(
            "https://index.example/x-1-py3-none-any.whl")),
        ("https://index.example/x-1-py3-none-any.whl#sha256=ab", WheelUrl(
            "https://index.example/x-1-py3-none-any.whl#sha256=ab")),
    ],
)  # fmt: skip
def test_one_text_has_one_meaning(text: str, expected: Reference) -> None:
    assert classify(text, samples) == expected


def test_a_path_wins_where_the_text_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("trellis2", "owner/repo", "plain", "requirements.txt"):
        Path(name).mkdir(parents=True)
    assert classify("trellis2", samples) == SampleName("trellis2")
    assert classify("./trellis2", samples) == LocalPath(Path("trellis2"))
    assert classify("owner/repo", samples) == LocalPath(Path("owner/repo"))
    assert classify("plain", samples) == LocalPath(Path("plain"))
    assert classify("./plain@v1", samples) == LocalPath(Path("plain"), "v1")
    assert classify("owner/repo@a@b/c", samples) == LocalPath(Path("owner/repo"), "a@b/c")
    assert classify("owner/other@v1", samples) == Repository("https://github.com/owner/other", "v1")
    assert classify("requirements.txt", samples) == LocalPath(Path("requirements.txt"))
    assert classify(".", samples) == LocalPath(Path())


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("", "unknown-reference"),
        ("treliss2", "unknown-reference"),
        ("missing.txt", "no-such-file"),
        ("folder/missing.txt", "no-such-file"),
        ("./missing", "no-such-file"),
        ("~/missing", "no-such-file"),
        ("a/b/c", "no-such-file"),
        ("/nowhere/at/all", "no-such-file"),
        ("git@github.com:o/r.git", "unsupported-transport"),
        ("ssh://git@github.com/o/r", "unsupported-transport"),
        ("http://github.com/o/r", "unsupported-transport"),
        ("git://github.com/o/r", "unsupported-transport"),
        ("ext::sh -c id", "unknown-reference"),
        ("https://token@github.com/o/r", "secret-in-url"),
        ("https://user:token@github.com/o/r", "secret-in-url"),
    ],
)
def test_bad_references(text: str, reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        classify(text, samples)
    assert caught.value.reference == reference
    assert "token" not in f"{caught.value}{caught.value.facts}".replace("user name or token", "")


def test_a_misspelt_sample_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        classify("trelis2", samples)
    assert "trellis2" in caught.value.hint
