"""``pathlib``: what its classes and their methods give."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.project.scan import ospath, strings
from torchsolve.project.scan.builtin import Builtins
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    HOME,
    NONE,
    Called,
    Const,
    ListValue,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    text,
)

_PATHS = frozenset(
    {"Path", "PurePath", "PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"}
)


class Pathlib(Builtins):
    """Paths as objects."""

    def exists(self, path: Value) -> Value:
        """Whether a path exists."""
        raise NotImplementedError

    def listing(self, path: Value, *, whole: bool) -> Value:
        """Files of a folder."""
        raise NotImplementedError

    def pathlib(self, name: str, args: list[Value]) -> Value | None:
        """A call of ``pathlib.name``."""
        tail = name.rpartition(".")[2]
        if tail in _PATHS:
            if "Windows" in tail:
                args = [any_of(_slashed(t) for t in self.texts(a)) for a in args]
            found = joined([self.texts(a) for a in args] or [(text("<cwd>"),)], ospath.join_paths)
            return self.note_join(any_of(PathValue(t) for t in self.texts(found)), args)
        if tail in ("cwd", "home"):
            return PathValue(text("<cwd>" if tail == "cwd" else HOME))
        return None

    def path_method(
        self, owner: PathValue, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        """``owner.name(*args)`` of a ``pathlib.Path``."""
        path = owner.text
        match name:
            case "joinpath":
                found = joined([(path,), *(self.texts(a) for a in args)], ospath.join_paths)
                both: list[Value] = [owner, *args]
                return self.note_join(any_of(PathValue(t) for t in self.texts(found)), both)
            case "exists" | "is_file" | "is_dir":
                return self.exists(owner)
            case "is_absolute":
                return self.is_absolute(owner)
            case "resolve" | "absolute" | "expanduser":
                return PathValue(ospath.absolute(ospath.expand_home(path)))
            case "as_posix" | "__str__" | "__fspath__":
                return path
            case "glob" | "rglob" | "iterdir":
                return self._path_listing(path, args)
            case "with_suffix" | "with_name" if args:
                return self._with_part(path, name, args[0])
            case "open" | "read_text" | "read_bytes" | "write_bytes" | "write_text":
                return Called("open", (owner, *args), keywords, self.line)
            case "relative_to" if args:
                return PathValue(ospath.relative(path, self.texts(args[0])[0]) or hole("path"))
            case _:
                return NONE if name in ("mkdir", "unlink", "touch", "rename") else Unknown(name)

    def _path_listing(self, path: Text, args: list[Value]) -> Value:
        names = self.listing(path, whole=False)
        found = [
            PathValue(ospath.join_paths([path, t]))
            for v in self.elements(names)
            for t in self.texts(v)
        ]
        sure = isinstance(names, ListValue) and names.rest is None and not args
        return ListValue(list(found)) if sure else ListValue([], any_of(found) if found else None)

    def _with_part(self, path: Text, name: str, argument: Value) -> Value:
        found: list[Value] = []
        for part in self.texts(argument):
            if name == "with_suffix":
                head = ospath.split_suffix(path)[0]
                found.append(PathValue(strings.concat([head, part])))
            else:
                found.append(PathValue(ospath.join_paths([ospath.directory(path), part])))
        return any_of(found)

    def is_absolute(self, path: Value) -> Value:
        """Whether a path starts at a root."""
        known = {ospath.starts_at_root(t) for t in self.texts(path)}
        return Const(known.pop()) if len(known) == 1 and None not in known else Unknown()

    def note_join(self, found: Value, args: Sequence[Value]) -> Value:
        """Remember a path that was put together, and that its base was only a base."""
        raise NotImplementedError


def _slashed(path: Text) -> Text:
    return strings.each(path, lambda part: part.replace("\\", "/"))
