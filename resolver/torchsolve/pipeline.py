"""Wires the rooms: references and settings in, a ``Resolution`` or ``Matrix`` out. No logic.

``project → index → facts → solve``; ``write_plan`` goes on to ``emit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torchsolve.config import Settings
from torchsolve.defaults import default_index_url
from torchsolve.direct import Direct
from torchsolve.errors import UnknownError, UsageError
from torchsolve.facts import Facts, load_facts
from torchsolve.facts.gpus import Gpu
from torchsolve.floors import resolve_linked
from torchsolve.index.client import IndexClient
from torchsolve.index.credentials import split_auth
from torchsolve.indexes import find_indexes
from torchsolve.model.claim import Claim, Standing
from torchsolve.model.outcome import Matrix, Resolution
from torchsolve.model.preferences import Preferences
from torchsolve.model.project import ComfyUI, ProjectFacts, ProjectKind
from torchsolve.model.target import CellId
from torchsolve.model.trace import looked_at
from torchsolve.model.values import replace
from torchsolve.project.constraints import bounded
from torchsolve.project.load import ReadOptions, load_all
from torchsolve.solve.cells import plain_cells, refuse_unknown
from torchsolve.solve.context import Context
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.engine import Engine
from torchsolve.solve.search import Search

if TYPE_CHECKING:
    from torchsolve.model.builder import MetadataBuilder
    from torchsolve.model.inventory import ImageInventory
    from torchsolve.model.progress import Progress
    from torchsolve.proof import Proofs


def resolve(
    references: Sequence[str],
    settings: Settings,
    progress: Progress | None = None,
    *,
    links: bool = False,
) -> Resolution:
    """The best plan for these projects together, or why there is none.

    Args:
        links: read all compiled wheels of the plan for what they need of the image.

    Raises UsageError for bad input, UnknownError for a project that is out of reach.
    """
    notes = _notes(settings)
    with _context(references, settings, progress) as (context, client):
        found = resolve_linked(context, client, fetch=links, progress=progress)
        return _with_claims(_with_weights(found, context, client), notes, context)


def _notes(settings: Settings) -> tuple[Claim, ...]:
    if not settings.claims:
        return ()
    from torchsolve.project.notes.read import read_notes

    return read_notes(settings.claims)


def _with_claims(found: Resolution, notes: tuple[Claim, ...], context: Context) -> Resolution:
    """Notes and READMEs held against the source; of a README only what differs."""
    said = tuple(claim for project in found.projects for claim in project.readme)
    if not notes and not said:
        return found
    from torchsolve.project.notes.compare import check_claims

    checked = check_claims(notes, found.projects, found.plan, context.tables)
    theirs = check_claims(said, found.projects, found.plan, context.tables)
    checked += tuple(c for c in theirs if c.standing is Standing.DIFFERS)
    plan = replace(found.plan, claims=checked) if found.plan else None
    return replace(found, plan=plan, claims=checked)


def _with_models(
    projects: tuple[ProjectFacts, ...], models: tuple[str, ...]
) -> tuple[ProjectFacts, ...]:
    """Weights that only the user knows of, with the first project."""
    if not models:
        return projects
    from torchsolve.model.named_model import named_model

    extra = tuple(map(named_model, models))
    first, *rest = projects
    return (replace(first, models=(*first.models, *extra)), *rest)


def matrix(
    references: Sequence[str], settings: Settings, progress: Progress | None = None
) -> Matrix:
    """Every cell that the filters leave. Raises as ``resolve`` does."""
    with _context(references, settings, progress) as (context, _):
        return Search(context).matrix()


def write_plan(resolution: Resolution, settings: Settings, directory: Path) -> tuple[str, ...]:
    """All files of the plan, whole or not at all; their names.

    Raises UnknownError ``no-hash`` where a pin cannot be locked.
    """
    from torchsolve.emit.context import context_files
    from torchsolve.emit.files import render
    from torchsolve.emit.options import EmitOptions
    from torchsolve.emit.write import write
    from torchsolve.project.source_tree import source_files

    if resolution.plan is None:
        return ()
    options = EmitOptions(source=settings.source, weights=settings.weights, tree=source_files)
    plan = resolution.plan
    return write(render(plan, options) | context_files(plan, options), directory)


def _with_weights(resolution: Resolution, context: Context, client: IndexClient) -> Resolution:
    """The plan with what the model hub tells. Samples are recorded: only bake asks for theirs."""
    plan, recorded = resolution.plan, context.settings.weights != "bake"
    if recorded and all(project.kind is ProjectKind.SAMPLE for project in context.projects):
        return resolution
    if plan is None or not plan.weights:
        return resolution
    from torchsolve.weights import describe

    found = describe(plan.weights, client.hub, context.tables)
    described = replace(plan, weights=found.weights, notes=(*plan.notes, *found.notes))
    return replace(resolution, plan=described)


@contextmanager
def _context(
    references: Sequence[str], settings: Settings, progress: Progress | None
) -> Iterator[tuple[Context, IndexClient]]:
    tables = load_facts()
    family = tables.torch.family
    gpus = tuple(tables.gpus.find(name) for name in settings.gpus)
    refuse_unknown(tables, settings)
    if progress is not None:
        progress.stage("reading projects", len(references))
    indexes = find_indexes(settings)
    with IndexClient(indexes.client_settings()) as files:
        options = _read_options(settings, tables, files)
        projects = bounded(load_all(references, options), settings.constraints, options)
        projects = _with_models(projects, settings.models)
    cutoff = _cutoff(settings, projects)
    inventory = _inventory(settings)
    wanted = replace(
        indexes.client_settings(projects, cutoff),
        snapshot=settings.snapshot,
        from_snapshot=settings.from_snapshot,
    )
    with IndexClient(wanted, _builder(settings, tables, wanted.default_url)) as client:
        if progress is not None:
            progress.stage(_SOLVING)
        proofs = _proofs(client, settings, gpus)
        context = Context(
            settings=settings,
            tables=tables,
            projects=projects,
            comfyui=_comfyui(settings, tables, projects, cutoff),
            inventory=inventory,
            gpus=gpus,
            cutoff=cutoff,
            index_for=lambda url: client.with_torch(url, family if url else frozenset()),
            default_url=split_auth(wanted.default_url or default_index_url())[0],
            indexes=indexes.told(projects),
            preferences=_preferences(settings, options),
            direct=Direct(client, options),
            prover=proofs if settings.reads_binaries else None,
            labels=proofs,
            engine=_engine(settings),
            witnessed=settings.engine == "both",
            tick=_ticker(progress),
            expect=_expecter(progress),
        )
        yield context, client


def _engine(settings: Settings) -> Engine:
    if settings.engine != "resolvelib":
        return CoreEngine()
    from torchsolve.solve.resolvelib_engine import ResolvelibEngine

    return ResolvelibEngine()


def _proofs(client: IndexClient, settings: Settings, gpus: Sequence[Gpu]) -> Proofs | None:
    """Labels that are trusted are held against the binaries all the same, to say what they hide."""
    if settings.evidence != "binary":
        return None
    from torchsolve.proof import Proofs

    asked = tuple(sorted({gpu.capability for gpu in gpus}))
    return Proofs(client, asked, settings.driver)


_SOLVING = "solving cells"


def _expecter(progress: Progress | None) -> Callable[[int], None]:
    def expect(cells: int) -> None:
        if progress is not None:
            progress.stage(_SOLVING, cells)

    return expect


def _ticker(progress: Progress | None) -> Callable[[CellId], None]:
    def tick(_cell: CellId) -> None:
        if progress is not None:
            progress.advance()

    return tick


def _comfyui_day(settings: Settings, tables: Facts) -> date | None:
    """Of a release that is asked for by name: its folders of models are those of its day."""
    asked = settings.comfyui
    if asked is None or asked == "none" or Path(asked).is_dir():
        return None
    return tables.comfyui.find(asked).day


def _read_options(settings: Settings, tables: Facts, client: IndexClient) -> ReadOptions:
    return ReadOptions(
        cache_dir=settings.cache_dir,
        rev=settings.rev,
        offline=settings.offline,
        undeclared=settings.undeclared,
        extras=settings.extras,
        groups=settings.groups,
        platform=settings.platform,
        registry=settings.registry,
        comfyui_day=_comfyui_day(settings, tables),
        download=client.download,
        modules_of=partial(_modules_of, client),
    )


def _modules_of(client: IndexClient, name: str) -> tuple[str, ...] | None:
    """What the newest wheel of a name brings to import; None where there is none to look into."""
    try:
        wheels = [file for file in client.page(name).files if file.is_wheel]
        return client.modules(wheels[0]) if wheels else None
    except UnknownError:
        return None


def _builder(settings: Settings, tables: Facts, index: str | None) -> MetadataBuilder | None:
    """Who builds sdists that say nothing: in the image that was named, else the first cell's."""
    if not settings.build_metadata:
        return None
    from torchsolve.build.docker import DockerEngine
    from torchsolve.build.metadata import ContainerBuilder
    from torchsolve.index.trust import ca_bundle_of_environment

    cell = next(iter(plain_cells(tables, settings)), None)
    if cell is None:
        return None
    return ContainerBuilder(
        DockerEngine(),
        settings.build_image or cell.image.ref,
        cell.id.python,
        tables.images.systems,
        split_auth(index)[0] if index else None,
        settings.ca_bundle or ca_bundle_of_environment(),
    )


def _preferences(settings: Settings, options: ReadOptions) -> Preferences:
    if settings.lock is None or settings.upgrade:
        return Preferences()
    from torchsolve.project.preferences import read_preferences

    return read_preferences(settings.lock, options, settings.upgrade_packages)


def _cutoff(settings: Settings, projects: Sequence[ProjectFacts]) -> datetime | None:
    """The date after which files do not exist: the user's, else a sample's own."""
    if settings.exclude_newer is not None:
        return settings.exclude_newer
    if isinstance(settings.as_of, datetime):
        return settings.as_of
    if settings.as_of == "now":
        return None
    recorded = [project.cutoff for project in projects]
    if settings.as_of == "commit":
        recorded += [project.source.date for project in projects]
        if not any(recorded):
            raise UsageError(
                "no-commit-date",
                "--as-of commit takes the date of a commit, and no project here has one",
                origin="--as-of",
                hint="give the day: --as-of 2025-10-01",
            )
    return max((date for date in recorded if date is not None), default=None)


def _inventory(settings: Settings) -> ImageInventory | None:
    if settings.base is None:
        return None
    if settings.base.endswith(".json"):
        from torchsolve.image.inventory import load as load_inventory

        return load_inventory(Path(settings.base))
    from torchsolve.build.base import build_base
    from torchsolve.build.docker import DockerEngine
    from torchsolve.image.inspect import inspect

    path = Path(settings.base)
    return inspect(build_base(path) if path.is_file() else settings.base, DockerEngine())


def _comfyui(
    settings: Settings,
    tables: Facts,
    projects: Sequence[ProjectFacts],
    cutoff: datetime | None,
) -> ComfyUI | None:
    """The ComfyUI of the solve: for a node the newest that is not after the cut-off."""
    asked = settings.comfyui
    if asked == "none" or (asked is None and not any(project.is_node for project in projects)):
        return None
    from torchsolve.project.comfyui import checkout, from_row

    if asked is not None:
        path = Path(asked)
        looked_at(path)
        return checkout(path) if path.is_dir() else from_row(tables.comfyui.find(asked))
    row = tables.comfyui.newest(cutoff.date() if cutoff else None)
    return from_row(row) if row is not None else None
