"""A script that says what it needs in a comment block (PEP 723)."""

from __future__ import annotations

import re
from pathlib import Path

from torchsolve.errors import UsageError
from torchsolve.project.lines import decode

_BLOCK = re.compile(
    r"^# /// (?P<type>[a-zA-Z0-9-]+)[ \t]*$\n"
    r"(?P<content>(?:^#(?:| .*)$\n)+?)"
    r"^# ///[ \t]*$",
    re.MULTILINE,
)


def script_table(path: Path, data: bytes) -> bytes:
    """The block as the TOML of a ``pyproject.toml``; its lines keep their numbers.

    Raises UsageError ``no-script-metadata``, ``bad-toml`` where there are two.
    """
    text = decode(data).replace("\r\n", "\n")
    blocks = [found for found in _BLOCK.finditer(text) if found["type"] == "script"]
    if not blocks:
        raise UsageError(
            "no-script-metadata",
            "it has no block of PEP 723 that says what it needs",
            origin=str(path),
            hint="begin one with “# /// script” and end it with “# ///”, or name a project",
        )
    if len(blocks) > 1:
        raise UsageError(
            "bad-toml",
            "it has two script blocks",
            origin=str(path),
            hint="PEP 723 allows one: join them",
        )
    content = blocks[0]["content"].splitlines()
    body = "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in content)
    above = text.count("\n", 0, blocks[0].start("content"))
    return ("\n" * above + body + "\n").encode()
