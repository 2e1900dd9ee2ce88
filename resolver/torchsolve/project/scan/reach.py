"""What a line of many sightings is to the node: whether it runs, and who chooses its file."""

from __future__ import annotations

from torchsolve.model.models import Choice, Mechanism, Reach
from torchsolve.model.values import dataclass
from torchsolve.project.scan.callers import Callers, Use
from torchsolve.project.scan.hub import CUT_OUT
from torchsolve.project.scan.observation import Observation
from torchsolve.project.scan.placement import Group, is_registration, texts_of
from torchsolve.project.scan.values import Marks, Text


@dataclass(slots=True)
class Tree:
    """What sites are told of the tree.

    Attributes:
        eager: files that are imported when the node is.
        callers: answers whether a line runs.
    """

    home: str
    paths: frozenset[str]
    folders: frozenset[str]
    eager: frozenset[str]
    callers: Callers

    def inside(self, path: str) -> str | None:
        """A path of the tree, relative to it."""
        start = f"custom_nodes/{self.home}/"
        return path[len(start) :].rstrip("/") if path.startswith(start) else None

    def holds(self, path: str) -> bool:
        """Whether the tree has this file or folder."""
        known = self.inside(path)
        return known is not None and (known in self.paths or known in self.folders)

    def use(self, seen: Observation) -> Use:
        """How sure it is that what was seen happens: by the outermost function of its chain."""
        if seen.entry != "alone":
            return Use.CALLED
        outermost = seen.chain[-1]
        if outermost.function == "__main__":
            return Use.NEVER
        return self.callers.use(outermost.file, outermost.line)


def live(group: Group, tree: Tree) -> Group:
    """The group as the node uses it: what nothing calls says nothing of a line that runs."""
    seen = [o for o in group.seen if o.entry not in ("alone", "untaken")]
    if not seen:
        uses = [tree.use(o) for o in group.seen]
        seen = [o for o, use in zip(group.seen, uses, strict=True) if use is max(uses)]
    return Group(group.at, seen[0], seen, group.helper)


def choice_of(group: Group, texts: list[Text], several: bool) -> Choice:
    """Who decides which file it is: of those that have a say the one that is hardest to foresee."""
    kinds = {h.kind for t in texts for h in t.holes} | {kind for kind, _ in _marks(group, texts)}
    for kind in ("config", "env", "user"):
        if kind in kinds:
            return Choice(kind)
    if is_registration(group.first) and "run" not in kinds:
        return Choice.FIXED
    if group.first.mechanism is Mechanism.FOLDER_PATHS and any("*" in _end(t) for t in texts):
        return Choice.USER
    if "run" in kinds:  # nobody who is asked: what calls it, or a file, says so
        return Choice.CONFIG
    return Choice.ENUM if several or "enum" in kinds else Choice.FIXED


def _marks(group: Group, texts: list[Text]) -> Marks:
    """What the values came through; where a helper keeps them is for the helper's line to say."""
    found = frozenset().union(*(o.marks for o in group.seen), *(t.marks for t in texts))
    outside = all(o.chain[0].frame != group.at.frame for o in group.seen)
    return frozenset(m for m in found if not (outside and m[0] in ("env", "config")))


def _end(value: Text) -> str:
    last = value.parts[-1] if value.parts else ""
    return last if isinstance(last, str) else ""


def reach_of(group: Group, tree: Tree, written: list[str]) -> Reach:
    """Whether and when the line runs; ``written``: its paths."""
    if written and all(tree.holds(path) for path in written):
        return Reach.BUNDLED
    if all(c.function == "__main__" for o in group.seen for c in o.chain[-1:]):
        return Reach.DEAD
    if _is_fallback(group):
        return Reach.VENDORED
    if all(o.entry == "untaken" for o in group.seen):
        return Reach.DEAD  # its function runs, and never this way
    entries = {_entry(o, tree) for o in group.seen}
    for reach in (Reach.NODE, Reach.IMPORT, Reach.INSTALL):
        if reach.value in entries:
            return reach
    use = max(tree.use(o) for o in group.seen)
    return (Reach.DEAD, Reach.VENDORED, Reach.NODE)[use]


def _entry(seen: Observation, tree: Tree) -> str:
    """How the run began; a module that only a function imports runs when that is called."""
    late = seen.entry == "import" and seen.chain[-1].file not in tree.eager
    return "node" if late else seen.entry


def _is_fallback(group: Group) -> bool:
    """A library's way out that cannot work here: a repository cut out of a local path."""
    return all(o.misled or _is_cut_out(o) for o in group.seen)


def _is_cut_out(seen: Observation) -> bool:
    repos = texts_of(seen.repo)
    return bool(repos) and all(t.holes and t.holes[0].name == CUT_OUT for t in repos)
