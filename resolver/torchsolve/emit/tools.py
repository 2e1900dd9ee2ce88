"""``dockerfiles/tools.toml``: what builder stages bring, per packager and by pip."""

from __future__ import annotations

import tomllib
from functools import cache

from torchsolve.model.values import dataclass
from torchsolve.resources import share


@dataclass(frozen=True, slots=True)
class Tool:
    """One package that pip installs in a builder stage."""

    name: str
    version: str
    sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """Packages of one packager (``apt``, ``dnf``): to clone, to build wheels, to fetch weights."""

    git: tuple[str, ...]
    build: tuple[str, ...]
    weights: tuple[str, ...]
    uv: tuple[Tool, ...]
    pip_build: tuple[Tool, ...]


@cache
def tools(family: str) -> Tools:
    """The row of a packager; ``family`` is that of the image's OS in ``matrices/``."""
    table = tomllib.loads((share("dockerfiles") / "tools.toml").read_text(encoding="utf-8"))
    row, pip = table[family], table["pip"]
    return Tools(
        tuple(row["git"]),
        tuple(row["build"]),
        tuple(row["weights"]),
        tuple(_tool(item) for item in pip["uv"]),
        tuple(_tool(item) for item in pip["build"]),
    )


def _tool(item: dict[str, str | list[str]]) -> Tool:
    return Tool(str(item["name"]), str(item["version"]), tuple(item["sha256"]))
