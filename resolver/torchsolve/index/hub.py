"""The Hugging Face Hub: what a model repository holds, before anything of it is fetched.

One question a repository gives its commit, its access and each file's size and hash; the head of a
safetensors file, read by range, gives data types and parameters. What a commit holds never changes,
so it is kept; which commit a branch means is asked again by every run that may open a socket.

The Hub's own library reads answers of any length into memory; here every read is bounded.
API: https://huggingface.co/docs/hub/api, "GET /api/models/{repo_id}/revision/{revision}".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.http import Http, Response
from torchsolve.index.safetensors import HEAD_LIMIT, parameters_of
from torchsolve.model.project import HubRepository, WeightFile
from torchsolve.model.values import replace

_KIND = "hub"
_ANSWER_LIMIT = 16 * 1024 * 1024
_FIRST = 64 * 1024
_HOME = "https://huggingface.co"

M = TypeVar("M", bound=BaseModel)


class _Lfs(BaseModel):
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class _Sibling(BaseModel):
    rfilename: str
    size: int | None = Field(None, ge=0)
    blob_id: str | None = Field(None, alias="blobId")
    lfs: _Lfs | None = None


class _Card(BaseModel):
    licence: str | list[str] | None = Field(None, alias="license")


class _Answer(BaseModel):
    """The part of a ``ModelInfo`` that is used here."""

    model_config = ConfigDict(extra="ignore")

    sha: str = Field(pattern="^[0-9a-f]{40}$")
    gated: Literal["auto", "manual", False] | None = None
    siblings: list[_Sibling] = Field(default_factory=list, max_length=200_000)
    card: _Card | None = Field(None, alias="cardData")


class _Counts(BaseModel):
    parameters: tuple[tuple[str, int], ...]


class Hub:
    """The Hub's API.

    Attributes:
        endpoint: HF_ENDPOINT, else huggingface.co; without a slash at the end.
    """

    def __init__(self, http: Http, cache: Cache, *, offline: bool) -> None:
        self._http = http
        self._cache = cache
        self._offline = offline
        self.endpoint = (os.environ.get("HF_ENDPOINT") or _HOME).rstrip("/")

    def repository(self, repo: str, revision: str | None = None) -> HubRepository:
        """What the repository holds at a branch, tag or commit (default: its main branch).

        Raises:
            UnknownError: ``hub-refused`` (private, gone, or no such revision), ``hub-answer`` (it
                makes no sense), ``offline-miss`` for what an offline run has not in its cache, and
                what ``Http.get`` raises.
        """
        address = f"/api/models/{quote(repo)}"
        if revision is not None:
            address += f"/revision/{quote(revision, safe='')}"
        url = f"{self.endpoint}{address}?blobs=true"
        body = self._told(f"{repo}@{revision or ''}", lambda: self._kept_or_asked(repo, url))
        return _repository(repo, _parsed(_Answer, body, repo))

    def parameters(self, repo: str, commit: str, file: WeightFile) -> WeightFile:
        """The file with the data types and parameters that its safetensors head tells.

        Unchanged where there is no such head, or it cannot be read (a gated file, no network).
        """
        if not file.name.endswith(".safetensors"):
            return file
        url = f"{self.endpoint}/{repo}/resolve/{commit}/{quote(file.name)}"
        try:
            body = self._told(f"{repo}@{commit}/{file.name}", lambda: self._counted(url))
            return replace(file, parameters=_parsed(_Counts, body, file.name).parameters)
        except UnknownError:
            return file

    def _told(self, key: str, work: Callable[[], str]) -> str:
        """What ``work`` finds, or what a snapshot holds of it."""
        self._cache.touch(_KIND, key)
        return self._cache.through(_KIND, key, lambda: Entry({}, work())).body

    def _counted(self, url: str) -> str:
        kept = self._cache.read(_KIND, _key(url))
        if kept is not None:
            return kept.body
        body = _Counts(parameters=self._measured(url)).model_dump_json()
        self._cache.write(_KIND, _key(url), Entry({}, body))
        return body

    def _measured(self, url: str) -> tuple[tuple[str, int], ...]:
        """Most heads are shorter than the first read; a longer one is read once more, whole."""
        head = self._range(url, _FIRST)
        length = 8 + int.from_bytes(head[:8], "little")
        if length > HEAD_LIMIT:
            raise UnknownError("bad-safetensors", f"its head claims {length} bytes", origin=url)
        return parameters_of(head if len(head) >= length else self._range(url, length), url)

    def _range(self, url: str, length: int) -> bytes:
        asked = {"Range": f"bytes=0-{length - 1}", **self._token()}
        answer = self._http.get(url, limit=length, headers=asked)
        if answer.status not in (200, 206):
            raise _refused(url, answer)
        return answer.body

    def _kept_or_asked(self, repo: str, url: str) -> str:
        key = _key(url)
        if self._offline:
            kept = self._cache.read(_KIND, key)
            if kept is None:
                message = f"what the model repository {repo} holds was never asked"
                raise UnknownError("offline-miss", message, hint="once without --offline")
            return kept.body
        answer = self._http.get(url, limit=_ANSWER_LIMIT, headers=self._token())
        if answer.status != 200:
            raise _refused(repo, answer)
        body = answer.body.decode("utf-8", "replace")
        _parsed(_Answer, body, repo)
        self._cache.write(_KIND, key, Entry({}, body))
        return body

    def _token(self) -> dict[str, str]:
        """Sent to the endpoint alone: httpx takes it off where a redirect leaves that origin."""
        token = hub_token()
        return {"Authorization": f"Bearer {token}"} if token else {}


def hub_token() -> str | None:
    """The user's token, from where the Hub's own tools keep it: HF_TOKEN, else a file."""
    given = os.environ.get("HF_TOKEN", "").strip()
    if given:
        return given
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    path = Path(os.environ.get("HF_TOKEN_PATH") or Path(home) / "token")
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _repository(repo: str, answer: _Answer) -> HubRepository:
    files = [_file(sibling) for sibling in answer.siblings if _is_plain(sibling.rfilename)]
    licence = answer.card.licence if answer.card else None
    return HubRepository(
        repo,
        answer.sha,
        answer.gated,
        ", ".join(licence) if isinstance(licence, list) else licence,
        tuple(sorted(files, key=lambda file: file.name)),
    )


def _file(sibling: _Sibling) -> WeightFile:
    digest = sibling.lfs.sha256 if sibling.lfs else None
    blob = None if digest else sibling.blob_id
    return WeightFile(sibling.rfilename, sibling.size, digest, blob)


def _is_plain(name: str) -> bool:
    """A name that can be a path below a folder; the Hub has no others, a stand-in might."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and name.isprintable()


def _refused(what: str, answer: Response) -> UnknownError:
    return UnknownError(
        "hub-refused",
        f"the model hub answered {answer.status} for {what}",
        hint="it may be private, gone, or without that revision; a token goes in HF_TOKEN",
    )


def _parsed(form: type[M], body: str, what: str) -> M:
    """Raises UnknownError ``hub-answer``."""
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"the model hub's answer for {what} makes no sense: {place}: {first['msg']}"
        raise UnknownError("hub-answer", message) from None


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()
