"""A requirements file without options is read without pip's option parser, and no other way."""

from __future__ import annotations

import random

import pytest

from torchsolve.project import lines
from torchsolve.project.option_lines import read_lines

PIECES = (
    *("torch", "torch==2.7.0", "a[b,c] >= 1 ; python_version < '3.12'", "x @ https://a.example/x"),
    *(
        "# a comment",
        " # another # one",
        "a#b",
        "#",
        "",
        "   ",
        "\t",
        "\x0c",
        "wheel --hash=sha256:0",
    ),
    *(
        "a --hash=sha256:0",
        "-r other.txt",
        "--pre",
        "a -C b",
        "a \\",
        "\\",
        "${HOME}",
        "a-b",
        "a - b",
        "a\t-b",
    ),
    *("./a.whl", "ä", "a;b", "a  # -r x", "# --pre"),
)


def test_both_ways_read_the_same() -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    plain = 0
    for _ in range(3000):
        text = dice.choice(("\n", "\r\n")).join(
            "".join(dice.choices(PIECES, k=dice.choice((1, 1, 2))))
            for _ in range(dice.randint(0, 4))
        )
        found = lines._plain_lines(text)
        if found is not None:
            plain += 1
            assert found == list(read_lines(text, expand=True)), repr(text)
    assert plain > 500


@pytest.mark.parametrize("line", ["a --hash=sha256:0", "--pre", "a \\", "${A}", "-e ."])
def test_options_are_left_to_the_parser(line: str) -> None:
    assert lines._plain_lines(f"b\n{line}\n") is None
