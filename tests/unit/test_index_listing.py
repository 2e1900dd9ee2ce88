from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from packaging.utils import NormalizedName

from torchsolve.errors import UnknownError
from torchsolve.index.http import Response
from torchsolve.index.listing import RawFile, distill, read_listing, read_page
from torchsolve.index.page import page_files
from torchsolve.model.package import IndexFile

DEMO = NormalizedName("demo")
PAGE = "https://index.example/simple/demo/"


def raw(filename: str, **more: object) -> RawFile:
    return {"filename": filename, "url": f"https://index.example/f/{filename}", "hashes": {}} | more


def listed(*files: RawFile, cutoff: datetime | None = None) -> list[IndexFile]:
    found = distill(DEMO, files)
    return list(page_files(DEMO, "default", found.text, found.prefix, cutoff))


def names(*filenames: str) -> list[str]:
    return [file.filename for file in listed(*map(raw, filenames))]


def html(body: str, url: str = PAGE) -> Response:
    return Response(200, url, {"content-type": "text/html; charset=utf-8"}, body.encode())


def test_only_what_a_linux_target_can_install_stays() -> None:
    keep = [
        "demo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux2014_aarch64.whl",
        "demo-1.0-cp39-abi3-linux_x86_64.whl",
        "demo-1.0-py2.py3-none-any.whl",
        "demo-1.0-py39-none-manylinux_2_28_x86_64.whl",
        "demo-1.0.tar.gz",
    ]
    drop = [
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0-cp312-cp312-macosx_11_0_arm64.whl",
        "demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_ppc64le.manylinux2014_ppc64le.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_i686.whl",
        "demo-1.0-cp313-cp313t-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp37-cp37m-manylinux2014_x86_64.whl",
        "demo-1.0-pp310-pypy310_pp73-manylinux_2_28_x86_64.whl",
        "demo-1.0-py2-none-any.whl",
        "demo-1.0-py3.9.egg",
        "demo-1.0.win-amd64.exe",
        "other-1.0-py3-none-any.whl",
        "demo_more-1.0-py3-none-any.whl",
    ]
    assert names(*keep, *drop) == sorted(keep)


def test_a_version_without_a_linux_wheel_keeps_one_other_for_its_metadata() -> None:
    found = names(
        "demo-1.0.tar.gz",
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0-cp311-cp311-win_amd64.whl",
    )
    assert found == ["demo-1.0-cp311-cp311-win_amd64.whl", "demo-1.0.tar.gz"]


def test_versions_come_newest_first_by_version_not_by_text() -> None:
    found = listed(*(raw(f"demo-{v}.tar.gz") for v in ("1.9", "1.10", "2.0rc1", "1.10.post1")))
    assert [str(file.version) for file in found] == ["2.0rc1", "1.10.post1", "1.10", "1.9"]


def test_spellings_of_one_version_are_one_group() -> None:
    assert {file.version for file in listed(raw("demo-1.0.tar.gz"), raw("demo-1-py3-none-any.whl"))}
    found = distill(DEMO, [raw("demo-1.0.tar.gz"), raw("demo-1-py3-none-any.whl")])
    assert found.text.count("\n\n") == 0


def test_variant_wheels_are_set_aside_with_a_note() -> None:
    found = distill(
        DEMO,
        [
            raw("demo-1.0-cp312-cp312-linux_x86_64-cuda13.0.whl"),
            raw("demo-1.0-variants.json"),
            raw("demo-one-py3-none-any.whl"),
        ],
    )
    assert found.text == ""
    assert found.notes == (
        "demo-1.0-cp312-cp312-linux_x86_64-cuda13.0.whl is set aside: wheel variant cuda13.0",
        "demo-one-py3-none-any.whl is set aside: no wheel's name",
    )


def test_every_field_comes_back() -> None:
    filename = "demo-1.0+cu126-py3-none-any.whl"
    page = {
        "meta": {"api-version": "1.1"},
        "name": "demo",
        "files": [
            {
                "filename": filename,
                "url": "../../files/demo-1.0%2Bcu126-py3-none-any.whl",
                "hashes": {"sha256": "ab" * 32},
                "requires-python": ">=3.9",
                "size": 12,
                "upload-time": "2025-04-23T14:32:56.011795Z",
                "yanked": "bad\tbuild",
                "core-metadata": {"sha256": "cd" * 32},
            }
        ],
    }
    response = Response(
        200,
        PAGE,
        {"content-type": "application/vnd.pypi.simple.v1+json"},
        json.dumps(page).encode(),
    )
    (file,) = listed(*read_page(response)[0])
    assert file == IndexFile(
        DEMO,
        file.version,
        filename,
        "https://index.example/files/demo-1.0%2Bcu126-py3-none-any.whl",
        "default",
        "ab" * 32,
        12,
        ">=3.9",
        "bad build",
        datetime(2025, 4, 23, 14, 32, 56, 11795, tzinfo=UTC),
        "cd" * 32,
    )


def test_html_says_the_same_but_for_times() -> None:
    (file,) = listed(
        *read_page(
            html(
                '<a href="../../f/demo-1.0%2Bcu126-py3-none-any.whl#sha256=' + "ab" * 32 + '"'
                ' data-requires-python="&gt;=3.9" data-yanked=""'
                ' data-dist-info-metadata="sha256=' + "cd" * 32 + '">demo</a>'
            )
        )[0]
    )
    assert file.filename == "demo-1.0+cu126-py3-none-any.whl"
    assert file.url == "https://index.example/f/demo-1.0%2Bcu126-py3-none-any.whl"
    assert (file.sha256, file.metadata_sha256) == ("ab" * 32, "cd" * 32)
    assert (file.requires_python, file.yanked, file.upload_time) == (">=3.9", "", None)


@pytest.mark.parametrize("yanked", [False, None])
def test_not_yanked(yanked: bool | None) -> None:
    assert listed(raw("demo-1.0.tar.gz", yanked=yanked))[0].yanked is None


def test_pep_714_the_new_name_wins_and_the_old_one_serves() -> None:
    new, old = {"sha256": "aa"}, {"sha256": "bb"}
    both = raw("demo-2.tar.gz", **{"core-metadata": new, "data-dist-info-metadata": old})
    only_old = raw("demo-1.tar.gz", **{"data-dist-info-metadata": old})
    announced = raw("demo-0.tar.gz", **{"core-metadata": True})
    assert [f.metadata_sha256 for f in listed(both, only_old, announced)] == ["aa", "bb", None]


def test_credentials_in_a_page_s_address_do_not_reach_its_files() -> None:
    response = html('<a href="demo-1.0.tar.gz">x</a>', "https://user:secret@index.example/demo/")
    (file,) = listed(*read_page(response)[0])
    assert file.url == "https://index.example/demo/demo-1.0.tar.gz"


def test_the_cut_off_leaves_out_later_files_and_keeps_undated_ones() -> None:
    cutoff = datetime(2025, 1, 2, tzinfo=UTC)
    found = listed(
        raw("demo-1.tar.gz", **{"upload-time": "2025-01-01T23:59:59.999999Z"}),
        raw("demo-2.tar.gz", **{"upload-time": "2025-01-02T00:00:00.000001Z"}),
        raw("demo-3.tar.gz"),
        raw("demo-4.tar.gz", **{"upload-time": "2025-01-02T01:00:00+02:00"}),
        raw("demo-4-py3-none-any.whl", **{"upload-time": "2025-02-01T00:00:00Z"}),
        cutoff=cutoff,
    )
    assert [file.filename for file in found] == ["demo-4.tar.gz", "demo-3.tar.gz", "demo-1.tar.gz"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/vnd.pypi.simple.v1+json", b"{"),
        ("application/vnd.pypi.simple.v1+json", b"[]"),
        ("application/vnd.pypi.simple.v1+json", b'{"meta": {"api-version": "2.0"}, "files": []}'),
        ("application/vnd.pypi.simple.v1+json", b'{"meta": {"api-version": "1.0"}, "files": [1]}'),
        ("application/json", b'{"message": "not found"}'),
        ("text/html", b'<meta name="pypi:repository-version" content="2.0">'),
    ],
)
def test_what_is_no_page(kind: str, body: bytes) -> None:
    with pytest.raises(UnknownError) as caught:
        read_page(Response(200, "https://u:secret@index.example/x/", {"content-type": kind}, body))
    assert caught.value.reference == "bad-index-page"
    assert "secret" not in str(caught.value)


WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "lie",
    [
        {"hashes": None},
        {"hashes": {"sha256": 5}},
        {"requires-python": 3},
        {"upload-time": "yesterday"},
        {"upload-time": 1700000000},
        {"url": None},
        {"url": ""},
        {"url": "file:///etc/passwd"},
        {"url": "ftp://index.example/demo-1.0-py3-none-any.whl"},
        {"url": "http://[::1"},
    ],
)
def test_an_entry_that_lies_costs_its_file_alone(lie: dict[str, object]) -> None:
    rows = [raw(WHEEL, **lie), raw("demo-0.9-py3-none-any.whl")]
    page = {"meta": {"api-version": "1.0"}, "name": "demo", "files": rows}
    kind = {"content-type": "application/vnd.pypi.simple.v1+json"}
    files, _ = read_page(Response(200, PAGE, kind, json.dumps(page).encode()))
    assert [file.filename for file in listed(*files)] == ["demo-0.9-py3-none-any.whl"]
    assert distill(DEMO, files).notes == (f"{WHEEL} is set aside: its entry is malformed",)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://index.example/demo"])
def test_a_remote_page_of_links_names_no_file_of_this_machine(url: str) -> None:
    found = distill(DEMO, read_page(html(f'<a href="{url}/{WHEEL}">x</a>'))[0])
    assert found.text == ""
    assert found.notes == (f"{WHEEL} is set aside: its entry is malformed",)


@pytest.mark.parametrize("digest", ["zz", "ab/../../../../home/me/.bashrc", "0" * 63, "0" * 65])
def test_a_hash_that_is_none_names_no_file_of_the_cache(digest: str) -> None:
    assert [file.sha256 for file in listed(raw(WHEEL, hashes={"sha256": digest}))] == [None]


def test_a_hash_in_capitals_is_the_same() -> None:
    (file,) = listed(raw(WHEEL, hashes={"sha256": "AB" * 32}))
    assert file.sha256 == "ab" * 32


def test_a_build_number_is_no_path() -> None:
    found = distill(
        DEMO, [raw("demo-1.0-1/../../x-py3-none-any.whl"), raw("demo-1.0-1a-py3-none-any.whl")]
    )
    assert found.notes == ("demo-1.0-1/../../x-py3-none-any.whl is set aside: no wheel's name",)
    assert "demo-1.0-1a-py3-none-any.whl" in found.text


def test_bytes_that_are_no_text_are_read_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    body = b"\xff\xfe<a href='x/" + WHEEL.encode() + b"'>x</a>"
    read_page(Response(200, PAGE, {"content-type": "text/html"}, body))
    read_page(Response(200, PAGE, {"content-type": "text/html"}, b""))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("place", ["files", "meta", "inside", "none", "quarantined"])
def test_a_page_read_file_by_file_says_what_it_says_as_a_whole(place: str) -> None:
    files = [
        {"filename": name, "url": f"https://index.example/{name}", "hashes": {"sha256": "0" * 64}}
        for name in ("demo-1.0.tar.gz", "demo-1.0-cp312-cp312-win_amd64.whl",
                     "demo-2.0-py3-none-any.whl", "demo-1.0-cp311-cp311-win_amd64.whl")
    ]  # fmt: skip
    page: dict[str, object] = {"meta": {"api-version": "1.1"}, "files": files}
    stray = {"filename": "demo-3.0-py3-none-any.whl", "url": "https://index.example/d"}
    if place == "meta":
        page["meta"] = {"api-version": "1.1", "tracks": [], "stray": stray}
    elif place == "inside":
        page["files"] = [*files[:3], {**files[3], "provenance": stray}]
    elif place == "none":
        page["files"] = [*files, {"filename": "demo-4.0-py3-none-any.whl"}]
    elif place == "quarantined":
        page["project-status"] = {"status": "quarantined", "reason": "bad"}
    name = NormalizedName("demo")
    response = Response(200, PAGE, {"content-type": "application/json"}, json.dumps(page).encode())
    if place == "none":
        with pytest.raises(UnknownError, match="no page of the simple API"):
            read_listing(name, response)
        return
    whole, about = read_page(response)
    expected = replace(distill(name, () if place == "quarantined" else whole), about=about)
    assert read_listing(name, response) == expected
    assert ("demo-2.0" in expected.text) is (place != "quarantined")
