"""Which files of a tree import which, and what ``__init__.py`` reaches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.definitions import Definition, definitions_of
from torchsolve.project.scan.discovery import discovered, loads_by_variable, path_edits
from torchsolve.project.scan.imports import Import, imports_of
from torchsolve.project.scan.interest import Interest, mark_lines, says_node
from torchsolve.project.scan.sources import Sources
from torchsolve.project.tree import folder_of

_ENTRIES = ("__init__.py", "prestartup_script.py")
_INSTALLERS = ("install.py", "post_install.py", "setup.py")
_CONFIGS = (".yaml", ".yml", ".json", ".toml")
_MOST_CONFIGS = 400
_DOTTED = re.compile(rb"\b[A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)++")


@dataclass(slots=True)
class ModuleGraph:
    """The modules of a tree.

    A file's imports and functions are extracted once and its syntax tree may then go.
    """

    sources: Sources
    interest: Interest = field(default_factory=Interest)
    _marks: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _imports: dict[str, tuple[Import, ...]] = field(default_factory=dict)
    _dynamic: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _definitions: dict[str, tuple[Definition, ...]] = field(default_factory=dict)
    _edits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _roots: list[str] = field(default_factory=lambda: [""])
    _folders: frozenset[str] | None = None
    _in_configs: dict[str, str] | None = None
    _at: dict[str, str | None] = field(default_factory=dict)

    def imports(self, path: str) -> tuple[Import, ...]:
        """Import statements of a file; none where it cannot be parsed."""
        if path not in self._imports:
            self._extract(path)
        return self._imports[path]

    def marks(self, path: str) -> tuple[int, ...]:
        """Lines of a file that may handle a model."""
        if path not in self._marks:
            self._marks[path] = mark_lines(self.sources.load(path) or b"")
        return self._marks[path]

    def definitions(self, path: str) -> tuple[Definition, ...]:
        """Functions, classes and methods of a file."""
        if path not in self._definitions:
            self._extract(path)
        return self._definitions[path]

    def dynamic(self, path: str) -> tuple[str, ...]:
        """Files that a module loads by importlib over names or folders."""
        self._extract(path)
        return self._dynamic[path]

    def _extract(self, path: str) -> None:
        if path in self._imports:
            return
        module = self.sources.module(path) or ast.Module(body=[], type_ignores=[])
        self._imports[path] = imports_of(module)
        self._definitions[path] = definitions_of(module, path)
        text = self.sources.load(path) or b""
        self.interest.add(module, text, self.marks(path))
        self._dynamic[path] = ()
        if b"importlib" in text or b"__import__" in text or b"pkgutil" in text:
            self._dynamic[path] = discovered(module, path, self.sources.files)
            if not self._dynamic[path] and loads_by_variable(module):
                self._dynamic[path] = self._configured()
        self._edits[path] = path_edits(module, path, self.folders) if b"sys.path" in text else ()
        if not self._dynamic[path] and not self.must_run(path):
            self.sources.spare(path)

    def must_run(self, path: str) -> bool:
        """Whether a module has to run because of what it does, not of what others ask of it."""
        return bool(self.marks(path)) or says_node(self.sources.load(path) or b"")

    def _configured(self) -> tuple[str, ...]:
        """Files whose dotted names stand in configs of the tree (``target: a.b.Class``)."""
        if self._in_configs is None:
            configs = [p for p in sorted(self.sources.all_paths) if p.endswith(_CONFIGS)]
            self.sources.prefetch(configs[:_MOST_CONFIGS])
            texts = (self.sources.load(p) or b"" for p in configs[:_MOST_CONFIGS])
            words = {word for text in texts for word in _DOTTED.findall(text)}
            found = {word: self._file_of_dotted(word) for word in sorted(map(bytes.decode, words))}
            self._in_configs = {word: file for word, file in found.items() if file}
        return tuple(dict.fromkeys(self._in_configs.values()))

    def is_configured(self, file: str, name: str) -> bool:
        """Whether a config of the tree names this definition of the file, and something asks it."""
        words = (w for w, found in (self._in_configs or {}).items() if found == file)
        return any(word.rpartition(".")[2] == name for word in words)

    def _file_of_dotted(self, word: str) -> str | None:
        for root in self._roots:
            stem = "/".join(part for part in (root, word.replace(".", "/")) if part)
            for option in (stem, stem.rpartition("/")[0]):
                file = self._file_at(option) if option else None
                if file:
                    return file
        return None

    @property
    def folders(self) -> frozenset[str]:
        """Folders that hold Python files, at any depth."""
        if self._folders is None:
            self._folders = frozenset(self._all_folders())
        return self._folders

    def _all_folders(self) -> set[str]:
        found: set[str] = set()
        for path in self.sources.files:
            folder = folder_of(path)
            while folder not in found:
                found.add(folder)
                folder = folder_of(folder)
        return found

    def targets(self, path: str, statement: Import) -> tuple[str, ...]:
        """Files of the tree that a statement runs, outermost package first; none: it is foreign."""
        base = self._base(path, statement)
        if base is None:
            return ()
        found = list(self._chain(*base))
        stem = "/".join(part for part in (base[0], base[1].replace(".", "/")) if part)
        stems = (f"{stem}/{name}" if stem else name for name in statement.names)
        found.extend(map(self._file_at, stems))
        return tuple(dict.fromkeys(f for f in found if f and f != path))

    def file_of(self, path: str, level: int, module: str) -> str | None:
        """The file of one dotted name as seen from ``path``; None: not of the tree."""
        base = self._base(path, Import(0, level, module, ()))
        if base is None:
            return None
        stem = "/".join(part for part in (base[0], base[1].replace(".", "/")) if part)
        return self._file_at(stem)

    def package_of(self, path: str, level: int, module: str) -> str | None:
        """The folder of the tree that a dotted name is, with or without ``__init__.py``."""
        base = self._base(path, Import(0, level, module, ()))
        if base is None:
            return None
        stem = "/".join(part for part in (base[0], base[1].replace(".", "/")) if part)
        return stem if stem in self.folders else None

    def _base(self, path: str, statement: Import) -> tuple[str, str] | None:
        """Folder and dotted name below it that a statement starts from."""
        if statement.level:
            folders = folder_of(path).split("/") if folder_of(path) else []
            up = statement.level - 1
            if up > len(folders):
                return None
            return "/".join(folders[: len(folders) - up]), statement.module
        top = statement.module.partition(".")[0]
        for root in (*self._edits.get(path, ()), *self._roots):
            stem = f"{root}/{top}" if root else top
            if self._file_at(stem) or stem in self.folders:
                return root, statement.module
        return None

    def _chain(self, root: str, module: str) -> Iterator[str | None]:
        stem = root
        for part in module.split(".") if module else ():
            stem = f"{stem}/{part}" if stem else part
            yield self._file_at(stem)
        if not module:
            yield self._file_at(root)

    def _file_at(self, stem: str) -> str | None:
        """The file of a module, by its path without a suffix."""
        if stem not in self._at:
            names = (f"{stem}/__init__.py", f"{stem}.py") if stem else ("__init__.py",)
            known = self.sources.all_paths
            self._at[stem] = next((name for name in names if name in known), None)
        return self._at[stem]

    def entries(self) -> tuple[str, ...]:
        """Files that ComfyUI itself runs; without ``__init__.py`` every file of the root."""
        found = tuple(p for p in _ENTRIES if p in self.sources.all_paths)
        if "__init__.py" in found:
            return found
        root = (p for p in self.sources.files if "/" not in p and p not in _INSTALLERS)
        return (*found, *root)

    def installers(self) -> tuple[str, ...]:
        """Files that an installer runs."""
        return tuple(p for p in _INSTALLERS if p in self.sources.all_paths)

    def reachable(self, entries: Iterable[str], *, lazy: bool = True) -> dict[str, str | None]:
        """Files that ``entries`` import, directly or not: file → the file that brings it.

        With ``lazy`` imports inside functions count too.
        """
        found: dict[str, str | None] = {}
        waiting: list[tuple[str, str | None]] = [(path, None) for path in entries]
        while waiting:
            path, by = waiting.pop()
            if path in found:
                continue
            found[path] = by
            self._learn_edits(path)
            for target in [t for t in self._next(path, lazy) if t not in found]:
                self._learn_edits(target)  # a package's own edit counts for what it imports next
                waiting.append((target, path))
        return found

    def _learn_edits(self, path: str) -> None:
        self._extract(path)
        self._roots.extend(root for root in self._edits[path] if root not in self._roots)

    def _next(self, path: str, lazy: bool) -> Iterator[str]:
        for statement in self._imports[path]:
            never = statement.typing_only or statement.main_only
            if never or (statement.lazy and not lazy):
                continue
            yield from self.targets(path, statement)
        yield from self._dynamic[path]
