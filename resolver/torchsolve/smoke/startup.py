"""ComfyUI's start, judged: its log, its exit code, the classes that it serves.

What was seen of its log: a node that does not load leaves the exit code at 0; one that ends the
process leaves no message at all; a class that cannot be described is missing in /object_info while
its node looks healthy. So classes decide, and the log says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from torchsolve.emit.naming import project_home
from torchsolve.model.outcome import CheckResult
from torchsolve.model.plan import NodeSource, Plan
from torchsolve.model.values import dataclass
from torchsolve.smoke.probes.imports import GPU_WANTED

_CANNOT = re.compile(r"^Cannot import (\S.*?) module for custom nodes: (.*)$", re.MULTILINE)
_SKIPPED = re.compile(r"^Skip (\S.*?) module for custom nodes due to (.*)$", re.MULTILINE)
_IMPORT_FAILED = re.compile(r"^ *[\d.]+ seconds \(IMPORT FAILED\): (.*)$", re.MULTILINE)
_NO_INFO = re.compile(r"An error occurred while retrieving information for the '(.+?)' node")


@dataclass(frozen=True, slots=True)
class StartLog:
    """What a start complained of.

    Attributes:
        failed: folder → why that node did not load.
        undescribed: classes that /object_info had to leave out.
        gpu_wanted: the line that asks for a GPU, None without one.
    """

    failed: Mapping[str, str]
    undescribed: tuple[str, ...]
    gpu_wanted: str | None = None


def read_log(log: str) -> StartLog:
    """The failures of a start, each folder once, with the reason where one is given."""
    failed: dict[str, str] = {}
    for pattern in (_CANNOT, _SKIPPED):
        for path, why in pattern.findall(log):
            failed.setdefault(PurePosixPath(path).name, why.strip())
    for path in _IMPORT_FAILED.findall(log):
        failed.setdefault(PurePosixPath(path.strip()).name, "import failed, no reason was printed")
    wanted = next((line.strip() for line in log.splitlines() if GPU_WANTED.search(line)), None)
    return StartLog(failed, tuple(dict.fromkeys(_NO_INFO.findall(log))), wanted)


def judge(plan: Plan, facts: Mapping[str, Any], *, gpu: bool) -> tuple[CheckResult, ...]:
    """One result for the start, one for each node of the plan, one for each other that failed."""
    log = read_log(facts["log"])
    start = _start(facts, log)
    nodes = [node for node in plan.nodes if node.is_node]
    if start.status == "failed":
        return (start, *_unserved(plan, nodes, log, gpu=gpu))
    classes: Mapping[str, str] = facts["classes"]
    ours = tuple(_node(plan, node, classes, log, gpu=gpu) for node in nodes)
    known = {_folder(plan, node) for node in nodes}
    others = (
        CheckResult(f"comfyui:{name}", "skipped", f"not of this plan, does not load: {why}", 0.0)
        for name, why in log.failed.items()
        if name not in known
    )
    return (start, *ours, *others)


def _start(facts: Mapping[str, Any], log: StartLog) -> CheckResult:
    seconds = float(facts["seconds"])
    if facts["ready"] and not facts["error"]:
        detail = f"its GUI answers, {len(facts['classes'])} node classes"
        if log.undescribed:
            detail += f"; not described: {some(log.undescribed)}"
        return CheckResult("comfyui", "passed", detail, seconds)
    if facts["error"]:
        return CheckResult("comfyui", "failed", facts["error"], seconds)
    last = next((li for li in reversed(facts["log"].splitlines()) if li.strip()), "no output")
    ended = "no GUI in time" if facts["exit"] is None else f"it ended with {facts['exit']}"
    return CheckResult("comfyui", "failed", f"{ended}; last line: {last.strip()}", seconds)


def _unserved(
    plan: Plan, nodes: list[NodeSource], log: StartLog, *, gpu: bool
) -> Iterator[CheckResult]:
    for node in nodes:
        why = log.failed.get(_folder(plan, node))
        yield _failed(node, why, gpu=gpu) if why else _result(node, "failed", "ComfyUI is not up")


def _node(
    plan: Plan, node: NodeSource, classes: Mapping[str, str], log: StartLog, *, gpu: bool
) -> CheckResult:
    folder = _folder(plan, node)
    why = log.failed.get(folder)
    if why is not None:
        return _failed(node, why, gpu=gpu)
    missing = sorted(set(node.classes) - set(classes))
    if missing:
        detail = f"{len(missing)} of {len(node.classes)} classes missing: {some(tuple(missing))}"
        # A node may survive that a part of it wants a GPU; which classes that costs, nobody says.
        wanted = None if gpu or len(missing) == len(node.classes) else log.gpu_wanted
        if wanted:
            return _result(node, "skipped", f"{detail}; something asks for a GPU: {wanted}")
        return _result(node, "failed", detail)
    own = [name for name, module in classes.items() if module == f"custom_nodes.{folder}"]
    if not own and not node.classes:
        return _result(node, "failed", "/object_info lists no class of it")
    return _result(node, "passed", f"{len(node.classes or own)} classes registered")


def _failed(node: NodeSource, why: str, *, gpu: bool) -> CheckResult:
    if not gpu and GPU_WANTED.search(why):
        return _result(node, "skipped", f"asks for a GPU at import: {why}")
    return _result(node, "failed", why)


def _result(node: NodeSource, status: str, detail: str) -> CheckResult:
    return CheckResult(f"comfyui:{node.name}", status, detail, 0.0)


def _folder(plan: Plan, node: NodeSource) -> str:
    return PurePosixPath(project_home(plan, node)).name


def some(names: Sequence[str], most: int = 5) -> str:
    """``a, b and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
