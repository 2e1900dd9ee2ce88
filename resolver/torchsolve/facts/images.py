"""Base images and the operating systems in them (``images.toml``, ``os.toml``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torchsolve.errors import UsageError
from torchsolve.facts.table import Row, Table
from torchsolve.model.target import BaseImage
from torchsolve.model.values import dataclass
from torchsolve.model.version import PythonVersion, dotted_key


@dataclass(frozen=True, slots=True)
class OsRow:
    """An operating system as images have it.

    Attributes:
        name: ``ubuntu24.04``. family: ``apt`` or ``dnf``.
        libstdcxx: newest GLIBCXX symbol version, ``3.4.33``; None when unknown.
        pythons: what the distribution itself packages, newest first.
        python_packages: for each of them what to install, with venv, pip and headers.
        existing_uid_1000: the user that already has this number, None when none is known.
    """

    name: str
    family: str
    glibc: str
    libstdcxx: str | None
    pythons: tuple[PythonVersion, ...]
    python_packages: Mapping[PythonVersion, tuple[str, ...]]
    existing_uid_1000: str | None
    verified: bool
    source: str
    libstdcxx_verified: bool = True


@dataclass(frozen=True, slots=True)
class ImageTable:
    """The catalogue, newer CUDA first.

    ``all``: what was seen lately; ``unverified``: what an older list has or whose OS is not sure.
    """

    all: tuple[BaseImage, ...]
    unverified: tuple[BaseImage, ...]
    systems: tuple[OsRow, ...]

    def os(self, name: str) -> OsRow:
        """The row of an OS. Raises UsageError ``unknown-os``."""
        found = next((row for row in self.systems if row.name == name), None)
        if found is None:
            known = ", ".join(row.name for row in self.systems)
            raise UsageError("unknown-os", f"no facts about {name!r}", hint=f"known are {known}")
        return found


def parse_images(images: Table, systems: Table) -> ImageTable:
    """Raises UsageError ``bad-table``."""
    rows = tuple(_os(row) for row in systems.rows("os"))
    by_name = {row.name: row for row in rows}
    found = [*_cuda_images(images, by_name), *_python_images(images, by_name)]
    return ImageTable(
        tuple(image for image, sure in found if sure and by_name[image.os].verified),
        tuple(image for image, sure in found if not (sure and by_name[image.os].verified)),
        rows,
    )


def _os(row: Row) -> OsRow:
    packages = {
        row.parse(PythonVersion.parse, python): tuple(names.split())
        for python, names in row.mapping("pythons").items()
    }
    found = OsRow(
        row.text("name"),
        row.text("family"),
        _dotted(row, row.text("glibc")),
        row.maybe("libstdcxx"),
        tuple(sorted(packages, reverse=True)),
        packages,
        row.maybe("uid_1000"),
        row.verified(),
        row.source(),
        row.flag("libstdcxx_verified", default=True),
    )
    if found.family not in ("apt", "dnf"):
        raise row.error(f"family {found.family!r} is neither apt nor dnf")
    row.done()
    return found


def _dotted(row: Row, text: str) -> str:
    row.parse(dotted_key, text)
    return text


def _cuda_images(table: Table, systems: Mapping[str, OsRow]) -> Iterator[tuple[BaseImage, bool]]:
    for row in table.rows("cuda"):
        version = _dotted(row, row.text("version"))
        supported = row.flag("supported", default=True)
        row.source()
        for key in ("present", "listed"):
            for group in row.rows(key):
                for system, flavor in _pairs(group, systems):
                    ref = f"nvidia/cuda:{version}-{flavor}-{system.name}"
                    image = _image(ref, system, flavor, version, supported=supported)
                    yield image, key == "present"
        row.done()


def _pairs(group: Row, systems: Mapping[str, OsRow]) -> Iterator[tuple[OsRow, str]]:
    names, flavors = group.words("os"), group.words("flavors")
    group.done()
    for name in names:
        if name not in systems:
            raise group.error(f"os {name!r} is not in matrices/os.toml")
        for flavor in flavors:
            yield systems[name], flavor


def _image(ref: str, system: OsRow, flavor: str, cuda: str | None, *, supported: bool) -> BaseImage:
    return BaseImage(
        ref,
        system.name,
        flavor,
        cuda,
        system.glibc,
        system.libstdcxx,
        system.pythons,
        supported=supported,
    )


def _python_images(table: Table, systems: Mapping[str, OsRow]) -> Iterator[tuple[BaseImage, bool]]:
    for row in table.rows("python"):
        python = row.parse(PythonVersion.parse, row.text("version"))
        name = row.text("os")
        if name not in systems:
            raise row.error(f"os {name!r} is not in matrices/os.toml")
        system, ref, flavor = systems[name], row.text("ref"), row.text("flavor")
        row.source()
        yield (
            BaseImage(ref, name, flavor, None, system.glibc, system.libstdcxx, (python,)),
            row.verified(),
        )
        row.done()
