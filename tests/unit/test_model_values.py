"""Our dataclasses beside the standard ones: the same declaration, the same behaviour."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pytest

from torchsolve.model import values
from torchsolve.model.values import dataclass, field

T = TypeVar("T")
Decorate = Callable[..., Any]


def _classes(decorate: Decorate) -> dict[str, Any]:
    """One of each kind that the project declares, and some that it does not yet."""

    class Named(Protocol):
        x: int

    @decorate(frozen=True, slots=True)
    class Plain(Named):
        x: int
        y: str = "y"
        z: list[int] = field(default_factory=list)
        note: str = field(default="", compare=False)
        KIND: ClassVar[str] = "plain"

        @property
        def double(self) -> int:
            return self.x * 2

    @decorate(frozen=True, slots=True)
    class Longer(Plain):
        w: int = 4

    @decorate(frozen=True, slots=True, order=True)
    class Ordered:
        a: int
        b: int = 0
        c: int = field(init=False, repr=False, compare=False)
        d: list[int] = field(init=False, default_factory=list)
        e: int = field(init=False, default=7)

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError("negative")
            object.__setattr__(self, "b", self.b + 1)
            object.__setattr__(self, "c", self.b * 2)

    @decorate(slots=True)
    class Open(Generic[T]):
        x: T
        seen: set[int] = field(default_factory=set)

    @decorate(slots=True, eq=False)
    class Identity:
        x: int

    @decorate(frozen=True, slots=True)
    class Own:
        x: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self))

        def __repr__(self) -> str:
            return "own"

    @decorate(frozen=True, slots=True)
    class Single:
        x: int

    @decorate(frozen=True, slots=True)
    class Nothing:
        pass

    found = (Single, Plain, Longer, Ordered, Open, Identity, Own, Nothing)
    return {kind.__name__: kind for kind in found}


OURS, THEIRS = _classes(values._dataclass), _classes(dataclasses.dataclass)


def _told(work: Callable[[], object]) -> object:
    """What comes of it, in words that do not tell the two apart."""
    try:
        return repr(work())
    except Exception as error:  # noqa: BLE001 - whatever it raises is compared
        return type(error).__name__, str(error)


USES: dict[str, Callable[[dict[str, Any]], object]] = {
    "defaults": lambda k: k["Plain"](1),
    "all by place": lambda k: k["Plain"](1, "a", [2], "n"),
    "by name": lambda k: k["Plain"](z=[3], x=1),
    "a factory each time": lambda k: k["Plain"](1).z is k["Plain"](1).z,
    "too few": lambda k: k["Plain"](),
    "too many": lambda k: k["Nothing"](1),
    "unknown": lambda k: k["Plain"](1, q=2),
    "property": lambda k: k["Plain"](4).double,
    "class variable": lambda k: (k["Plain"].KIND, k["Plain"](1).KIND),
    "equal": lambda k: k["Plain"](1) == k["Plain"](1),
    "unequal": lambda k: k["Plain"](1) == k["Plain"](2),
    "uncompared": lambda k: k["Plain"](1, note="a") == k["Plain"](1, note="b"),
    "another class": lambda k: k["Plain"](1) == k["Longer"](1),
    "longer": lambda k: k["Longer"](1, w=5),
    "unhashable value": lambda k: hash(k["Plain"](1)),
    "hash": lambda k: hash(k["Own"](1)) == hash(k["Own"](1)),
    "hash of all": lambda k: len({k["Single"](1), k["Single"](1), k["Single"](2)}),
    "what is not asked": lambda k: (k["Ordered"](1).c, k["Ordered"](1).d, k["Ordered"](1).e),
    "replace what is not asked": lambda k: dataclasses.replace(k["Ordered"](1), d=[1]),
    "order": lambda k: sorted([k["Ordered"](2), k["Ordered"](1, 3), k["Ordered"](1)]),
    "order of others": lambda k: k["Ordered"](1) < 3,
    "refused": lambda k: k["Ordered"](-1),
    "frozen": lambda k: setattr(k["Plain"](1), "x", 2),
    "frozen against removal": lambda k: delattr(k["Plain"](1), "x"),
    "no other attribute": lambda k: setattr(k["Open"](1), "other", 2),
    "open": lambda k: _changed(k["Open"](1)),
    "open is unhashable": lambda k: hash(k["Open"](1)),
    "identity": lambda k: k["Identity"](1) == k["Identity"](1),
    "identity has a hash": lambda k: len({k["Identity"](1), k["Identity"](1)}),
    "own equality": lambda k: (k["Own"](1) == k["Own"](2), k["Own"](1)),
    "own equality, hash": lambda k: hash(k["Own"](1)) == hash(k["Own"](1)),
    "nothing": lambda k: (k["Nothing"](), k["Nothing"]() == k["Nothing"]()),
    "generic": lambda k: k["Open"][int](1),
    "replace": lambda k: dataclasses.replace(k["Longer"](1), y="b", w=2),
    "replace unknown": lambda k: dataclasses.replace(k["Plain"](1), q=2),
    "fields": lambda k: [(f.name, f.type, f.default) for f in dataclasses.fields(k["Ordered"])],
    "asdict": lambda k: dataclasses.asdict(k["Longer"](1)),
    "astuple": lambda k: dataclasses.astuple(k["Longer"](1)),
    "is one": lambda k: [dataclasses.is_dataclass(kind) for kind in k.values()],
    "copy": lambda k: (copy.copy(k["Plain"](1, "c")), copy.deepcopy(k["Open"]([1]))),
    "match": lambda k: _matched(k["Plain"], k["Plain"](7)),
    "slots": lambda k: [kind.__slots__ for kind in k.values()],
    "no dictionary": lambda k: hasattr(k["Longer"](1), "__dict__"),
    "names": lambda k: [(kind.__name__, kind.__module__) for kind in k.values()],
}


def _changed(value: Any) -> Any:
    value.x = 5
    value.seen.add(1)
    return value


def _matched(kind: Any, value: Any) -> object:
    match value:
        case kind(x, y):
            return x, y
    return None


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_they_do_the_same(use: Callable[[dict[str, Any]], object]) -> None:
    for _ in range(2):  # the first time a method is compiled
        ours = _told(lambda: use(OURS))
        theirs = _told(lambda: use(THEIRS))
        if isinstance(theirs, tuple) and "__init__" in theirs[1] and sys.version_info < (3, 14):
            theirs = (theirs[0], theirs[1].rpartition(".")[2])
            assert isinstance(ours, tuple)
            ours = (ours[0], ours[1].rpartition(".")[2])
        assert ours == theirs


@dataclass(frozen=True, slots=True)
class Kept:
    x: int
    y: str = "y"


def test_they_can_be_sent_away() -> None:
    assert pickle.loads(pickle.dumps(Kept(3))) == Kept(3)  # noqa: S301 - our own


def test_replace_keeps_the_rest() -> None:
    assert values.replace(Kept(1, "a"), x=2) == Kept(2, "a")


def test_a_standard_dataclass_may_be_made_from_ours() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Further(Kept):
        z: int = 1

    assert Further(1, z=2) == Further(1, "y", 2)
    assert [f.name for f in dataclasses.fields(Further)] == ["x", "y", "z"]


def test_without_slots_it_is_refused() -> None:
    with pytest.raises(TypeError):
        values._dataclass(slots=False)
