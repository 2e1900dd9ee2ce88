"""What a plan is called: title, image tag, folders in the image."""

from __future__ import annotations

from torchsolve.emit.escape import slug, tag
from torchsolve.model.plan import NodeSource, Plan

COMFYUI_HOME = "/opt/ComfyUI"


def title(plan: Plan) -> str:
    """The projects' names; else the cell's id."""
    return " + ".join(node.name for node in plan.nodes) or str(plan.cell)


def image_tag(plan: Plan) -> str:
    """``comfyui-mesh:cp312-cu128-torch2.9.1-ubuntu24.04``."""
    names = "-".join(node.name for node in plan.nodes) or "torchsolve"
    return f"{tag(names)[:100].strip('-')}:{plan.cell}"


def comfyui_home(plan: Plan) -> str | None:
    """ComfyUI's folder in the image: the base's own, or ours; None without ComfyUI."""
    if plan.inventory is not None and plan.inventory.comfyui:
        return plan.inventory.comfyui
    return COMFYUI_HOME if plan.comfyui is not None else None


def brings_comfyui(plan: Plan) -> bool:
    """Whether this plan installs ComfyUI (the base image of a layered one may have it)."""
    return plan.comfyui is not None and comfyui_home(plan) == COMFYUI_HOME


def project_home(plan: Plan, node: NodeSource) -> str:
    """Where a project's files lie in the image."""
    home = comfyui_home(plan)
    if node.is_node and home is not None:
        return f"{home}/custom_nodes/{slug(node.name)}"
    return f"/opt/app/{slug(node.name)}"


def weight_home(plan: Plan, path: str) -> str | None:
    """Where a weight's path, which starts at ComfyUI's folder, lies in the image.

    A node's own folder is where the node lies. None for the rest where no ComfyUI is in the image.
    """
    first, _, rest = path.partition("/")
    folder, _, inside = rest.partition("/")
    if first == "custom_nodes" and inside:
        for node in plan.nodes:
            if folder in (node.name, slug(node.name)):
                return f"{project_home(plan, node)}/{inside}"
    home = comfyui_home(plan)
    return f"{home}/{path}" if home is not None else None


def lacks_comfyui(plan: Plan) -> bool:
    """Whether a node is in the image and no ComfyUI that could load it."""
    return comfyui_home(plan) is None and any(node.is_node for node in plan.nodes)


def base_reference(plan: Plan) -> str:
    """``ref[@digest]``; a digest alone identifies what the tag was."""
    digest = plan.image.digest
    if digest is None or "@" in plan.image.ref:
        return plan.image.ref
    return f"{plan.image.ref}@{digest}"
