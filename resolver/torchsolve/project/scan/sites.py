"""Sightings → sites: one for each line, with all that it was seen to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchsolve.model.models import Mechanism, ModelSite, SiteSource
from torchsolve.model.values import replace
from torchsolve.project.scan.observation import Observation
from torchsolve.project.scan.ospath import is_absolute
from torchsolve.project.scan.placement import (
    DOWNLOADS,
    Group,
    given,
    joined_paths,
    placed,
    texts_of,
)
from torchsolve.project.scan.reach import Tree, choice_of, live, reach_of
from torchsolve.project.scan.render import braces, path_of, undecided, word_of
from torchsolve.project.scan.strings import starts_with
from torchsolve.project.scan.values import (
    Hole,
    Text,
)

_MANY = 20
_WEIGHT = re.compile(
    r"\.(safetensors|sft|ckpt|pth?|pt2|bin|onnx|gguf|pkl|npz|model|task|tflite|engine|trt"
    r"|torchscript|h5|pb|caffemodel|prototxt|zip|tar|tar\.gz|tgz)$",
    re.IGNORECASE,
)
_ONE_FILE = re.compile(r"\.(json|safetensors|bin|pth?|ckpt|gguf)$", re.IGNORECASE)
_MODEL_FOLDER = re.compile(
    r"token|config|ckpt|checkpoint|weight|model|encoder|vae|clip|t5|bert|vocab|unet|scheduler"
    r"|transformer|extractor",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"(^|/)(web|js|docs?|fonts?|locales?|assets|examples?|workflows?|css|html|images?|\.git)(/|$)"
    r"|\.(py|js|css|html|md|png|jpe?g|gif|svg|webp|ttf|otf|mp4|wav|log|txt|csv|sh|bat|exe)/?$",
    re.IGNORECASE,
)


def sites(
    seen: Iterable[Observation], extended: set[str], looked: Iterable[Text], tree: Tree
) -> tuple[ModelSite, ...]:
    """Every site, in order of file and line.

    Args:
        extended: joins that are only the base of others.
        looked: paths whose existence was asked.
    """
    seen = list(seen)
    fetched = {word_of(t) for o in seen if o.path is not None for t in texts_of(o.url)}
    kept = [o for o in seen if o.chain and not _is_nothing(o, fetched)]
    joins = [o for o in kept if o.mechanism is Mechanism.MODELS_DIR]
    others = [o for o in kept if o.mechanism is not Mechanism.MODELS_DIR]
    groups = [*placed(others), *joined_paths(joins, others, extended)]
    brought = _brought(others)
    each = (_site(live(group, tree), tree, brought) for group in groups)
    found = [site for site in each if site is not None]
    ends = _ends(looked)
    found = [_with_ends(site, ends) for site in found]
    said = {(s.file, s.line, s.path) for s in found if s.mechanism is not Mechanism.MODELS_DIR}
    unique = {
        (s.file, s.line, s.api, s.path): s
        for s in found
        if s.mechanism is not Mechanism.MODELS_DIR or (s.file, s.line, s.path) not in said
    }
    return tuple(sorted(unique.values(), key=lambda s: (s.file, s.line, s.api, s.path or "")))


def _brought(seen: Iterable[Observation]) -> tuple[str, ...]:
    """Folders that a snapshot fills: what is put together below one is part of a model."""
    snapshots = (o for o in seen if o.mechanism is Mechanism.SNAPSHOT_DOWNLOAD)
    places = (f"{path_of(t).rstrip('/')}/" for o in snapshots for t in texts_of(o.path))
    return tuple(dict.fromkeys(p for p in places if "{" not in p))


def _ends(looked: Iterable[Text]) -> dict[tuple[str, str], list[str]]:
    """(join, path) → suffixes that are put behind the path before anything asks for it."""
    found: dict[tuple[str, str], list[str]] = {}
    for value in looked:
        stem, dot, end = path_of(value).rpartition(".")
        for kind, join in value.marks:
            if kind == "join" and dot and "/" not in end:
                ends = found.setdefault((join, stem), [])
                ends += [] if end in ends else [end]
    return found


def _with_ends(site: ModelSite, ends: dict[tuple[str, str], list[str]]) -> ModelSite:
    """A path that is only the stem of files: ``models/x/w.{json,safetensors}``."""
    known = ends.get((f"{site.file}:{site.line}", site.path or ""))
    if site.mechanism is not Mechanism.MODELS_DIR or not known:
        return site
    whole = f"{site.path}.{{{','.join(known)}}}" if len(known) > 1 else f"{site.path}.{known[0]}"
    return replace(site, path=whole, paths=tuple(f"{site.path}.{end}" for end in known))


def _is_nothing(seen: Observation, fetched: set[str]) -> bool:
    """A request that is no download: nothing is written, and the address names no weight or one
    that another call fetches: it asked for the size."""
    if seen.mechanism is not Mechanism.URL or not seen.pending:
        return False
    addresses = [word_of(t) for t in texts_of(seen.url)]
    if addresses and fetched.issuperset(addresses):
        return True
    return not any(_WEIGHT.search(a.partition("?")[0]) for a in addresses)


def _site(group: Group, tree: Tree, brought: tuple[str, ...]) -> ModelSite | None:
    first = group.first
    paths = _fetched(first, _unsure([t for o in group.seen for t in _paths(o)]))
    repos = _unsure([t for o in group.seen for t in texts_of(o.repo)])
    urls = _unsure([t for o in group.seen for t in texts_of(o.url)])
    folder = any(o.folder for o in group.seen)
    written = list(
        dict.fromkeys(
            path_of(t, folder=folder and _is_folder(o, t)) for o, t in _rows(group, paths)
        )
    )
    mechanism = _mechanism(first, paths, written, tree, brought)
    if mechanism is None:
        return None
    holes = [h for t in (*paths, *repos, *urls) for h in undecided(t)]
    passed_on = all(given(o, 0) for o in group.seen) and not group.helper
    many = len(written) > _MANY and passed_on and first.mechanism in DOWNLOADS
    why = _why(holes, many, first, bool(written))
    several = any(len(found) > 1 for found in (written, _words(repos), _words(urls)))
    path = braces(_shortened(written) if many else written) if written else None
    return ModelSite(
        file=group.at.file,
        line=group.at.line,
        mechanism=mechanism,
        api=first.api
        if mechanism is not Mechanism.MODELS_DIR and ":" not in first.api
        else "os.path.join",
        path=path,
        decided=why is None,
        choice=choice_of(group, [*paths, *repos, *urls], several),
        reach=reach_of(group, tree, written),
        paths=tuple(written) if why is None and len(written) > 1 else (),
        repos=_words(repos),
        urls=_words(urls),
        sources=_sources(group, written) if why is None and len(written) > 1 else (),
        category=_category(group),
        revision=next(iter(_words([t for o in group.seen for t in texts_of(o.revision)])), None),
        allow_patterns=_words([t for o in group.seen for t in texts_of(o.allow)]),
        ignore_patterns=_words([t for o in group.seen for t in texts_of(o.ignore)]),
        guard=_guard(first, written),
        trap=_trap(group, written, folder),
        risk=next((o.risk for o in group.seen if o.risk), None),
        why=why,
    )


def _sources(group: Group, written: list[str]) -> tuple[SiteSource, ...]:
    """Which repository goes to which path: by the runs that had one of each."""
    found: dict[str, set[SiteSource]] = {}
    for seen in group.seen:
        repos = [t.literal for t in texts_of(seen.repo)]
        allow = _words(texts_of(seen.allow))
        ignore = _words(texts_of(seen.ignore))
        for text in _paths(seen) if len(repos) == 1 and repos[0] else ():
            path = path_of(text, folder=_is_folder(seen, text))
            found.setdefault(path, set()).add(SiteSource(path, repos[0] or "", allow, ignore))
    return tuple(_merged(found[path]) for path in written if len(_repos(found.get(path, ()))) == 1)


def _repos(rows: Iterable[SiteSource]) -> set[str]:
    return {row.repo for row in rows}


def _merged(rows: set[SiteSource]) -> SiteSource:
    """One repository, of which several choices take different files."""
    known = sorted(rows, key=lambda row: (row.allow, row.ignore))
    allow = dict.fromkeys(p for row in known for p in row.allow)
    ignore = dict.fromkeys(p for row in known for p in row.ignore)
    whole = any(not row.allow for row in known)
    return replace(known[0], allow=() if whole else tuple(allow), ignore=tuple(ignore))


def _rows(group: Group, paths: list[Text]) -> list[tuple[Observation, Text]]:
    kept = set(paths)
    return [(o, t) for o in group.seen for t in _paths(o) if t in kept]


def _is_folder(seen: Observation, path: Text) -> bool:
    last = path.parts[-1] if path.parts else ""
    file = isinstance(last, str) and bool(_ONE_FILE.search(last))
    one = file and seen.mechanism in (Mechanism.FROM_PRETRAINED, Mechanism.SNAPSHOT_DOWNLOAD)
    return seen.folder and not one and seen.mechanism is not Mechanism.FOLDER_PATHS


def _paths(seen: Observation) -> list[Text]:
    """Paths of a sighting; a snapshot of some files goes where the check above it looks."""
    found = texts_of(seen.path)
    if seen.mechanism is not Mechanism.SNAPSHOT_DOWNLOAD or not texts_of(seen.allow):
        return found
    refined: list[Text] = []
    for path in found:
        base = path.literal
        asked = [t for g in seen.guards for value in g.paths for t in texts_of(value)]
        if path in asked:
            refined.append(path)
            continue
        start = f"{base.rstrip('/')}/" if base is not None else None
        below = (
            [t for v in guard.paths for t in texts_of(v) if start and starts_with(t, start)]
            for guard in reversed(seen.guards)
        )
        refined += next((texts for texts in below if texts), [path])[:1]
    return refined


def _unsure(found: list[Text]) -> list[Text]:
    """Without those of which nothing at all is known, where others are."""
    unique = list(dict.fromkeys(found))
    known = [t for t in unique if not _is_blank(t)]
    return known or unique


def _fetched(first: Observation, found: list[Text]) -> list[Text]:
    """Without what a listing has found on the disk: that is not fetched."""
    known = [t for t in found if all(kind != "rest" for kind, _ in t.marks)]
    return known if known and first.mechanism in DOWNLOADS else found


def _is_blank(value: Text) -> bool:
    if not value.parts:
        return True  # what a variable is before it gets a path
    part = value.parts[0] if len(value.parts) == 1 else None
    return isinstance(part, Hole) and part.kind == "run"


def _mechanism(
    first: Observation, paths: list[Text], written: list[str], tree: Tree, brought: tuple[str, ...]
) -> Mechanism | None:
    if first.mechanism is Mechanism.LOAD and paths and all(_is_plain(t) for t in paths):
        return Mechanism.HARDCODED
    if first.mechanism is not Mechanism.MODELS_DIR:
        return first.mechanism
    if not written:
        return None
    path = written[0]
    if all(_is_listed(t) for t in paths):
        return None
    if path.startswith("models/") and path.strip("/") != "models":
        return None if _NO_MODEL.search(path) else Mechanism.MODELS_DIR
    inside = tree.inside(path)
    if inside is None:
        return None
    if tree.holds(path):
        return Mechanism.BUNDLED if _looks_like_model(inside, tree) else None
    below = path.startswith(brought) and path not in brought and not _NO_MODEL.search(path)
    return Mechanism.HARDCODED if below or _WEIGHT.search(path) else None


def _is_listed(value: Text) -> bool:
    """A path that only goes through what lies in a folder."""
    last = value.parts[-1] if value.parts else ""
    return isinstance(last, Hole) and last.kind == "user" and last.name in ("file", "folder")


def _is_plain(value: Text) -> bool:
    return (
        value.literal is not None and not is_absolute(value) and not value.literal.startswith("<")
    )


def _looks_like_model(inside: str, tree: Tree) -> bool:
    if not inside or _NO_MODEL.search(inside):
        return False
    if inside in tree.paths:
        name = inside.rpartition("/")[2]
        config = name.endswith((".yaml", ".yml", ".json")) and "config" in inside.lower()
        return bool(_WEIGHT.search(name)) or config
    name = inside.rpartition("/")[2]
    return bool(_MODEL_FOLDER.search(name)) and any(
        p.startswith(f"{inside}/") and (p.endswith(".json") or _WEIGHT.search(p))
        for p in tree.paths
    )


_REASONS = {
    "config": "the value stands in a config that is read at run time: {name}",
    "env": "the environment decides: {name}",
    "run": "only a run tells the value of {name}",
}


def _why(holes: list[Hole], many: bool, first: Observation, written: bool) -> str | None:
    if many:
        return "a helper: each line that calls it is listed by itself"
    if not holes:
        needs = first.mechanism in DOWNLOADS and not (texts_of(first.repo) or texts_of(first.url))
        return (
            "no source is given"
            if needs
            else (None if written or first.url else "no path is given")
        )
    order = list(_REASONS)
    worst = min(holes, key=lambda h: order.index(h.kind) if h.kind in order else 3)
    return _REASONS.get(worst.kind, _REASONS["run"]).format(name=worst.name or "a variable")


def _shortened(written: list[str]) -> list[str]:
    rows = [path.split("/") for path in written]
    head = 0
    while all(len(row) > head for row in rows) and len({row[head] for row in rows}) == 1:
        head += 1
    return ["/".join([*rows[0][:head], "{file}"])]


def _words(found: list[Text]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word_of(t) for t in found))


def _category(group: Group) -> str | None:
    """The category that was asked; for what opens a file, the one that its path was found by."""
    found = _words([t for o in group.seen for t in texts_of(o.category)])
    told = sorted({name for o in group.seen for kind, name in o.marks if kind == "category"})
    return ";".join(found or told) or None


def _guard(first: Observation, written: list[str]) -> str | None:
    for guard in reversed(first.guards):
        paths = [path_of(t) for value in guard.paths for t in texts_of(value)]
        related = [p for p in dict.fromkeys(paths) if any(_near(p, w) for w in written)]
        if related:
            return braces(related)
    return None


def _near(guard: str, path: str) -> bool:
    """Whether a check is about the same place: the path, a folder around it, a file beside it."""
    one, other = guard.rstrip("/"), path.rstrip("/")
    folder = one.rpartition("/")[0]
    return (
        one == other
        or other.startswith(f"{one}/")
        or (folder.count("/") > 0 and (other == folder or other.startswith(f"{folder}/")))
    )


def _trap(group: Group, written: list[str], folder: bool) -> str | None:
    if group.first.mechanism not in DOWNLOADS or not written:
        return None
    guard = _guard(group.first, written)
    if guard is None:
        return None
    if folder and guard.rstrip("/") == braces(written).rstrip("/"):
        return "a half-made folder stops the download"
    if not folder and guard not in (*written, braces(written)):
        return f"fetched only while {guard} is missing: bring both or none"
    return None
