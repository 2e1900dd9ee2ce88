"""What the modules of a tree say, kept under the cache folder: parsing a large node takes seconds.

An entry is found by the tree's commit (or the sizes and times of its Python files) and by the code
that read it, so that neither an edit nor another torchsolve is answered with old findings.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from torchsolve.model.surface import Toolchain
from torchsolve.model.values import dataclass
from torchsolve.project.scan.needs import Need, Needs
from torchsolve.project.tree import FolderTree, GitTree, Tree


@dataclass(frozen=True, slots=True)
class Findings:
    """What is kept.

    Attributes:
        calls: modules that may install or clone.
        unread: file → why it was not read.
    """

    needs: Needs
    compiles: tuple[Toolchain, ...]
    calls: tuple[str, ...]
    unread: dict[str, str]


def key_of(tree: Tree, files: tuple[str, ...]) -> str | None:
    """Of a tree with these Python files; None for one that is never kept."""
    if isinstance(tree, GitTree):
        return _digest([tree.commit])
    if not isinstance(tree, FolderTree):
        return None
    rows = []
    for file in files:
        try:
            status = (tree.root / file).stat()
        except OSError:
            return None
        rows.append(f"{file} {status.st_size} {status.st_mtime_ns}")
    return _digest([str(tree.root.resolve()), *rows])


def _digest(rows: list[str]) -> str:
    return sha256("\n".join([_code(), *rows]).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """A digest of the modules whose answers are kept."""
    here = Path(__file__).parent
    files = (*sorted((here / "scan").glob("*.py")), here / "compiled.py", here / "kept.py")
    digest = sha256()
    for file in (*files, here / "install" / "telling.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read(folder: Path, key: str) -> Findings | None:
    """The findings; None where there are none that are whole."""
    try:
        data = json.loads((folder / "source" / f"{key}.json").read_bytes())
        needs = tuple(Need(*row) for row in data["needs"])
        return Findings(
            Needs(needs, tuple(data["modules"]), tuple(data["reached"])),
            tuple(Toolchain(**row) for row in data["compiles"]),
            tuple(data["calls"]),
            dict(data["unread"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, key: str, found: Findings) -> None:
    """Keeps them; a folder that cannot be written costs time, never an answer."""
    rows = [[n.module, n.file, n.line, n.required, n.why] for n in found.needs.needs]
    data = {
        "needs": rows,
        "modules": found.needs.modules,
        "reached": found.needs.reached,
        "compiles": [asdict(tool) for tool in found.compiles],
        "calls": found.calls,
        "unread": found.unread,
    }
    keep(folder / "source" / f"{key}.json", json.dumps(data).encode())


def keep(place: Path, content: bytes) -> None:
    """Write a file of the cache whole or not at all."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=place.parent, delete=False) as target:
            target.write(content)
        Path(target.name).replace(place)
