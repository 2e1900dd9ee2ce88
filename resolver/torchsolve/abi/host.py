"""What the machine offers that a wheel is opened on: everything that no wheel brings."""

from __future__ import annotations

import re

from torchsolve.model.values import dataclass

SYSTEM = re.compile(
    r"lib(c|m|pthread|dl|rt|util|resolv|nsl|anl|crypt|mvec)\.so\.\d+|ld-linux[-\w]*\.so\.\d+"
    r"|libstdc\+\+\.so\.6|libgcc_s\.so\.1"
)
DRIVER = re.compile(r"lib(cuda|cudadebugger|nvcuvid|nvoptix|nvidia-[\w-]+)\.so(\.\d+)*")
# What the runtimes of other makers' GPUs bring: AMD's ROCm, Intel's oneAPI.
OTHER_MAKERS = re.compile(
    r"lib(amdhip64|hip\w+|hsa-runtime64|hsakmt|roc\w+|rccl|MIOpen|migraphx\w*|sycl|ze_loader"
    r"|ur_loader|OpenCLIntel)[-\w]*\.so(\.\d+)*"
)


@dataclass(frozen=True, slots=True)
class Host:
    """The host's part of a judgement; what is None is not held against a wheel.

    Attributes:
        glibc: ``2.36``.
        libstdcxx: the newest GLIBCXX version of its libstdc++, ``3.4.30``.
        sonames: other libraries that the loader finds; None: what is needed will be installed.
        driver: NVIDIA's driver is there, with libcuda and libnvidia-ml.
        python: ``cp312``.
        opens_own: the wheel's Python code may open its own libraries before the file that needs
            them; False is a bare ``dlopen`` of one file.
    """

    glibc: str | None = None
    libstdcxx: str | None = None
    sonames: frozenset[str] | None = None
    driver: bool = True
    python: str | None = None
    opens_own: bool = True


def is_system(soname: str) -> bool:
    """A library of glibc or of GCC's run time, which every host has; versions tell them apart."""
    return bool(SYSTEM.fullmatch(soname))


def is_driver(soname: str) -> bool:
    """A library that the NVIDIA driver brings and no image or wheel may."""
    return bool(DRIVER.fullmatch(soname))


def is_other_makers(soname: str) -> bool:
    """A library of AMD's or Intel's GPU runtime: who needs it is a back end for their GPUs."""
    return bool(OTHER_MAKERS.fullmatch(soname))
