"""Records the facts of a repository into ``data/samples/NAME.json``.

    python tests/support/record_sample.py data/samples/NAME.json GIT_DIR [REV]

What a reader can tell (requirements, wheels, node classes, file list, date) is written anew. What a
person found in the source (``undeclared``, ``models``, ``notes``) is kept as the file has it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path, PurePosixPath
from typing import Any

from torchsolve.model.package import DistMetadata
from torchsolve.model.project import ProjectFacts, WheelFact
from torchsolve.project.gitdir import commit_of, git_dir_of
from torchsolve.project.load import load
from torchsolve.project.options import ReadOptions
from torchsolve.project.tree import GitTree
from torchsolve.wheel.metadata import split_number

_UNREAD = "its bytes could not be read when the sample was recorded"


def recorded(
    facts: ProjectFacts, paths: tuple[str, ...], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of a sample file; ``kept`` is the old one, or just its name and url."""
    if facts.source.date is None:
        raise ValueError("a sample needs a commit")
    return {
        "format": "torchsolve.sample/1",
        "name": kept["name"],
        "url": kept["url"],
        "commit": facts.source.commit,
        "date": facts.source.date.astimezone(UTC).isoformat(),
        "requirements": [
            {
                "requirement": d.evidence.statement.removeprefix("needs "),
                "origin": d.evidence.origin,
            }
            for d in facts.requirements
        ],
        "undeclared": kept.get("undeclared", []),
        "wheels": [_wheel(wheel) for wheel in facts.wheels],
        "foreign": list(facts.foreign),
        "models": kept.get("models", []),
        "node_classes": list(facts.node_classes),
        "files": _folders(paths),
        "notes": list(dict.fromkeys((*facts.notes, *kept.get("notes", [])))),
    }


def _wheel(wheel: WheelFact) -> dict[str, Any]:
    known = {"place": wheel.file.place, "sha256": wheel.file.sha256, "size": wheel.file.size}
    if wheel.metadata is None:
        return {**known, "required": wheel.required, "unread": _UNREAD}
    return {**known, **_metadata(wheel.metadata), "required": wheel.required}


def _metadata(metadata: DistMetadata) -> dict[str, Any]:
    return {
        "requires": [str(d.requirement) for d in metadata.requires],
        "lines": [split_number(d.evidence.origin)[1] for d in metadata.requires],
        "requires_python": metadata.requires_python,
        "extras": sorted(metadata.extras),
    }


def _folders(paths: tuple[str, ...]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for path in paths:
        pure = PurePosixPath(path)
        folders.setdefault(str(pure.parent), []).append(pure.name)
    return folders


def main(sample: Path, repository: Path, rev: str | None) -> None:
    """Reads the repository in place and writes the sample."""
    kept = json.loads(sample.read_text()) if sample.exists() else {}
    facts = load(str(repository.resolve()), ReadOptions(Path(), rev=rev))
    git_dir = git_dir_of(repository)
    if git_dir is None:
        raise SystemExit(f"{repository} is no git repository")
    paths = GitTree.at(git_dir, commit_of(git_dir, rev).sha).paths
    content = recorded(facts, paths, kept)
    sample.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
