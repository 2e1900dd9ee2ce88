"""Text as a value: blocks of aligned rows, painted for a width and with or without colour."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from torchsolve.model.values import dataclass

UNBOUNDED = 10_000
"""The width of a pipe or a file: nothing is wrapped there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a meaning; ``style`` is a rich style and never says what the text does not."""

    text: str
    style: str = ""


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows whose columns align, below an optional heading; the last column takes the rest.

    ``apart``: an empty line comes before it, where anything does.
    """

    rows: tuple[Row, ...]
    heading: str = ""
    indent: int = 2
    gap: int = 4
    apart: bool = True


Screen = tuple[Block, ...]


def visible(text: str, keep: str = "") -> str:
    """``text`` with what a terminal would obey, or not show, spelled out: ESC as ``\\x1b``.

    Names, paths and requirements come from anywhere. ``keep`` lists characters that may stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _spelled(c) for c in text)


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def row(*cells: str | Cell) -> Row:
    """A row; plain texts become cells without a style."""
    return tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells)


def paint(screen: Iterable[Block], *, width: int = UNBOUNDED, colour: bool = False) -> str:
    """The screen as text: no blanks at the end of a line."""
    blocks = [block for block in screen if block.rows or block.heading]
    if width == UNBOUNDED and not colour:
        lines = [line.rstrip() for line in _plain_lines(blocks)]
        if all(len(line) < width and _is_narrow(line) for line in lines):
            return "".join(f"{line}\n" for line in lines)
    return _painted(blocks, width=width, colour=colour)


def _plain_lines(blocks: Sequence[Block]) -> Iterator[str]:
    """What rich would make of them where nothing is wrapped or coloured, without its import."""
    for number, block in enumerate(blocks):
        if number and block.apart:
            yield ""
        if block.heading:
            yield " " * block.indent + visible(block.heading)
        texts = [[visible(cell.text) for cell in cells] for cells in block.rows]
        widths = [max(map(len, column)) for column in zip_longest(*texts, fillvalue="")]
        margin = " " * (block.indent + (2 if block.heading else 0))
        for cells in texts:
            padded = (
                text.ljust(width + block.gap) for text, width in zip(cells, widths, strict=False)
            )
            yield margin + "".join(padded)


def _is_narrow(text: str) -> bool:
    """Whether each of its characters takes one column of a terminal."""
    return text.isascii() or not any(
        unicodedata.east_asian_width(c) in "WF" or unicodedata.category(c) in ("Mn", "Me", "Cf")
        for c in text
    )


def _painted(blocks: Sequence[Block], *, width: int, colour: bool) -> str:
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    for number, block in enumerate(blocks):
        if number and block.apart:
            console.print()
        if block.heading:
            console.print(" " * block.indent + visible(block.heading), markup=False)
        console.print(_grid(block, deeper=2 if block.heading else 0))
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def _grid(block: Block, deeper: int) -> object:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    columns = max((len(cells) for cells in block.rows), default=0)
    table = Table.grid(padding=(0, block.gap, 0, 0))
    for _ in range(columns):
        table.add_column(overflow="fold")
    for cells in block.rows:
        table.add_row(*(Text(visible(cell.text), style=cell.style) for cell in cells))
    return Padding(table, (0, 0, 0, block.indent + deeper), expand=False)
