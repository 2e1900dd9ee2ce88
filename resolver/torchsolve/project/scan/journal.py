"""What runs leave behind in objects, modules and tables, so that it can be taken back."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeAlias

from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.values import DictValue, Lazy, Value, any_of

Names: TypeAlias = MutableMapping[Any, Value]

_REST = object()


@dataclass(slots=True)
class Journal:
    """Changes since it was opened, in order.

    A node that keeps what it loaded (``if self.model is None``) loads but once: each choice of a
    combo must meet it as it was before.
    """

    changes: list[tuple[Names | DictValue, object, Value | None, Value]] = field(
        default_factory=list
    )

    def bind(self, names: Names, key: object, value: Value) -> None:
        """``names[key]`` is about to become ``value``."""
        self.changes.append((names, key, names.get(key), value))

    def more(self, owner: DictValue, rest: Value) -> None:
        """``owner.rest`` is about to become ``rest``."""
        self.changes.append((owner, _REST, owner.rest, rest))

    def undo(self) -> None:
        """All as it was."""
        for owner, key, old, _ in reversed(self.changes):
            _set(owner, key, old)

    def redo(self) -> None:
        """All as it was or as it became: nobody knows which node runs before another."""
        for owner, key, old, new in self.changes:
            if old is None or not isinstance(new, Lazy):
                _set(owner, key, new if old is None else any_of([old, new]))


def _set(owner: Names | DictValue, key: object, value: Value | None) -> None:
    if isinstance(owner, DictValue):
        owner.rest = value
    elif value is None:
        owner.pop(key, None)
    else:
        owner[key] = value
