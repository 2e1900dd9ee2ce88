"""``folder_paths``: ComfyUI's categories, those that the node registers, and what asks for them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath
from torchsolve.project.scan.comparison import compared
from torchsolve.project.scan.journal import Journal
from torchsolve.project.scan.library import Library
from torchsolve.project.scan.observation import Caller, Observation
from torchsolve.project.scan.state import OutOfStepsError
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    NONE,
    ROOT,
    Const,
    External,
    ListValue,
    Marks,
    Scope,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    marks_of,
    options,
    text,
)

_PLACES = {
    "models_dir": "/models",
    "base_path": "",
    "output_directory": "/output",
    "input_directory": "/input",
    "temp_directory": "/temp",
    "user_directory": "/user",
}
_GETTERS = {f"get_{name}": path for name, path in _PLACES.items()}
_WEIGHTS = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")
_OF_LINUX = {
    "os.sep": "/",
    "os.path.sep": "/",
    "os.name": "posix",
    "sys.platform": "linux",
}
_REGISTRY = "folder_names_and_paths"


_ASKED = frozenset({"get_filename_list", "get_full_path", "get_full_path_or_raise"})


def folder_api(name: str) -> str | None:
    """The name inside ``folder_paths``, however it was imported; None for anything else."""
    head, mark, tail = name.rpartition("folder_paths.")
    if mark and (not head or head.endswith(".")):
        return tail
    # A packaged ComfyUI has them beside: ``from comfy.model_downloader import get_full_path``.
    last = name.rpartition(".")[2]
    return last if name.startswith("comfy.") and last in _ASKED else None


class Folders(Library):
    """The API of ``folder_paths``."""

    def observe(
        self, mechanism: Mechanism, api: str, **known: Value | bool | str | None
    ) -> Observation:
        """Record what the line that is under way does."""
        chain = tuple(
            Caller(f.scope.file, f.line, _called_as(f.scope), f.scope.frame)
            for f in reversed(self.frames)
        )
        guards = tuple(guard for frame in self.frames for guard in frame.guards)
        found = Observation(mechanism, api, chain, self.entry, guards=guards)
        marks: Marks = frozenset()
        for name, value in known.items():
            setattr(found, name, value)
            if value is not None and not isinstance(value, bool | str):
                marks |= marks_of(value)
        found.marks = marks
        if len(self.observations) >= self.bounds.observations:
            raise OutOfStepsError(f"{self.frame.scope.file}:{self.frame.line or 1}")
        self.observations.append(found)
        return found

    def constant(self, name: str) -> Value:
        """An attribute of something external; itself where it is not known."""
        tail = folder_api(name)
        if tail in _PLACES:
            return text(ROOT + _PLACES[tail])
        if tail == "supported_pt_extensions":
            return ListValue([text(suffix) for suffix in _WEIGHTS], kind="set")
        if tail == "__file__":
            return text(f"{ROOT}/folder_paths.py")
        if name.endswith(".__file__"):
            top = name.partition(".")[0]
            core = {"comfy": "/comfy/__init__.py", "nodes": "/nodes.py", "server": "/server.py"}
            return text(ROOT + core[top]) if top in core else Unknown("file")
        if name in _OF_LINUX:
            return text(_OF_LINUX[name])
        if name.endswith("cli_args.args.base_directory"):
            return NONE
        return External(name)

    def folder_call(self, tail: str, args: list[Value], keywords: dict[str, Value]) -> Value:
        """A call of ``folder_paths.tail``."""
        category = args[0] if args else keywords.get("folder_name", keywords.get("category"))
        if tail in _GETTERS:
            return text(ROOT + _GETTERS[tail])
        if tail.startswith("folder_names_and_paths.") and category is None:
            return self._whole_registry(tail.rpartition(".")[2])
        if category is None:
            return Unknown(tail)
        match tail:
            case "get_filename_list":
                return self._listed(category)
            case "get_full_path" | "get_full_path_or_raise":
                name = args[1] if len(args) > 1 else keywords.get("filename", Unknown("file"))
                return self._full_path(tail, category, name)
            case "get_folder_paths":
                return self._folders_of(category)
            case "add_model_folder_path":
                path = args[1] if len(args) > 1 else keywords.get("full_folder_path", Unknown())
                self._add(category, path)
                return NONE
            case "get_annotated_filepath":
                return joined([(text(ROOT + "/input"),), self.texts(category)], ospath.join_paths)
            case "filter_files_extensions" | "filter_files_content_types":
                return category
            case "recursive_search":
                return ListValue([self.listing(category, whole=False), Unknown()], kind="tuple")
            case "folder_names_and_paths.get" | "folder_names_and_paths.setdefault":
                return self._registered(category, args[1] if len(args) > 1 else NONE)
            case _:
                return Unknown(tail)

    # Categories

    def places(self, category: Text) -> list[Text]:
        """Folders of a category, in the order in which they are searched."""
        known = category.literal
        if known is None:
            name = category.holes[0].name if category.holes else "category"
            return [ospath.join_paths([text(ROOT + "/models"), hole(name, marks=category.marks)])]
        guess = [] if self.foreign else [f"models/{known}"]
        dirs, _ = self.folders.get(known, (guess, []))
        if not dirs:  # only extra_model_paths.yaml gives it any
            return [hole(known, "config", category.marks)]
        marks = category.marks | {("category", known)}
        return [_place(folder, marks) for folder in dirs]

    def _pattern(self, category: Text) -> Text:
        known = category.literal or ""
        _, suffixes = self.folders.get(known, ([], []))
        if len(suffixes) == 1 and suffixes[0].startswith("."):
            return text(f"*{suffixes[0]}")
        return hole("file", "user")

    def _listed(self, category: Value) -> Value:
        paths: list[Value] = []
        for wanted in self.texts(category, "category"):
            pattern = self._pattern(wanted)
            paths += [ospath.join_paths([p, pattern]) for p in self.places(wanted)]
        api = "folder_paths.get_filename_list"
        self.observe(Mechanism.FOLDER_PATHS, api, path=any_of(paths), category=category)
        return ListValue([], hole("file", "user"))

    def _full_path(self, api: str, category: Value, name: Value) -> Value:
        paths: list[Value] = []
        names = self.texts(name, "file")
        names = tuple(n for n in names if n.parts) or names
        for option in self.texts(category, "category"):
            for file in names:
                paths += [ospath.join_paths([place, file]) for place in self.places(option)]
        found = any_of(paths)
        self.observe(Mechanism.FOLDER_PATHS, f"folder_paths.{api}", path=found, category=category)
        return found if api.endswith("raise") else any_of([found, NONE])

    def _folders_of(self, category: Value) -> Value:
        found = [ListValue(list(self.places(c))) for c in self.texts(category, "category")]
        paths = any_of(place for row in found for place in row.items)
        api = "folder_paths.get_folder_paths"
        self.observe(Mechanism.FOLDER_PATHS, api, path=paths, category=category, folder=True)
        return any_of(found)

    def _whole_registry(self, what: str) -> Value:
        rows: list[Value] = []
        for name in list(self.folders):
            row = self._registered(text(name), None)
            if what == "keys":
                rows.append(text(name))
            else:
                pair = ListValue([text(name), row], kind="tuple")
                rows.append(pair if what == "items" else row)
        return ListValue(rows, Unknown("category") if not rows else None)

    # Registrations

    def _add(self, category: Value, path: Value) -> None:
        for name in self.texts(category, "category"):
            known = name.literal
            if known is None:
                continue
            dirs, suffixes = self.folders.get(known, ([], []))
            more = [_folder(t) for t in self.texts(path)]
            self.folders[known] = ([*dirs, *(m for m in more if m not in dirs)], suffixes)
        self._registration("folder_paths.add_model_folder_path", category, path)

    def _registration(self, api: str, category: Value, path: Value) -> None:
        self.observe(Mechanism.FOLDER_PATHS, api, path=path, category=category, folder=True)

    def register(self, category: Value, value: Value) -> None:
        """``folder_names_and_paths[category] = (paths, extensions)``."""
        row = next((v for v in options(value) if isinstance(v, ListValue)), ListValue())
        paths = self.elements(row.items[0]) if row.items else [Unknown("folder")]
        paths = [p for p in paths if not _is_foreign(p)] or paths
        suffixes = self.elements(row.items[1]) if len(row.items) > 1 else []
        known = [t.literal for v in suffixes for t in self.texts(v) if t.literal]
        dirs = [_folder(t) for v in paths for t in self.texts(v)]
        for name in self.texts(category, "category"):
            if name.literal is not None:
                self.folders[name.literal] = (list(dict.fromkeys(dirs)), known)
        found: list[Value] = list(paths) or [hole("folder", "config")]
        if len(known) == 1 and paths:
            pattern = text(f"*{known[0]}")
            found = [ospath.join_paths([t, pattern]) for v in paths for t in self.texts(v)]
        self._registration(f"folder_paths.{_REGISTRY}", category, any_of(found))

    def elsewhere(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """The way that is taken only where something else has registered the category.

        It is gone through for what it does on its lines; nothing of it stays.
        """
        names, folders, journal = scope.names, self.folders, self.journal
        returned = len(self.frame.returned)
        scope.names, self.journal = dict(names), Journal()
        self.folders = {name: (list(d), list(e)) for name, (d, e) in folders.items()}
        self.doubt += 1
        self.foreign = True
        self.flow(body, scope)
        self.foreign = False
        self.doubt -= 1
        del self.frame.returned[returned:]
        self.journal.undo()
        scope.names, self.folders, self.journal = names, folders, journal

    def external_item(self, name: str, key: Value) -> Value:
        """An item of something external."""
        if folder_api(name) == _REGISTRY:
            return self._registered(key, None)
        if name == "os.environ":
            known = self.texts(key)[0].literal
            stored = self.environment.get(known or "")
            return stored if stored is not None else Unknown(known or "env", "env")
        if name == "sys.modules":
            return Unknown("module")
        if name.endswith("_registry"):
            return External(name)  # whichever of its entries: they are called alike
        return Unknown()

    def _registered(self, category: Value, default: Value | None) -> Value:
        found: list[Value] = []
        for name in self.texts(category, "category"):
            known = name.literal
            if known is not None and known not in self.folders and default is not None:
                found.append(default)
                continue
            _, suffixes = self.folders.get(known or "", ([], []))
            dirs = ListValue(list(self.places(name)), category=known)
            found.append(ListValue([dirs, ListValue([text(s) for s in suffixes])], kind="tuple"))
        return any_of(found)

    def compared(self, op: ast.cmpop, a: Value, b: Value) -> bool | None:
        """The answer of one comparison; membership in the registry is known."""
        if isinstance(b, External) and folder_api(b.name) == _REGISTRY and isinstance(a, Text):
            known = a.literal in self.folders if a.literal is not None else None
            wanted = isinstance(op, ast.In)
            return None if known is None else known is wanted
        if isinstance(b, External) and b.name == "os.environ" and isinstance(a, Text):
            known = (a.literal or "") in self.environment
            return known if isinstance(op, ast.In) else not known
        return compared(op, a, b)

    def call_method(
        self, owner: Value, name: str, args: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> Value:
        """``owner.name(...)``; a category's own list of folders is one of its places."""
        grows = name in ("append", "insert", "add", "extend")
        if isinstance(owner, ListValue) and owner.category and args and grows:
            value = args[-1]
            for path in self.elements(value) if name == "extend" else [value]:
                self._add(text(owner.category), path)
        return super().call_method(owner, name, args, keywords, node)


def _called_as(scope: Scope) -> str:
    """The name that a call of the function has: a constructor is called by its class."""
    if scope.function == "__init__" and scope.owner is not None:
        return scope.owner.name
    return scope.function


def _is_foreign(path: Value) -> bool:
    return isinstance(path, Text) and [h.kind for h in path.holes] == ["config"]


def _place(folder: str, marks: Marks) -> Text:
    if folder.startswith(("<", "/", "~", "{")):
        return text(folder, marks)
    return text(f"{ROOT}/{folder}", marks)


def _folder(path: Text) -> str:
    known = ospath.normal(path).literal
    if known is None:
        return "{folder}"
    return known.removeprefix(ROOT).lstrip("/") if known.startswith(ROOT) else known


__all__ = ["Const", "Folders", "folder_api"]
