"""Requirement files; what pip's own parser says is the truth where it can be asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.pip_peer import Row, pip_reads
from support.repos import write
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.evidence import Strength
from torchsolve.project.requirements import DiskFiles, Reader, RequirementSet, TreeFiles

_MARKER = "sys_platform != 'darwin' and platform_machine == 'x86_64'"

# Each line was met in a real node (or is a kind that pip documents), with what pip makes of it.
ODD: list[tuple[str, list[str]]] = [
    ("meshlib\nrequests", ["meshlib", "requests"]),
    ("\ufeffnumpy\r\nscipy\r\n", ["numpy", "scipy"]),
    ("a\r\nb\rc\n", ["a", "b", "c"]),
    ("accelerate >= 1.2.1\ncumm==0.7.11 \n", ["accelerate>=1.2.1", "cumm==0.7.11"]),
    ("transformers>=4.39.0,!=4.50.*\n", ["transformers>=4.39.0,!=4.50.*"]),
    ("imageio[ffmpeg]\ntransformers[timm]>=4.5\n", ["imageio[ffmpeg]", "transformers[timm]>=4.5"]),
    (
        f"onnxruntime-gpu; {_MARKER}\nonnxruntime\n",
        [f"onnxruntime-gpu; {_MARKER}", "onnxruntime"],
    ),
    (
        "nunchaku==1.0.1+torch2.8; sys_platform!='darwin'",
        ["nunchaku==1.0.1+torch2.8; sys_platform!='darwin'"],
    ),
    ("bitsandbytes>0.37.0", ["bitsandbytes>0.37.0"]),
    ("yapf\nomegaconf\nyapf\n", ["yapf", "omegaconf"]),
    ("# comment\n\n  # another\ngguf>=0.13.0 # optional\n#triton-windows\n", ["gguf>=0.13.0"]),
    ("#torch==1.12.1+cu113 --extra-index-url https://index.example/cu113\nnumpy", ["numpy"]),
    ("numpy\\\n>=1.0\\\n,<2\n", ["numpy>=1.0,<2"]),
    ("numpy \\\n# gone\nscipy\n", ["numpy", "scipy"]),
    ("torch~=2.0.0; python_version>='3.9'", ["torch~=2.0.0; python_version>='3.9'"]),
    ("foo==1.0 --hash=sha256:aa --hash=sha256:bb\n", ["foo==1.0"]),
    ("foo==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n", ["foo==1.0"]),
    ("torch --index-url https://index.example/simple\n", ["torch"]),
    ("git+https://github.com/o/utils3d.git#egg=utils3d", ["utils3d @ git+https://github.com/o/utils3d.git"]),
    (
        "git+https://github.com/o/r.git@abc#egg=name[x]&subdirectory=sub/dir",
        ["name[x] @ git+https://github.com/o/r.git@abc#subdirectory=sub/dir"],
    ),
    ("-e git+https://github.com/o/r.git@v1#egg=name", ["name @ git+https://github.com/o/r.git@v1"]),
    ("name @ git+https://github.com/o/r.git@v1", ["name @ git+https://github.com/o/r.git@v1"]),
    ("name@https://index.example/name-1.zip", ["name @ https://index.example/name-1.zip"]),
    (
        "https://index.example/w/foo_bar-1.2+cu126-cp312-cp312-linux_x86_64.whl",
        ["foo-bar @ https://index.example/w/foo_bar-1.2+cu126-cp312-cp312-linux_x86_64.whl"],
    ),
    (
        "https://index.example/foo-1-py3-none-any.whl ; python_version >= '3.8'",
        ["foo @ https://index.example/foo-1-py3-none-any.whl ; python_version >= '3.8'"],
    ),
    (
        "https://index.example/foo-1-py3-none-any.whl#sha256=abcd",
        ["foo @ https://index.example/foo-1-py3-none-any.whl#sha256=abcd"],
    ),
]  # fmt: skip


def read(folder: Path, *, strict: bool = True, expand: bool = True) -> RequirementSet:
    path = folder / "requirements.txt"
    reader = Reader(DiskFiles(), "project", strict=strict, expand=expand)
    return reader.read(str(path), path.read_bytes())


def texts(found: RequirementSet) -> list[str]:
    return [str(d.requirement) for d in found.requirements]


@pytest.mark.parametrize(("text", "expected"), ODD)
def test_odd_lines(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = read(write(tmp_path, {"requirements.txt": text}))
    assert texts(found) == [str(Requirement(line)) for line in expected]


# pip read extras in an egg fragment for years and refuses them since 25.
NO_LONGER_PIPS = "#egg=name[x]"


def test_pip_reads_the_same(tmp_path: Path) -> None:
    folders = [
        write(tmp_path / str(number), {"requirements.txt": text})
        for number, (text, _) in enumerate(ODD)
        if NO_LONGER_PIPS not in text
    ]
    theirs = pip_reads([folder / "requirements.txt" for folder in folders])
    if theirs is None:
        pytest.skip("this Python has no pip to compare with")
    for folder, rows in zip(folders, theirs, strict=True):
        ours = read(folder)
        assert _distinct(rows) == [_row(d.requirement, ours.hashes) for d in ours.requirements]


def _distinct(rows: list[Row]) -> list[Row]:
    named = [{**row, "name": canonicalize_name(row["name"])} for row in rows]
    return [row for number, row in enumerate(named) if row not in named[:number]]


def _row(requirement: Requirement, hashes: dict[str, set[str]]) -> Row:
    name = canonicalize_name(requirement.name)
    values = sorted(value.removeprefix("sha256:") for value in hashes.get(name, ()))
    return {
        "name": name,
        "extras": sorted(requirement.extras),
        "marker": str(requirement.marker or ""),
        "specifier": str(requirement.specifier),
        "url": requirement.url.partition("#")[0] if requirement.url else None,
        "hashes": {"sha256": values} if values else {},
    }


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("git+https://github.com/WASasquatch/img2texture.git", "img2texture"),
        ("git+https://github.com/WASasquatch/cstr", "cstr"),
        ("git+https://github.com/o/r.git@v1.0", "r"),
        ("https://github.com/o/thing/archive/refs/heads/main.zip", "thing"),
        ("https://index.example/foo-1.0.tar.gz", "foo"),
    ],
)
def test_a_name_taken_from_an_address_is_only_claimed(tmp_path: Path, line: str, name: str) -> None:
    found = read(write(tmp_path, {"requirements.txt": line}))
    (declared,) = found.requirements
    assert declared.requirement.name == name
    assert declared.evidence.strength is Strength.CLAIMED
    assert any("nothing states it" in note for note in found.notes)


@pytest.mark.parametrize(
    "line",
    [
        "torch=2.0",
        "torch >= ",
        "=> 1.0",
        "torch=>1.0",
        "--no-such-option",
        "--index-url 'unbalanced",
        "name @ ",
        "https://index.example/not-a-wheel.whl",
        "git+https://github.com/",
        "a b",
        "-r missing.txt",
        "-c missing.txt",
    ],
)
def test_an_invalid_line_is_an_error_in_a_named_file_and_a_note_in_a_repository(
    tmp_path: Path, line: str
) -> None:
    write(tmp_path, {"requirements.txt": f"numpy\n{line}\nscipy\n"})
    with pytest.raises(UsageError) as caught:
        read(tmp_path)
    assert caught.value.reference == "bad-requirement"
    assert caught.value.origin == f"{tmp_path / 'requirements.txt'}:2"
    lenient = read(tmp_path, strict=False)
    assert texts(lenient) == ["numpy", "scipy"]
    assert [n for n in lenient.notes if "requirements.txt:2" in n]


def test_every_encoding_that_pip_takes(tmp_path: Path) -> None:
    for number, data in enumerate(
        (
            "numpy\nscipy\n".encode("utf-16"),
            b"\xfe\xff" + "numpy\nscipy".encode("utf-16-be"),
            b"\xff\xfe\x00\x00" + "numpy\nscipy".encode("utf-32-le"),
            "# -*- coding: latin-1 -*-\nnumpy # gr\xfc\xdfe\nscipy".encode("latin-1"),
            "numpy # 中文\nscipy".encode("gbk"),
            b"# coding: no-such-code\nnumpy\nscipy",
        )
    ):
        folder = write(tmp_path / str(number), {"requirements.txt": data})
        assert texts(read(folder)) == ["numpy", "scipy"]


def test_options(tmp_path: Path) -> None:
    found = read(
        write(
            tmp_path,
            {
                "requirements.txt": "-i https://index.example/a\n"
                "--extra-index-url=https://index.example/b --find-links ./wheels\n"
                "--no-binary Foo_Bar,baz\n--only-binary :all:\n--require-hashes\n"
                "--trusted-host h\n--pre\nnumpy==1 --hash=sha256:aa --hash=sha256:bb\n"
            },
        )
    )
    assert [(i.kind, i.url) for i in found.indexes] == [
        ("--index-url", "https://index.example/a"),
        ("--extra-index-url", "https://index.example/b"),
        ("--find-links", "./wheels"),
    ]
    assert (found.no_binary, found.only_binary) == (set(), {":all:"})
    assert found.require_hashes
    assert found.hashes == {"numpy": {"sha256:aa", "sha256:bb"}}
    assert found.pre


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("foo --config-settings=a=b", "--config-settings"),
        ("foo --config-setting a=b", "--config-setting"),
        ("foo -C a=b", "-C"),
        ('foo --global-option="--no-x"', "--global-option"),
    ],
)
def test_options_of_a_build_are_named_as_typed(tmp_path: Path, line: str, typed: str) -> None:
    write(tmp_path, {"requirements.txt": line})
    found = read(tmp_path)
    assert [str(declared.requirement) for declared in found.requirements] == ["foo"]
    (note,) = found.notes
    assert note.startswith(f"{tmp_path / 'requirements.txt'}:1: {typed} is not followed")


@pytest.mark.parametrize("strict", [True, False])
def test_a_variant_marker_is_set_aside(tmp_path: Path, strict: bool) -> None:
    line = 'numpy>=2; "x86 :: level :: v3" in variant_properties'
    write(tmp_path, {"requirements.txt": f"six\n{line}\n"})
    found = read(tmp_path, strict=strict)
    assert [str(declared.requirement) for declared in found.requirements] == ["six"]
    (note,) = found.notes
    assert note == f"{tmp_path / 'requirements.txt'}:2: set aside, variant marker: {line}"


def test_find_links_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    write(tmp_path, {"requirements.txt": "-r sub/x.txt\n-f missing", "sub/x.txt": "-f ../wheels"})
    found = read(tmp_path)
    assert [i.url for i in found.indexes] == [str(tmp_path / "wheels"), "missing"]
    reader = Reader(TreeFiles(lambda _: None), "project", strict=False, expand=False)
    theirs = reader.read("r.txt", b"-f /etc\n-f file:///etc\n-f ./w\n-f https://index.example/l\n")
    assert [i.url for i in theirs.indexes] == ["https://index.example/l"]
    assert len(theirs.notes) == 3


def test_a_file_that_includes_much_is_read_once(tmp_path: Path) -> None:
    for number in range(30):
        text = f"-r {number + 1}.txt\n" * 2 + f"p{number}\n"
        write(tmp_path, {f"{number}.txt": text})
    write(tmp_path, {"30.txt": "last", "requirements.txt": "-r 0.txt"})
    assert texts(read(tmp_path))[:2] == ["last", "p29"]
    for number in range(31, 100):
        write(tmp_path, {f"{number - 1}.txt": f"-r {number}.txt"})
    write(tmp_path, {"99.txt": "deep"})
    with pytest.raises(UsageError, match="too many"):
        read(tmp_path)


def test_no_binary_and_only_binary_exclude_each_other(tmp_path: Path) -> None:
    text = (
        "--only-binary :all:\n--no-binary Foo_Bar\n--no-binary x\n--no-binary :none:\n--no-binary y"
    )
    found = read(write(tmp_path, {"requirements.txt": text}))
    assert (found.no_binary, found.only_binary) == ({"y"}, {":all:"})


def test_environment_variables_only_where_the_user_trusts_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_TOKEN", "s3cret")
    monkeypatch.delenv("NOT_SET", raising=False)
    text = (
        "--extra-index-url https://u:${INDEX_TOKEN}@index.example/s\n"
        "foo @ https://${INDEX_TOKEN}@index.example/foo-1.zip\n--find-links ${NOT_SET}\n"
    )
    write(tmp_path, {"requirements.txt": text})
    ours = read(tmp_path)
    assert ours.indexes[0].url == "https://u:s3cret@index.example/s"
    assert ours.indexes[0].public_url == "https://index.example/s"
    assert ours.indexes[1].url == "${NOT_SET}"
    assert texts(ours) == [str(Requirement("foo @ https://index.example/foo-1.zip"))]
    assert "s3cret" not in repr(ours.requirements) + repr(ours.notes)
    theirs = read(tmp_path, strict=False, expand=False)
    assert theirs.indexes[0].url == "https://u:${INDEX_TOKEN}@index.example/s"
    assert "s3cret" not in repr(theirs)


def test_an_error_does_not_show_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_TOKEN", "s3cret")
    write(tmp_path, {"requirements.txt": "--bogus https://u:p4ss@index.example/${INDEX_TOKEN}"})
    with pytest.raises(UsageError) as caught:
        read(tmp_path)
    assert "s3cret" not in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_nested_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": "-r sub/more.txt\n-c limits.txt\ntop\n",
            "sub/more.txt": "-r ../shared.txt\nmore\n",
            "shared.txt": "shared\n",
            "limits.txt": "numpy<2\n-r asked.txt\n",
            "asked.txt": "asked\n",
        },
    )
    found = read(tmp_path)
    assert texts(found) == ["shared", "more", "asked", "top"]
    assert [str(d.requirement) for d in found.constraints] == ["numpy<2"]
    origins = {d.requirement.name: d.evidence.origin for d in found.requirements}
    assert origins["shared"] == f"{tmp_path / 'shared.txt'}:1"
    assert origins["more"] == f"{tmp_path / 'sub/more.txt'}:2"


def test_a_cycle_is_an_error_and_a_diamond_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "-r a.txt\nx", "a.txt": "-r requirements.txt\ny"})
    with pytest.raises(UsageError, match="includes itself"):
        read(tmp_path)
    assert texts(read(tmp_path, strict=False)) == ["y", "x"]
    write(tmp_path, {"requirements.txt": "-r a.txt\n-r b.txt", "a.txt": "-r c.txt"})
    write(tmp_path, {"b.txt": "-r c.txt", "c.txt": "z"})
    assert texts(read(tmp_path)) == ["z"]


def test_constraints_need_a_name_and_no_extras(tmp_path: Path) -> None:
    for line in ("numpy[x]<2", "./folder", "-e ."):
        write(tmp_path, {"requirements.txt": "-c c.txt", "c.txt": line})
        with pytest.raises(UsageError, match="constraint"):
            read(tmp_path)


def test_local_paths_are_kept_apart(tmp_path: Path) -> None:
    text = (
        "./wheels/x-1-py3-none-any.whl\n-e .\n-e ./sub[gpu,web]\nfoo-1.0.tar.gz\nfile:///a%20b/c\n"
    )
    found = read(write(tmp_path, {"requirements.txt": text}))
    assert [(i.local.path, sorted(i.local.extras), i.local.editable) for i in found.local] == [
        ("./wheels/x-1-py3-none-any.whl", [], False),
        (".", [], True),
        ("./sub", ["gpu", "web"], True),
        ("foo-1.0.tar.gz", [], False),
        ("/a b/c", [], False),
    ]


def test_a_tree_cannot_be_left(tmp_path: Path) -> None:
    write(tmp_path, {"secret.txt": "secret", "tree/requirements.txt": ""})
    asked: list[str] = []

    def load(path: str) -> bytes | None:
        asked.append(path)
        return None

    reader = Reader(TreeFiles(load), "project", strict=False, expand=False)
    found = reader.read("requirements.txt", b"-r ../secret.txt\n-r https://index.example/x.txt\n")
    assert asked == ["../secret.txt", "https://index.example/x.txt"]
    assert len(found.notes) == 2


def test_included_from_an_address() -> None:
    served = {
        "https://index.example/r/base.txt": b"-r more.txt\nbase\n",
        "https://index.example/r/more.txt": b"more\n",
    }
    reader = Reader(
        DiskFiles(lambda url, target: target.write(served[url])), "p", strict=True, expand=False
    )
    found = reader.read("requirements.txt", b"-r https://index.example/r/base.txt\n")
    assert texts(found) == ["more", "base"]
    offline = Reader(DiskFiles(), "p", strict=True, expand=False)
    with pytest.raises(UnknownError) as caught:
        offline.read("requirements.txt", b"-r https://index.example/r/base.txt\n")
    assert caught.value.reference == "offline-miss"
