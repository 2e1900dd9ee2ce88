"""``NVIDIA_REQUIRE_CUDA`` of an image: what the container runtime asks of the host at start.

Groups stand apart by blanks and are alternatives; the conditions of a group stand apart by commas
and all hold: ``cuda>=12.8 brand=tesla,driver>=535,driver<536``. ``cuda`` is the newest CUDA that
the host's driver speaks, ``brand`` the GPU's. Source: nvidia-container-runtime, README
(NVIDIA_REQUIRE_*); the variable of the images themselves.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping

from torchsolve.facts.gpus import DriverTable
from torchsolve.model.target import BaseImage
from torchsolve.model.version import dotted_key

NAME = "NVIDIA_REQUIRE_CUDA"
_CONDITION = re.compile(r"(\w+)(>=|<=|!=|=|<|>)([\w.]+)")
_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


def cuda_of(driver: str, drivers: DriverTable) -> str | None:
    """The newest CUDA of a driver, ``12.8``; None for one that is older than all that are known."""
    known = [(c, d) for c, d in drivers.toolkits.items() if d is not None]
    fits = [cuda for cuda, least in known if dotted_key(least) <= dotted_key(driver)]
    newest = max(fits, key=dotted_key, default=None)
    return newest and ".".join(newest.split(".")[:2])


def starts(required: str, driver: str, cuda: str | None) -> bool | None:
    """Whether the runtime starts the image on such a host; None where that depends on the brand.

    An image that asks for nothing starts anywhere, and so does one whose text nobody understands:
    it must not be held against the host.
    """
    groups = [_CONDITION.findall(group) for group in required.split()]
    host = {"driver": driver} | ({"cuda": cuda} if cuda else {})
    answers = [_holds(group, host) for group in groups if group]
    if not answers or True in answers:
        return True
    return None if None in answers else False


def gate(image: BaseImage, driver: str | None, drivers: DriverTable) -> tuple[str, ...]:
    """What may keep a CUDA image of ours from starting on a driver that could run what is in it.

    The variable of these images is not at hand: by NVIDIA's pattern it asks for the image's CUDA,
    and names branches of older drivers that will do for some brands.
    """
    cuda = ".".join(image.cuda.split(".")[:2]) if image.cuda else ""
    first = drivers.toolkit(cuda) if cuda else None
    if driver is None or first is None or dotted_key(driver) >= dotted_key(first):
        return ()
    text = (
        f"{image.ref} asks the container runtime for CUDA {cuda} (driver {first}) or for one of the"
        f" older branches that its {NAME} names: where driver {driver} is refused at start,"
        " NVIDIA_DISABLE_REQUIRE=1 lifts that"
    )
    return (text,)


def _holds(group: list[tuple[str, str, str]], host: Mapping[str, str]) -> bool | None:
    unknown = False
    for name, sign, value in group:
        if name not in host:
            unknown |= name != "cuda"
            if name == "cuda":
                return False
        elif not _OPERATORS[sign](*_equal_length(host[name], value)):
            return False
    return None if unknown else True


def _equal_length(have: str, asked: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two versions as numbers, the shorter one with zeros behind it."""
    left, right = dotted_key(have), dotted_key(asked)
    width = max(len(left), len(right))
    return (*left, *(0,) * (width - len(left))), (*right, *(0,) * (width - len(right)))
