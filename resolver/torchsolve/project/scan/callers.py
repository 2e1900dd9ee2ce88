"""Whether a line can run: the callers of its function, asked for from the inside out.

The interpreter runs what a node does; a function that it has not met is looked for here by its
name, in the code of the modules that are imported. A name counts where it can mean this very
function: one that its file defines or imports, a method of ``self``, of a class that its file
names, or of an object that is not known while the method's class is in use somewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from operator import attrgetter

from torchsolve.project.scan.definitions import Definition
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.imports import Import
from torchsolve.project.scan.mentions import Mention, code_of, mentions
from torchsolve.project.tree import folder_of

_ROUTE = re.compile(r"(^|\.)(routes?|router|app)\.(get|post|put|delete|patch|view|route)$|route")
_HARMLESS = frozenset(
    {
        *("staticmethod", "classmethod", "property", "cached_property", "dataclass", "wraps"),
        *("contextmanager", "lru_cache", "cache", "no_grad", "inference_mode", "setter", "getter"),
        *("abstractmethod", "overload", "override", "jit", "autocast", "script", "compile"),
        *("total_ordering", "njit", "singledispatch", "deprecated"),
    }
)
_IMPLICIT = frozenset({"forward", "setup", "build", "run_step"})
_OF_NODES = frozenset(
    {
        *("INPUT_TYPES", "IS_CHANGED", "VALIDATE_INPUTS", "define_schema", "execute"),
        *("fingerprint_inputs", "validate_inputs", "check_lazy_status", "get_node_list"),
        "comfy_entrypoint",
    }
)
_ANNOTATED = re.compile(
    r"^\s*\w[\w.]*\s*:\s*[\w.\[\]|, ]*$|->\s*[\w.\[\]|, ]*$"
    r"|\bdef\b.*[(,]\s*\*{0,2}\w+\s*:\s*[\w.\[\]|, ]*$"
)
_ONLY_ASKED = re.compile(r"\b(?:isinstance|issubclass)\([^()]*(?:\([^()]*)?$|\bexcept\s[^:]*$")


_WORD = re.compile(rb"[A-Za-z_]\w*")
_CHOOSES = re.compile(rb"getattr\(|globals\(\)|import_module\(")
_MADE = re.compile(rb"[A-Za-z_][\w.]*(?:\(|\s*$)")
_FIRST = attrgetter("first")
_GETATTR = re.compile(rb"\bgetattr\(\s*(\w+)\s*,\s*(?![\"'])")


class Use(IntEnum):
    """How sure it is that something runs."""

    NEVER = 0
    NAMED = 1
    """A config or a registry may choose it by its name."""
    CALLED = 2


@dataclass
class Callers:
    """The functions of a tree and who calls them.

    Attributes:
        files: that are imported by the node, directly or not.
        ran: file and line of every function that the interpreter went through for a node.
        most: places that are looked at for all questions together; then what is asked is in use.
    """

    graph: ModuleGraph
    files: tuple[str, ...]
    ran: frozenset[tuple[str, int]]
    most: int = 40_000
    _code: dict[str, bytes] = field(default_factory=dict)
    _known: dict[Definition, Use] = field(default_factory=dict)
    _tentative: dict[Definition, Use] = field(default_factory=dict)
    _under_way: set[Definition] = field(default_factory=set)
    _bound: dict[str, dict[str, tuple[Import, str]]] = field(default_factory=dict)
    _led: dict[tuple[str, Import], tuple[str, ...]] = field(default_factory=dict)
    _sees: dict[tuple[str, str, str, str], bool] = field(default_factory=dict)
    _chooses: dict[str, Use] = field(default_factory=dict)
    _spent: int = 0

    def use(self, file: str, line: int) -> Use:
        """How sure it is that a line runs; one of a module's own is, where that is imported."""
        if file not in self._among:
            return Use.NEVER
        here = self.around(file, line)
        return Use.CALLED if here is None else self._asked(here)

    @cached_property
    def _among(self) -> frozenset[str]:
        return frozenset(self.files)

    def around(self, file: str, line: int) -> Definition | None:
        """The innermost definition around a line; None at module level."""
        found = self.graph.definitions(file)
        for place in range(bisect_right(found, line, key=_FIRST) - 1, -1, -1):
            if found[place].last >= line:
                return found[place]
        return None

    def _asked(self, wanted: Definition) -> Use:
        known = self._known.get(wanted, self._tentative.get(wanted))
        if known is not None:
            return known
        if wanted in self._under_way:
            return Use.NEVER
        outermost = not self._under_way
        self._under_way.add(wanted)
        found = self._found(wanted)
        self._under_way.discard(wanted)
        if found is Use.NEVER:
            # Found inside of other questions it holds only if these end the same.
            self._tentative[wanted] = found
        else:
            self._known[wanted] = found
            self._tentative.clear()
        if outermost:
            self._known |= self._tentative
            self._tentative.clear()
        return found

    def _found(self, wanted: Definition) -> Use:
        if (wanted.file, wanted.line) in self.ran or self._spent > self.most:
            return Use.CALLED
        best = max(self._by_decorator(wanted), self._by_choice(wanted))
        if wanted.is_method:
            owner = self._class(wanted)
            lives = self._asked(owner) if owner is not None else Use.CALLED
            implicit = wanted.name.startswith("__") or wanted.name in _IMPLICIT
            if lives is Use.NEVER or implicit or self._of_node(wanted, owner):
                return lives
            return min(lives, max(best, self._by_mention(wanted)))
        return max(best, self._by_mention(wanted)) if best is not Use.CALLED else best

    def _by_decorator(self, wanted: Definition) -> Use:
        names = [d for d in wanted.decorators if d.rpartition(".")[2] not in _HARMLESS]
        if any(_ROUTE.search(name) for name in names):
            return Use.CALLED
        return Use.CALLED if names and not wanted.is_method else Use.NEVER

    def _class(self, method: Definition) -> Definition | None:
        found = self.graph.definitions(method.file)
        named = (d for d in found if d.is_class and d.name == method.owner)
        return next((d for d in named if d.first <= method.first <= d.last), None)

    def _of_node(self, method: Definition, owner: Definition | None) -> bool:
        """A method that ComfyUI calls: by its name, or by what the class says."""
        if method.name in _OF_NODES:
            return True
        if owner is None or b"FUNCTION" not in (self.graph.sources.load(method.file) or b""):
            return False
        return any(
            m.quoted and owner.first <= m.line <= owner.last
            for m in mentions(self._text(method.file), method.name)
        )

    # Mentions

    def _text(self, file: str) -> bytes:
        if file not in self._code:
            self._code[file] = code_of(self.graph.sources.load(file) or b"")
        return self._code[file]

    def _by_mention(self, wanted: Definition) -> Use:
        best = Use.NEVER
        for file, mention in self._mentions(wanted):
            self._spent += 1
            means = self._means(file, mention, wanted)
            if means > best:
                best = max(best, min(means, self._runs(file, mention)))
            if best is Use.CALLED:
                break
        return best

    def _mentions(self, wanted: Definition) -> Iterator[tuple[str, Mention]]:
        for file in self._index.get(wanted.name.encode(), ()):
            for name in self._names(file, wanted):
                for mention in mentions(self._text(file), name):
                    if file != wanted.file or not wanted.first <= mention.line <= wanted.last:
                        yield file, mention

    @cached_property
    def _index(self) -> dict[bytes, list[str]]:
        """Name of a definition → the files that have the word."""
        defined = {d.name.encode() for file in self.files for d in self.graph.definitions(file)}
        found: dict[bytes, list[str]] = {}
        for file in self.files:
            for word in defined.intersection(_WORD.findall(self.graph.sources.load(file) or b"")):
                found.setdefault(word, []).append(file)
        return found

    def _names(self, file: str, wanted: Definition) -> list[str]:
        """The name itself and what an import of the file calls it."""
        other = [
            bound
            for bound, (_, name) in self._imported(file).items()
            if name == wanted.name and bound != name
        ]
        return [wanted.name, *other]

    def _runs(self, file: str, mention: Mention) -> Use:
        here = self.around(file, mention.line)
        return Use.CALLED if here is None else self._asked(here)

    def _imported(self, file: str) -> dict[str, tuple[Import, str]]:
        """Name in the module → the statement that binds it, and what it is called there."""
        if file not in self._bound:
            found: dict[str, tuple[Import, str]] = {}
            for statement in self.graph.imports(file):
                names = statement.names or ("",)
                for bound, name in zip(statement.bound, names, strict=False):
                    found[bound] = statement, name
            self._bound[file] = found
        return self._bound[file]

    def _means(self, file: str, mention: Mention, wanted: Definition) -> Use:
        """Whether a mention is about this very definition."""
        if _ANNOTATED.search(mention.before) or _ONLY_ASKED.search(mention.before):
            return Use.NEVER
        if mention.quoted:
            return self._by_name(file, mention)
        if not mention.receiver:
            plain = not wanted.is_method and self._visible(file, wanted)
            return Use.CALLED if plain else Use.NEVER
        if mention.receiver in ("self", "cls"):
            return self._of_self(file, mention, wanted)
        return self._of_receiver(file, mention.receiver, wanted)

    def _by_name(self, file: str, mention: Mention) -> Use:
        """A name in quotes: it may be asked for where its file asks for what a variable names."""
        if "__all__" in mention.before:
            return Use.NEVER
        if file not in self._chooses:
            found = _CHOOSES.search(self._text(file))
            self._chooses[file] = Use.NAMED if found else Use.NEVER
        return self._chooses[file]

    def _by_choice(self, wanted: Definition) -> Use:
        """What a config of the tree names; or ``getattr(module, name)`` with a name from a file."""
        if self.graph.is_configured(wanted.file, wanted.name):
            return Use.CALLED
        for file, line in self._choosers.get(wanted.file, ()):
            here = self.around(file, line)
            if here is None or self._asked(here) is not Use.NEVER:
                return Use.NAMED
        return Use.NEVER

    @cached_property
    def _choosers(self) -> dict[str, list[tuple[str, int]]]:
        """File of a module → the lines that take something out of it by a name of their own."""
        found: dict[str, list[tuple[str, int]]] = {}
        for file in self.files:
            if b"getattr" not in (self.graph.sources.load(file) or b""):
                continue
            code = self._text(file)
            for match in _GETATTR.finditer(code):
                module = self._module(file, match[1].decode())
                if module is not None:
                    line = code.count(b"\n", 0, match.start()) + 1
                    found.setdefault(module, []).append((file, line))
        return found

    def _module(self, file: str, name: str) -> str | None:
        """The file of the module that a name of a file is bound to."""
        statement, inside = self._imported(file).get(name, (None, ""))
        if statement is None:
            return None
        dotted = ".".join(part for part in (statement.module, inside) if part)
        return self.graph.file_of(file, statement.level, dotted)

    def _visible(self, file: str, wanted: Definition) -> bool:
        """Whether a bare name of the file can be this one."""
        key = file, wanted.file, wanted.owner, wanted.name
        if key not in self._sees:
            self._sees[key] = file == wanted.file or any(
                self._leads_to(file, statement, wanted, 4)
                for statement in self.graph.imports(file)
                if wanted.name in statement.names or "*" in statement.names
            )
        return self._sees[key]

    def _leads_to(self, file: str, statement: Import, wanted: Definition, depth: int) -> bool:
        """Whether a statement imports from the file, or from a package that passes it on."""
        found = self._targets(file, statement)
        if wanted.file in found:
            return True
        return depth > 0 and any(self._passes_on(package, wanted, depth) for package in found)

    def _targets(self, file: str, statement: Import) -> tuple[str, ...]:
        key = file, statement
        if key not in self._led:
            self._led[key] = self.graph.targets(file, statement)
        return self._led[key]

    def _passes_on(self, package: str, wanted: Definition, depth: int) -> bool:
        below = wanted.file.startswith(f"{folder_of(package)}/")
        if below and b"def __getattr__" in (self.graph.sources.load(package) or b""):
            return True
        names = {wanted.name, wanted.owner, "*"}
        return any(
            self._leads_to(package, inner, wanted, depth - 1)
            for inner in self.graph.imports(package)
            if names & {*inner.names}
        )

    def _of_receiver(self, file: str, receiver: str, wanted: Definition) -> Use:
        root, dot, _ = receiver.partition(".")
        statement, _ = self._imported(file).get(root, (None, ""))
        if statement is None:
            return self._of_object(file, receiver, wanted)
        if not self._targets(file, statement):
            return Use.NEVER  # of another package
        if dot:
            return Use.CALLED
        if wanted.is_method:
            classes = self._classes(file, root)
            sure = not classes or any(self._is_heir(c, wanted) for c in classes)
        else:
            module = self._module(file, root)
            sure = module is not None and (
                module == wanted.file or self._passes_on(module, wanted, 4)
            )
        return Use.CALLED if sure else Use.NEVER

    def _of_self(self, file: str, mention: Mention, wanted: Definition) -> Use:
        around = self.around(file, mention.line)
        cls = self._class(around) if around is not None and around.is_method else None
        if not wanted.is_method:
            return Use.NEVER
        return Use.CALLED if cls is None or self._is_heir(cls, wanted) else Use.NEVER

    def _of_object(self, file: str, receiver: str, wanted: Definition) -> Use:
        """A receiver that no import binds: a class of the file, or an object of some class."""
        if not wanted.is_method:
            return Use.NEVER
        classes = self._classes(file, receiver)
        if not classes:
            known = [self._made_by(file, name) for name in self._makers(file, receiver)]
            if not known or None in known:
                return Use.CALLED
            classes = [c for found in known for c in found or ()]
        return Use.CALLED if any(self._is_heir(c, wanted) for c in classes) else Use.NEVER

    def _makers(self, file: str, receiver: str) -> list[str]:
        """What stands behind ``name =`` in the file, for the last part of a dotted name."""
        name = re.escape(receiver.rpartition(".")[2].encode())
        rows = re.findall(rb"\b" + name + rb"\s*=\s*(?!=)([^\n]*)", self._text(file))
        dotted = (_MADE.match(row) for row in rows)
        return [m[0].decode().strip() if m else "" for m in dotted]

    def _made_by(self, file: str, maker: str) -> list[Definition] | None:
        """The class that ``X(...)`` or ``X.from_pretrained(...)`` makes one of, or that ``X`` is.

        Empty: it is of another package. None: nobody knows.
        """
        root, _, rest = maker.rstrip("(").partition(".")
        statement, _ = self._imported(file).get(root, (None, ""))
        if statement is not None and not self._targets(file, statement):
            return []
        classes = self._classes(file, root)
        return classes if classes and rest in ("", "from_pretrained", "from_config") else None

    def _classes(self, file: str, name: str) -> list[Definition]:
        """The classes of the tree that a bare name of a file can mean."""
        statement, real = self._imported(file).get(name, (None, name))
        named = self._by_class.get(real, ())
        if statement is None:
            return [c for c in named if c.file == file]
        return [c for c in named if self._leads_to(file, statement, c, 4)]

    @cached_property
    def _by_class(self) -> dict[str, list[Definition]]:
        found: dict[str, list[Definition]] = {}
        for file in self.files:
            for definition in self.graph.definitions(file):
                if definition.is_class:
                    found.setdefault(definition.name, []).append(definition)
        return found

    def _is_heir(self, cls: Definition, wanted: Definition) -> bool:
        """Whether a class has the method: its own or one of a base, in either direction."""
        owner = self._class(wanted)
        return owner is None or owner in self._lineage(cls) or cls in self._lineage(owner)

    def _lineage(self, cls: Definition) -> list[Definition]:
        found: list[Definition] = []
        waiting = [cls]
        while waiting and len(found) < 16:
            here = waiting.pop()
            if here not in found:
                found.append(here)
                waiting += [c for base in here.bases for c in self._classes(here.file, base)]
        return found
