"""What an existing image holds, for a layered plan."""

from __future__ import annotations

from packaging.utils import NormalizedName

from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class InstalledDist:
    """One installed distribution, from its dist-info. ``requires`` are raw Requires-Dist lines."""

    name: NormalizedName
    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageInventory:
    """What one probe found in an image (``torchsolve image inspect``).

    Attributes:
        ref, digest: the image; digest None when it has no repository digest.
        os: ``ubuntu22.04``; glibc ``2.35``; libstdcxx newest GLIBCXX, None when not found.
        python: ``3.12.3``; executable: the interpreter in the image to install for.
        externally_managed: PEP 668 marker present: pip needs ``--break-system-packages``.
        torch: ``torch.__version__`` (``2.6.0+cu124``), None without torch.
        cuda: ``torch.version.cuda`` (``12.4``), None for a CPU build or without torch.
        cxx11_abi: of that torch, None without.
        dists: all installed distributions, sorted by name.
        comfyui: path of ComfyUI in the image, its version and commit; None where not found.
        sonames: libraries that the image's loader finds, sorted; None where nobody asked.
        user: USER of the image config, ``""`` for root. env: of the config.
    """

    ref: str
    digest: str | None
    platform: str
    os: str
    glibc: str
    libstdcxx: str | None
    python: str
    executable: str
    externally_managed: bool
    torch: str | None
    cuda: str | None
    cxx11_abi: bool | None
    dists: tuple[InstalledDist, ...]
    comfyui: str | None = None
    comfyui_version: str | None = None
    comfyui_commit: str | None = None
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    sonames: tuple[str, ...] | None = None
