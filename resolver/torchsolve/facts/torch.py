"""PyTorch releases and their builds (``matrices/torch.toml``)."""

from __future__ import annotations

from datetime import date

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag, PythonVersion


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """One build of a release for Linux.

    Attributes:
        machine: ``x86_64`` or ``aarch64``.
        default: whether the default index serves it; all others lie on torch's own index.
        pythons: CPython minors it has wheels for, oldest first; free-threaded ones are not counted.
        glibc: what its wheels need, ``2.28``.
        cxx11_abi: whether libtorch uses the new C++ ABI.
        sms: compute capabilities with machine code, ``8.0``; ``()`` when unknown or without CUDA.
        ptx: compute capabilities with PTX.
    """

    torch: Version
    cuda: CudaTag
    machine: str
    default: bool
    pythons: tuple[PythonVersion, ...]
    glibc: str | None
    cxx11_abi: bool | None
    sms: tuple[str, ...]
    ptx: tuple[str, ...]
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class TorchRelease:
    """One release.

    Attributes:
        requires_python: of its METADATA.
        builds: x86_64 before aarch64, the default one first, then newer CUDA first.
        triton: the specifier that its METADATA pins triton with, ``==3.3.0``.
        torchvision, torchaudio: versions that belong to it, oldest first.
    """

    version: Version
    uploaded: date | None
    yanked: bool
    requires_python: str | None
    builds: tuple[TorchBuild, ...]
    triton: str | None
    torchvision: tuple[str, ...]
    torchaudio: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorchTable:
    """All releases, newest first, and which names follow them to torch's own index.

    ``family``: PEP 503 names whose files come from torch's index when the cell's CUDA tag is not
    the release's default one.
    """

    releases: tuple[TorchRelease, ...]
    family: frozenset[str]
    index: str

    def release(self, version: Version) -> TorchRelease | None:
        """The release of a version; a local part (``+cu126``) is ignored."""
        wanted = Version(version.public)
        return next((r for r in self.releases if r.version == wanted), None)

    def build(self, version: Version, cuda: CudaTag, machine: str) -> TorchBuild | None:
        """The build of a release for a CUDA tag, None when there is none."""
        release = self.release(version)
        builds = release.builds if release else ()
        return next((b for b in builds if b.cuda == cuda and b.machine == machine), None)

    def default_build(self, version: Version, machine: str) -> TorchBuild | None:
        """The build that the default index serves."""
        release = self.release(version)
        builds = release.builds if release else ()
        return next((b for b in builds if b.default and b.machine == machine), None)

    def index_url(self, cuda: CudaTag) -> str:
        """Where torch's own index has the builds of a CUDA tag."""
        return self.index.format(cuda=cuda)


def parse_torch(table: Table) -> TorchTable:
    """Raises UsageError ``bad-table``."""
    top = table.top()
    index, family = top.text("index"), frozenset(map(canonicalize_name, top.texts("family")))
    top.done()
    return TorchTable(tuple(_release(row) for row in table.rows("release")), family, index)


def _release(row: Row) -> TorchRelease:
    version = row.parse(Version, row.text("version"))
    shared = _Shared(version, _pythons(row), row.text("glibc"), row.flag("cxx11_abi", default=True))
    release = TorchRelease(
        version,
        row.day("uploaded"),
        row.flag("yanked", default=False),
        _specifier(row, "requires_python"),
        tuple(_build(inner, shared) for inner in row.rows("builds")),
        _specifier(row, "triton"),
        row.words("torchvision"),
        row.words("torchaudio"),
    )
    row.done()
    return release


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a release says once for all its builds."""

    version: Version
    pythons: tuple[PythonVersion, ...]
    glibc: str
    cxx11_abi: bool


def _build(row: Row, shared: _Shared) -> TorchBuild:
    sms, ptx = codes(row.words("sm"))
    build = TorchBuild(
        shared.version,
        row.parse(CudaTag, row.text("cuda")),
        row.maybe("machine") or "x86_64",
        row.flag("default", default=False),
        _pythons(row) or shared.pythons,
        row.maybe("glibc") or shared.glibc,
        row.flag("cxx11_abi", default=shared.cxx11_abi),
        sms,
        ptx,
        row.verified(),
        row.source(),
    )
    row.done()
    return build


def _pythons(row: Row) -> tuple[PythonVersion, ...]:
    return tuple(row.parse(PythonVersion.parse, word) for word in row.words("pythons"))


def _specifier(row: Row, key: str) -> str | None:
    text = row.maybe(key)
    if text is not None:
        row.parse(SpecifierSet, text)
    return text


def codes(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Machine code and PTX of an arch list: ``8.0 9.0+PTX`` → ``(8.0, 9.0)``, ``(9.0,)``."""
    sms = dict.fromkeys(word.removesuffix("+PTX") for word in words)
    return tuple(sms), tuple(word.removesuffix("+PTX") for word in words if word.endswith("+PTX"))
