"""``README.md`` of an image: ten sections, for a person who did not build it and must run it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from torchsolve.emit.escape import code, link, markdown
from torchsolve.emit.naming import (
    base_reference,
    brings_comfyui,
    comfyui_home,
    image_tag,
    lacks_comfyui,
    project_home,
    title,
)
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.parts import Part, part_of, pins_of
from torchsolve.emit.surfaces import claim_rows, surface_lines
from torchsolve.emit.templates import render_template
from torchsolve.emit.weight_text import mirror_lines, snippet_lines
from torchsolve.emit.weights import mounts
from torchsolve.facts import load_facts
from torchsolve.model.plan import Pin, Plan, PlanVerdict
from torchsolve.model.project import ModelFile, SourceLocation
from torchsolve.model.version import dotted_key
from torchsolve.model.vram import bounds, stored

VERDICTS = {
    PlanVerdict.PROVEN: "every compiled wheel was read and fits this torch",
    PlanVerdict.LINKED: "every symbol is there, but some wheels were built for another torch minor",
    PlanVerdict.DECLARED: "metadata and labels agree; the binaries were not read",
    PlanVerdict.UNKNOWN: "some wheels could not be read",
}
_TORCH_STACK = ("torch", "torchvision", "torchaudio", "xformers", "triton")


def readme(plan: Plan, options: EmitOptions) -> str:
    """The page, of a portable plan."""
    values: dict[str, object] = {
        "plan": plan,
        "title": title(plan),
        "image": image_tag(plan),
        "base": base_reference(plan),
        "home": comfyui_home(plan),
        "brings_comfyui": brings_comfyui(plan),
        "gpu": plan.cell.cuda.version is not None,
        "verdict": VERDICTS[plan.verdict],
        "stack": ", ".join(f"{pin.name} {pin.version}" for pin in _stack(plan)),
        "mounted": options.weights == "mount",
        "mounts": mounts(plan) if options.weights == "mount" else (),
        "in_models": any(weight.path.startswith("models/") for weight in plan.weights),
        "lacks_comfyui": lacks_comfyui(plan),
        "baked": options.weights == "bake",
        "gated": any(w.gated and w.repo for w in plan.weights),
        "models": [_model_row(plan, weight) for weight in plan.weights],
        "mirrors": mirror_lines(plan),
        "loads": [(_load_line(plan, weight), snippet_lines(weight)) for weight in plan.weights],
        "tree": _tree(weight.path for weight in plan.weights),
        "nodes": [_node_row(plan, node_index) for node_index in range(len(plan.nodes))],
        "surfaces": surface_lines(plan),
        "claims": claim_rows(plan),
        "counts": Counter(part.value for pin in plan.pins if (part := part_of(plan, pin))),
        "bundled": pins_of(plan, Part.PROJECT),
        "built": [*pins_of(plan, Part.SOURCE), *pins_of(plan, Part.COMPILED)],
        "git": pins_of(plan, Part.GIT),
        "without_deps": [pin for pin in plan.pins if pin.no_deps],
        "known_size": sum(weight.size or 0 for weight in plan.weights),
        "sizes_unknown": any(weight.size is None for weight in plan.weights),
        "findings": plan.links.told() if plan.links else (),
        "broken": plan.links.broken if plan.links else (),
        "bounds": bounds(plan),
        "stored": stored,
        "capabilities": _capabilities(plan),
        "references": _references(plan),
        "gib": _gib,
    }
    return render_template("README.md.j2", values)


def _stack(plan: Plan) -> tuple[Pin, ...]:
    found = (plan.pin(name) for name in _TORCH_STACK)
    return tuple(pin for pin in found if pin is not None)


def _model_row(plan: Plan, weight: ModelFile) -> str:
    gated = f"yes ({weight.gated})" if weight.gated else "unknown" if weight.gated is None else "no"
    cells = (
        code(weight.path),
        _weight_source(weight),
        _gib(weight.size) if weight.size else "unknown",
        markdown(gated),
        markdown(weight.licence or "unknown"),
        "yes" if weight.required else "no",
        _site(plan, weight.site),
    )
    return f"| {' | '.join(cells)} |"


def _weight_source(weight: ModelFile) -> str:
    if weight.url:
        return f"[{markdown(weight.url.rsplit('/', 1)[-1])}]({link(weight.url)})"
    if weight.repo:
        return f"[{markdown(weight.repo)}]({link('https://huggingface.co/' + weight.repo)})"
    return "not decided by the node"


def _load_line(plan: Plan, weight: ModelFile) -> str:
    note = f"; {markdown(weight.note)}" if weight.note else ""
    return f"- {_site(plan, weight.site)} by {code(weight.mechanism)}: {code(weight.path)}{note}"


def _site(plan: Plan, site: str) -> str:
    """A link to the line where the node is the only project; else the place alone."""
    file, _, line = site.rpartition(":")
    if len(plan.nodes) == 1 and file and line.isdigit():
        url = source_url(plan.nodes[0].source, file, line)
        if url:
            return f"[{markdown(site)}]({link(url)})"
    return code(site)


def source_url(source: SourceLocation, file: str = "", line: str = "") -> str | None:
    """The page of a commit, or of a line in it; None outside a known remote."""
    if not source.url or not source.commit or not source.url.startswith("http"):
        return None
    repository = source.url.rstrip("/").removesuffix(".git")
    if not file:
        return f"{repository}/tree/{source.commit}"
    return f"{repository}/blob/{source.commit}/{file}#L{line}"


@dataclass
class _Folder:
    folders: dict[str, _Folder] = field(default_factory=dict)
    whole: bool = False


def _tree(paths: Iterable[str]) -> list[str]:
    root = _Folder()
    for path in sorted(set(paths)):
        folder = root
        for part in filter(None, path.split("/")):
            folder = folder.folders.setdefault(part, _Folder())
        folder.whole = path.endswith("/")
    return list(_draw(root, ""))


def _draw(folder: _Folder, indent: str) -> Iterable[str]:
    for name, inner in folder.folders.items():
        # Three backticks would end the block that the tree stands in.
        shown = "".join(c if c.isprintable() else "?" for c in name).replace("`", "'")
        yield indent + shown + ("/" if inner.folders or inner.whole else "")
        yield from _draw(inner, indent + "  ")


def _node_row(plan: Plan, index: int) -> str:
    node = plan.nodes[index]
    url, commit = source_url(node.source), node.source.commit
    at = code(commit[:12]) if commit else "copied from a folder"
    cells = (
        markdown(node.name),
        f"[{at}]({link(url)})" if url else at,
        code(project_home(plan, node)),
        ", ".join(code(name) for name in node.classes) or "not known",
    )
    return f"| {' | '.join(cells)} |"


def _capabilities(plan: Plan) -> list[str]:
    rows = [(cap, "machine code", "") for cap in plan.gpu.native]
    rows += [(cap, "compiled from PTX at first use", "slow first start") for cap in plan.gpu.ptx]
    rows += [(cap, "**no**", "no code in " + ", ".join(w)) for cap, w in plan.gpu.missing]
    rows += [
        (cap, "in part", "some kernels have no code in " + ", ".join(w))
        for cap, w in plan.gpu.partial
    ]
    return [
        f"| {code(cap)} | {markdown(gpu_names(cap))} | {how} | {markdown(note)} |"
        for cap, how, note in sorted(rows, key=lambda row: dotted_key(row[0]))
    ]


def gpu_names(capability: str) -> str:
    """The architecture of a compute capability and up to three cards, for a reader."""
    row = next((sm for sm in load_facts().gpus.sms if sm.capability == capability), None)
    if row is None:
        return "not in the tables"
    return f"{row.architecture}: " + ", ".join(gpu.name for gpu in row.gpus[:3])


def _references(plan: Plan) -> list[str]:
    found = [(node.name, source_url(node.source)) for node in plan.nodes]
    if plan.comfyui is not None and plan.comfyui.commit and not plan.comfyui.path:
        source = SourceLocation(plan.comfyui.url, plan.comfyui.commit)
        found.append((f"ComfyUI {plan.comfyui.version}", source_url(source)))
    return [f"- [{markdown(name)}]({link(url)})" for name, url in found if url]


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**28 else f"{size / 2**20:.0f} MiB"
