"""The one cell of a layered plan: the image that the user already has."""

from __future__ import annotations

import hashlib

from packaging.version import InvalidVersion, Version

from torchsolve.errors import UsageError
from torchsolve.facts import Facts
from torchsolve.model.inventory import ImageInventory
from torchsolve.model.target import BaseImage, CellId, Platform
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.solve.cells import Cell


def base_cell(inventory: ImageInventory, tables: Facts) -> Cell:
    """The cell of an image. Raises UsageError for an inventory that contradicts itself."""
    try:
        python = PythonVersion.parse(inventory.python)
        torch = Version(inventory.torch) if inventory.torch else None
        cuda = CudaTag.from_version(inventory.cuda) if inventory.cuda else CudaTag("cpu")
        platform = Platform(inventory.platform)
    except (ValueError, InvalidVersion) as error:
        raise UsageError("bad-inventory", str(error), origin=inventory.ref) from error
    image = BaseImage(
        inventory.ref,
        inventory.os,
        "base",
        None,
        inventory.glibc,
        inventory.libstdcxx,
        (python,),
        inventory.digest,
    )
    public = Version(torch.public) if torch else None
    build = tables.torch.build(public, cuda, platform.machine) if public else None
    name = f"base-{inventory_digest(inventory)[:8]}"
    fixed = frozenset({"base"})
    return Cell(CellId(python, cuda, public, name, platform), image, build, fixed)


def inventory_digest(inventory: ImageInventory) -> str:
    """Hex digest over what the image holds; the name and digest of the image do not count."""
    rows = [f"{dist.name}=={dist.version}" for dist in inventory.dists]
    rows += [inventory.os, inventory.glibc, inventory.python, inventory.torch or ""]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
