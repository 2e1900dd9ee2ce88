"""Functions that are not called by the tree itself, but handed to somebody who calls them."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.project.scan.calls import Calls
from torchsolve.project.scan.values import DictValue, FunctionValue, Instance, Value


class Callbacks(Calls):
    """What a callable that is not of the tree calls back."""

    def hand_on(self, name: str, args: Sequence[Value], keywords: dict[str, Value]) -> None:
        """Run what a foreign callable is given to call: ``submit(f, a)``, ``Thread(target=f)``.

        ComfyUI calls the methods of an object that it gets where they take the place of its own.
        """
        for place, value in enumerate(args):
            if isinstance(value, FunctionValue) and self.leads(value):
                self.call(value, list(args[place + 1 :]), {}, None)
            elif isinstance(value, Instance) and name.startswith("comfy."):
                self._overriding(value)
        target = keywords.get("target")
        if isinstance(target, FunctionValue) and self.leads(target):
            more = keywords.get("kwargs")
            named = more.items.items() if isinstance(more, DictValue) else ()
            given = self.elements(keywords["args"]) if "args" in keywords else []
            self.call(target, given, {k: v for k, v in named if isinstance(k, str)}, None)

    def _overriding(self, value: Instance) -> None:
        base = self.foreign_base(value.cls)
        if base is None or not base.startswith("comfy."):
            return
        for name, method in list(value.cls.names.items()):
            if not isinstance(method, FunctionValue) or name.startswith("__"):
                continue
            if self.leads(method) and not _asked(method):
                self.call(self.attribute(value, name), [], {}, None)


def _asked(method: FunctionValue) -> bool:
    """Whether it needs more than its object."""
    spec = method.node.args
    return len(spec.posonlyargs) + len(spec.args) - len(spec.defaults) > 1
