from __future__ import annotations

import socket
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from packaging.utils import canonicalize_name

from support.index_server import FakeFile, Fault, IndexServer
from support.wheels import make_wheel
from torchsolve.errors import UnknownError, UsageError
from torchsolve.index import pages
from torchsolve.index.cache import Cache
from torchsolve.index.client import IndexClient
from torchsolve.index.credentials import Credentials, origin, redact, split_auth
from torchsolve.index.http import Http, Response
from torchsolve.index.once import Once
from torchsolve.index.pages import Index, Pages
from torchsolve.index.settings import IndexSettings

WHEEL = make_wheel("demo", "1.0", ["six"])
DEMO = {"demo": [FakeFile(WHEEL)]}
PATH = "/simple/demo/"


def config(tmp_path: Path, url: str, **more: object) -> IndexSettings:
    base = IndexSettings(tmp_path, url, backoff=0.01, retries=2, timeout=5)
    return replace(base, **more)  # type: ignore[arg-type]


def failure(settings: IndexSettings) -> UnknownError:
    with IndexClient(settings) as client, pytest.raises(UnknownError) as caught:
        client.page("demo")
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_transient_fault_is_tried_again(tmp_path: Path, status: int) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=status), times=2)
        with IndexClient(config(tmp_path, server.url)) as client:
            assert len(client.page("demo").files) == 1
        assert server.paths() == [PATH] * 3


def test_retry_after_is_obeyed(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=429, headers={"Retry-After": "1"}))
        started = time.monotonic()
        with IndexClient(config(tmp_path, server.url)) as client:
            client.page("demo")
        assert time.monotonic() - started >= 1


@pytest.mark.parametrize("status", [500, 501, 410, 418])
def test_other_faults_are_not_tried_again(tmp_path: Path, status: int) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=status), times=9)
        error = failure(config(tmp_path, server.url))
        assert server.paths() == [PATH]
    assert error.reference == "index-error"
    assert str(status) in error.message
    assert error.origin == f"{server.url}demo/"


def test_a_fault_that_stays(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=503), times=9)
        assert failure(config(tmp_path, server.url)).reference == "index-error"
        assert len(server.paths()) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_door(tmp_path: Path, status: int) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=status))
        error = failure(config(tmp_path, server.url))
        assert server.paths() == [PATH]
    assert error.reference == "index-forbidden"
    assert "credentials" in error.hint


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/simple/"
        error = failure(config(tmp_path, url))
    assert error.reference == "index-unreachable"
    assert error.origin == f"{url}demo/"


def test_an_answer_that_never_comes(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(hang=1), times=2)
        error = failure(config(tmp_path, server.url, timeout=0.2, retries=1))
    assert error.reference == "index-unreachable"


def test_an_answer_that_breaks_off_is_asked_for_again(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(truncate=40))
        with IndexClient(config(tmp_path, server.url)) as client:
            assert len(client.page("demo").files) == 1
        server.fail("/simple/other/", Fault(truncate=0, body=b"x" * 50), times=9)
        with IndexClient(config(tmp_path, server.url)) as client, pytest.raises(UnknownError) as e:
            client.page("other")
    assert e.value.reference == "index-unreachable"


def test_an_answer_that_comes_byte_by_byte(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(trickle=0.02), times=9)
        started = time.monotonic()
        error = failure(config(tmp_path, server.url, patience=0.3))
        assert time.monotonic() - started < 3
    assert error.reference == "index-unreachable"
    assert "too slow" in error.message


@pytest.mark.parametrize(
    "fault",
    [
        Fault(slow_head=0.02),
        # The head of a gzip stream holds a file name of any length; none of it is of the body.
        Fault(
            body=b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"a" * 500,
            headers={"Content-Encoding": "gzip", "Content-Type": "text/html"},
            trickle=0.02,
        ),
    ],
    ids=["headers", "name in a gzip head"],
)
def test_bytes_that_come_one_by_one_outside_of_the_body(tmp_path: Path, fault: Fault) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, fault, times=9)
        started = time.monotonic()
        error = failure(config(tmp_path, server.url, patience=0.3))
        assert time.monotonic() - started < 3
        assert len(server.paths()) == 1
    assert error.reference == "index-unreachable"
    assert "too slow" in error.message


def test_a_compressed_body_that_is_all_head(tmp_path: Path) -> None:
    head = b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"a" * (1 << 26)
    with IndexServer(DEMO) as server:
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/html"}
        server.fail(PATH, Fault(body=head, headers=headers), times=9)
        http = Http(config(tmp_path, server.url), Credentials(()))
        with closing(http), pytest.raises(UnknownError) as caught:
            http.get(f"{server.url}demo/", limit=1 << 20)
    assert caught.value.reference == "index-too-large"


def test_a_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with IndexServer(DEMO) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://me:s3cret@{proxy.host}")
        with IndexClient(config(tmp_path, "http://index.example/simple/")) as client:
            assert client.page("demo").files == ()
        assert proxy.paths() == ["http://index.example/simple/demo/"]
        proxy.fail("http://index.example/simple/other/", Fault(status=500))
        with (
            IndexClient(config(tmp_path, "http://index.example/simple/")) as client,
            pytest.raises(UnknownError) as caught,
        ):
            client.page("other")
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {caught.value.origin}"


@pytest.mark.parametrize("proxy", ["socks5://me:s3cret@127.0.0.1:9", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with (
        IndexClient(config(tmp_path, "http://index.example/simple/")) as client,
        pytest.raises(UsageError) as caught,
    ):
        client.page("demo")
    assert caught.value.reference == "bad-proxy"
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_a_proxy_that_wants_credentials(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(status=407))
        assert failure(config(tmp_path, server.url)).reference == "proxy-forbidden"


@pytest.mark.parametrize("url", ["ftp://index.example/simple/", "index.example/simple", "http://"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    assert failure(config(tmp_path, url)).reference == "index-unreachable"


def test_a_page_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_LIMIT", 100)
    with IndexServer(DEMO) as server:
        assert failure(config(tmp_path, server.url)).reference == "index-too-large"


def test_a_login_page_is_no_index(tmp_path: Path) -> None:
    with IndexServer(DEMO) as server:
        server.fail(PATH, Fault(body=b'{"login": 1}'))
        assert failure(config(tmp_path, server.url)).reference == "bad-index-page"


class Shut:
    """Answers 403 to everything, as a bucket does for what it does not hold."""

    def get(self, url: str, **_: object) -> Response:
        return Response(403, url, {}, b"")


@pytest.mark.parametrize(
    ("url", "absent"),
    [
        ("https://download.pytorch.org/whl/cu128", True),
        ("https://index.example/download.pytorch.org/", False),
        ("https://download.pytorch.org.index.example/whl/cu128", False),
    ],
)
def test_403_of_a_further_index_is_absence_only_where_torch_is_kept(
    tmp_path: Path, url: str, absent: bool
) -> None:
    parts = (cast("Http", Shut()), Cache(tmp_path), Once(1), Credentials(()))
    reader = Pages(IndexSettings(tmp_path), *parts)
    index, name = Index(url, url), canonicalize_name("demo")
    if absent:
        assert reader.read(index, name) is None
        return
    with pytest.raises(UnknownError) as caught:
        reader.read(index, name)
    assert caught.value.reference == "index-forbidden"


class TestCredentials:
    def test_of_the_url_are_sent_and_nowhere_kept(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, auth="me:s3cret@x") as server:
            url = server.url.replace("http://", "http://me:s3cret%40x@")
            with IndexClient(config(tmp_path, url)) as client:
                file = client.page("demo").files[0]
                assert client.metadata(file).name == "demo"
            assert file.url == server.file_url(WHEEL.filename)
        kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
        assert kept
        assert not any("s3cret" in text for text in kept)

    def test_wrong_ones_are_not_printed(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, auth="me:right") as server:
            url = server.url.replace("http://", "http://me:wr0ng@")
            error = failure(config(tmp_path, url))
        assert error.reference == "index-forbidden"
        assert "wr0ng" not in f"{error} {error.hint} {error.facts}"

    def test_what_they_opened_is_not_shown_without_them(self, tmp_path: Path) -> None:
        with IndexServer(DEMO, auth="me:right", cache_control="max-age=600") as server:
            right = server.url.replace("http://", "http://me:right@")
            for _ in range(2):
                with IndexClient(config(tmp_path, right)) as client:
                    assert len(client.page("demo").files) == 1
            assert len(server.paths()) == 1
            for url in (server.url, right.replace("right", "wrong"), right.replace("me:", "you:")):
                assert failure(config(tmp_path, url)).reference == "index-forbidden"
                assert failure(config(tmp_path, url, offline=True)).reference == "offline-miss"

    def test_of_an_unreachable_index_are_not_printed(self, tmp_path: Path) -> None:
        error = failure(config(tmp_path, "http://me:s3cret@127.0.0.1:1/simple/", retries=0))
        assert "s3cret" not in f"{error} {error.hint}"

    def test_of_the_netrc_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with (
            IndexServer(DEMO, auth="me:s3cret") as server,
            IndexClient(config(tmp_path, server.url)) as client,
        ):
            assert len(client.page("demo").files) == 1

    def test_do_not_follow_a_redirect_to_another_host(self, tmp_path: Path) -> None:
        with IndexServer(DEMO) as other, IndexServer(DEMO, auth="me:s3cret") as server:
            moved = f"{other.url}demo/".replace("127.0.0.1", "localhost")
            server.fail(PATH, Fault(status=302, headers={"Location": moved}))
            url = server.url.replace("http://", "http://me:s3cret@")
            with IndexClient(config(tmp_path, url)) as client:
                assert len(client.page("demo").files) == 1
            assert "authorization" in server.requests[0].headers
            assert "authorization" not in other.requests[0].headers

    def test_of_the_keyring_where_the_index_asks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "bin" / "keyring"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {tmp_path}/asked\n'
            '[ "$1 $2 $3" = "--mode creds get" ] || exit 1\n'
            "printf 'me\\ns3cret\\n'\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        with IndexServer(DEMO, auth="me:s3cret", cache_control="max-age=600") as server:
            with IndexClient(config(tmp_path / "cache", server.url)) as client:
                client.metadata(client.page("demo").files[0])
            asked = (tmp_path / "asked").read_text().splitlines()
            assert asked == [f"--mode creds get {server.url}demo/"]
            kept = [p.read_text() for p in (tmp_path / "cache").rglob("*") if p.is_file()]
            assert not any("s3cret" in text for text in kept)
            # What the keyring opened is not shown to one who has no keyring.
            monkeypatch.setenv("PATH", "/usr/bin:/bin")
            refused = failure(config(tmp_path / "cache", server.url))
        assert refused.reference == "index-forbidden"

    def test_of_the_keyring_for_the_user_of_the_address(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "keyring"
        program.write_text('#!/bin/sh\n[ "$1 $3" = "get me" ] && echo s3cret\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with IndexServer(DEMO, auth="me:s3cret") as server:
            url = server.url.replace("http://", "http://me@")
            with IndexClient(config(tmp_path, url)) as client:
                file = client.page("demo").files[0]
                assert client.metadata(file).name == "demo"
                # Asking for a page again says the address again, which has no password.
                assert client.with_torch(None, frozenset()).page("other").files == ()

    def test_a_keyring_that_knows_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "keyring"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with IndexServer(DEMO, auth="me:s3cret") as server:
            assert failure(config(tmp_path, server.url)).reference == "index-forbidden"
            assert server.paths() == [PATH]

    def test_belong_to_one_origin(self) -> None:
        known = Credentials(("https://u:p@index.example/simple/",))
        assert known.of("https://index.example/files/x.whl") == ("u", "p")
        assert known.of("https://files.example/x.whl") is None
        assert known.of("http://index.example/x.whl") is None
        assert known.of("https://index.example:8443/x.whl") is None

    def test_urls_as_they_may_be_shown(self) -> None:
        url = "https://u:p%40@Index.example:8443/simple/?token=1#x"
        assert split_auth(url) == ("https://Index.example:8443/simple/?token=1", ("u", "p@"))
        assert redact(url) == "https://Index.example:8443/simple/"
        assert origin(url) == "https://index.example:8443"
