"""A tree of files → ``ModelScan``, and what of it a plan has to bring."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from torchsolve.facts.load import load_facts
from torchsolve.model.models import Choice, Mechanism, ModelScan, ModelSite, Reach, SiteSource
from torchsolve.model.project import ModelFile
from torchsolve.model.values import replace
from torchsolve.project.scan.covered import without_covered
from torchsolve.project.scan.graph import ModuleGraph
from torchsolve.project.scan.scan import Folders, scan_models
from torchsolve.project.scan.snippets import with_snippets
from torchsolve.project.scan.sources import Sources, without_collection
from torchsolve.project.tree import Tree

_LIVE = frozenset({Reach.NODE, Reach.IMPORT, Reach.INSTALL})
_OPEN = re.compile(r"[{<*]")
_HUB_FILE = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/(?:resolve|blob)/")
_RANK = {
    Mechanism.SNAPSHOT_DOWNLOAD: 0,
    Mechanism.HF_HUB_DOWNLOAD: 0,
    Mechanism.URL: 0,
    Mechanism.FROM_PRETRAINED: 1,
    Mechanism.LIBRARY: 1,
    Mechanism.TORCH_HUB: 1,
    Mechanism.FOLDER_PATHS: 2,
    Mechanism.LOAD: 3,
    Mechanism.HARDCODED: 3,
    Mechanism.MODELS_DIR: 4,
}


def scan_tree(tree: Tree | ModuleGraph, name: str, folders: Folders | None = None) -> ModelScan:
    """Where a node loads its models from; nothing of it is run.

    Args:
        tree: its files, or its modules where others read them too.
        name: of its folder under ``custom_nodes``.
        folders: category → folders below ComfyUI's root and suffixes; None: of the newest ComfyUI.
    """
    graph = tree if isinstance(tree, ModuleGraph) else ModuleGraph(Sources(tree))
    facts = load_facts()
    gates = {row.repo: row.gated for row in facts.models}
    with without_collection():
        found = scan_models(graph, name, facts.folders.on(None) if folders is None else folders)
    sites = tuple(_gated(site, gates) for site in found.sites)
    return replace(found, sites=with_snippets(sites, graph.sources.load))


def _gated(site: ModelSite, gates: dict[str, str | bool | None]) -> ModelSite:
    hub = (m[1] for url in site.urls if (m := _HUB_FILE.match(url)))
    placed = (repo for repo in gates if f"/{repo}/" in f"/{site.path}/")
    known = [gates[repo] for repo in (*site.repos, *hub, *placed) if repo in gates]
    return replace(site, gated=next((gate for gate in known if gate), known[0] if known else None))


def model_files(sites: Iterable[ModelSite]) -> tuple[ModelFile, ...]:
    """What the sites ask to be there: one file or folder a path, from its best site.

    A site that fetches says more than one that opens; what is dead, bundled, a registration, a
    listing or not decided asks for nothing.
    """
    best: dict[tuple[str, str | None], tuple[int, ModelFile]] = {}
    built: dict[str, ModelFile] = {}
    for site in sites:
        rank = _RANK.get(site.mechanism)
        if rank is None or not _asks(site):
            continue
        for file in _files(site):
            # A cache holds many repositories: its path alone is no place.
            key = file.path.rstrip("/"), file.repo if file.path.startswith("<") else None
            if site.mechanism is Mechanism.MODELS_DIR:
                built.setdefault(key[0], file)
            if key not in best or rank < best[key][0]:
                best[key] = (rank, file)
    return without_covered([_with_built(file, built) for _, file in best.values()])


def _with_built(file: ModelFile, built: dict[str, ModelFile]) -> ModelFile:
    """With the line that builds the path before the one that fetches it, where they are two."""
    other = built.get(file.path.rstrip("/"))
    if other is None or file.url is None or not other.snippet or not file.snippet:
        return file
    parts = (other, file)
    text = "\n".join(f"# {each.site}\n{textwrap.dedent(each.snippet or '')}" for each in parts)
    return replace(file, snippet=text)


def _asks(site: ModelSite) -> bool:
    listing = site.api.startswith("folder_paths.") and "get_full_path" not in site.api
    return bool(site.decided and site.path and site.reach in _LIVE and not listing)


def _files(site: ModelSite) -> Iterator[ModelFile]:
    places = site.paths or ((site.path,) if site.path else ())
    chosen = site.choice is Choice.USER and all(_OPEN.search(place) for place in places)
    if (chosen or site.mechanism is Mechanism.FOLDER_PATHS) and site.path:
        places = (site.path,)  # one file, in whichever folder of the category it lies
    paired = len(site.repos) == len(places)
    known = {source.path: source for source in site.sources}
    for index, place in enumerate(places):
        repo = site.repos[index if paired else 0] if paired or len(site.repos) == 1 else None
        source = known.get(place) or SiteSource(
            place, repo or "", site.allow_patterns, site.ignore_patterns
        )
        repo = source.repo or None
        url = _url_of(site, place)
        hub = _HUB_FILE.match(url) if url else None
        is_github = site.mechanism is Mechanism.TORCH_HUB
        yield ModelFile(
            path=place,
            site=f"{site.file}:{site.line}",
            mechanism=site.mechanism.value,
            repo=None if is_github else repo or (hub[1] if hub else None),
            url=f"https://github.com/{repo}" if is_github and repo else url,
            gated=site.gated,
            required=_is_only(site, places) and not _OPEN.search(place.lstrip("<")),
            note=site.trap or site.risk,
            revision=site.revision,
            allow=source.allow,
            ignore=source.ignore,
            snippet=site.snippet,
        )


def _is_only(site: ModelSite, places: Sequence[str]) -> bool:
    """Whether nobody chooses: a list of one entry is no choice."""
    return site.choice is Choice.FIXED or (site.choice is Choice.ENUM and len(places) == 1)


def _url_of(site: ModelSite, place: str) -> str | None:
    if len(site.urls) == 1:
        return site.urls[0].partition("?")[0]
    name = place.rpartition("/")[2]
    found = [url for url in site.urls if url.partition("?")[0].endswith(f"/{name}")]
    return found[0].partition("?")[0] if len(found) == 1 else None
