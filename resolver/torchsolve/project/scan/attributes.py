"""Attributes, items, elements and truth of values."""

from __future__ import annotations

import ast

from torchsolve.project.scan.ospath import is_absolute, path_attribute
from torchsolve.project.scan.statements import Statements
from torchsolve.project.scan.texts import any_entry, as_text, key_of, value_of_key
from torchsolve.project.scan.values import (
    MOST,
    AnyOf,
    Called,
    ClassValue,
    Const,
    DictValue,
    External,
    FunctionValue,
    Instance,
    ListValue,
    ModuleValue,
    PathValue,
    Super,
    Text,
    Unknown,
    Value,
    any_of,
    marks_of,
    text,
    with_marks,
)


class Attributes(Statements):
    """What values have in them."""

    def lineage(self, cls: ClassValue) -> list[ClassValue]:
        """A class and its bases of the tree, nearest first."""
        found: list[ClassValue] = []
        waiting = [cls]
        while waiting and len(found) < 32:
            here = waiting.pop(0)
            if here in found:
                continue
            found.append(here)
            for base in here.bases:
                known = self.loaded(base)
                waiting += [known] if isinstance(known, ClassValue) else []
        return found

    def method(self, cls: ClassValue, name: str) -> Value | None:
        """A name of a class or of its bases."""
        for here in self.lineage(cls):
            if name in here.names:
                return self.loaded(here.names[name])
        return None

    def foreign_base(self, cls: ClassValue) -> str | None:
        """A base that is not of the tree."""
        for here in self.lineage(cls):
            for base in here.bases:
                known = self.loaded(base)
                if isinstance(known, External) and known.name not in ("object", "builtins.object"):
                    return known.name
        return None

    def _bound(self, value: Value, owner: Value, cls: ClassValue) -> Value:
        if not isinstance(value, FunctionValue) or value.bound is not None:
            return value
        if "staticmethod" in value.decorators:
            return value
        first = cls if "classmethod" in value.decorators else owner
        if first is cls and owner is cls and "classmethod" not in value.decorators:
            return value
        return FunctionValue(value.node, value.scope, value.owner, first, value.decorators)

    # Attributes

    def attribute(self, value: Value, name: str) -> Value:
        """``value.name``."""
        match value:
            case Instance():
                return self._of_instance(value, name)
            case ClassValue():
                return self._of_class(value, name)
            case ModuleValue(file):
                return self._of_module(file, name)
            case External(inner):
                return self.constant(f"{inner}.{name}")
            case Unknown(label, kind, marks, parts) if not name.startswith("__"):
                if name not in parts:
                    part = _within(label, name) if kind == "config" and label else name
                    parts[name] = Unknown(part, kind, marks)
                return parts[name]
            case Called(parts=parts):
                return parts.setdefault(name, Unknown(name))
            case PathValue(inner) if (found := path_attribute(inner, name)) is not None:
                return found
            case Super(cls, bound):
                return self._of_super(cls, bound, name)
            case FunctionValue() if name == "__name__":
                return text(value.name)
            case AnyOf(several):
                return any_of(self.attribute(option, name) for option in several)
            case _:
                return Unknown(name)

    def constant(self, name: str) -> Value:
        """An attribute of something external; itself where it is not known."""
        raise NotImplementedError

    def _of_instance(self, value: Instance, name: str) -> Value:
        if name in value.names:
            return value.names[name]
        found = self.method(value.cls, name)
        if isinstance(found, FunctionValue):
            if {"property", "cached_property"} & set(found.decorators):
                return self.run(found, [value], {}, None)
            return self._bound(found, value, value.cls)
        fields = [c.fields[name] for c in self.lineage(value.cls) if name in c.fields]
        if fields:
            return any_of([*fields, found] if found is not None else fields)
        if found is not None:
            return found
        if name == "__class__":
            return value.cls
        return self._annotated_field(value, name)

    def _annotated_field(self, value: Instance, name: str) -> Value:
        """An attribute of which only its declared class is known: an object with defaults."""
        for here in self.lineage(value.cls):
            annotation = here.annotations.get(name)
            if isinstance(annotation, ast.Name):
                cls = self.method(value.cls, annotation.id) or self.name(annotation.id, here.scope)
                if isinstance(cls, ClassValue):
                    found = self.instantiate(cls, [], {}, None)
                    value.names[name] = found
                    return found
        return Unknown(name)

    def _of_class(self, value: ClassValue, name: str) -> Value:
        found = self.method(value, name)
        base = self.foreign_base(value)
        if found is None:
            if name == "__name__":
                return text(value.name)
            return External(f"{base}.{name}") if base else Unknown(name)
        if base and "Enum" in base and not isinstance(found, FunctionValue):
            return Instance(value, {"value": found, "name": text(name)})
        return self._bound(found, value, value)

    def _of_super(self, cls: ClassValue, bound: Value, name: str) -> Value:
        for here in self.lineage(cls)[1:]:
            if name in here.names:
                owner = bound if isinstance(bound, ClassValue) else cls
                found = self.loaded(here.names[name])
                if isinstance(found, FunctionValue):
                    return FunctionValue(
                        found.node, found.scope, found.owner, bound, found.decorators
                    )
                return self._bound(found, bound, owner)
        base = self.foreign_base(cls)
        return External(f"{base}.{name}") if base else Unknown(name)

    def _of_module(self, file: str, name: str) -> Value:
        if name == "__file__":
            return text(f"{self.home}/{file}")
        names = self.module(file).names
        if name in names:
            return self.loaded(names[name])
        below = self.graph.file_of(file, 1, name) if file.endswith("__init__.py") else None
        if below is not None:
            return ModuleValue(below)
        folder = self.graph.package_of(file, 1, name) if file.endswith("__init__.py") else None
        return ModuleValue(f"{folder}/__init__.py") if folder else Unknown(name)

    # Items

    def item(self, value: Value, key: Value) -> Value:
        """``value[key]``."""
        match value:
            case DictValue():
                return self._entry(value, key)
            case ListValue(items=items, rest=rest):
                return self._element(items, rest, key)
            case Unknown(label, kind, marks, parts):
                name = str(key_of(key)) if key_of(key) is not None else as_text(key).parts
                part = _within(label, name) if kind == "config" and isinstance(name, str) else label
                return parts.setdefault(str(name), Unknown(part, kind, marks))
            case Called(parts=parts):
                return parts.setdefault(str(key_of(key)), Unknown())
            case Text() if value.literal is not None and isinstance(key, Const):
                return _character(value, key)
            case External(name):
                return self.external_item(name, key)
            case _:
                return Unknown(marks=marks_of(value))

    def external_item(self, name: str, key: Value) -> Value:
        """An item of something external."""
        raise NotImplementedError

    def selects(self, table: DictValue, key: Value) -> None:
        """A choice that selects a row of a table decides what all of the row says."""
        if any(isinstance(row, DictValue | ListValue) for row in table.items.values()):
            self.split_on |= {n: None for kind, n in sorted(marks_of(key)) if kind == "enum"}

    def _entry(self, value: DictValue, key: Value) -> Value:
        self.selects(value, key)
        known = key_of(key)
        marks = marks_of(key)
        if known is not None and known in value.items:
            return with_marks(value.items[known], marks)
        if known is not None:
            return value.rest if value.rest is not None else Unknown(str(known))
        if not value.items and value.rest is None:
            return Unknown()
        return any_of(any_entry(value, key))

    def _element(self, items: list[Value], rest: Value | None, key: Value) -> Value:
        place = key.value if isinstance(key, Const) else None
        if isinstance(place, int) and -len(items) <= place < len(items):
            if place < 0 and rest is not None:
                return any_of([rest, items[place]])
            return items[place]
        if isinstance(place, int):
            return rest if rest is not None else Unknown()
        found = [*items, *([rest] if rest is not None else [])]
        return any_of(found) if found else Unknown()

    def elements(self, value: Value) -> list[Value]:
        """What a loop over a value meets; an element that stands for many is one."""
        match value:
            case ListValue(items=items, rest=rest):
                return [*items, *([rest] if rest is not None else [])]
            case DictValue(items=items, rest=rest):
                keys = map(value_of_key, items)
                return [*keys, *([Unknown("key")] if rest is not None else [])]
            case Text() if value.parts:
                known = value.literal
                return [text(c, value.marks) for c in known] if known is not None else [value]
            case AnyOf(several):
                return [element for option in several for element in self.elements(option)][:MOST]
            case Unknown(label, kind):
                return [Unknown(label, kind)]
            case _:
                return [Unknown()]

    # Truth

    def truth(self, value: Value) -> bool | None:
        """Whether a value is true; None where it may be either."""
        match value:
            case Const(inner):
                return bool(inner)
            case Text() if _may_be_emptied(value):
                return None
            case Text():
                known = any(isinstance(p, str) for p in value.parts) or _is_chosen(value)
                return True if known else (None if value.parts else False)
            case ListValue(items=items, rest=rest) | DictValue(items=items, rest=rest):
                return True if items else (False if rest is None else None)
            case AnyOf(several):
                answers = {self.truth(option) for option in several}
                return answers.pop() if len(answers) == 1 else None
            case Unknown():
                return value.truth
            case Called():
                return None
            case _:
                return True


def _is_chosen(value: Text) -> bool:
    """An entry of a combo: there is one, whichever it is."""
    return any(kind == "rest" for kind, _ in value.marks)


def _may_be_emptied(value: Text) -> bool:
    """What a user may type in place of the default, or leave empty."""
    return ("typed", "") in value.marks and not is_absolute(value)


def _within(label: str, name: str) -> str:
    """A part of a config: ``pipeline.json:models.decoder``."""
    return f"{label}{name}" if label.endswith(":") else f"{label}.{name}"


def _character(value: Text, key: Const) -> Value:
    known, place = value.literal or "", key.value
    if isinstance(place, int) and -len(known) <= place < len(known):
        return text(known[place], value.marks)
    return Unknown()
