"""A package index on 127.0.0.1, with the habits and the faults that a test asks for.

    with IndexServer({"demo": [FakeFile(make_wheel("demo", "1.0", ["six"]))]}) as server:
        client = IndexClient(IndexSettings(default_url=server.url, ...))

``server.url`` is the simple API's root, ``server.requests`` what was asked, in order of arrival.
"""

from __future__ import annotations

import html
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, unquote

from support.wheels import Archive

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


@dataclass(frozen=True, slots=True)
class FakeFile:
    """A file on a page.

    Attributes:
        archive: what is served; its bytes give the hash unless ``sha256`` says another.
        upload_time: ``2025-01-02T03:04:05Z`` (PEP 700, JSON pages only).
        yanked: the reason; None when not yanked.
        sha256: the hash that the page announces; ``""`` for none.
        metadata_sha256: the announced hash of the metadata file; None for the true one.
    """

    archive: Archive
    requires_python: str | None = None
    upload_time: str | None = None
    yanked: str | None = None
    sha256: str | None = None
    metadata_sha256: str | None = None

    @property
    def announced_sha256(self) -> str:
        return self.archive.sha256 if self.sha256 is None else self.sha256

    @property
    def announced_metadata_sha256(self) -> str:
        return self.metadata_sha256 or sha256(self.archive.metadata).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with a request in place of answering it.

    Attributes:
        status: answer with this status and no body.
        headers: more headers, ``{"Retry-After": "1"}``.
        hang: seconds to wait before anything else.
        hold: an event to wait for before anything else, ten seconds at most.
        trickle: seconds between the bytes of the body.
        slow_head: seconds between the bytes of a header that goes before all others.
        truncate: bytes of the body that are sent before the connection is closed.
        body: answer with this body (and status 200 unless ``status`` says otherwise).
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: float = 0
    hold: threading.Event | None = None
    trickle: float = 0
    slow_head: float = 0
    truncate: int | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request that arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class QuietServer(ThreadingHTTPServer):
    """A client that hangs up, as a prefetch does whose answer is not needed, is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class IndexServer:
    """The server; it listens from construction on and stops at the end of its ``with``.

    Args:
        projects: PEP 503 name → files.
        api: ``json`` (PEP 691 where the client accepts it) or ``html`` only.
        metadata: ``announced`` (PEP 658/714), ``unannounced`` (served all the same) or ``none``.
        ranges: whether files are served by range.
        cache_control: of pages, ``max-age=600``; None for none.
        etag: whether pages carry an ETag and answer 304.
        auth: ``user:password`` that every request must give, else 401.

    ``flat`` may be given pages by path: HTML that ``find_links`` reads; ``about`` by project: what
    its page says of it, as PEP 792 and PEP 708 write it in JSON (``tracks`` goes to ``meta``).
    """

    def __init__(
        self,
        projects: Mapping[str, Sequence[FakeFile]] | None = None,
        *,
        api: Literal["json", "html"] = "json",
        metadata: Literal["announced", "unannounced", "none"] = "announced",
        ranges: bool = True,
        cache_control: str | None = None,
        etag: bool = True,
        auth: str | None = None,
    ) -> None:
        self.projects = {name: list(files) for name, files in (projects or {}).items()}
        self.api, self.metadata, self.ranges = api, metadata, ranges
        self.cache_control, self.etag, self.auth = cache_control, etag, auth
        self.flat: dict[str, bytes] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self._faults: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def host(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Root of the simple API, with a final slash."""
        return f"http://{self.host}/simple/"

    def file_url(self, filename: str) -> str:
        """Where a file is served."""
        return f"http://{self.host}/files/{quote(filename)}"

    def paths(self) -> list[str]:
        """Paths of all requests so far, in order."""
        with self._lock:
            return [request.path for request in self.requests]

    def fail(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """The next ``times`` requests of ``path`` (``/simple/demo/``) meet the fault."""
        with self._lock:
            self._faults.setdefault(path, []).extend([fault] * times)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def arrived(self, request: Request) -> Fault | None:
        """Notes a request; the fault that it is to meet."""
        with self._lock:
            self.requests.append(request)
            waiting = self._faults.get(request.path)
            return waiting.pop(0) if waiting else None

    def answer(self, request: Request) -> _Answer:
        """The answer to a request that meets no fault."""
        if self.auth is not None and not _authorized(request, self.auth):
            return _Answer(401, b"", {"WWW-Authenticate": 'Basic realm="index"'})
        if request.path in self.flat:
            return _Answer(200, self.flat[request.path], {"Content-Type": "text/html"})
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        if len(parts) == 2 and parts[0] == "simple":
            return self._page(parts[1], request)
        if len(parts) == 2 and parts[0] == "files":
            return self._file(parts[1], request)
        return _Answer(404, b"", {})

    def _page(self, name: str, request: Request) -> _Answer:
        if name not in self.projects:
            return _Answer(404, b"", {})
        as_json = self.api == "json" and JSON in request.headers.get("accept", "")
        body = self._json(name) if as_json else self._html(name)
        headers = {"Content-Type": JSON if as_json else HTML}
        if self.cache_control:
            headers["Cache-Control"] = self.cache_control
        if self.etag:
            headers["ETag"] = f'"{sha256(body).hexdigest()[:16]}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                return _Answer(304, b"", headers)
        return _Answer(200, body, headers)

    def _json(self, name: str) -> bytes:
        files = [self._json_file(file) for file in self.projects[name]]
        about = dict(self.about.get(name, {}))
        meta = {"api-version": "1.4", "tracks": about.pop("tracks", [])}
        return json.dumps({"meta": meta, "name": name, "files": files, **about}).encode()

    def _json_file(self, file: FakeFile) -> dict[str, object]:
        entry: dict[str, object] = {
            "filename": file.archive.filename,
            "url": f"../../files/{quote(file.archive.filename)}",
            "hashes": {"sha256": file.announced_sha256} if file.announced_sha256 else {},
            "size": len(file.archive.content),
            "yanked": False if file.yanked is None else (file.yanked or True),
        }
        if file.requires_python:
            entry["requires-python"] = file.requires_python
        if file.upload_time:
            entry["upload-time"] = file.upload_time
        if self.metadata == "announced":
            entry["core-metadata"] = {"sha256": file.announced_metadata_sha256}
        return entry

    def _html(self, name: str) -> bytes:
        links = "\n".join(self._html_file(file) for file in self.projects[name])
        head = "".join(
            f'<meta name="pypi:{key}" content="{html.escape(value)}">'
            for key, value in self._meta(name)
        )
        return f"<!DOCTYPE html>\n<html>{head}<body>\n{links}\n</body></html>\n".encode()

    def _meta(self, name: str) -> Iterator[tuple[str, str]]:
        about = self.about.get(name, {})
        status = about.get("project-status", {})
        names = {"status": "project-status", "reason": "project-status-reason"}
        yield from ((names[key], value) for key, value in status.items())
        for key in ("tracks", "alternate-locations"):
            yield from ((key, url) for url in about.get(key, []))

    def _html_file(self, file: FakeFile) -> str:
        fragment = f"#sha256={file.announced_sha256}" if file.announced_sha256 else ""
        attributes = [f'href="../../files/{quote(file.archive.filename)}{fragment}"']
        if file.requires_python:
            attributes.append(f'data-requires-python="{html.escape(file.requires_python)}"')
        if file.yanked is not None:
            attributes.append(f'data-yanked="{html.escape(file.yanked)}"')
        if self.metadata == "announced":
            attributes.append(f'data-core-metadata="sha256={file.announced_metadata_sha256}"')
        return f"<a {' '.join(attributes)}>{html.escape(file.archive.filename)}</a><br>"

    def _file(self, filename: str, request: Request) -> _Answer:
        archives = {
            f.archive.filename: f.archive for files in self.projects.values() for f in files
        }
        if filename in archives:
            return self._bytes(archives[filename].content, request)
        wheel = archives.get(filename.removesuffix(".metadata"))
        if wheel is None or self.metadata == "none":
            return _Answer(404, b"", {})
        return _Answer(200, wheel.metadata, {"Content-Type": "application/octet-stream"})

    def _bytes(self, content: bytes, request: Request) -> _Answer:
        asked = request.headers.get("range", "")
        if not self.ranges or not asked.startswith("bytes="):
            return _Answer(200, content, {"Content-Type": "application/octet-stream"})
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last) if first and last else len(content) - 1, len(content) - 1)
        if start > end:
            return _Answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        return _Answer(206, content[start : end + 1], headers)


def _authorized(request: Request, auth: str) -> bool:
    from base64 import b64encode

    return request.headers.get("authorization") == f"Basic {b64encode(auth.encode()).decode()}"


def _handler(index: IndexServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond()

        def do_HEAD(self) -> None:
            self._respond()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Keeps test output clean."""

        def _respond(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, self.path, headers)
            fault = index.arrived(request)
            _wait(fault)
            _drip(self.wfile, fault)
            answer = index.answer(request)
            if fault and (fault.status is not None or fault.body is not None):
                answer = _Answer(fault.status or 200, fault.body or b"", {**fault.headers})
            self._send(answer, fault.truncate if fault else None, fault.trickle if fault else 0)

        def _send(self, answer: _Answer, truncate: int | None, trickle: float) -> None:
            with _lost_client():
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                body = b"" if self.command == "HEAD" else answer.body[:truncate]
                for block in _blocks(body, trickle):
                    self.wfile.write(block)
            if truncate is not None:
                self.close_connection = True

    return Handler


def _wait(fault: Fault | None) -> None:
    if fault and fault.hang:
        time.sleep(fault.hang)
    if fault and fault.hold:
        fault.hold.wait(10)


def _drip(target: BufferedIOBase, fault: Fault | None) -> None:
    if fault and fault.slow_head:
        with _lost_client():
            target.writelines(_blocks(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 500, fault.slow_head))


def _blocks(body: bytes, trickle: float) -> Iterator[bytes]:
    """The body as it is to be sent: whole, or byte by byte with a pause behind each."""
    if not trickle:
        yield body
        return
    for byte in body:
        yield bytes([byte])
        time.sleep(trickle)


@contextmanager
def _lost_client() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        return
