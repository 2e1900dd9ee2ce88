"""Downloads from an address, and where they go."""

from __future__ import annotations

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath, strings
from torchsolve.project.scan.arguments import (
    Args,
    Keywords,
    argument,
    given,
    is_default,
    short,
    url_name,
)
from torchsolve.project.scan.hub import Hub
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    NONE,
    Called,
    ListValue,
    Text,
    Value,
    any_of,
    options,
    text,
)

_NOTES = (".json", ".yaml", ".yml", ".toml", ".ini", ".txt", ".csv", ".log")
TORCH_HUB = "<torch-hub>"


class Addresses(Hub):
    """URLs."""

    def _target(self, folder: Value | None, file: Value | None, url: Value) -> Value:
        """``folder/file``, the file named as the address's last part where it has no name."""
        names = self.texts(file) if file is not None else tuple(map(url_name, self.texts(url)))
        base = folder if folder is not None else self.torch_home("checkpoints")
        return joined([self.texts(base, "folder"), names], ospath.join_paths)

    def torch_home(self, below: str = "") -> Value:
        """The folder of ``torch.hub``, or what is below it."""
        known = self.environment.get("\x00torch-hub")
        home = self.environment.get("TORCH_HOME")
        if known is None and home is not None and not is_default(home):
            known = joined([self.texts(home), (text("hub"),)], ospath.join_paths)
        base = self.texts(known) if known is not None else (text(TORCH_HUB),)
        return joined([base, (text(below),)], ospath.join_paths)

    def _url(self, name: str, url: Value, path: Value | None, *, pending: bool = False) -> None:
        found = self.observe(
            Mechanism.URL, short(name), url=any_of(self.texts(url, "url")), path=path
        )
        found.pending = pending
        if pending and self.frames:
            self.frame.request = found

    def torch_url(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        url = argument(args, keywords, 0, "url")
        folder = given(keywords.get("model_dir", args[1] if len(args) > 1 else None))
        path = self._target(folder, given(keywords.get("file_name")), url)
        self._url(name, url, path)
        return Called(name, tuple(args), keywords, self.line)

    def file_from_url(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        url = argument(args, keywords, 0, "url")
        folder = given(keywords.get("model_dir", args[1] if len(args) > 1 else None))
        path = self._target(folder, given(keywords.get("file_name")), url)
        self._url(name, url, path)
        return path

    def cached_file(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        url = argument(args, keywords, 0, "url")
        urls = [t for t in self.texts(url, "url") if not ospath.is_absolute(t)]
        if not urls:
            return NONE  # a file that lies there is opened elsewhere
        return self.file_from_url(name, [any_of(urls)], {})

    def url_to_file(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        url = argument(args, keywords, 0, "url", "id")
        names = ("dst", "filename", "out", "output")
        target = given(argument(args, keywords, 1, *names))
        if target is None:
            target = joined([tuple(map(url_name, self.texts(url)))], ospath.join_paths)
        self._url(name, url, any_of(self.texts(target, "file")))
        return target

    def url_to_folder(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        url = argument(args, keywords, 0, "url")
        folder = given(argument(args, keywords, 1, "root"))
        file = given(keywords.get("filename", args[2] if len(args) > 2 else None))
        path = self._target(folder if folder is not None else text("<cwd>"), file, url)
        self._url(name, url, path)
        return NONE

    def _request(self, name: str, args: Args, keywords: Keywords) -> Value:
        at = 1 if name.endswith((".request", ".stream")) else 0
        url = argument(args, keywords, at, "url")
        if isinstance(url, Called) and url.args:
            url = url.args[0]
        self._url(name, url, None, pending=True)
        return Called(name, tuple(args), keywords, self.line)

    def opened(self, args: Args, keywords: Keywords) -> None:
        """``open(path, "wb")``: where a request that is under way puts what it got."""
        mode = given(keywords.get("mode", args[1] if len(args) > 1 else None))
        modes = [m.literal or "" for m in options(mode) if isinstance(m, Text)] if mode else []
        writes = any(known[:1] in ("w", "a", "x") for known in modes)
        for frame in reversed(self.frames):
            request = frame.request
            if request is None:
                continue
            if writes and request.path is None and args:
                request.path = any_of(_finished(t) for t in self.texts(args[0], "file"))
                request.pending = False
                request.marks |= frozenset().union(*(t.marks for t in self.texts(request.path)))
            return
        if writes and args:
            self._written(args[0])

    def saved(self, values: Args) -> None:
        """Paths that the node writes to, by a function of another package."""
        for value in values:
            for option in options(value):
                if isinstance(option, Text):
                    self.extended.update(name for kind, name in option.marks if kind == "join")

    def _written(self, path: Value) -> None:
        """A text that the node writes itself is no model that somebody has to bring."""
        for option in self.texts(path):
            last = option.parts[-1] if option.parts else ""
            if isinstance(last, str) and last.endswith(_NOTES):
                self.extended.update(name for kind, name in option.marks if kind == "join")

    def _shell(self, name: str, args: Args) -> Value:
        command = args[0] if args else NONE
        for option in options(command):
            words = self._words(option)
            first = [w.literal or "" for w in words[:4]]
            if any(word.rpartition("/")[2] in ("wget", "curl", "aria2c") for word in first):
                self._fetched_by(name, words)
        return Called(name, tuple(args), {}, self.line)

    def _words(self, command: Value) -> list[Text]:
        if isinstance(command, ListValue):
            return [t for item in command.items for t in self.texts(item)[:1]]
        if isinstance(command, Text):
            return [w for w in strings.pieces_of(command, " ") if w.parts]
        return []

    def _fetched_by(self, name: str, words: list[Text]) -> None:
        urls = [w for w in words if strings.starts_with(w, "http")]
        after = {w.literal: words[i + 1] for i, w in enumerate(words[:-1])}
        file = after.get("-O") or after.get("-o") or after.get("--output")
        folder = after.get("-P") or after.get("-d") or after.get("--directory-prefix")
        tool = next(w.literal for w in words if w.literal in ("wget", "curl", "aria2c"))
        for url in urls[:1]:
            target = file if file is not None and tool != "aria2c" else None
            path = target or self._target(folder or text("<cwd>"), file, url)
            self._url(f"{name} {tool}", url, path)


def _finished(path: Text) -> Text:
    """The name that a file gets when it is complete."""
    last = path.parts[-1] if path.parts else ""
    if not isinstance(last, str):
        return path
    for suffix in (".download", ".tmp", ".part", ".partial", ".incomplete", ".temp"):
        last = last.removesuffix(suffix)
    return Text((*path.parts[:-1], *((last,) if last else ())), path.marks)
