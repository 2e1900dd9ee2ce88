"""Values to plain data and back; the writer, against tomllib."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchsolve.emit.codec import decode, encode
from torchsolve.emit.toml import Plain, dumps
from torchsolve.model.evidence import Evidence, Strength


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    vcs: tuple[str, str, str | None] | None = None
    gated: str | bool | None = None
    numbers: tuple[int, ...] = ()
    names: frozenset[str] = frozenset()
    when: datetime | None = None
    on: bool = False


@pytest.mark.parametrize(
    "value",
    [
        _Value("a"),
        _Value("a", ("u", "c", None)),
        _Value("a", ("u", "c", "s")),
        _Value("a", gated=False),
        _Value("a", gated="manual"),
        _Value("a", numbers=(1, 2), names=frozenset("cab"), on=True),
        _Value("a", when=datetime(2025, 1, 2, tzinfo=UTC)),
    ],
)
def test_round_trip(value: _Value) -> None:
    assert decode(_Value, tomllib.loads(dumps(encode(value)))) == value


def test_defaults_are_left_out() -> None:
    assert encode(_Value("a")) == {"name": "a"}


def test_strength_is_a_word() -> None:
    evidence = Evidence("a", "b", Strength.PROVEN, "c")
    assert encode(evidence)["strength"] == "proven"
    assert decode(Evidence, encode(evidence)) == evidence


def test_other_time_zone_is_the_same_moment() -> None:
    there = datetime(2025, 1, 2, 5, tzinfo=timezone(timedelta(hours=3)))
    assert "2025-01-02T02:00:00Z" in dumps(encode(_Value("a", when=there)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "name is missing"),
        ({"name": 1}, "name: 1 is not of type str"),
        ({"name": "a", "on": 1}, "on: 1 is not of type bool"),
        ({"name": "a", "numbers": [True]}, r"numbers\[0\]: True is not of type int"),
        ({"name": "a", "numbers": "x"}, "numbers: 'x' is not of type list"),
        ({"name": "a", "gated": 1}, "gated: 1 has the wrong type"),
        ({"name": "a", "vcs": ["a", "b", "c", "d"]}, "vcs"),
    ],
)
def test_bad_data_names_its_place(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(_Value, data)


_KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
)
_DATA = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _DATA, max_size=4))
def test_writer_writes_toml(document: dict[str, Plain]) -> None:
    assert tomllib.loads(dumps(document)) == document


@given(st.lists(st.dictionaries(_KEYS, _DATA, max_size=3), min_size=1, max_size=3))
def test_array_of_tables(items: list[dict[str, Plain]]) -> None:
    document: dict[str, Plain] = {"packages": items, "tool": {"a": {"b": 1}}}
    text = dumps(document, arrays=frozenset({"packages"}))
    assert tomllib.loads(text) == document
    assert text.startswith("[[packages]]\n")
