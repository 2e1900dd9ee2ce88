"""``compose.yaml``, ``docker-bake.hcl``, ``.dockerignore``: how the image is built and run."""

from __future__ import annotations

from torchsolve.emit.naming import base_reference, brings_comfyui, comfyui_home, image_tag
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.templates import render_template
from torchsolve.emit.weights import mounts
from torchsolve.model.plan import Plan


def compose(plan: Plan, options: EmitOptions) -> str:
    """One service: the GPU by the NVIDIA runtime, a volume for each thing that must outlive it."""
    return render_template(
        "compose.yaml.j2",
        {
            "cell": str(plan.cell),
            "image": image_tag(plan),
            "name": image_tag(plan).partition(":")[0],
            "platform": plan.cell.platform.oci,
            "gpu": plan.cell.cuda.version is not None,
            "comfyui": brings_comfyui(plan) or comfyui_home(plan) is not None,
            "home": comfyui_home(plan),
            "ours": plan.inventory is None,
            "weights": options.weights == "mount",
            "mounts": mounts(plan) if options.weights == "mount" else (),
        },
    )


def bake(plan: Plan) -> str:
    """One target, whose base image and tag are variables."""
    values: dict[str, object] = {
        "cell": str(plan.cell),
        "image": image_tag(plan),
        "base": base_reference(plan),
        "platform": plan.cell.platform.oci,
    }
    return render_template("docker-bake.hcl.j2", values)


def dockerignore() -> str:
    """Only what the Dockerfile copies is sent to the engine."""
    return render_template("dockerignore.j2", {})
