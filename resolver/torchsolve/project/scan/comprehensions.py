"""Comprehensions: an element for each round, as far as the rounds are known."""

from __future__ import annotations

import ast

from torchsolve.project.scan.state import State
from torchsolve.project.scan.texts import put
from torchsolve.project.scan.values import DictValue, ListValue, Scope, Text, Value, any_of, options


class Comprehensions(State):
    """Lists and dicts that are built in one expression."""

    def _list_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope
    ) -> Value:
        whole = self.eval(node.generators[0].iter, scope)
        each = options(whole)
        if not all(isinstance(option, Text) for option in each):  # strings go each by itself
            each = (whole,)
        return any_of(self._list_of(node, one, scope) for one in each)

    def _list_of(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, whole: Value, scope: Scope
    ) -> Value:
        found = ListValue()
        for inner, sure in self._rounds(node.generators, whole, scope):
            value = self.eval(node.elt, inner)
            if sure:
                found.items.append(value)
            else:
                found.rest = any_of([found.rest, value]) if found.rest else value
        return found

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Value:
        found = DictValue()
        whole = self.eval(node.generators[0].iter, scope)
        for inner, _ in self._rounds(node.generators, whole, scope):
            value = self.eval(node.value, inner)
            for key in options(self.eval(node.key, inner)):
                put(found, key, value)
        return found

    def _rounds(
        self, generators: list[ast.comprehension], whole: Value, scope: Scope
    ) -> list[tuple[Scope, bool]]:
        rounds = self._round(generators[0], whole, scope, sure=True)
        for generator in generators[1:]:
            following: list[tuple[Scope, bool]] = []
            for inner, sure in rounds[: self.bounds.unroll * 4]:
                more = self.eval(generator.iter, inner)
                following += self._round(generator, more, inner, sure=sure)
            rounds = following
        return rounds[: self.bounds.unroll * 4]

    def _round(
        self, generator: ast.comprehension, whole: Value, scope: Scope, *, sure: bool
    ) -> list[tuple[Scope, bool]]:
        found: list[tuple[Scope, bool]] = []
        for value, certain in self.members(whole):
            inner = with_names(scope, {})
            self.assign(generator.target, value, inner)
            answers = [self.truth(self.eval(test, inner)) for test in generator.ifs]
            if False not in answers:
                found.append((inner, sure and certain and None not in answers))
        return found

    def members(self, value: Value) -> list[tuple[Value, bool]]:
        """Elements, each with whether it is one for sure (not one that stands for many)."""
        if isinstance(value, ListValue):
            sure = [(item, True) for item in value.items]
            return [*sure, (value.rest, False)] if value.rest is not None else sure
        plain = isinstance(value, Text) and value.literal is not None
        sure_all = plain or (isinstance(value, DictValue) and value.rest is None)
        return [(item, sure_all) for item in self.elements(value)]

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Bind a target."""
        raise NotImplementedError


def with_names(scope: Scope, names: dict[str, Value]) -> Scope:
    """A scope of its own inside another one, with more names."""
    inner = Scope(scope.file, dict(names), scope, scope.module, scope.function, scope.frame)
    inner.owner = scope.owner
    return inner
