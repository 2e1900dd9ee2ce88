"""What calls outside the tree do: which of them install, download, clone or run something."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from torchsolve.model.install import StepKind
from torchsolve.project.install import commands
from torchsolve.project.install.bounds import list_fits, text_fits
from torchsolve.project.install.values import (
    NOTHING,
    PRESENT,
    External,
    Fetched,
    Open,
    Writer,
    is_plain,
    text_of,
)
from torchsolve.project.stdlib import words

RUNS = words("""
    subprocess.run subprocess.call subprocess.check_call subprocess.check_output
    subprocess.Popen subprocess.getoutput subprocess.getstatusoutput os.system os.popen
    asyncio.create_subprocess_exec asyncio.create_subprocess_shell
""")
_SPREAD = ("asyncio.create_subprocess_exec", "os.execv", "os.execl")
_PIPS = frozenset(
    ["pip.main", "pip._internal.main", "pip._internal.cli.main.main", "pip._internal.main.main"]
)
_CLONES = {
    "git.Repo.clone_from": ("to_path", True),
    "pygit2.clone_repository": ("path", True),
    "dulwich.porcelain.clone": ("target", True),
}
# Functions that save a URL: where the place is among the arguments, and whether it is a folder.
_SAVES: dict[str, tuple[str, int, bool]] = {
    "urllib.request.urlretrieve": ("filename", 1, False),
    "urlretrieve": ("filename", 1, False),
    "torch.hub.download_url_to_file": ("dst", 1, False),
    "torchvision.datasets.utils.download_url": ("root", 1, True),
    "wget.download": ("out", 1, False),
    "gdown.download": ("output", 1, False),
    "gdown.download_folder": ("output", 1, True),
}
_REQUESTS = words("""
    requests.get requests.request requests.Session urllib.request.urlopen httpx.get
    httpx.stream urllib.request.Request
""")
_HUB = ("hf_hub_download", "snapshot_download", "load_file_from_url", "cached_download")
_STRING = words("""
    format join split rsplit splitlines strip lstrip rstrip replace lower upper startswith
    endswith partition rpartition title capitalize count find rfind index removeprefix
    removesuffix zfill isdigit encode decode casefold
""")
_LIST = words("""
    append extend insert copy index count pop remove keys values items get setdefault update
    add discard union reverse sort
""")
_PATH = words("""
    joinpath with_suffix with_name relative_to as_posix is_absolute match
""")

Act = Callable[..., None]


class Effects:
    """Turns calls into steps; ``act`` takes kind, what, place, options and what is not known."""

    def __init__(
        self,
        functions: dict[str, Callable[..., Any]],
        act: Act,
        files: Files,
    ) -> None:
        self._functions, self._act, self._files = functions, act, files

    def is_effect(self, name: str) -> bool:
        """Whether a dotted name does something here."""
        last = name.rpartition(".")[2]
        known = (RUNS, _PIPS, _CLONES, _SAVES, _REQUESTS)
        return any(name in names for names in known) or last in _HUB

    def call(self, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call) -> Any:
        """The effect and the value of a call that ``is_effect``."""
        if name in RUNS or name in _PIPS:
            return self._command(name, arguments, named, node)
        if name in _CLONES:
            self._clone(name, arguments, named)
            return Open(ast.unparse(node.func))
        if name in _SAVES:
            return self._save(name, arguments, named)
        if name in _REQUESTS:
            return Fetched(_argument(arguments, named, 0, "url"))
        return self._hub(name, arguments, named)

    def _command(
        self, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        words = arguments if name in _SPREAD else _argument(arguments, named, 0, "args", "cmd")
        if name in _PIPS:
            words = ["pip", *(words if isinstance(words, list | tuple) else [words])]
        folder = named.get("cwd")
        for command in commands.read(words):
            self._act(command, folder)
        if commands.words_of(words)[:1] == ["nvcc"]:
            return External("nvcc")
        return Open(f"{ast.unparse(node.func)}(…)")

    def _clone(self, name: str, arguments: list[Any], named: dict[str, Any]) -> None:
        url = _argument(arguments, named, 0, "url", "source")
        place = _argument(arguments, named, 1, _CLONES[name][0])
        known = None if isinstance(place, Open) and place.text == "?" else text_of(place)
        self._act(commands.Command(StepKind.CLONE, text_of(url), known), None)

    def _save(self, name: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        keyword, position, is_folder = _SAVES[name]
        url = text_of(_argument(arguments, named, 0, "url"))
        place = _argument(arguments, named, position, keyword, "path")
        last = PurePosixPath(url.partition("?")[0]).name
        if is_folder:
            named_file = _argument(arguments, named, 2, "filename")
            last = last if isinstance(named_file, Open) or not named_file else text_of(named_file)
            target = f"{text_of(place)}/{last}"
        else:
            target = last if isinstance(place, Open) and place.text == "?" else text_of(place)
        self._act(commands.Command(StepKind.DOWNLOAD, url, target), None)
        return target

    def _hub(self, name: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        first = text_of(_argument(arguments, named, 0, "repo_id", "url"))
        file = _argument(arguments, named, 1, "filename", "file_name")
        what = first
        if name.endswith("hf_hub_download") and not isinstance(file, Open):
            what = f"{first}/{text_of(file)}"
        folder = next(
            (named[k] for k in ("local_dir", "cache_dir", "model_dir") if k in named), None
        )
        place = None if folder is None else text_of(folder)
        if place and name.endswith("hf_hub_download") and not isinstance(file, Open):
            place = f"{place}/{text_of(file)}"
        self._act(commands.Command(StepKind.DOWNLOAD, what, place), None)
        return Open(f"{name}(…)")

    def method(
        self, owner: Any, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """A method of a value."""
        if isinstance(owner, Writer):
            return self._write(owner, name, arguments)
        if isinstance(owner, Fetched):
            return owner if name in ("read", "iter_content", "iter_bytes") else Open(name)
        if isinstance(owner, Open):
            return Open(" ".join(ast.unparse(node).split())[:120], owner.tags)
        plain = all(map(is_plain, (*arguments, *named.values())))
        if isinstance(owner, str) and name in _STRING:
            return self._text_method(owner, name, arguments, named, plain=plain, node=node)
        if isinstance(owner, list) and not list_fits(owner, name, arguments):
            return Open(" ".join(ast.unparse(node).split())[:120])
        if isinstance(owner, list | dict | set | tuple) and name in _LIST:
            found = getattr(owner, name)(*arguments, **named)
            return list(found) if name in ("keys", "values", "items") else found
        if isinstance(owner, PurePosixPath):
            return self._path_method(owner, name, arguments, node)
        return Open(" ".join(ast.unparse(node).split())[:120])

    def _text_method(
        self,
        owner: str,
        name: str,
        arguments: list[Any],
        named: dict[str, Any],
        *,
        plain: bool,
        node: ast.Call,
    ) -> Any:
        if not text_fits(owner, name, arguments):
            return Open(" ".join(ast.unparse(node).split())[:120])
        if plain:
            return getattr(owner, name)(*arguments, **named)
        if name == "format":
            texts = [text_of(a) for a in arguments]
            return Open(owner.format(*texts, **{k: text_of(v) for k, v in named.items()}))
        if name == "join" and arguments and isinstance(arguments[0], list):
            return Open(owner.join(map(text_of, arguments[0])))
        return Open(ast.unparse(node))

    def _path_method(
        self, owner: PurePosixPath, name: str, arguments: list[Any], node: ast.Call
    ) -> Any:
        if name in ("resolve", "absolute", "expanduser"):
            return PurePosixPath(self._functions["os.path.abspath"](owner))
        if name in ("exists", "is_file", "is_dir"):
            kinds = {"exists": "exists", "is_file": "isfile", "is_dir": "isdir"}
            return self._functions[f"os.path.{kinds[name]}"](owner)
        if name == "open":
            return self._files.open(owner, arguments)
        if name in ("read_text", "read_bytes"):
            return self._files.text(owner)
        if name in ("glob", "rglob", "iterdir"):
            pattern = text_of(arguments[0]) if arguments else "*"
            return self._functions["glob.glob"](f"{owner}/{pattern}")
        if name in _PATH:
            return getattr(owner, name)(*arguments)
        if name in ("write_bytes", "write_text"):
            return self._write(Writer(owner), "write", arguments)
        return Open(ast.unparse(node), PRESENT if name == "stat" else NOTHING)

    def _write(self, owner: Writer, name: str, arguments: list[Any]) -> Any:
        body = arguments[0] if arguments else None
        if name == "write" and isinstance(body, Fetched):
            command = commands.Command(StepKind.DOWNLOAD, text_of(body.url), text_of(owner.path))
            self._act(command, None)
        return None

    def copied(self, arguments: list[Any]) -> None:
        """``shutil.copyfileobj(answer, file)``."""
        source, target = (*arguments, None, None)[:2]
        if isinstance(source, Fetched) and isinstance(target, Writer):
            self._write(target, "write", [source])


class Files:
    """Files of the tree that a script reads, and those that it opens for writing."""

    def __init__(self, inside: Callable[[object], str | None], load: Callable[[str], bytes | None]):
        self._inside, self._load = inside, load

    def text(self, path: object) -> Any:
        """The text of a file of the tree."""
        inner = self._inside(path) if not isinstance(path, Open) else None
        data = self._load(inner) if inner else None
        if data is None:
            return Open(f"the text of {text_of(path)}", PRESENT)
        return data.decode("utf-8-sig", "replace")

    def open(self, path: object, arguments: list[Any]) -> Any:
        """What ``open`` gives: lines of a file of the tree, or a file to write to."""
        mode = text_of(arguments[0]) if arguments else "r"
        if set(mode) & set("wax+"):
            return Writer(path)
        text = self.text(path)
        return Lines(text) if isinstance(text, str) else text


class Lines(list[str]):
    """An open text file."""

    def __init__(self, text: str) -> None:
        super().__init__(text.splitlines(keepends=True))
        self.text = text


def _argument(arguments: list[Any], named: dict[str, Any], position: int, *names: str) -> Any:
    for name in names:
        if name in named:
            return named[name]
    return arguments[position] if len(arguments) > position else Open("?")
