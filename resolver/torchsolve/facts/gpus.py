"""GPUs, compute capabilities and drivers (``matrices/gpus.toml``, ``matrices/drivers.toml``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torchsolve.errors import UsageError
from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass
from torchsolve.model.version import dotted_key

_CAPABILITY = r"(?:sm_?|compute_?)?(\d{1,2})\.?(\d)"
_MAKERS = r"nvidia|geforce|tesla|quadro"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as the user names it: ``GeForce RTX 5090``, or a capability alone: ``9.0``."""

    name: str
    capability: str
    verified: bool = True


@dataclass(frozen=True, slots=True)
class SmRow:
    """A compute capability.

    Attributes:
        cuda: the first toolkit that makes code for it.
        cuda_last: the last one, None when the newest still does.
        driver: the first Linux driver that knows it, None when not known.
    """

    capability: str
    architecture: str
    cuda: str
    cuda_last: str | None
    driver: str | None
    gpus: tuple[Gpu, ...]
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class GpuTable:
    """Capabilities, newest first."""

    sms: tuple[SmRow, ...]

    def find(self, text: str) -> Gpu:
        """Reads ``RTX5090``, ``GeForce RTX 5090``, ``H100``, ``sm_90``, ``9.0`` or ``90``.

        Raises UsageError ``unknown-gpu`` with the names that come close.
        """
        capability = re.fullmatch(_CAPABILITY, text.strip().lower())
        if capability:
            wanted = f"{capability[1]}.{capability[2]}"
            if any(row.capability == wanted for row in self.sms):
                return Gpu(wanted, wanted)
        names = {plain: gpu for row in self.sms for gpu in row.gpus for plain in _plain(gpu.name)}
        found = next((names[plain] for plain in _plain(text) if plain in names), None)
        if found is None:
            raise self._unknown(text, names)
        return found

    def _unknown(self, text: str, names: Mapping[str, Gpu]) -> UsageError:
        from difflib import get_close_matches

        near = [plain for asked in _plain(text) for plain in get_close_matches(asked, names, 4)]
        close = ", ".join(dict.fromkeys(names[plain].name for plain in near))
        hint = f"did you mean {close}?" if close else "give its compute capability, as 8.6"
        if re.fullmatch(_CAPABILITY, text.strip().lower()):
            known = ", ".join(row.capability for row in self.sms)
            hint = f"compute capabilities that are known: {known}"
        return UsageError("unknown-gpu", f"no GPU is known as {text!r}", hint=hint)

    def driver_floor(self, capability: str) -> str | None:
        """The first Linux driver that knows this capability, None when not known."""
        return next((row.driver for row in self.sms if row.capability == capability), None)


def _plain(name: str) -> tuple[str, ...]:
    """A name without case, spaces and punctuation; then without its maker and line as well."""
    whole = re.sub(r"[^a-z0-9]", "", name.lower())
    return tuple(dict.fromkeys((whole, re.sub(_MAKERS, "", whole))))


@dataclass(frozen=True, slots=True)
class ForwardRow:
    """Forward compatibility: the package that runs a newer CUDA on an older driver, and where."""

    package: str
    gpus: str


@dataclass(frozen=True, slots=True)
class DriverTable:
    """Linux drivers.

    Attributes:
        floors: CUDA major → the driver from which minor-version compatibility holds.
        toolkits: toolkit ``12.8.1`` → the driver it shipped with, None when not looked up.
        ptx: PTX ISA ``8.7`` → (CUDA ``12.8`` that brought it, first driver that compiles it).
        forward: what lets a newer major run all the same.
    """

    floors: Mapping[int, str]
    toolkits: Mapping[str, str | None]
    ptx: Mapping[str, tuple[str, str]]
    forward: ForwardRow

    def minor_version_floor(self, cuda_major: int) -> str | None:
        """The oldest driver that runs any binary of a CUDA major; None for an unknown major."""
        return self.floors.get(cuda_major)

    def toolkit(self, cuda: str) -> str | None:
        """The driver of a toolkit: ``12.8`` is its first release, ``12.8.1`` its first update."""
        return self.toolkits.get(cuda if cuda.count(".") > 1 else f"{cuda}.0")

    def ptx_isa(self, isa: str) -> str | None:
        """The first driver that compiles PTX of this ISA, ``8.7``; None when not known."""
        return self.ptx[isa][1] if isa in self.ptx else None


def parse_gpus(table: Table) -> GpuTable:
    """Raises UsageError ``bad-table``."""
    return GpuTable(tuple(_sm(row) for row in table.rows("sm")))


def _sm(row: Row) -> SmRow:
    capability = row.text("capability")
    row.parse(dotted_key, capability)
    gpus = [Gpu(name, capability) for name in row.texts("gpus")]
    gpus += [Gpu(name, capability, verified=False) for name in row.texts("unverified_gpus")]
    found = SmRow(
        capability,
        row.text("architecture"),
        row.text("cuda"),
        row.maybe("cuda_last"),
        _driver(row),
        tuple(gpus),
        row.verified(),
        row.source(),
    )
    row.done()
    return found


def parse_drivers(table: Table) -> DriverTable:
    """Raises UsageError ``bad-table``."""
    floors: dict[int, str] = {}
    for row in table.rows("minor_version"):
        major, driver = row.number("cuda"), _driver(row)
        if major is None or driver is None or major in floors:
            raise row.error("needs one CUDA major and one driver")
        floors[major] = driver
        _end(row)
    return DriverTable(floors, _toolkits(table), _ptx(table), _forward(table))


def _forward(table: Table) -> ForwardRow:
    (row,) = table.rows("forward")
    found = ForwardRow(row.text("package"), row.text("gpus"))
    _end(row)
    return found


def _toolkits(table: Table) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for row in table.rows("toolkit"):
        cuda = row.text("cuda")
        row.parse(dotted_key, cuda)
        if cuda in found:
            raise row.error("stands there twice")
        found[cuda] = _driver(row)
        _end(row)
    return found


def _ptx(table: Table) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for row in table.rows("ptx"):
        isa = row.text("isa")
        if isa in found:
            raise row.error("stands there twice")
        found[isa] = (row.text("cuda"), row.text("driver"))
        _end(row)
    return found


def _driver(row: Row) -> str | None:
    driver = row.maybe("driver")
    if driver is not None:
        row.parse(dotted_key, driver)
    return driver


def _end(row: Row) -> None:
    row.verified()
    row.source()
    row.done()
