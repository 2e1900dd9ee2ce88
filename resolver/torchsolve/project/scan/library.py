"""What functions of the standard library and of the language give."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from itertools import product

from torchsolve.project.scan import ospath, strings
from torchsolve.project.scan.containers import list_method
from torchsolve.project.scan.formatting import formatted
from torchsolve.project.scan.parsed import from_config, split_url
from torchsolve.project.scan.pathlibs import Pathlib
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    MOST,
    NONE,
    Called,
    Const,
    DictValue,
    External,
    ListValue,
    ModuleValue,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    options,
    text,
    with_marks,
)

_SAME = frozenset(
    {
        *("os.path.abspath", "os.path.realpath", "os.path.normpath", "os.fspath", "copy.copy"),
        *("copy.deepcopy", "os.path.normcase", "builtins.iter", "typing.cast", "str"),
        *("builtins.frozenset", "builtins.set", "builtins.list", "builtins.tuple"),
        *("builtins.sorted", "builtins.reversed", "types.MappingProxyType", "natsort.natsorted"),
    }
)
_CONFIGS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg")
_READS = frozenset(
    {
        *("json.load", "json.loads", "yaml.load", "yaml.safe_load", "yaml.full_load"),
        *("toml.load", "tomllib.load", "omegaconf.OmegaConf.load", "OmegaConf.load"),
    }
)
_CONFIG_LIMIT = 200_000


class Library(Pathlib):
    """The standard library, as far as paths and tables go."""

    def std(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        """The value of a call of the standard library; None where it is not one of these."""
        if name.startswith(("os.", "ntpath.", "posixpath.")):
            return self._os(name, args)
        if name.startswith("builtins."):
            return self.builtin(name.removeprefix("builtins."), args, keywords)
        if name.startswith("pathlib."):
            return self.pathlib(name, args)
        if name.startswith("importlib."):
            return self._importlib(name, args, keywords)
        if name in _READS:
            return self._read_config(args)
        return self._other_std(name, args, keywords)

    def _other_std(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        match name:
            case "glob.glob" | "glob.iglob" if args:
                return self.listing(args[0], whole=True)
            case "urllib.parse.urlparse" | "urllib.parse.urlsplit" if args:
                return any_of(split_url(option) for option in options(args[0]))
            case "urllib.parse.unquote" | "urllib.parse.quote" if args:
                return args[0]
            case "collections.OrderedDict" | "collections.defaultdict":
                return self.builtin("dict", args[-1:], keywords)
            case "functools.partial":
                return Called(name, tuple(args), keywords)
            case "dataclasses.field" | "attr.ib":
                return Called(name, tuple(args), keywords)
            case "types.SimpleNamespace" | "easydict.EasyDict" | "argparse.Namespace":
                found = Unknown()
                found.parts.update(keywords)
                return found
            case "re.sub" if len(args) == 3:
                known = [strings.substituted(args[0], args[1], t) for t in self.texts(args[2])]
                return any_of(t or hole("text") for t in known)
            case "platform.system":
                return text("Linux")
            case "tempfile.gettempdir" | "tempfile.mkdtemp" | "tempfile.TemporaryDirectory":
                return text("<tmp>")
            case "copy.copy" | "copy.deepcopy" if args:
                return args[0]
            case _:
                return args[0] if name in _SAME and args else None

    # os and os.path

    def _os(self, name: str, args: list[Value]) -> Value | None:
        name = name.replace("ntpath.", "os.path.").replace("posixpath.", "os.path.")
        match name:
            case "os.path.join":
                return self.join(args)
            case "os.path.exists" | "os.path.isfile" | "os.path.isdir" | "os.path.lexists":
                return self.exists(args[0] if args else NONE)
            case "os.getenv" | "os.environ.get" | "os.environ.setdefault" | "os.environ.pop":
                return self.variable(args)
            case "os.listdir" | "os.scandir" if args:
                return self.listing(args[0], whole=False)
            case "os.walk" if args:
                return self._walk(args[0])
            case "os.getcwd":
                return text("<cwd>")
            case "os.path.isabs" if args:
                return self.is_absolute(args[0])
            case "os.path.split" | "os.path.splitext" | "os.path.relpath" if args:
                return self._os_pair(name, args)
            case _:
                return self._os_one(name, args)

    def _os_one(self, name: str, args: list[Value]) -> Value | None:
        how: dict[str, Callable[[Text], Text]] = {
            "os.path.dirname": ospath.directory,
            "os.path.basename": ospath.base_name,
            "os.path.abspath": ospath.absolute,
            "os.path.realpath": ospath.absolute,
            "os.path.normpath": ospath.normal,
            "os.path.expanduser": ospath.expand_home,
            "os.path.expandvars": lambda t: t,
            "os.fspath": lambda t: t,
            "os.path.normcase": lambda t: t,
        }
        if name not in how or not args:
            return None
        return any_of(how[name](t) for t in self.texts(args[0]))

    def _os_pair(self, name: str, args: list[Value]) -> Value:
        found: list[Value] = []
        for path in self.texts(args[0]):
            if name == "os.path.relpath":
                start = self.texts(args[1])[0] if len(args) > 1 else text("<cwd>")
                found.append(ospath.relative(path, start) or Unknown("relpath"))
            elif name == "os.path.split":
                pair = [ospath.directory(path), ospath.base_name(path)]
                found.append(ListValue(list(pair), kind="tuple"))
            else:
                found.append(ListValue(list(ospath.split_suffix(path)), kind="tuple"))
        return any_of(found)

    def join(self, args: Sequence[Value]) -> Value:
        """``os.path.join``; the join is remembered by its line."""
        found = joined([self.texts(a) for a in args], ospath.join_paths)
        return self.note_join(found, args)

    def exists(self, path: Value) -> Value:
        """Whether a path exists: known only for files of the tree and configs beside them."""
        self.checks.append(path)
        self.looked.extend(t for t in self.texts(path) if t.literal is not None)
        answers = {self._exists(t) for t in self.texts(path)}
        return Const(answers.pop()) if len(answers) == 1 and None not in answers else Unknown()

    def _exists(self, path: Text) -> bool | None:
        known = self.inside(path)
        if known is None:
            return None
        if known in self.sources.all_paths or known in self.tree_folders or not known:
            return True
        return False if known.endswith(_CONFIGS) else None

    def inside(self, path: Text) -> str | None:
        """A path below the node's own folder, relative to it; None for any other."""
        literal = ospath.normal(path).literal
        if literal is None or not (literal + "/").startswith(self.home + "/"):
            return None
        return literal[len(self.home) + 1 :]

    def variable(self, args: list[Value]) -> Value:
        """An environment variable: what was stored, else the default: nobody sets it here."""
        known = args[0].literal if args and isinstance(args[0], Text) else None
        default = args[1] if len(args) > 1 else NONE
        if known is None:
            return default
        stored = options(self.environment.get(known, NONE))
        found = any_of(default if value == NONE else value for value in stored)
        return with_marks(found, frozenset({("env", known)}))

    def listing(self, path: Value, *, whole: bool) -> Value:
        """Files of a folder: of the tree those that are there, else an open list."""
        found: list[Value] = []
        for folder in self.texts(path):
            known = self.inside(folder)
            names = self._in_tree(known, whole=whole) if known is not None else None
            if names is None:
                name = hole("file", "user")
                base = ospath.directory(folder) if whole else folder
                found.append(ListValue([], ospath.join_paths([base, name]) if whole else name))
            else:
                found.append(ListValue(list(names)))
        return any_of(found)

    def _in_tree(self, folder: str, *, whole: bool) -> list[Text] | None:
        if whole:
            matching = [p for p in sorted(self.sources.all_paths) if fnmatch(p, folder)]
            return [text(f"{self.home}/{p}") for p in matching[:400]] or None
        if folder not in self.tree_folders and folder:
            return None
        start = f"{folder}/" if folder else ""
        rest = (p[len(start) :] for p in sorted(self.sources.all_paths) if p.startswith(start))
        return [text(n) for n in dict.fromkeys(p.partition("/")[0] for p in rest)][:400]

    def _walk(self, path: Value) -> Value:
        folder = self.texts(path)[0]
        names = ListValue([], hole("file", "user"))
        row = ListValue([folder, ListValue([], hole("folder", "user")), names], kind="tuple")
        return ListValue([], row)

    def _importlib(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        tail = name.rpartition(".")[2]
        if tail == "import_module" and args:
            return any_of(self._module_named(t, keywords, args) for t in self.texts(args[0]))
        if tail == "spec_from_file_location":
            return Called("spec", tuple(args), keywords)
        if tail == "module_from_spec" and args and isinstance(args[0], Called):
            location = args[0].keywords.get("location", args[0].args[-1] if args[0].args else NONE)
            for path in self.texts(location):
                known = self.inside(path)
                if known in self.sources.all_paths and known is not None:
                    self.touch(known)
                    return ModuleValue(known)
        return None

    def _module_named(self, name: Text, keywords: dict[str, Value], args: list[Value]) -> Value:
        known = name.literal
        if known is None:
            return Unknown("module")
        package = keywords.get("package", args[1] if len(args) > 1 else NONE)
        base = self.texts(package)[0].literal if package is not NONE else None
        dots = len(known) - len(known.lstrip("."))
        here = self.frames[-1].scope.file if self.frames else self.file
        top = self.home.rpartition("/")[2]
        if dots and base is not None and base.partition(".")[0] in ("node", top):
            stem = base.removeprefix("node").removeprefix(top).strip(".").replace(".", "/")
            here = f"{stem}/__init__.py" if stem else "__init__.py"
        file = self.graph.file_of(here, dots, known.lstrip("."))
        if file is None and known.startswith("node."):
            file = self.graph.file_of("__init__.py", 1, known.removeprefix("node."))
        if file is None:
            return External(known)
        self.touch(file)
        return ModuleValue(file)

    def _read_config(self, args: list[Value]) -> Value:
        path = self._path_of_file(args[0]) if args else None
        if path is None:
            return Unknown("config", "config")
        inside = self.inside(path)
        data = self.sources.load(inside) if inside in self.sources.all_paths else None
        if data is not None and inside and len(data) < _CONFIG_LIMIT:
            known = from_config(inside, data)
            if known is not None:
                self.read += 1
                return known
        name = ospath.base_name(path).literal or "config"
        return Unknown(f"{name}:", "config")

    def _path_of_file(self, value: Value) -> Text | None:
        if isinstance(value, Called) and value.name == "open" and value.args:
            return self.texts(value.args[0])[0]
        return value if isinstance(value, Text) else None

    # Methods of values

    def call_method(
        self, owner: Value, name: str, args: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> Value:
        """``owner.name(...)``."""
        match owner:
            case Text():
                return self._text_method(owner, name, args, keywords)
            case PathValue():
                return self.path_method(owner, name, args, keywords)
            case ListValue():
                return list_method(owner, name, args)
            case DictValue():
                return self.table_method(owner, name, args, keywords)
            case Unknown() if name in ("get", "setdefault", "pop") and args:
                return self.item(owner, args[0])
            case Unknown(label, kind) if name in ("items", "values", "keys"):
                row = ListValue([Unknown(f"{label}.key", kind), Unknown(label, kind)], kind="tuple")
                return ListValue([], row if name == "items" else row.items[-1])
            case Unknown(label, kind) if name in ("split", "lower", "strip", "rsplit", "replace"):
                return Unknown(label, kind, owner.marks)
            case Called("open") if name in ("read", "readlines", "readline"):
                return owner
            case _:
                return super().call_method(owner, name, args, keywords, node)

    def _text_method(
        self, owner: Text, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        if name == "format":
            return formatted(owner, args, keywords)
        if name == "format_map" and args:
            table = args[0].items if isinstance(args[0], DictValue) else {}
            return formatted(owner, [], {str(k): v for k, v in table.items()})
        found = [
            strings.method(owner, name, list(combination))
            for combination in product(*(options(a) for a in args))
        ][:MOST]
        known = [value for value in found if value is not None]
        if len(known) < len(found) or not found:
            return Unknown(_name_of(owner), _kind_of(owner), owner.marks)
        return any_of(known)


def _name_of(value: Text) -> str:
    return value.holes[0].name if value.holes else ""


def _kind_of(value: Text) -> str:
    return value.holes[0].kind if value.holes else "run"
