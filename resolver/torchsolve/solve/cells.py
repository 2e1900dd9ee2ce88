"""The cells that the filters leave, in the order in which they are tried (DESIGN section 5).

Order: the policy's torch, the release's default-index CUDA tag before others, images whose OS
packages the Python, smaller image, newer Python, newer C library. Only what is known without
reading a wheel counts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.config import Settings
from torchsolve.errors import UsageError
from torchsolve.facts import Facts
from torchsolve.facts.torch import TorchBuild, TorchRelease
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.preferences import Preferences
from torchsolve.model.target import BaseImage, CellId, Target
from torchsolve.model.values import dataclass, replace
from torchsolve.model.version import CudaTag, PythonVersion, dotted_key

CPU = CudaTag("cpu")
_FLAVORS = ("base", "slim", "runtime", "devel")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with all that is known of it. ``build`` is None where nothing needs torch."""

    id: CellId
    image: BaseImage
    build: TorchBuild | None
    fixed: frozenset[str] = frozenset()

    @property
    def target(self) -> Target:
        """What wheels are evaluated against."""
        return Target.of(self.id.python, self.id.platform, self.image.glibc)

    def _origin(self, flag: str, otherwise: str) -> str:
        return f"--{flag}" if flag in self.fixed else otherwise

    @property
    def python_fact(self) -> Evidence:
        """``<python>`` of the cell."""
        origin = self._origin("python", "the cell")
        return Evidence("<python>", f"is {self.id.python}", Strength.DECLARED, origin)

    @property
    def glibc_fact(self) -> Evidence:
        """``<glibc>`` of the cell's image."""
        text = f"is {self.image.glibc} in {self.image.os}"
        origin = self._origin("image", "matrices/images.toml")
        return Evidence("<glibc>", text, Strength.DECLARED, origin)

    @property
    def cuda_fact(self) -> Evidence:
        """``<cuda>`` of the cell."""
        origin = self._origin("cuda", "the cell")
        return Evidence("<cuda>", f"is {self.id.cuda}", Strength.DECLARED, origin)

    @property
    def torch_fact(self) -> Evidence:
        """The torch of the cell."""
        text = f"is {self.id.torch.public if self.id.torch else 'absent'}"
        return Evidence("torch", text, Strength.DECLARED, self._origin("torch", "the cell"))

    @property
    def torch_facts(self) -> tuple[Evidence, Evidence]:
        """Torch and CUDA."""
        return (self.torch_fact, self.cuda_fact)


def refuse_unknown(tables: Facts, settings: Settings) -> None:
    """Raises UsageError for a CUDA tag or a base image that no table knows: a slip of the pen."""
    for text in settings.overrides:
        if canonicalize_name(Requirement(text).name) == "torch":
            hint = (
                "--torch chooses the torch of a plan; --no-deps NAME:torch lets NAME take another"
            )
            raise UsageError(
                "override-of-torch", f"--override {text}", origin="--override", hint=hint
            )
    tags = {build.cuda for release in tables.torch.releases for build in release.builds}
    for tag in settings.cuda:
        if tag not in tags:
            known = " ".join(map(str, sorted(tags)))
            raise UsageError(
                "unknown-cuda-tag", f"no torch was built for {tag}", origin="--cuda", hint=known
            )
    images = {name for image in catalogue(tables, settings) for name in (image.ref, image.os)}
    for name in settings.image:
        if name not in images:
            hint = "torchsolve facts show images; an image of your own is for --base"
            raise UsageError(
                "unknown-image", f"{name} is not in the catalogue", origin="--image", hint=hint
            )


def fixed_by(settings: Settings) -> frozenset[str]:
    """Which properties of a cell the user fixed, by the name of their flag."""
    given = {
        "python": settings.python,
        "image": settings.image,
        "cuda": settings.cuda,
        "torch": settings.torch,
        "cell": settings.cell,
    }
    return frozenset(name for name, value in given.items() if value)


@lru_cache(maxsize=16)
def torch_cells(
    tables: Facts, settings: Settings, cutoff: datetime | None, *, devel: bool = False
) -> tuple[Cell, ...]:
    """Every cell with torch that the settings leave, best first.

    ``devel``: a node needs nvcc as soon as it is imported, and so an image that has it.
    """
    fixed = fixed_by(settings)
    cells = []

    @lru_cache
    def images(cuda: CudaTag) -> list[BaseImage]:
        return _images(tables, cuda, settings, devel=devel)

    @lru_cache
    def places(
        cuda: CudaTag, pythons: tuple[PythonVersion, ...]
    ) -> list[tuple[PythonVersion, BaseImage]]:
        return image_pythons(pythons, images(cuda), settings)

    for release in _releases(tables, settings, cutoff):
        for build in _builds(release, settings):
            cells += [
                Cell(_id(python, build, image, settings), image, build, fixed)
                for python, image in places(build.cuda, tuple(build.pythons))
            ]
    if settings.cell is not None:
        return tuple(cell for cell in cells if cell.id == settings.cell)
    return tuple(cells)


def plain_cells(tables: Facts, settings: Settings) -> tuple[Cell, ...]:
    """Every cell without torch, best first; one image a Python."""
    images = _images(tables, CPU, settings)
    pythons = sorted({python for image in images for python in image.pythons}, reverse=True)
    cells: dict[PythonVersion, Cell] = {}
    for python, image in image_pythons(pythons, images, settings):
        cell_id = CellId(python, CPU, None, image.os, settings.platform)
        cells.setdefault(python, Cell(cell_id, image, None, fixed_by(settings)))
    wanted = settings.cell
    return tuple(cell for cell in cells.values() if wanted is None or cell.id == wanted)


def without_torch(
    tables: Facts, settings: Settings, locked: Preferences
) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Cells without torch, and those to learn from what a plan without torch holds: the same, or
    those of any image where the image that is named has none of them."""
    cells = locked_first(plain_cells(tables, settings), locked)
    if cells or not settings.image:
        return cells, cells
    return cells, plain_cells(tables, replace(settings, image=()))


def _id(python: PythonVersion, build: TorchBuild, image: BaseImage, settings: Settings) -> CellId:
    return CellId(python, build.cuda, build.torch, image.os, settings.platform)


def _releases(tables: Facts, settings: Settings, cutoff: datetime | None) -> Iterator[TorchRelease]:
    releases: Iterable[TorchRelease] = tables.torch.releases
    if settings.policy == "oldest":
        releases = reversed(tables.torch.releases)
    for release in releases:
        if cutoff and release.uploaded and release.uploaded > cutoff.date():
            continue
        if not release.yanked or _named_exactly(settings, release.version):
            yield release


def _named_exactly(settings: Settings, version: Version) -> bool:
    return any(str(spec) == f"=={version}" for spec in settings.torch)


def _builds(release: TorchRelease, settings: Settings) -> list[TorchBuild]:
    builds = [
        build
        for build in release.builds
        if build.machine == settings.platform.machine
        and (
            not settings.torch
            or settings.allows_torch(Version(f"{release.version.public}+{build.cuda}"))
        )
        and (not settings.cuda or build.cuda in settings.cuda)
        and (build.cuda != CPU or CPU in settings.cuda or build.default)
        and (settings.torch_index != "default" or build.default)
    ]
    builds.sort(key=lambda build: build.cuda, reverse=True)
    builds.sort(key=lambda build: not build.default)
    return builds


def _images(
    tables: Facts, cuda: CudaTag, settings: Settings, *, devel: bool = False
) -> list[BaseImage]:
    """Base images for a CUDA tag: of each OS and flavor the newest patch."""
    newest: dict[tuple[str, str, str], BaseImage] = {}
    for image in catalogue(tables, settings):
        if not _image_fits(image, cuda, settings):
            continue
        key = (image.ref.partition(":")[0], image.os, image.flavor)
        flavors = ("devel",) if devel and cuda != CPU else ("base", "slim")
        if not settings.image and image.flavor not in flavors:
            continue
        if cuda == CPU:
            key = (image.ref, image.os, image.flavor)
        best = newest.get(key)
        if best is None or _freshness(image) > _freshness(best):
            newest[key] = image
    return sorted(newest.values(), key=_image_order)


def catalogue(tables: Facts, settings: Settings) -> tuple[BaseImage, ...]:
    """Images that were seen lately; those of older lists only where one is named."""
    images = tables.images
    return (*images.all, *images.unverified) if settings.image else images.all


def _freshness(image: BaseImage) -> tuple[bool, tuple[int, ...]]:
    """A tag that is still supported before one that is not, then the newer patch."""
    return (image.supported, dotted_key(image.cuda or "0"))


_tag_of = lru_cache(maxsize=256)(CudaTag.from_version)


def _image_fits(image: BaseImage, cuda: CudaTag, settings: Settings) -> bool:
    if settings.image and not {image.ref, image.os} & set(settings.image):
        return False
    if cuda == CPU:
        return image.cuda is None
    return image.cuda is not None and _tag_of(image.cuda) == cuda


def _image_order(image: BaseImage) -> tuple[int, bool, tuple[int, ...]]:
    flavor = _FLAVORS.index(image.flavor) if image.flavor in _FLAVORS else len(_FLAVORS)
    glibc = tuple(-part for part in dotted_key(image.glibc))
    return (flavor, not image.os.startswith("ubuntu"), glibc)


def image_pythons(
    pythons: Sequence[PythonVersion], images: Sequence[BaseImage], settings: Settings
) -> list[tuple[PythonVersion, BaseImage]]:
    """Pythons and images that go together; an unpackaged Python only where it was asked for."""
    pairs = []
    for image in images:
        for python in sorted(pythons, reverse=True):
            packaged = python in image.pythons
            if settings.python and python not in settings.python:
                continue
            if packaged or python in settings.python:
                pairs.append((packaged, python, image))
    pairs.sort(key=lambda row: row[1], reverse=True)
    pairs.sort(key=lambda row: not row[0])
    return [(python, image) for _, python, image in pairs]


def locked_first(cells: tuple[Cell, ...], locked: Preferences) -> tuple[Cell, ...]:
    """The cell of an earlier lock before others, then those with its torch."""
    torch = locked.versions.get("torch")
    if locked.cell is None and torch is None:
        return cells

    def order(cell: Cell) -> tuple[bool, bool]:
        own = cell.id.torch.public if cell.id.torch is not None else None
        return (cell.id != locked.cell, torch is not None and own != torch.public)

    return tuple(sorted(cells, key=order))
