"""What the functions of the language give."""

from __future__ import annotations

from torchsolve.project.scan.callbacks import Callbacks
from torchsolve.project.scan.containers import dict_method
from torchsolve.project.scan.values import (
    MOST,
    NONE,
    Called,
    ClassValue,
    Const,
    DictValue,
    External,
    Instance,
    ListValue,
    ModuleValue,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    options,
    text,
)

_FEW = 4


class Builtins(Callbacks):
    """Functions that need no import."""

    def builtin(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
        """The value of a call of one of them."""
        first = args[0] if args else NONE
        match name:
            case "str" | "repr":
                return any_of(self.texts(first)) if args else text("")
            case "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter":
                return self._list_from(first, name) if args else ListValue(kind=name)
            case "dict":
                return self._dict_from(args, keywords)
            case "open":
                return Called("open", tuple(args), keywords, self.line)
            case "next":
                found = self.elements(first)
                return any_of([*found[:1], *args[1:2]]) if len(found) == 1 else any_of(found)
            case "enumerate" | "zip" | "map" | "filter" | "range":
                return self._iterators(name, args)
            case _:
                return self._more_builtins(name, first, args)

    def _more_builtins(self, name: str, first: Value, args: list[Value]) -> Value:
        match name:
            case "len":
                return self._length(first)
            case "getattr":
                return self._getattr(args)
            case "hasattr" | "isinstance" | "issubclass" | "callable":
                return self._isinstance(name, args)
            case "any" | "all":
                return self._any_all(name, first)
            case "type" if isinstance(first, Instance):
                return first.cls
            case "setattr" if len(args) == 3 and isinstance(args[1], Text) and args[1].literal:
                self.set_attribute(first, args[1].literal, args[2])
                return NONE
            case "int" | "float" | "bool" if isinstance(first, Const):
                return first
            case "int" if isinstance(first, Text) and (first.literal or "").isdecimal():
                return Const(int((first.literal or "0")[:18]), first.marks)
            case "int" if isinstance(first, Instance) and "value" in first.names:
                return first.names["value"]  # of an IntEnum
            case _:
                return Unknown(name)

    def _list_from(self, value: Value, kind: str) -> Value:
        found: list[Value] = []
        for option in options(value)[:MOST]:
            if isinstance(option, ListValue):
                items = list(reversed(option.items)) if kind == "reversed" else list(option.items)
                found.append(ListValue(items, option.rest, "list"))
            elif isinstance(option, DictValue):
                found.append(dict_method(option, "keys", [], {}))
            elif isinstance(option, ClassValue):
                found.append(self._members_of_enum(option))
            else:
                found.append(ListValue([], Unknown()))
        return any_of(found)

    def _members_of_enum(self, cls: ClassValue) -> Value:
        names = [n for n, v in cls.names.items() if isinstance(v, Text | Const | ListValue)]
        return ListValue([self.attribute(cls, n) for n in names if not n.startswith("_")])

    def _dict_from(self, args: list[Value], keywords: dict[str, Value]) -> Value:
        found = DictValue()
        for argument in options(args[0]) if args else ():
            if isinstance(argument, DictValue):
                found.items.update(argument.items)
                found.rest = argument.rest if found.rest is None else found.rest
            elif isinstance(argument, ListValue):
                for pair in argument.items:
                    if isinstance(pair, ListValue) and len(pair.items) == 2:
                        self.set_item(found, pair.items[0], pair.items[1])
        found.items.update(keywords)
        return found

    def table_method(
        self, owner: DictValue, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        """``owner.name(*args)`` of a dict; each key that it may be is asked for by itself."""
        if name != "get" or not args:
            return dict_method(owner, name, args, keywords)
        self.selects(owner, args[0])
        return any_of(dict_method(owner, name, [k, *args[1:]], {}) for k in options(args[0]))

    def _length(self, value: Value) -> Value:
        if isinstance(value, ListValue) and value.rest is None:
            return Const(len(value.items))
        if isinstance(value, DictValue) and value.rest is None:
            return Const(len(value.items))
        if isinstance(value, Text) and value.literal is not None:
            return Const(len(value.literal))
        return Unknown()

    def _getattr(self, args: list[Value]) -> Value:
        if len(args) < 2:
            return Unknown()
        names = [t.literal for t in self.texts(args[1])]
        found = [self.attribute(args[0], n) for n in names if n is not None]
        if not found and isinstance(args[0], ModuleValue):
            found = self._chosen_by_name(args[0].file)
        return any_of(found) if found else Unknown()

    def _chosen_by_name(self, file: str) -> list[Value]:
        """What a config may name in a module: its few classes that handle a model."""
        names = self.module(file).names.values()
        own = [v for v in names if isinstance(v, ClassValue) and v.scope.file == file]
        told = [cls for cls in own if self.interest.has(cls.node)]
        return list(told) if len(told) <= _FEW else []

    def _isinstance(self, name: str, args: list[Value]) -> Value:
        if name != "isinstance" or len(args) < 2:
            return Unknown()
        wanted = args[1].items if isinstance(args[1], ListValue) else [args[1]]
        names = {w.name.rpartition(".")[2] for w in wanted if isinstance(w, External)}
        kinds = {Text: "str", ListValue: "list", DictValue: "dict", PathValue: "Path"}
        known = {kinds.get(type(option)) for option in options(args[0])}
        if None in known or not names:
            return Unknown()
        answers = (
            {k in names for k in known} if known - {"list"} else {bool(names & {"list", "tuple"})}
        )
        return Const(answers.pop()) if len(answers) == 1 else Unknown()

    def _iterators(self, name: str, args: list[Value]) -> Value:
        if name == "range":
            return ListValue([], Unknown("i"))
        if name == "enumerate":
            rows = self.members(args[0]) if args else []
            items = [ListValue([Const(i), v], kind="tuple") for i, (v, s) in enumerate(rows) if s]
            rest = [ListValue([Unknown(), v], kind="tuple") for v, s in rows if not s]
            return ListValue(list(items), any_of(rest) if rest else None)
        if name == "zip":
            columns = [self.elements(a) for a in args]
            rows_of = zip(*columns, strict=False)
            return ListValue([ListValue(list(row), kind="tuple") for row in rows_of])
        if name == "map" and len(args) > 1:
            return ListValue([self.call(args[0], [v], {}, None) for v in self.elements(args[1])])
        return args[-1] if args else ListValue()

    def _any_all(self, name: str, value: Value) -> Value:
        if not isinstance(value, ListValue):
            return Unknown()
        answers = [self.truth(item) for item in self.elements(value)]
        sure = value.rest is None
        if name == "any":
            known = True if True in answers and sure else (None if None in answers else False)
        else:
            known = False if False in answers and sure else (None if None in answers else True)
        return Unknown() if known is None or not sure else Const(known)
