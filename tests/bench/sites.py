"""Score the scan on checked loading sites: ``python tests/bench/sites.py TRUTH.jsonl FOLDER``.

TRUTH has one JSON object a line: node (``owner/repo``), commit, file, line, mechanism, path,
static_decidable. FOLDER holds the nodes, each as ``owner+repo``, ``owner__repo``, ``owner/repo`` or
``repo``; a node is a plain folder of its files, a clone, or a bare repository (also as ``repo`` or
``.git`` inside its folder). From git the commit of the truth is read.

A decidable site counts where a site of the same file and line has the mechanism and the very path:
alternatives must be the same set, ``{name}`` of the truth stands for any one part. An undecidable
one counts where the scan says so, or where it has the very path all the same.

What else the truth has (reach, choice, category_or_repo, gated) is scored beside that: how many of
the sites that were found agree. No bar hangs on it; ``--beside`` lists the differences.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "resolver"))

from torchsolve.model.models import ModelScan, ModelSite, Reach
from torchsolve.project.gitdir import git_dir_of
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.tree import FolderTree, GitTree, Tree

_SAME = {
    "folder_paths.get_filename_list": ("folder_paths", "get_filename_list"),
    "folder_paths.get_full_path": ("folder_paths", "get_full_path"),
    "folder_paths.get_full_path_or_raise": ("folder_paths", "get_full_path_or_raise"),
    "folder_paths.get_folder_paths": ("folder_paths", "get_folder_paths"),
    "folder_paths.register": ("folder_paths", ""),
    "folder_paths.add_model_folder_path": ("folder_paths", ""),
    "models_dir_join": ("models_dir", ""),
    "direct_url": ("url", ""),
    "load_torch_file": ("load", ""),
    "load_file": ("load", ""),
    "torch.load": ("load", ""),
    "node_relative": ("load hardcoded bundled library", ""),
    "cwd_relative": ("hardcoded load snapshot_download", ""),
    "torch.hub": ("torch_hub", ""),
    "insightface": ("library", ""),
    "onnxruntime": ("library", ""),
    "ultralytics": ("library", ""),
    "open_clip": ("library", ""),
    "cached_path": ("library", ""),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A checked site and what became of it."""

    truth: dict[str, object]
    found: tuple[ModelSite, ...]
    right: bool


def expand(path: str) -> set[str]:
    """``a/{b,c}/{d}`` → ``a/b/{d}``, ``a/c/{d}``; ``and`` joins two paths."""
    return {one for part in path.split(" and ") for one in _expand(part.strip())}


def _expand(path: str) -> set[str]:
    depth = 0
    start = -1
    commas: list[int] = []
    for place, char in enumerate(path):
        if char == "{":
            start = place if depth == 0 else start
            commas = [] if depth == 0 else commas
            depth += 1
        elif char == "," and depth == 1:
            commas.append(place)
        elif char == "}" and depth:
            depth -= 1
            if depth == 0 and commas:
                ends = [start, *commas, place]
                parts = [path[a + 1 : b] for a, b in pairwise(ends)]
                return {w for p in parts for w in _expand(path[:start] + p + path[place + 1 :])}
    return {path.rstrip("/")}


def pattern(path: str) -> re.Pattern[str]:
    """A checked path as a pattern: ``{name}``, ``*`` and ``...`` stand for what is open."""
    parts = re.split(r"(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\*+|\.\.\.)", path)
    written = [re.escape(part) if i % 2 == 0 else ".+" for i, part in enumerate(parts)]
    return re.compile("".join(written))


def same_path(truth: str, found: str) -> bool:
    """Whether two paths of the grammar say the same."""
    wanted, have = expand(truth), expand(found)
    patterns = [pattern(path) for path in wanted]
    return all(any(p.fullmatch(path) for p in patterns) for path in have) and all(
        any(p.fullmatch(path) for path in have) for p in patterns
    )


def same_mechanism(truth: str, site: ModelSite) -> bool:
    """Whether the site is of the mechanism that the truth names."""
    names, api = _SAME.get(truth, (truth, ""))
    if truth == "bundled" and site.reach is Reach.BUNDLED:
        return True  # whatever opens the file that is shipped
    return site.mechanism.value in names.split() and (not api or site.api.endswith(f".{api}"))


def judge(truth: dict[str, object], sites: list[ModelSite]) -> Row:
    """What the scan says of one checked site."""
    mechanism, path = str(truth["mechanism"]), str(truth["path"])
    found = tuple(s for s in sites if s.file == truth["file"] and s.line == truth["line"])
    named = [s for s in found if same_mechanism(mechanism, s)]
    exact = any(s.path is not None and same_path(path, s.path) for s in named)
    if truth["static_decidable"]:
        right = any(s.decided and s.path and same_path(path, s.path) for s in named)
    else:
        right = exact or any(not s.decided for s in named)
    return Row(truth, found, right)


def fitting(row: Row) -> list[ModelSite]:
    """The sites of the line that the truth speaks of."""
    named = [s for s in row.found if same_mechanism(str(row.truth["mechanism"]), s)]
    return named or list(row.found)


def _same_reach(wanted: str, site: ModelSite) -> bool:
    return site.reach.value == wanted


def _same_choice(wanted: str, site: ModelSite) -> bool:
    return site.choice.value == wanted


def _same_source(wanted: str, site: ModelSite) -> bool:
    """``local`` is no source; several stand behind ``;``, with the grammar of paths in each."""
    found = {url.partition("?")[0] for url in site.urls} | {*site.repos}
    if wanted == "local":
        return not found
    found |= {*(site.category or "").split(";")} - {""}
    words = {one for word in wanted.split(";") for one in expand(word)}
    patterns = [pattern(word) for word in words]
    return bool(found) and all(any(p.fullmatch(one) for one in found) for p in patterns)


def _same_gate(wanted: str, site: ModelSite) -> bool:
    return bool(site.gated) is (wanted != "None")


_SECONDARY: tuple[tuple[str, Callable[[str, ModelSite], bool]], ...] = (
    ("reach", _same_reach),
    ("choice", _same_choice),
    ("category_or_repo", _same_source),
    ("gated", _same_gate),
)


def secondary(rows: list[Row], *, listed: bool) -> str:
    """How many of the found sites agree in what no bar hangs on; ``listed``: which do not."""
    lines = []
    for key, same in _SECONDARY:
        some = [row for row in rows if row.found and (key == "gated" or key in row.truth)]
        other = [
            row
            for row in some
            if not any(same(str(row.truth.get(key)), site) for site in fitting(row))
        ]
        lines.append(f"{key}: {len(some) - len(other)} of {len(some)}")
        for row in other if listed else ():
            t, known = row.truth, fitting(row)[0]
            has = (known.reach.value, known.choice.value, known.category, known.repos, known.urls)
            lines.append(f"  {t['node']} {t['file']}:{t['line']} is {t.get(key)}, has {has}")
    return "\n".join(lines)


def tree_of(folder: Path, node: str, commit: str) -> tuple[Tree, str] | None:
    """The node's files and how they were found; None where the folder lacks the node."""
    owner, _, repo = node.partition("/")
    for name in (f"{owner}+{repo}", f"{owner}__{repo}", node, repo, f"{repo}.git"):
        place = folder / name
        if not place.is_dir():
            continue
        for inside in (place, place / "repo", place / ".git"):
            git_dir = git_dir_of(inside) if inside.is_dir() else None
            if git_dir is not None and git_dir in (inside, inside / ".git"):
                return GitTree.at(git_dir, commit), "git"
        return FolderTree(place), "folder"
    return None


def report(rows: list[Row]) -> str:
    """Figures, and each miss with what was said instead."""
    lines = []
    for decidable, title in ((True, "decidable"), (False, "undecidable, named as such")):
        some = [row for row in rows if bool(row.truth["static_decidable"]) is decidable]
        right = sum(row.right for row in some)
        share = 100 * right / len(some) if some else 100.0
        lines.append(f"{title}: {right} of {len(some)} ({share:.1f} %)")
    for row in rows:
        if not row.right:
            t = row.truth
            lines.append(f"miss  {t['node']} {t['file']}:{t['line']} {t['mechanism']} {t['path']}")
            lines += [
                f"      has {s.mechanism.value} [{s.api}] {s.path} {s.why or 'decided'}"
                for s in row.found
            ]
    return "\n".join(lines)


def main() -> int:
    """Print the score; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("truth", type=Path)
    parser.add_argument("nodes", type=Path)
    parser.add_argument("--beside", action="store_true", help="list what is found beside")
    options = parser.parse_args()
    by_node: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    for line in options.truth.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            by_node[row["node"], row["commit"]].append(row)
    rows: list[Row] = []
    for (node, commit), truths in by_node.items():
        rows += _node(options.nodes, node, commit, truths, beside=options.beside)
    print(report(rows))
    print(secondary(rows, listed=options.beside))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak} MB")
    return 0 if _passes(rows) else 1


def _node(
    folder: Path, node: str, commit: str, truths: list[dict[str, object]], *, beside: bool
) -> list[Row]:
    found = tree_of(folder, node, commit)
    if found is None:
        print(f"{node}: not in {folder}")
        return [Row(truth, (), False) for truth in truths]
    start = time.process_time()
    scan: ModelScan = scan_tree(found[0], node.partition("/")[2])
    rows = [judge(truth, list(scan.sites)) for truth in truths]
    spent = time.process_time() - start
    right = sum(row.right for row in rows)
    print(f"{node} ({found[1]}): {right} of {len(rows)}; {len(scan.sites)} sites; {spent:.2f} s")
    if beside:
        listed = {(t["file"], t["line"]) for t in truths}
        for site in scan.sites:
            if (site.file, site.line) not in listed:
                said = site.why or "decided"
                print(f"  {site.file}:{site.line} {site.mechanism.value} {site.path} ({said})")
    return rows


def _passes(rows: list[Row]) -> bool:
    decidable = [row.right for row in rows if row.truth["static_decidable"]]
    others = [row.right for row in rows if not row.truth["static_decidable"]]
    return sum(decidable) >= 0.95 * len(decidable) and sum(others) >= 0.9 * len(others)


if __name__ == "__main__":
    sys.exit(main())
