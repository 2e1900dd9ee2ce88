"""``requirements/*.txt`` with hashes, one file a layer, and ``constraints.txt`` without.

The same pins as in the lock, for every pip: install the files in the order of ``Part`` with
``--no-deps``. Hashes in a constraints file would make pip ask for hashes everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.defaults import default_index_url
from torchsolve.emit.escape import comment
from torchsolve.emit.parts import Part, pins_of
from torchsolve.emit.tools import Tool
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import Pin, Plan

_HEADINGS = {
    Part.TORCH: "torch and what it needs",
    Part.PROJECT: "wheels that the project brings",
    Part.REST: "all other wheels",
    Part.SOURCE: "packages without a wheel: the image makes one in its builder stage",
    Part.COMPILED: "packages without a wheel that are built beside torch, without isolation",
    Part.GIT: "git projects: no hash, the commit is the identity",
}
_ALWAYS = (Part.TORCH, Part.PROJECT, Part.REST)


def requirements_files(plan: Plan) -> dict[str, str]:
    """Relative path → text, of a portable plan."""
    parts = [part for part in Part if part in _ALWAYS or pins_of(plan, part)]
    return {f"requirements/{part.value}.txt": _requirements(plan, part) for part in parts}


def checksums(plan: Plan) -> str:
    """``sha256sum --check`` lines of the wheels that the project brings."""
    return "".join(
        f"{pin.file.sha256}  {pin.file.filename}\n" for pin in pins_of(plan, Part.PROJECT)
    )


def tool_requirements(tools: Sequence[Tool]) -> str:
    """A requirements file of builder tools, with hashes."""
    lines = ["# What a builder stage needs; none of it reaches the image."]
    for tool in tools:
        hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in tool.sha256)
        lines.append(f"{tool.name}=={tool.version} \\\n{hashes}")
    return "\n".join([*lines, ""])


def constraints(plan: Plan) -> str:
    """``name==version`` of all that is in the image, base image included."""
    versions = {pin.name: pin.version for pin in plan.pins}
    kept = plan.inventory.dists if plan.inventory else ()
    versions = {str(dist.name): dist.version for dist in kept} | versions
    lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
    return "\n".join([_heading(plan, "what an install into the image must keep"), *lines, ""])


def index_options(plan: Plan, pins: tuple[Pin, ...]) -> tuple[str, ...]:
    """``--index-url`` and ``--extra-index-url`` that pip needs to find these pins."""
    indexes = dict(plan.indexes)
    default = indexes.get("default", default_index_url())
    lines = [] if default == default_index_url() else [f"--index-url {default}"]
    used = sorted({pin.file.index for pin in pins if _by_name(pin.file)} - {"default"})
    return (*lines, *(f"--extra-index-url {indexes.get(label, label)}" for label in used))


def _requirements(plan: Plan, part: Part) -> str:
    pins = pins_of(plan, part)
    lines = [_heading(plan, _HEADINGS[part])]
    if any(_by_name(pin.file) for pin in pins):
        lines += index_options(plan, pins)
    return "\n".join([*lines, *(_line(pin) for pin in pins), ""])


def _heading(plan: Plan, what: str) -> str:
    return f"# {comment(str(plan.cell))}: {what}. Made by torchsolve from pylock.toml."


def _line(pin: Pin) -> str:
    if pin.vcs is not None:
        reference = vcs_reference(pin.vcs)
        return reference if reference.startswith("./") else f"{pin.name} @ {reference}"
    return f"{_reference(pin)} \\\n    --hash=sha256:{pin.file.sha256}"


def vcs_reference(vcs: tuple[str, str, str | None]) -> str:
    """``git+https://…@commit#subdirectory=…``, or the folder under ``context/``."""
    url, commit, subdirectory = vcs
    if "://" not in url:
        return f"./{url}/{subdirectory}" if subdirectory else f"./{url}"
    return f"git+{url}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")


def _by_name(file: IndexFile) -> bool:
    return file.index not in ("project", "direct", "base")


def _reference(pin: Pin) -> str:
    if _by_name(pin.file):
        return f"{pin.name}=={pin.version}"
    url = pin.file.url or ""
    return f"{pin.name} @ {url}" if "://" in url else f"./{url}"
