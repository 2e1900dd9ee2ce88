"""Cells for plans without torch whose wheels load CUDA that no wheel of the plan brings.

With torch the CUDA libraries are wheels (``nvidia-*``) and a small image does. onnxruntime-gpu and
cupy alone take them from the system: without them they fall back to the CPU, or raise at first use.
The image is then one of NVIDIA's with its libraries, of the CUDA major that the wheel's row in
``matrices/companions.toml`` names.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.model.plan import Plan
from torchsolve.model.target import BaseImage, CellId
from torchsolve.model.version import CudaTag, dotted_key
from torchsolve.solve.cells import CPU, Cell, catalogue, fixed_by, image_pythons
from torchsolve.solve.question import Companion

# cuDNN is opened by name, so that no DT_NEEDED tells whether it is needed.
_FLAVORS = ("cudnn-runtime", "runtime")


def toolkit_cells(
    plan: Plan, companions: Iterable[Companion], tables: Facts, settings: Settings
) -> tuple[Cell, ...]:
    """Cells whose image has the CUDA libraries that a plan without torch loads; none where its
    wheels need none, bring them themselves, or are of two majors."""
    majors, fixed = _majors(plan, tuple(companions)), fixed_by(settings)
    if len(majors) != 1 or CPU in settings.cuda:
        return ()
    images = [
        image
        for image in catalogue(tables, settings)
        if image.cuda is not None and image.supported and image.flavor in _FLAVORS
        if CudaTag.from_version(image.cuda).major in majors
        if not settings.image or {image.ref, image.os} & set(settings.image)
        if not settings.cuda or CudaTag.from_version(image.cuda) in settings.cuda
    ]
    images.sort(key=_order)
    pythons = sorted({plan.cell.python, *(p for image in images for p in image.pythons)})
    cells: dict[CellId, Cell] = {}
    for python, image in image_pythons(pythons, images, settings):
        cell = CellId(python, _tag(image), None, image.os, settings.platform)
        cells.setdefault(cell, Cell(cell, image, None, fixed))
    return tuple(cells.values())


def _majors(plan: Plan, companions: tuple[Companion, ...]) -> set[int]:
    if any(pin.name.startswith("nvidia-cu") for pin in plan.pins):
        return set()
    return {
        row.cuda
        for pin in plan.pins
        for row in companions
        if row.cuda is not None and row.package == pin.name and pin.file.index == "default"
        if row.specifier.contains(Version(pin.version), prereleases=True)
    }


def _order(image: BaseImage) -> tuple[int, tuple[int, ...], bool]:
    """With cuDNN first; then the newest toolkit, which older ones of its major stand in for."""
    newest = tuple(-part for part in dotted_key(image.cuda or "0"))
    return (_FLAVORS.index(image.flavor), newest, not image.os.startswith("ubuntu"))


def _tag(image: BaseImage) -> CudaTag:
    return CudaTag.from_version(image.cuda or "")
