"""Where a plan must run: platform, Python, C library; and the cell that names it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.markers import Environment
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from torchsolve.model.values import dataclass
from torchsolve.model.version import CudaTag, PythonVersion, dotted_key

MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """An OCI platform and the machine name that wheels use for it."""

    oci: str

    def __post_init__(self) -> None:
        if self.oci not in MACHINES:
            raise ValueError(f"not a platform: {self.oci!r}")

    @property
    def machine(self) -> str:
        """``x86_64`` or ``aarch64``."""
        return MACHINES[self.oci]


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image as the catalogue or an inventory knows it.

    Attributes:
        ref: ``nvidia/cuda:12.8.1-base-ubuntu24.04``.
        os: the name used in cells: ``ubuntu24.04``, ``rockylinux9``, ``debian12``.
        flavor: ``base``, ``runtime``, ``devel`` of a CUDA image; ``slim`` or such for others.
        cuda: version of the toolkit in it, ``12.8.1``; None without.
        glibc: ``2.39``.
        libstdcxx: newest GLIBCXX symbol version of its libstdc++, ``3.4.33``; None when unknown.
        pythons: the Pythons that its OS packages, newest first.
        digest: ``sha256:…`` when it is pinned.
        supported: not superseded by a newer point release, so its publisher keeps it.
    """

    ref: str
    os: str
    flavor: str
    cuda: str | None
    glibc: str
    libstdcxx: str | None
    pythons: tuple[PythonVersion, ...]
    digest: str | None = None
    supported: bool = True


_CELL = (
    r"(?P<python>cp\d{2,3})-(?P<cuda>cpu|cu\d{3})-(?:torch(?P<torch>[0-9][0-9a-z.]*)|notorch)"
    r"-(?P<os>[a-z0-9.]+?|base-[0-9a-f]{8})(?P<arm>-aarch64)?"
)


@dataclass(frozen=True, slots=True)
class CellId:
    """The name of one point of the matrix: ``cp312-cu128-torch2.9.1-ubuntu24.04``.

    ``os`` is ``base-`` and 8 hex digits of the inventory's digest in a layered cell.
    """

    python: PythonVersion
    cuda: CudaTag
    torch: Version | None
    os: str
    platform: Platform = Platform("linux/amd64")

    @classmethod
    def parse(cls, text: str) -> CellId:
        """Raises ValueError where ``text`` is no cell id."""
        match = re.fullmatch(_CELL, text)
        if not match:
            raise ValueError(f"not a cell id: {text!r}")
        return cls(
            PythonVersion.parse(match["python"]),
            CudaTag(match["cuda"]),
            Version(match["torch"]) if match["torch"] else None,
            match["os"],
            Platform("linux/arm64" if match["arm"] else "linux/amd64"),
        )

    def __str__(self) -> str:
        torch = f"torch{self.torch.public}" if self.torch else "notorch"
        arm = "-aarch64" if self.platform.machine == "aarch64" else ""
        return f"{self.python.tag}-{self.cuda}-{torch}-{self.os}{arm}"


@dataclass(frozen=True, slots=True)
class Target:
    """What wheels and markers are evaluated against; never the running interpreter.

    ``glibc`` is ``(2, 39)``; a wheel's manylinux tag must not ask for more.
    """

    python: PythonVersion
    platform: Platform
    glibc: tuple[int, int]

    @classmethod
    def of(cls, python: PythonVersion, platform: Platform, glibc: str) -> Target:
        """From the dotted version of the C library."""
        major, minor = dotted_key(glibc)[:2]
        return cls(python, platform, (major, minor))

    def tags(self) -> tuple[Tag, ...]:
        """Compatible tags, best first (PEP 425, PEP 600)."""
        version = (self.python.major, self.python.minor)
        platforms = list(self._platform_tags())
        return (
            *cpython_tags(python_version=version, platforms=platforms),
            *compatible_tags(
                python_version=version, interpreter=self.python.tag, platforms=platforms
            ),
        )

    def _platform_tags(self) -> Iterator[str]:
        machine = self.platform.machine
        legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        floor = 5 if machine == "x86_64" else 17
        for minor in range(self.glibc[1], floor - 1, -1):
            yield f"manylinux_{self.glibc[0]}_{minor}_{machine}"
            if minor in legacy:
                yield f"{legacy[minor]}_{machine}"
        yield f"linux_{machine}"

    def marker_environment(self) -> Environment:
        """PEP 508 variables of the target; the patch release of Python is taken as ``.0``."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": str(self.python),
            "sys_platform": "linux",
        }
