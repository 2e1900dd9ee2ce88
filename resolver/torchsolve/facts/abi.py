"""What is known of binary interfaces: uses of torch's layouts, its stable ABI, GCC's run time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.version import Version

from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass

EFFECTS = ("refutes", "links")
KINDS = ("class", "enum", "vtable")


@dataclass(frozen=True, slots=True)
class LayoutUse:
    """How a compiled file shows that it uses a layout.

    Attributes:
        what: continues "it …".
        symbols: matches the start of an undefined symbol; None where no symbol tells.
        headers: headers whose inlined checks tell.
        every: only where all that is named here is seen, not where any of it is.
    """

    id: str
    what: str
    symbols: re.Pattern[str] | None
    headers: frozenset[str]
    every: bool


@dataclass(frozen=True, slots=True)
class LayoutRule:
    """What it does to a wheel that uses them when these layouts differ.

    Attributes:
        fields: of the atlas: sizes of classes, values of enumerations, symbols of vtables.
        use: id of a ``LayoutUse``.
        effect: one of ``EFFECTS``.
        damage: what happened in the run, or why nothing is known to happen.
        source: the run, or the reading.
    """

    kind: str
    fields: tuple[str, ...]
    use: str
    effect: str
    damage: str
    source: str


@dataclass(frozen=True, slots=True)
class Surface:
    """Functions of torch that hand over nothing but these layouts, so that no other is compiled in.

    Attributes:
        symbols: mangled names.
        fields: as ``LayoutRule.fields``; none where plain numbers alone go in and come out.
        source: the reading, or the comparison of compiled code.
    """

    symbols: tuple[str, ...]
    fields: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class LayoutTable:
    """``matrices/layouts.toml``."""

    uses: Mapping[str, LayoutUse]
    rules: tuple[LayoutRule, ...]
    surfaces: tuple[Surface, ...]


@dataclass(frozen=True, slots=True)
class ShimRow:
    """C shims that are promised from one release on."""

    version: Version
    names: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class StableTable:
    """``matrices/stable_abi.toml``; ``floor``: the release from which on anything is promised."""

    floor: Version
    shims: tuple[ShimRow, ...]
    source: str


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """What the libraries of one GCC release provide at most."""

    gcc: str
    glibcxx: str
    cxxabi: str
    source: str


def parse_layouts(table: Table) -> LayoutTable:
    """Raises UsageError ``bad-table``."""
    uses = {use.id: use for use in map(_use, table.rows("use"))}
    rules = tuple(_rule(row, uses) for row in table.rows("rule"))
    return LayoutTable(uses, rules, tuple(map(_surface, table.rows("surface"))))


def _use(row: Row) -> LayoutUse:
    pattern = row.maybe("symbols")
    use = LayoutUse(
        row.text("id"),
        row.text("what"),
        row.parse(_pattern, pattern) if pattern else None,
        frozenset(row.texts("headers")),
        row.flag("every", default=False),
    )
    row.done()
    return use


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"symbols = {text!r}: {error}") from None


def _rule(row: Row, uses: Mapping[str, LayoutUse]) -> LayoutRule:
    rule = LayoutRule(
        row.text("kind"),
        row.texts("fields"),
        row.text("use"),
        row.text("effect"),
        row.text("damage"),
        row.source(),
    )
    for value, known in ((rule.kind, KINDS), (rule.effect, EFFECTS), (rule.use, tuple(uses))):
        if value not in known:
            raise row.error(f"{value!r} is none of {', '.join(known)}")
    row.done()
    return rule


def _surface(row: Row) -> Surface:
    found = Surface(row.words("symbols"), row.texts("fields"), row.source())
    row.done()
    return found


def parse_stable(table: Table) -> StableTable:
    """Raises UsageError ``bad-table``."""
    top = table.top()
    floor = top.parse(Version, top.text("floor"))
    return StableTable(floor, tuple(map(_shim, table.rows("shim"))), top.source())


def _shim(row: Row) -> ShimRow:
    version = row.parse(Version, row.text("version"))
    shim = ShimRow(version, row.words("names"), row.source())
    row.done()
    return shim


def parse_libstdcxx(table: Table) -> tuple[RuntimeRow, ...]:
    """Oldest first. Raises UsageError ``bad-table``."""
    return tuple(map(_runtime, table.rows("gcc")))


def _runtime(row: Row) -> RuntimeRow:
    found = RuntimeRow(row.text("version"), row.text("glibcxx"), row.text("cxxabi"), row.source())
    row.done()
    return found
