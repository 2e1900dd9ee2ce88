"""Calls of what the tree defines, attributes, items and truth."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchsolve.project.scan.attributes import Attributes
from torchsolve.project.scan.state import Frame, label_of
from torchsolve.project.scan.values import (
    MOST,
    NONE,
    AnyOf,
    Called,
    ClassValue,
    Const,
    DictValue,
    External,
    FunctionValue,
    Instance,
    ListValue,
    PathValue,
    Scope,
    Super,
    Text,
    Unknown,
    Value,
    any_of,
    options,
    text,
    there,
    with_marks,
)

_FEW = 8
_ARITHMETIC = frozenset(
    {
        *("torch", "numpy", "cv2", "PIL", "math", "time", "random", "scipy", "einops", "kornia"),
        *("torchvision", "logging", "gc", "warnings", "skimage", "matplotlib", "threading", "tqdm"),
    }
)
_TELLING = frozenset(
    {
        *("load", "hub", "dnn", "get_dir", "load_url", "load_state_dict_from_url", "download_url"),
        *("download", "from_pretrained", "get_full_path", "model_zoo", "jit", "models_dir"),
        *("get_filename_list", "hf_hub_download", "snapshot_download", "load_torch_file"),
        *("load_file", "shape_predictor"),
    }
)


class Calls(Attributes):
    """Calls inside the tree."""

    def call_node(self, node: ast.Call, scope: Scope) -> Value:
        """A call expression: every callee that it may be."""
        if self._is_arithmetic(node, scope):
            return Unknown(label_of(node))
        args, keywords = self._arguments(node, scope)
        if isinstance(node.func, ast.Attribute):
            owner, name = self.eval(node.func.value, scope), node.func.attr
            self._at(node)
            if type(owner) is AnyOf:
                each = there(owner)[:MOST]
                found = any_of(self.call_method(v, name, args, keywords, node) for v in each)
            else:
                found = self.call_method(owner, name, args, keywords, node)
        elif isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(scope)
        elif isinstance(node.func, ast.Name) and node.func.id in ("locals", "globals"):
            names: dict[object, Value] = (scope.module or scope).names  # type: ignore[assignment]
            return DictValue(names)
        else:
            callee = self.eval(node.func, scope)
            self._at(node)
            found = self.call(callee, args, keywords, node)
        if isinstance(found, Unknown) and not found.label:
            found.label = label_of(node)
        return found

    def _is_arithmetic(self, node: ast.Call, scope: Scope) -> bool:
        """A call of a library of numbers and pictures, with no call in it that may matter."""
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return False
        known = self._lookup(root.id, scope)
        if not isinstance(known, External) or known.name.partition(".")[0] not in _ARITHMETIC:
            return False
        return not self.may_matter(node)

    def may_matter(self, node: ast.expr) -> bool:
        """Whether an expression has a name in it that may lead to a model."""
        known = self.mattering.get(node)
        if known is None:
            known = any(self._tells(inner) for inner in ast.walk(node))
            self.mattering[node] = known
        return known

    def _tells(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name in _TELLING or self.interest.tells(name)
            case _:
                return False

    def _at(self, node: ast.Call) -> None:
        if self.frames:
            self.frame.line = node.lineno

    def _arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Value], dict[str, Value]]:
        args: list[Value] = []
        for argument in node.args:
            value = self.eval(argument, scope)
            if isinstance(argument, ast.Starred):
                args += self.elements(value)[:_FEW] if isinstance(value, ListValue) else [value]
            else:
                args.append(self._named(value, argument))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.eval(keyword.value, scope)
            if keyword.arg is not None:
                keywords[keyword.arg] = self._named(value, keyword.value)
            elif isinstance(value, DictValue | AnyOf):
                keywords |= _spread(value)
            elif isinstance(value, Unknown):  # of a config: what was written into it is known
                keywords.update(value.parts)
        return args, keywords

    def _named(self, value: Value, node: ast.expr) -> Value:
        if isinstance(value, Unknown) and not value.label:
            value.label = label_of(node)
        return value

    def _super(self, scope: Scope) -> Value:
        owner, first = scope.owner, next(iter(scope.names.values()), None)
        return Super(owner, first) if owner and first is not None else Unknown()

    def call_method(
        self, owner: Value, name: str, args: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> Value:
        """``owner.name(...)``."""
        return self.call(self.attribute(owner, name), args, keywords, node)

    def call(
        self, function: Value, args: list[Value], keywords: dict[str, Value], node: ast.Call | None
    ) -> Value:
        """The value of a call."""
        match function:
            case FunctionValue():
                return self.run(function, args, keywords, node)
            case ClassValue():
                return self.instantiate(function, args, keywords, node)
            case External(name):
                return self.external(name, args, keywords)
            case Instance(cls) if (method := self.method(cls, "__call__")) is not None:
                return self.call(self._bound(method, function, cls), args, keywords, node)
            case Called("functools.partial", inner, known) if inner:
                return self.call(inner[0], [*inner[1:], *args], known | keywords, node)
            case AnyOf(several):
                return any_of(self.call(f, args, keywords, node) for f in several[:_FEW])
            case _:
                self.hand_on("", args, keywords)
                return Unknown()

    def external(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
        """A call of something that is not of the tree."""
        raise NotImplementedError

    # Functions

    def run(
        self,
        function: FunctionValue,
        args: Sequence[Value],
        keywords: dict[str, Value],
        node: ast.Call | None,  # noqa: ARG002 - where it was called; a subclass asks
    ) -> Value:
        """Go through a function's body with these arguments."""
        if function.bound is not None:
            args = [function.bound, *args]
        deep = len(self.frames) >= self.bounds.depth or self._says_nothing(function, args, keywords)
        again = sum(f.scope.names.get("\x00") is function for f in self.frames)
        if deep or again > 1 or not self.matters(function):
            return Unknown()
        self.executed.add((function.scope.file, function.node.lineno))
        if self.entry not in ("alone", "untaken"):
            self.ran.add((function.scope.file, function.node.lineno))
        key = (
            function.node,
            *(_key(v) for v in args),
            *((n, _key(v)) for n, v in keywords.items()),
        )
        known = self.results.get(key)
        if known is not None:
            return known[0]
        before = len(self.observations)
        found = self._entered(function, args, keywords)
        if len(self.observations) == before:
            # What the key knows by identity is kept, so that the identity stays its own.
            self.results[key] = (found, args, keywords)
        return found

    def _entered(
        self, function: FunctionValue, args: Sequence[Value], keywords: dict[str, Value]
    ) -> Value:
        scope = self._scope_of(function)
        self._bind(function, list(args), keywords, scope)
        if isinstance(function.node, ast.Lambda):
            return self.eval(function.node.body, scope)
        return self._through(function, function.node.body, scope)

    def _says_nothing(
        self, function: FunctionValue, args: Sequence[Value], keywords: dict[str, Value]
    ) -> bool:
        """A function that opens no model and is asked with values of which nothing is known."""
        if isinstance(function.node, ast.Lambda) or self.interest.has(function.node):
            return False
        given = [*args[1 if function.bound is not None else 0 :], *keywords.values()]
        return bool(given) and all(self._is_vague(o) for value in given for o in options(value))

    def _is_vague(self, value: Value) -> bool:
        if isinstance(value, FunctionValue):
            return not self.leads(value)
        return isinstance(value, Unknown | Called | Const)

    def leads(self, function: FunctionValue) -> bool:
        """Whether a function leads to a model."""
        node = function.node
        return (
            self.may_matter(node.body) if isinstance(node, ast.Lambda) else self.interest.has(node)
        )

    def hand_on(self, name: str, args: Sequence[Value], keywords: dict[str, Value]) -> None:
        """Run what a foreign callable is given to call."""
        raise NotImplementedError

    def _scope_of(self, function: FunctionValue) -> Scope:
        around = function.scope
        scope = Scope(around.file, {}, around, around.module or around, function.name)
        scope.frame, scope.owner = self.fresh(), function.owner
        return scope

    def _through(self, function: FunctionValue, body: list[ast.stmt], scope: Scope) -> Value:
        frame = Frame(scope)
        self.place = f"{scope.file}:{function.node.lineno}"
        doubt, self.doubt = self.doubt, 0
        marker = {"\x00": function}
        scope.names = scope.names | marker
        self.frames.append(frame)
        try:
            ended = self.body(body, scope)
        finally:
            self.frames.pop()
            self.doubt = doubt
        if ended:
            frame.returned.append(NONE)
        return _without_none(frame.returned)

    def _bind(
        self, function: FunctionValue, args: list[Value], keywords: dict[str, Value], scope: Scope
    ) -> None:
        spec = function.node.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        mark = frozenset({("arg", scope.frame)})
        first = 1 if function.bound is not None else 0
        for index, (name, value) in enumerate(zip(names, args, strict=False)):
            scope.names[name] = value if index < first else with_marks(value, mark)
        if spec.vararg:
            scope.names[spec.vararg.arg] = ListValue(list(args[len(names) :]), kind="tuple")
        known = {*names, *(a.arg for a in spec.kwonlyargs)}
        rest = {k: v for k, v in keywords.items() if k not in known}
        scope.names |= {k: with_marks(v, mark) for k, v in keywords.items() if k in known}
        if spec.kwarg:
            scope.names[spec.kwarg.arg] = DictValue({k: v for k, v in rest.items()})  # noqa: C416
        self._defaults(function, names, scope)

    def _defaults(self, function: FunctionValue, names: list[str], scope: Scope) -> None:
        spec = function.node.args
        pairs = list(zip(reversed(names), reversed(spec.defaults), strict=False))
        pairs += [(a.arg, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d]
        alone = self.entry in ("alone", "untaken") and not self.frames
        for name, default in pairs:
            if name not in scope.names:
                value = self.eval(default, function.scope)
                scope.names[name] = Unknown(name) if alone and _is_switch(value) else value
        for name in (*names, *(a.arg for a in spec.kwonlyargs)):
            scope.names.setdefault(name, Unknown(name))

    def matters(self, function: FunctionValue) -> bool:
        """Whether a function is worth running."""
        node = function.node
        if isinstance(node, ast.Lambda) or self.asking:
            return True
        length = (node.end_lineno or node.lineno) - node.lineno
        spec = node.args
        asked = len(spec.posonlyargs) + len(spec.args) - (function.bound is not None)
        most = self.interest.short if asked else self.interest.long
        return length <= most or self.interest.has(node)

    # Classes

    def instantiate(
        self, cls: ClassValue, args: list[Value], keywords: dict[str, Value], node: ast.Call | None
    ) -> Value:
        """An object of a class of the tree."""
        found = Instance(cls)
        if self._is_record(cls):
            self._fill_record(found, cls, args, keywords)
        method = self.method(cls, "__init__")
        if isinstance(method, FunctionValue) and self.interest.has(cls.node):
            self.run(
                FunctionValue(method.node, method.scope, method.owner, found), args, keywords, node
            )
            if (self.foreign_base(cls) or "").startswith("comfy."):
                self._kept_by_base(found, method, args, keywords)
        elif method is None and (base := self.foreign_base(cls)) is not None:
            self.external(base, args, keywords)
        return found

    def _kept_by_base(
        self, found: Instance, method: FunctionValue, args: list[Value], keywords: dict[str, Value]
    ) -> None:
        """A class of ComfyUI keeps what its constructor gets, under the same name."""
        names = [a.arg for a in method.node.args.args[1:]]
        for name, value in (*zip(names, args, strict=False), *keywords.items()):
            if name not in found.names:
                self.set_attribute(found, name, value)

    def _is_record(self, cls: ClassValue) -> bool:
        named = any(isinstance(b, External) and b.name.endswith("NamedTuple") for b in cls.bases)
        return named or any(d in ("dataclass", "define", "frozen", "s") for d in cls.decorators)

    def _fill_record(
        self, found: Instance, cls: ClassValue, args: list[Value], keywords: dict[str, Value]
    ) -> None:
        fields = [n for c in reversed(self.lineage(cls)) for n in c.annotations]
        for name, value in zip(dict.fromkeys(fields), args, strict=False):
            self.set_attribute(found, name, value)
        for name, value in keywords.items():
            self.set_attribute(found, name, value)
        for name in fields:
            default = self.method(cls, name)
            if isinstance(default, Called) and "default_factory" in default.keywords:
                default = self.call(default.keywords["default_factory"], [], {}, None)
            elif isinstance(default, Called):
                default = default.keywords.get("default")
            if name not in found.names and default is not None:
                found.names[name] = default


def _spread(value: Value) -> dict[str, Value]:
    """What ``**value`` gives."""
    found: dict[str, Value] = {}
    for option in options(value):
        for name, inner in option.items.items() if isinstance(option, DictValue) else ():
            if isinstance(name, str):
                found[name] = any_of([found[name], inner]) if name in found else inner
    return found


def _is_switch(value: Value) -> bool:
    """A default that callers as a rule replace: None, a flag, an empty text."""
    is_flag = isinstance(value, Const) and isinstance(value.value, bool)
    return is_flag or value == NONE or value == text("")


def _key(value: Value) -> object:
    """What two calls must have in common to give the same."""
    match value:
        case Text(parts) | PathValue(Text(parts)):
            return parts
        case Const(inner):
            return repr(inner)
        case Unknown(parts=parts) if not parts:
            return "?"
        case AnyOf(several):
            return tuple(map(_key, several))
        case _:
            return id(value)


def _without_none(returned: list[Value]) -> Value:
    found = any_of(returned)
    lists = [v for v in returned if isinstance(v, ListValue) and v.rest is not None and not v.items]
    if lists and len(lists) < len(returned):
        return any_of([v for v in returned if v != NONE])
    return found
