"""Names, attributes and items that are bound: assignments and imports."""

from __future__ import annotations

import ast

from torchsolve.project.scan.expressions import Expressions
from torchsolve.project.scan.texts import key_of, put
from torchsolve.project.scan.values import (
    NONE,
    Called,
    ClassValue,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Lazy,
    ListValue,
    ModuleValue,
    Scope,
    Text,
    Unknown,
    Value,
    any_of,
    options,
)


class Binding(Expressions):
    """What assignments and imports do."""

    def store(self, name: str, value: Value, scope: Scope) -> None:
        """Bind a name of a scope, or of the scope that ``global`` and ``nonlocal`` say."""
        if name not in scope.globals:
            scope.names[name] = value
            return
        here = scope.outer
        while here is not None and name not in here.names:
            here = here.outer
        target = here or scope.module or scope
        known = target.names.get(name)
        found = any_of([known, value]) if known is not None and self.doubt else value
        self.journal.bind(target.names, name, found)
        target.names[name] = found

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Bind a target to a value."""
        match target:
            case ast.Name(id=name):
                self.store(name, value, scope)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                self._unpack(elements, value, scope)
            case ast.Starred(value=inner):
                self.assign(inner, value, scope)
            case ast.Attribute(value=inner, attr=name):
                for owner in options(self.eval(inner, scope)):
                    self.set_attribute(owner, name, value)
            case ast.Subscript(value=inner, slice=key):
                self._set_item(inner, key, value, scope)
            case _:
                pass

    def _unpack(self, elements: list[ast.expr], value: Value, scope: Scope) -> None:
        columns: list[list[Value]] = [[] for _ in elements]
        for option in options(value):
            for index, found in enumerate(self._row(option, len(elements), elements)):
                columns[index].append(found)
        for element, column in zip(elements, columns, strict=True):
            self.assign(element, any_of(column), scope)

    def _row(self, value: Value, count: int, elements: list[ast.expr]) -> list[Value]:
        items = value.items if isinstance(value, ListValue) else []
        star = next((i for i, e in enumerate(elements) if isinstance(e, ast.Starred)), None)
        if star is not None and len(items) >= count - 1:
            after = count - star - 1
            middle: Value = ListValue(items[star : len(items) - after])
            return [*items[:star], middle, *items[len(items) - after :]]
        if len(items) == count:
            return list(items)
        if isinstance(value, ListValue) and value.rest is not None:
            return [*items[:count], *[value.rest] * (count - len(items))]
        return [self.unknown(element) for element in elements]

    def set_attribute(self, owner: Value, name: str, value: Value) -> None:
        """``owner.name = value``; where it may not happen, both values are kept."""
        match owner:
            case Instance(cls, names):
                self._keep(names, name, value)
                known = cls.fields.get(name)
                cls.fields[name] = value if known is None else any_of([known, value])
            case ClassValue(names=names):
                self._keep(names, name, value)
            case Unknown(parts=parts) | Called(parts=parts):
                self._keep(parts, name, value)
            case ModuleValue(file):
                self._keep(self.module(file).names, name, value)
            case _:
                pass

    def _keep(self, names: dict[str, Value], name: str, value: Value) -> None:
        known = names.get(name) if self.doubt else None
        found = value if known is None else any_of([known, value])
        self.journal.bind(names, name, found)
        names[name] = found

    def _set_item(self, inner: ast.expr, key: ast.expr, value: Value, scope: Scope) -> None:
        owners = options(self.eval(inner, scope))
        at = ListValue() if isinstance(key, ast.Slice) else self.eval(key, scope)
        if self.frames:
            self.frame.line = inner.lineno
        for owner in owners:
            for option in options(at):
                self.set_item(owner, option, value)

    def set_item(self, owner: Value, key: Value, value: Value) -> None:
        """``owner[key] = value``."""
        match owner:
            case DictValue():
                known = owner.items.get(key_of(key)) if self.doubt else None
                self._put(owner, key, value if known is None else any_of([known, value]))
            case ListValue():
                owner.rest = value if owner.rest is None else any_of([owner.rest, value])
            case Unknown(parts=parts) | Called(parts=parts):
                self._keep(parts, str(key_of(key)), value)
            case External("os.environ") if isinstance(key, Text) and key.literal:
                before = self.environment.get(key.literal, NONE)
                self.environment[key.literal] = any_of([before, value]) if self.doubt else value
            case External(name) if name.endswith("folder_names_and_paths"):
                self.register(key, value)
            case _:
                pass

    def _put(self, owner: DictValue, key: Value, value: Value) -> None:
        known = key_of(key)
        if known is None:
            rest = any_of([owner.rest, value]) if owner.rest is not None else value
            self.journal.more(owner, rest)
        else:
            self.journal.bind(owner.items, known, value)
        put(owner, key, value)

    def register(self, category: Value, value: Value) -> None:
        """``folder_names_and_paths[category] = value``."""
        raise NotImplementedError

    def augment(self, node: ast.AugAssign, scope: Scope) -> None:
        """``target op= value``; a list changes in place."""
        load: ast.expr
        match node.target:
            case ast.Name(id=name):
                load = ast.Name(name, ast.Load())
            case ast.Attribute(value=inner, attr=name):
                load = ast.Attribute(inner, name, ast.Load())
            case ast.Subscript(value=inner, slice=key):
                load = ast.Subscript(inner, key, ast.Load())
        ast.copy_location(load, node.target)
        both = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        self.assign(node.target, self.eval(both, scope), scope)

    # Imports

    def imported(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Bind what an import statement binds."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._import(alias, scope)
            return
        file = self.graph.file_of(scope.file, node.level, node.module or "")
        for alias in node.names:
            self._import_from(node, alias, file, scope)

    def _import(self, alias: ast.alias, scope: Scope) -> None:
        name = alias.name
        wanted = name if alias.asname else name.partition(".")[0]
        file = self.graph.file_of(scope.file, 0, wanted)
        package = self.graph.package_of(scope.file, 0, wanted) if file is None else None
        deepest = self.graph.file_of(scope.file, 0, name)
        if deepest is not None:
            self.touch(deepest)
        value: Value = External(wanted)
        if file or package:
            value = ModuleValue(file or f"{package}/__init__.py")
        self.store(alias.asname or wanted, value, scope)

    def _import_from(
        self, node: ast.ImportFrom, alias: ast.alias, file: str | None, scope: Scope
    ) -> None:
        module = node.module or ""
        below = self.graph.file_of(
            scope.file, node.level, f"{module}.{alias.name}" if module else alias.name
        )
        if alias.name == "*":
            self._star(file, scope)
            return
        value: Value
        if below is not None and file == scope.file:
            value = ModuleValue(below)
        elif file is not None:
            self.touch(file)
            value = Lazy(file, alias.name, Lazy(below, None) if below else None)
        elif below is not None:
            value = ModuleValue(below)
        elif module:
            value = self.attribute(External(module), alias.name)
        else:
            value = External(alias.name)
        if below is not None and (file is None or file.endswith("__init__.py")):
            self.touch(below)
        self.store(alias.asname or alias.name, value, scope)

    def _star(self, file: str | None, scope: Scope) -> None:
        if file is None:
            return
        names = self.module(file).names
        scope.names.update({n: v for n, v in names.items() if not n.startswith("_")})

    def touch(self, file: str) -> None:
        """Run a module now where its running may matter to others."""
        raise NotImplementedError

    def function_of(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope
    ) -> FunctionValue:
        """The function that a ``def`` makes."""
        owner = scope.owner if _is_class_scope(scope) else None
        around = scope.outer if owner is not None and scope.outer is not None else scope
        names = tuple(decorator(d) for d in node.decorator_list)
        return FunctionValue(node, around, owner, None, names)


def _is_class_scope(scope: Scope) -> bool:
    return scope.owner is not None and scope.owner.names is scope.names


def decorator(node: ast.expr) -> str:
    """The name of a decorator."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner):
            return decorator(inner)
        case _:
            return ""
