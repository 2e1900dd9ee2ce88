"""Records a failure of the real index for ``tests/explain``.

What was asked, what both resolvers said, and the pages and METADATA that ours read, distilled.

    python tests/support/record_failure.py NAME PYTHON [--flag VALUE...] -- REQUIREMENT...

Of packages that the message names every version is kept (Linux files alone), of others the newest
and those whose METADATA was read. The judgement is written by hand; one that is there is kept.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from torchsolve.cli.app import run
from torchsolve.index.client import IndexClient
from torchsolve.model.package import DistMetadata, IndexFile

FOLDER = Path(__file__).parent.parent / "explain"
CUTOFF = "2026-11-20"
NEWEST = 5
_LINUX = re.compile(r"(x86_64|any)\.whl$|\.tar\.gz$")


class Seen:
    """What the run read. ``read``: METADATA by file name."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.read: dict[str, DistMetadata] = {}
        self.files: dict[str, list[IndexFile]] = {}

    def watch(self) -> None:
        choices, metadata, seen = IndexClient.choices, IndexClient.metadata, self

        def watched_choices(client: Any, name: Any, chooser: Any) -> Any:
            found = choices(client, name, chooser)
            if name not in seen.names:
                seen.names.add(name)
                seen.files[name] = list(client.whole_page(name).files)
            return found

        def watched_metadata(client: Any, file: IndexFile) -> DistMetadata:
            found = metadata(client, file)
            seen.read[file.filename] = found
            return found

        IndexClient.choices = watched_choices  # type: ignore[assignment, method-assign]
        IndexClient.metadata = watched_metadata  # type: ignore[assignment, method-assign]


def distilled(seen: Seen, named: set[str]) -> dict[str, Any]:
    """Package → version → what a page and METADATA say of it."""
    packages: dict[str, Any] = {}
    for name in sorted(seen.names):
        rows: dict[str, Any] = {}
        for file in sorted(seen.files[name], key=lambda f: (f.version, f.filename)):
            late = file.upload_time is not None and file.upload_time.isoformat() >= CUTOFF
            if late or not _LINUX.search(file.filename):
                continue
            row = rows.setdefault(str(file.version), {"files": []})
            row["files"].append(file.filename)
            row |= {"python": file.requires_python} if file.requires_python else {}
            row |= {"yanked": file.yanked} if file.yanked is not None else {}
            if file.filename in seen.read:
                row["requires"] = [
                    d.evidence.statement.removeprefix("needs ")
                    for d in seen.read[file.filename].requires
                    if "extra ==" not in d.evidence.statement.replace("extra==", "extra ==")
                ]
        kept = set(list(rows)[-NEWEST:])
        known = {
            v: row for v, row in rows.items() if name in named or "requires" in row or v in kept
        }
        if known:
            packages[name] = known
    return packages


def say(command: list[str], folder: str) -> str:
    """What a command writes to stderr."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.stderr.rstrip("\n")


def main() -> None:
    at = sys.argv.index("--")
    name, python, *flags = sys.argv[1:at]
    lines = sys.argv[at + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("requirements.txt").write_text("\n".join([*lines, ""]))
        seen = Seen()
        seen.watch()
        asked = ["--python", python, *flags, "--evidence", "metadata", "--torch-index", "default"]
        with redirect_stderr(io.StringIO()) as said:
            run(["resolve", "requirements.txt", "-q", "--exclude-newer", CUTOFF, *asked])
        glibc = "2_28" if "rockylinux8" in flags else "2_39"
        target = ["--python-version", python, "--python-platform", f"x86_64-manylinux_{glibc}"]
        uv = ["uv", "pip", "compile", "requirements.txt", "--no-config", "-q"]
        theirs = say([*uv, "--no-python-downloads", "--exclude-newer", CUTOFF, *target], folder)
        os.chdir("/")
    words = set(re.findall(r"[a-z0-9-]+", theirs.lower())) | {
        re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in lines
    }
    path = FOLDER / f"{name}.json"
    record = {
        "requirements": lines,
        "flags": asked,
        "ours": said.getvalue().splitlines(),
        "uv": theirs.splitlines(),
        "judgement": json.loads(path.read_text())["judgement"] if path.exists() else "",
        "index": distilled(seen, words),
    }
    path.write_text(dumped(record), encoding="utf-8")


def dumped(record: dict[str, Any]) -> str:
    """JSON with one line a version, so that a change can be read."""
    index = record.pop("index")
    head = json.dumps(record, indent=1, ensure_ascii=False).removesuffix("\n}")
    packages = []
    for name, versions in index.items():
        rows = [f"   {json.dumps(v)}: {json.dumps(row)}" for v, row in versions.items()]
        packages.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n  }")
    return head + ',\n "index": {\n' + ",\n".join(packages) + "\n }\n}\n"


if __name__ == "__main__":
    main()
