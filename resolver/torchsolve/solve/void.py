"""Why the filters leave no cell at all: which of them exclude each other, by which row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.plan import Conflict
from torchsolve.model.values import replace
from torchsolve.model.version import dotted_key
from torchsolve.solve.cells import catalogue, torch_cells

_DROPS: dict[str, Callable[[Settings], Settings]] = {
    "cell": lambda s: replace(s, cell=None),
    "image": lambda s: replace(s, image=()),
    "python": lambda s: replace(s, python=()),
    "cuda": lambda s: replace(s, cuda=()),
    "torch": lambda s: replace(s, torch=()),
    "torch-index": lambda s: replace(s, torch_index="auto"),
    "override": lambda s: replace(s, overrides=()),
}


def without(settings: Settings, flag: str) -> Settings | None:
    """The settings without a flag; None for one that does not choose cells."""
    loosen = _DROPS.get(flag)
    return loosen(settings) if loosen is not None else None


def explain_void(tables: Facts, settings: Settings, cutoff: datetime | None) -> Conflict:
    """The conflict of filters that leave no cell: a smallest set of them, and the table's row."""
    kept = dict(_values(settings))
    loosened = settings
    for flag in _DROPS:
        if flag not in kept:
            continue
        wider = _DROPS[flag](loosened)
        if not torch_cells(tables, wider, cutoff):
            loosened = wider
            del kept[flag]
    facts = [
        Evidence(f"--{flag}", f"asks for {text}", Strength.DECLARED, f"--{flag}")
        for flag, text in kept.items()
    ]
    facts += _rows(tables, loosened, kept)
    if cutoff is not None and torch_cells(tables, settings, None):
        text = f"excludes files after {cutoff.date()}"
        facts.append(Evidence("the cut-off", text, Strength.DECLARED, "--exclude-newer"))
    return Conflict(_cell(kept), tuple(facts), _reference(kept))


def _values(settings: Settings) -> list[tuple[str, str]]:
    rows = [
        ("cell", str(settings.cell) if settings.cell else ""),
        ("image", " ".join(settings.image)),
        ("python", " ".join(map(str, settings.python))),
        ("cuda", " ".join(map(str, settings.cuda))),
        ("torch", " ".join(f"torch {spec}" for spec in settings.torch)),
        ("torch-index", "the default index" if settings.torch_index == "default" else ""),
    ]
    return [(flag, text) for flag, text in rows if text]


def _cell(kept: dict[str, str]) -> str:
    return kept.get("cell", " ".join(kept[flag] for flag in ("torch", "cuda") if flag in kept))


def _rows(tables: Facts, settings: Settings, kept: dict[str, str]) -> list[Evidence]:
    machine = settings.platform.machine
    rows = []
    for release in tables.torch.releases:
        if not _asked(settings, release.version.public):
            continue
        builds = [build for build in release.builds if build.machine == machine]
        tags = ", ".join(str(build.cuda) for build in sorted(builds, key=lambda b: b.cuda))
        text = f"was built for {tags or 'no CUDA'} only"
        if "python" in kept:
            pythons = sorted({python for build in builds for python in build.pythons})
            text = f"was built for Python {', '.join(map(str, pythons))} only"
        label = f"torch {release.version.public}"
        rows.append(Evidence(label, text, Strength.DECLARED, "matrices/torch.toml"))
    if rows and settings.torch:
        return rows[:4]
    if settings.torch:
        newest = tables.torch.releases[0].version.public
        text = f"end at {newest}, and none is named so"
        return [Evidence("torch releases", text, Strength.DECLARED, "matrices/torch.toml")]
    if "python" in kept and not settings.image:
        return [_python_row(tables, machine)]
    return _image_rows(tables, settings)


def _python_row(tables: Facts, machine: str) -> Evidence:
    builds = [b for release in tables.torch.releases for b in release.builds]
    pythons = sorted({python for b in builds if b.machine == machine for python in b.pythons})
    text = f"were built for Python {pythons[0]} to {pythons[-1]}"
    return Evidence("torch releases", text, Strength.DECLARED, "matrices/torch.toml")


def _image_rows(tables: Facts, settings: Settings) -> list[Evidence]:
    images = catalogue(tables, settings)
    named = settings.image or ((settings.cell.os,) if settings.cell is not None else ())
    rows = []
    for name in named or sorted({image.os for image in images}):
        ours = [image for image in images if name in (image.ref, image.os)]
        minors = {image.cuda.rpartition(".")[0] for image in ours if image.cuda is not None}
        text = f"exists for CUDA {', '.join(sorted(minors, key=dotted_key))} only"
        if not minors:
            text = "has no CUDA" if ours else "is no system of the catalogue"
        rows.append(Evidence(name, text, Strength.DECLARED, _IMAGES))
    return rows


_IMAGES = "matrices/images.toml"


def _asked(settings: Settings, version: str) -> bool:
    return any(spec.contains(version, prereleases=True) for spec in settings.torch)


def _reference(kept: dict[str, str]) -> str:
    if {"torch", "cuda"} <= set(kept):
        return "no-cuda-build"
    if {"torch", "python"} <= set(kept):
        return "no-python-build"
    return "no-such-cell"
