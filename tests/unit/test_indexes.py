"""Where packages come from: who may say so, in which order, and what is told of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from support.asking import resolve
from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve.config import Settings, load_settings
from torchsolve.errors import UsageError
from torchsolve.index.ambient import Ambient, read_ambient
from torchsolve.index.trust import tls_context
from torchsolve.indexes import find_indexes
from torchsolve.model.outcome import Resolution


def ambient(tmp_path: Path, **environ: str) -> Ambient:
    base = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    # The machine's own files are not the test's.
    base |= {"PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1"}
    return read_ambient({**base, **environ}, tmp_path)


def rows(found: Ambient) -> list[tuple[str, str, str]]:
    return [(row.kind, row.url, row.origin) for row in found.rows]


class TestAmbient:
    def test_variables_of_both_uv_s_first(self, tmp_path: Path) -> None:
        found = ambient(
            tmp_path,
            PIP_INDEX_URL="https://pip.example/simple",
            PIP_EXTRA_INDEX_URL="https://a.example/ https://b.example/",
            PIP_FIND_LINKS="https://l.example/",
            UV_DEFAULT_INDEX="https://uv.example/simple",
            UV_INDEX="torch=https://t.example/whl https://c.example/",
        )
        assert rows(found) == [
            ("--index-url", "https://uv.example/simple", "UV_DEFAULT_INDEX"),
            ("--extra-index-url", "https://t.example/whl", "UV_INDEX"),
            ("--extra-index-url", "https://c.example/", "UV_INDEX"),
            ("--index-url", "https://pip.example/simple", "PIP_INDEX_URL"),
            ("--extra-index-url", "https://a.example/", "PIP_EXTRA_INDEX_URL"),
            ("--extra-index-url", "https://b.example/", "PIP_EXTRA_INDEX_URL"),
            ("--find-links", "https://l.example/", "PIP_FIND_LINKS"),
        ]

    def test_places_of_this_machine_are_told_and_not_followed(self, tmp_path: Path) -> None:
        found = ambient(
            tmp_path, PIP_FIND_LINKS="/opt/wheels", PIP_EXTRA_INDEX_URL="file:///opt/simple"
        )
        assert found.rows == ()
        assert found.left == (
            ("file:///opt/simple", "PIP_EXTRA_INDEX_URL"),
            ("/opt/wheels", "PIP_FIND_LINKS"),
        )

    @pytest.mark.parametrize(("value", "count"), [("1", 1), ("true", 1), ("0", 0), ("", 0)])
    def test_no_index(self, tmp_path: Path, value: str, count: int) -> None:
        assert len(ambient(tmp_path, PIP_NO_INDEX=value).rows) == count

    def test_credentials_of_a_named_index(self, tmp_path: Path) -> None:
        found = ambient(
            tmp_path,
            UV_INDEX="my-corp=https://corp.example/simple",
            UV_INDEX_MY_CORP_USERNAME="me@corp",
            UV_INDEX_MY_CORP_PASSWORD="a:b/c",
        )
        (row,) = found.rows
        assert row.url == "https://me%40corp:a%3Ab%2Fc@corp.example/simple"
        assert row.public_url == "https://corp.example/simple"

    def test_pip_conf(self, tmp_path: Path) -> None:
        user = tmp_path / ".config/pip/pip.conf"
        user.parent.mkdir(parents=True)
        user.write_text(
            "[global]\nindex-url = https://g.example/\n"
            "extra-index-url =\n    https://x.example/\n    https://y.example/\n"
            "[install]\nindex-url = https://i.example/\n"
        )
        found = ambient(tmp_path, PIP_CONFIG_FILE="")
        urls = [row.url for row in found.rows if row.origin == str(user)]
        assert urls == ["https://i.example/", "https://x.example/", "https://y.example/"]

    def test_uv_toml_of_a_folder_above(self, tmp_path: Path) -> None:
        (tmp_path / "uv.toml").write_text(
            'no-index = false\nfind-links = ["https://f.example/"]\n'
            '[[index]]\nname = "a"\nurl = "https://a.example/"\n'
            '[[index]]\nname = "b"\nurl = "https://b.example/"\nexplicit = true\n'
            '[[index]]\nurl = "https://d.example/"\ndefault = true\n'
            '[[index]]\nurl = "https://flat.example/"\nformat = "flat"\n'
            '[pip]\nextra-index-url = ["https://p.example/"]\n'
        )
        (tmp_path / "sub").mkdir()
        environ = {"HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": "/dev/null"}
        found = read_ambient(environ, tmp_path / "sub")
        said = [(row.kind, row.url) for row in found.rows if row.origin.startswith(str(tmp_path))]
        assert said == [
            ("--extra-index-url", "https://a.example/"),
            ("--index-url", "https://d.example/"),
            ("--find-links", "https://flat.example/"),
            ("--find-links", "https://f.example/"),
            ("--extra-index-url", "https://p.example/"),
        ]

    @pytest.mark.parametrize("text", ["[", "index = 3", "[[index]]\nurl = 4\n"])
    def test_a_broken_file_says_nothing(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "uv.toml").write_text(text)
        environ = {"HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": "/dev/null"}
        found = read_ambient(environ, tmp_path)
        assert [row for row in found.rows if row.origin.startswith(str(tmp_path))] == []


class TestOrder:
    def test_an_index_by_flag_is_the_whole_truth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://x.example/")
        named = find_indexes(Settings(index="https://i.example/")).client_settings()
        assert (named.default_url, named.extra) == ("https://i.example/", ())
        assert "https://x.example/" in find_indexes(Settings()).client_settings().extra

    def test_lines_say_who_said_it_and_no_secret(self) -> None:
        settings = Settings(
            index="https://u:s3cret@i.example/simple",
            package_index=(("demo", "https://p.example/"),),
            extra_index=("https://e.example/",),
        )
        assert find_indexes(settings).told() == (
            "https://i.example/simple  the default index [--index]",
            "https://p.example/  demo alone [--index]",
            "https://e.example/  asked before it [--extra-index]",
        )

    def test_two_defaults_are_a_contradiction(self, tmp_path: Path) -> None:
        flags = {"index": ["https://a.example/", "https://b.example/"]}
        with pytest.raises(UsageError) as caught:
            load_settings(flags, environ={}, directory=tmp_path)
        assert caught.value.reference == "contradictory-flags"

    def test_one_default_and_one_for_a_package(self, tmp_path: Path) -> None:
        flags = {"index": ["https://a.example/", "My_Pkg=https://b.example/"]}
        settings = load_settings(flags, environ={}, directory=tmp_path)
        assert settings.index == "https://a.example/"
        assert settings.package_index == (("my-pkg", "https://b.example/"),)


def pins(found: Resolution) -> dict[str, str]:
    assert found.plan is not None, found.conflict
    return {pin.name: pin.version for pin in found.plan.pins}


def pure(name: str, version: str, *requires: str) -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires)))


def test_a_package_comes_from_its_own_index_and_no_other_does(tmp_path: Path) -> None:
    default = {"demo": [pure("demo", "9.0")], "other": [pure("other", "1.0")]}
    own = {"demo": [pure("demo", "1.0", "other")], "other": [pure("other", "5.0")]}
    with IndexServer(default) as index, IndexServer(own) as corp:
        found = resolve(tmp_path, index, "demo", package_index=(("demo", corp.url),))
        assert pins(found) == {"demo": "1.0", "other": "1.0"}
        assert "/simple/other/" not in corp.paths()
        assert "/simple/demo/" not in index.paths()
        assert found.plan is not None
        assert found.plan.notes == ()


def test_no_index_in_a_file_leaves_the_links(tmp_path: Path) -> None:
    folder = tmp_path / "links"
    make_wheel("demo", "1.0").write(folder)
    with IndexServer({"demo": [pure("demo", "9.0")]}) as index:
        found = resolve(tmp_path, index, "--no-index", f"--find-links {folder}", "demo")
        assert index.paths() == []
    assert pins(found) == {"demo": "1.0"}


def test_links_by_flag(tmp_path: Path) -> None:
    folder = tmp_path / "links"
    make_wheel("demo", "9.0").write(folder)
    with IndexServer({"demo": [pure("demo", "1.0")]}) as index:
        assert pins(resolve(tmp_path, index, "demo", find_links=(str(folder),))) == {"demo": "9.0"}


class TestFlags:
    WORLD = {  # noqa: RUF012 - never changed
        "demo": [pure("demo", "1.0", "heavy", "light>=1"), pure("demo", "0.9")],
        "heavy": [pure("heavy", "1.0", "more")],
        "more": [pure("more", "1.0")],
        "light": [pure("light", "1.0"), pure("light", "2.0")],
    }

    def test_constraints_bound_and_ask_for_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "c.txt").write_text("light<2\nnobody==7\n")
        with IndexServer(self.WORLD) as index:
            found = resolve(tmp_path, index, "demo", constraints=(tmp_path / "c.txt",))
        assert pins(found)["light"] == "1.0"
        assert "nobody" not in pins(found)

    def test_an_impossible_constraint_is_named_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "c.txt").write_text("\nlight<1\n")
        with IndexServer(self.WORLD) as index:
            found = resolve(tmp_path, index, "demo==1.0", constraints=(tmp_path / "c.txt",))
        assert found.conflict is not None
        assert any(fact.origin.endswith("c.txt:2") for fact in found.conflict.facts)

    def test_what_is_excluded_is_an_exception_with_all_behind_it(self, tmp_path: Path) -> None:
        with IndexServer(self.WORLD) as index:
            found = resolve(tmp_path, index, "demo", "heavy==1.0", excludes=("heavy",))
        assert pins(found) == {"demo": "1.0", "light": "2.0"}
        assert found.plan is not None
        left = [(e.package, e.dropped, e.reason) for e in found.plan.exceptions]
        assert left == [
            ("demo", "heavy", "--exclude heavy"),
            ("requirements.txt", "heavy==1.0", "--exclude heavy"),
        ]

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"excludes": ("gone",)}, "--exclude gone: nothing in the plan asks for gone"),
            ({"overrides": ("gone==1",)}, "--override gone==1: nothing in the plan asks for gone"),
            ({"no_deps": ("gone",)}, "--no-deps gone: there is no gone in the plan"),
            ({"no_deps": ("gone:six",)}, "--no-deps gone:six: there is no gone in the plan"),
            ({"no_deps": ("demo:six",)}, "--no-deps demo:six: demo does not ask for six"),
        ],
    )
    def test_a_flag_that_changes_nothing_is_told(
        self, tmp_path: Path, changes: dict[str, object], line: str
    ) -> None:
        with IndexServer(self.WORLD) as index:
            found = resolve(tmp_path, index, "demo", **changes)
        assert found.plan is not None
        assert found.plan.notes == (line,)

    def test_no_binary_and_only_binary(self, tmp_path: Path) -> None:
        with IndexServer(self.WORLD) as index:
            found = resolve(tmp_path, index, "light", no_binary=("light",))
        assert found.plan is None


@pytest.mark.parametrize(
    "environ",
    [{"UV_CONSTRAINT": "{}", "PIP_CONSTRAINT": "gone"}, {"PIP_CONSTRAINT": "{}"}],
)
def test_constraints_of_other_tools_variables(tmp_path: Path, environ: dict[str, str]) -> None:
    path = tmp_path / "c.txt"
    path.write_text("six<2\n")
    given = {key: value.format(path) for key, value in environ.items()}
    assert load_settings({}, environ=given, directory=tmp_path).constraints == (path,)


class TestTrust:
    def test_a_bundle_that_is_none(self, tmp_path: Path) -> None:
        for path in (tmp_path / "gone.pem", tmp_path / "text.pem"):
            if path.stem == "text":
                path.write_text("hello")
            with pytest.raises(UsageError) as caught:
                tls_context(path)
            assert caught.value.reference == "bad-ca-bundle"
            assert caught.value.origin == "--ca-bundle"

    def test_a_bundle_by_variable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
        with pytest.raises(UsageError) as caught:
            tls_context(None)
        assert caught.value.origin == "SSL_CERT_FILE"

    def test_the_system_s_store_without_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        context = tls_context(None)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
