"""A model hub on 127.0.0.1: the two addresses of the real one that torchsolve and its scripts use.

    with HubServer({"acme/mesh": FakeRepo({"config.json": b"{}"})}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url

Form of the answers: https://huggingface.co/docs/hub/api. ``hub.requests``: path and token of each.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

LFS_FROM = 1024
"""Bytes from which the stand-in keeps a file by sha256, as the real one does above some size."""


@dataclass(frozen=True, slots=True)
class FakeRepo:
    """A repository: its files, who may read them (``token``), and what its card says."""

    files: Mapping[str, bytes]
    commit: str = "c" * 40
    gated: str | bool = False
    token: str | None = None
    licence: str | None = "apache-2.0"
    tags: tuple[str, ...] = ("main",)


def safetensors(tensors: Mapping[str, tuple[str, list[int]]], padding: int = 0) -> bytes:
    """A file with a true head; the tensors' bytes are left out, since nobody reads them here."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt", "x": "x" * padding}}
    for name, (kind, shape) in tensors.items():
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [0, 0]}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text


@dataclass
class HubServer:
    """The stand-in. ``answers``: path → status and body in place of the true answer."""

    repos: Mapping[str, FakeRepo]
    answers: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        token = request.headers.get("Authorization")
        self.requests.append((path, token))
        if path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[path])
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        status, body = self.answers.get(path) or self._true_answer(path, token)
        asked = request.headers.get("Range")
        if status == 200 and asked and self.ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            if int(first) >= len(body):
                status, body = 416, b""
            else:
                status, body = 206, body[int(first) : int(last) + 1 if last else None]
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _true_answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        for name, repo in self.repos.items():
            about = f"/api/models/{name}"
            if path == about or path in {f"{about}/revision/{tag}" for tag in repo.tags}:
                return 200, json.dumps(_about(name, repo)).encode()
            file = path.removeprefix(f"/{name}/resolve/{repo.commit}/")
            if file in repo.files:
                allowed = repo.token is None or token == f"Bearer {repo.token}"
                return (200, repo.files[file]) if allowed else (403, b"")
        return 404, b""


def _about(name: str, repo: FakeRepo) -> dict[str, Any]:
    siblings = []
    for file, data in repo.files.items():
        row: dict[str, Any] = {"rfilename": file, "size": len(data), "blobId": git_blob(data)}
        if len(data) >= LFS_FROM:
            row["lfs"] = {"sha256": sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        siblings.append(row)
    card = {"license": repo.licence} if repo.licence else None
    return {"id": name, "sha": repo.commit, "gated": repo.gated, "cardData": card} | {
        "siblings": siblings
    }


def git_blob(data: bytes) -> str:
    """The object id that git gives these bytes."""
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - git's own
