"""The Dockerfile: facts of a portable plan, put in the order that ``Dockerfile.j2`` writes down."""

from __future__ import annotations

import shlex

from torchsolve.emit.escape import comment, slug
from torchsolve.emit.naming import (
    COMFYUI_HOME,
    base_reference,
    brings_comfyui,
    comfyui_home,
    project_home,
    title,
)
from torchsolve.emit.parts import Part, clone_place, needs_torch, part_of, pins_of
from torchsolve.emit.portable import COMFYUI, is_local
from torchsolve.emit.requirements import vcs_reference
from torchsolve.emit.system import System, system_of
from torchsolve.emit.templates import render_template
from torchsolve.emit.weight_layers import WeightLayer
from torchsolve.facts import load_facts
from torchsolve.model.inventory import ImageInventory
from torchsolve.model.plan import Pin, Plan, Strategy
from torchsolve.model.values import dataclass

_BUILT = (Part.SOURCE, Part.COMPILED, Part.GIT)
_NO_ISOLATION = " --no-build-isolation"
_USER_FOLDERS = ("models", "user", "output", "input", "temp", "custom_nodes")


@dataclass(frozen=True, slots=True)
class Project:
    """A project in the source stage: cloned (``url``, ``commit``) or copied (``place``)."""

    folder: str
    home: str
    url: str | None = None
    commit: str | None = None
    place: str | None = None
    is_comfyui: bool = False


@dataclass(frozen=True, slots=True)
class BundledWheel:
    """A wheel of a project; ``source`` is its place in a clone, None for one from ``context/``."""

    filename: str
    source: str | None
    target: str


@dataclass(frozen=True, slots=True)
class GitBuild:
    """A git dependency that becomes a wheel; ``place`` is its folder under ``context/``."""

    reference: str
    flags: str
    place: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class BuiltPart:
    """A requirements file of packages without wheels, and how pip builds them."""

    name: str
    flags: str


@dataclass(frozen=True, slots=True)
class Pip:
    """How pip is called; ``before`` and ``after`` bring and remove it where a base has none."""

    install: str
    wheel: str
    before: str = ""
    after: str = ""


def dockerfile(plan: Plan, lock_digest: str, layers: tuple[WeightLayer, ...] = ()) -> str:
    """The Dockerfile of a portable plan; ``layers``: of weights that are baked in.

    Raises UsageError("unknown-os") where nobody knows how its OS installs packages.
    """
    system = system_of(plan)
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "title": title(plan),
        "base": base_reference(plan),
        "os": plan.image.os,
        "layered": plan.strategy is Strategy.LAYERED,
        "cpu": plan.cell.cuda.version is None,
        "labels": labels(plan, lock_digest),
        "pip": pip_of(plan.inventory),
        "weight_layers": layers,
    }
    values |= _system_values(plan, system)
    values |= _source_values(plan)
    values |= _build_values(plan)
    values |= _final_values(plan, system)
    return render_template("Dockerfile.j2", values)


def pip_of(inventory: ImageInventory | None) -> Pip:
    """The environment's own pip; in a layered image that of the base's interpreter."""
    if inventory is None:
        return Pip("pip install", "pip wheel")
    python = shlex.quote(inventory.executable)
    flags = " --break-system-packages" if inventory.externally_managed else ""
    # A base may bake constraints in (NVIDIA's do): they are for its own packages, not for a lock.
    unset = (
        "export HOME=/root \\\n    && "
        "unset PIP_CONSTRAINT PIP_BUILD_CONSTRAINT PIP_REQUIRE_VIRTUALENV PIP_USER \\\n    && "
    )
    if any(dist.name == "pip" for dist in inventory.dists):
        return Pip(f"{python} -m pip install{flags}", f"{python} -m pip wheel", unset)
    return Pip(
        f"/tmp/pip/bin/pip --python {python} install{flags}",  # noqa: S108 - in the image
        f"/tmp/pip/bin/pip --python {python} wheel",  # noqa: S108
        f"{unset}{python} -m venv /tmp/pip \\\n    && ",
        " \\\n    && rm -rf /tmp/pip",
    )


def labels(plan: Plan, lock_digest: str) -> tuple[tuple[str, str], ...]:
    """Labels, sorted: a few hundred bytes, where an engine allows about 4 KB."""
    found = {
        "org.opencontainers.image.title": comment(title(plan))[:200],
        "org.opencontainers.image.base.name": plan.image.ref,
        "org.opencontainers.image.base.digest": plan.image.digest,
        "torchsolve.cell": str(plan.cell),
        "torchsolve.comfyui": plan.comfyui.commit or plan.comfyui.version if plan.comfyui else None,
        "torchsolve.cuda": plan.cell.cuda.dotted,
        "torchsolve.lock.path": "/opt/torchsolve/pylock.toml",
        "torchsolve.lock.sha256": lock_digest,
        "torchsolve.python": str(plan.cell.python),
        "torchsolve.torch": plan.torch_version,
        "torchsolve.verdict": plan.verdict.value,
    }
    return tuple(sorted((key, value) for key, value in found.items() if value))


def _system_values(plan: Plan, system: System) -> dict[str, object]:
    return {
        "family": system.family,
        "python": str(plan.cell.python),
        "python_command": system.python_command,
        "python_packages": _with_ca(system.python_packages),
        "fetch_python": system.fetch_python,
        "git_packages": system.tools.git,
        "weight_packages": system.tools.weights,
        "build_packages": tuple(sorted({*system.tools.build, *system.headers})),
        "build_image_packages": tuple(
            sorted({*system.tools.build, *system.headers, *system.python_packages})
        ),
    }


def _with_ca(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Python's own HTTPS (torch.hub's too) needs the system's certificates, unlike pip."""
    return tuple(sorted({"ca-certificates", *packages})) if packages else ()


def _source_values(plan: Plan) -> dict[str, object]:
    projects = _projects(plan)
    wheels = tuple(_bundled(plan, pin) for pin in pins_of(plan, Part.PROJECT))
    return {
        "projects": projects,
        "clones": tuple(project for project in projects if project.url),
        "copies": tuple(project for project in projects if project.place),
        "bundled": wheels,
        "bundled_in_context": any(wheel.source is None for wheel in wheels),
        "has_source": bool(projects or wheels),
    }


def _projects(plan: Plan) -> tuple[Project, ...]:
    found = []
    if plan.comfyui is not None and brings_comfyui(plan):
        place = COMFYUI if plan.comfyui.path else None
        url = None if place else plan.comfyui.url
        found.append(
            Project("/src/ComfyUI", COMFYUI_HOME, url, plan.comfyui.commit, place, is_comfyui=True)
        )
    for node in plan.nodes:
        folder, source = f"/src/projects/{slug(node.name)}", node.source
        url = None if source.path else source.url
        home = project_home(plan, node)
        found.append(Project(folder, home, url, source.commit, source.path))
    return tuple(found)


def _bundled(plan: Plan, pin: Pin) -> BundledWheel:
    place = clone_place(plan, pin)
    source = f"/src/projects/{slug(place[0])}/{place[1]}" if place else None
    return BundledWheel(pin.file.filename, source, f"/wheels/{pin.file.filename}")


def _build_values(plan: Plan) -> dict[str, object]:
    built = [pin for pin in plan.pins if part_of(plan, pin) in _BUILT]
    beside_torch = any(needs_torch(pin) for pin in built)
    cuda = plan.cell.cuda.version is not None
    return {
        "builds": bool(built),
        "builds_in_torch": beside_torch,
        "built_parts": tuple(
            BuiltPart(part.value, _NO_ISOLATION if part is Part.COMPILED else "")
            for part in (Part.SOURCE, Part.COMPILED)
            if pins_of(plan, part)
        ),
        "git_builds": tuple(_git_build(pin) for pin in pins_of(plan, Part.GIT)),
        "build_base": devel_image(plan) if beside_torch and cuda else None,
        "arch_list": ";".join(plan.gpus_asked or plan.gpu.native) if cuda else "",
    }


def devel_image(plan: Plan) -> str | None:
    """The base's ``devel`` sibling, whose nvcc a builder stage needs; None without one."""
    if plan.strategy is Strategy.LAYERED or plan.image.cuda is None:
        return None
    if "devel" in plan.image.flavor:
        return None
    images = load_facts().images
    siblings = (
        image.ref
        for image in (*images.all, *images.unverified)
        if (image.os, image.cuda, image.flavor) == (plan.image.os, plan.image.cuda, "devel")
    )
    return next(siblings, None)


def _git_build(pin: Pin) -> GitBuild:
    flags = _NO_ISOLATION if needs_torch(pin) else ""
    if pin.vcs is None:
        raise ValueError(f"{pin.name} is no git dependency")
    url, _, subdirectory = pin.vcs
    if not is_local(url):
        return GitBuild(f"{pin.name} @ {vcs_reference(pin.vcs)}", flags)
    folder = f"/src/vcs/{slug(pin.name)}"
    inside = f"{folder}/{subdirectory}" if subdirectory else folder
    return GitBuild(inside, flags, url, folder)


def _final_values(plan: Plan, system: System) -> dict[str, object]:
    ours, home = brings_comfyui(plan), comfyui_home(plan)
    extra = [package.name for package in plan.system_packages if package.name]
    if plan.needs_compiler:
        extra += system.compiler
    user = plan.inventory.user if plan.inventory else "${UID}:${GID}"
    folders = [f"{home}/{name}" for name in _USER_FOLDERS] if ours else []
    return {
        "stack": "torch" if pins_of(plan, Part.TORCH) else "base",
        "parts": [part.value for part in Part if pins_of(plan, part)],
        "system_packages": tuple(sorted(set(extra))),
        "brings_comfyui": ours,
        "comfyui_home": home,
        "workdir": next((project_home(plan, node) for node in plan.nodes), "/opt/app"),
        "owned": (*(folders or ["/opt/app"]), "/opt/cache", "/home/app"),
        "owner": user,
        "user": user,
        "python_exe": plan.inventory.executable if plan.inventory else "python",
        "site_packages": f"/opt/venv/lib/python{plan.cell.python}/site-packages",
        "driver_capabilities": driver_capabilities(plan),
    }


def driver_capabilities(plan: Plan) -> str | None:
    """NVIDIA_DRIVER_CAPABILITIES where the base does not set it; EGL needs ``graphics`` too."""
    if plan.cell.cuda.version is None:
        return None
    needs_egl = any(package.soname == "libEGL.so.1" for package in plan.system_packages)
    if plan.image.cuda is not None and not needs_egl:
        return None
    return "compute,utility,graphics" if needs_egl else "compute,utility"
