"""All files of a plan (DESIGN section 8), as bytes."""

from __future__ import annotations

import hashlib

from torchsolve.emit.dockerfile import dockerfile
from torchsolve.emit.lock import plan_to_lock
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.parts import Part, needs_torch, part_of, pins_of
from torchsolve.emit.portable import portable
from torchsolve.emit.readme import readme
from torchsolve.emit.requirements import (
    checksums,
    constraints,
    requirements_files,
    tool_requirements,
)
from torchsolve.emit.serve import bake, compose, dockerignore
from torchsolve.emit.system import system_of
from torchsolve.emit.weight_layers import layer_scripts, weight_layers
from torchsolve.emit.weights import fetch_script
from torchsolve.model.plan import Plan
from torchsolve.resources import probe_files


def render(plan: Plan, options: EmitOptions) -> dict[str, bytes]:
    """Relative path → content, sorted; the same bytes for the same plan, anywhere and at any time.

    What ``context/`` holds is not here but in ``context_files``. Raises UnknownError("no-hash"),
    UnknownError("weights-unknown"), UsageError("no-source"), UsageError("same-folder"),
    UsageError("unknown-os").
    """
    lock = plan_to_lock(plan, options)
    plan = portable(plan, options)
    layers = weight_layers(plan) if options.weights == "bake" else ()
    texts = {
        "constraints.txt": constraints(plan),
        "Dockerfile": dockerfile(plan, hashlib.sha256(lock).hexdigest(), layers),
        "README.md": readme(plan, options),
        "compose.yaml": compose(plan, options),
        "docker-bake.hcl": bake(plan),
        ".dockerignore": dockerignore(),
        **requirements_files(plan),
        **_build_requirements(plan),
        **layer_scripts(plan, layers),
    }
    if options.weights == "mount" and plan.weights:
        texts["fetch-weights.sh"] = fetch_script(plan)
    files = {path: text.encode() for path, text in texts.items()}
    files["pylock.toml"] = lock
    files |= {f"smoke/{name}": content for name, content in probe_files().items()}
    return dict(sorted(files.items()))


def _build_requirements(plan: Plan) -> dict[str, str]:
    system = system_of(plan)
    found = {}
    if pins_of(plan, Part.PROJECT):
        found["requirements/project.sha256"] = checksums(plan)
    if system.fetch_python is not None:
        found["requirements/uv.txt"] = tool_requirements(system.tools.uv)
    parts = (Part.COMPILED, Part.GIT)
    if any(needs_torch(pin) for pin in plan.pins if part_of(plan, pin) in parts):
        found["requirements/build.txt"] = tool_requirements(system.tools.pip_build)
    return found
