"""Smoke probe: do the top-level modules of every package of the plan import?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the
first argument: ``{"dists": [names], "timeout": seconds a module, "gpu": whether a GPU is there}``.
Prints one result a line on stdout, after ``@torchsolve ``:
``{"name", "status", "detail", "seconds", "output"}``, ``output`` being the end of what the import
printed.

Each module is imported in a fork of a process that has imported nothing, so that none hides what
another lacks. One that asks for a GPU at import is skipped where there is none, and says so.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from importlib.metadata import Distribution
from pathlib import Path

sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

GPU_WANTED = re.compile(
    r"Found no NVIDIA driver|No CUDA GPUs are available|0 active drivers|no CUDA-capable device"
    r"|CUDA driver version is insufficient|cudaErrorNoDevice"
    r"|libcuda\.so(\.1)?\b[^\n]*(cannot open|not found)"
    r"|libnvidia-ml\.so\S*: cannot open|CUDA driver initialization failed"
    r"|NVML Shared Library Not Found"
    r"|Could not find (a |any )?(CUDA|NVIDIA) (driver|GPU|device)"
)
#: Folders that a wheel installs beside its package by oversight; never what a user imports.
BYSTANDERS = {
    "benchmark", "benchmarks", "doc", "docs", "example", "examples", "sample", "samples", "script",
    "scripts", "test", "testing", "tests", "tools",
}  # fmt: skip
TAIL = 4000


def say(name: str, status: str, detail: str, seconds: float, output: str = "") -> None:
    """Print one result; a line break first, since a library may have left a line open."""
    record = {"name": name, "status": status, "detail": detail, "seconds": round(seconds, 3)}
    record["output"] = output
    sys.stdout.write("\n@torchsolve " + json.dumps(record) + "\n")
    sys.stdout.flush()


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def module_of(parts: tuple[str, ...]) -> str | None:
    """The top-level module that an installed file belongs to; None for data."""
    first = parts[0]
    if len(parts) == 1:
        name = first.partition(".")[0]
        return name if re.search(r"\.py$|\.so$", first) else None
    return first if re.search(r"\.(py|so)$", parts[-1]) else None


def top_modules(dist: Distribution) -> list[str]:
    """Top-level modules of a distribution, sorted; bystanders only where nothing else is."""
    listed = (dist.read_text("top_level.txt") or "").split()
    found = listed or [module_of(file.parts) or "" for file in dist.files or ()]
    # Folders like `x.libs`, and names that start with an underscore, are not for users.
    names = {name for name in found if name.isidentifier()}
    public = {n for n in names if not n.startswith("_") and n not in BYSTANDERS}
    return sorted(public or names - BYSTANDERS)


def explain(error: BaseException | None) -> list[str]:
    """An exception and those behind it, one a line."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return lines


def work(module: str, report: Path) -> None:
    """Import ``module``; the child's whole life. Writes what went wrong to ``report``."""
    try:
        importlib.import_module(module)
        lines = []
    except BaseException as error:  # noqa: BLE001 - a package may even exit
        lines = explain(error)
        traceback.print_exc()
    report.write_text(json.dumps(lines), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def wait(pid: int, timeout: float) -> str:
    """How a child ended: ``""`` for well; it is killed after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return f"no end within {timeout:g} s"
        time.sleep(0.005)


def attempt(module: str, timeout: float, scratch: Path) -> tuple[list[str], str]:
    """(lines of the error, what was printed) of an import in a child."""
    report, log = scratch / "report", scratch / "log"
    report.unlink(missing_ok=True)
    with log.open("wb") as file:
        pid = os.fork()
        if pid == 0:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            work(module, report)
        died = wait(pid, timeout)
    printed = log.read_bytes()[-TAIL:].decode("utf-8", "replace")
    if died:
        return [died], printed
    if not report.exists():
        return ["the import ended the process"], printed
    return json.loads(report.read_text(encoding="utf-8")), printed


def judge(lines: list[str], gpu: bool) -> tuple[str, str]:
    """(status, detail) of an import."""
    if not lines:
        return "passed", ""
    wanted = None if gpu else GPU_WANTED.search("\n".join(lines))
    if wanted:
        return "skipped", f"asks for a GPU at import: {lines[0]}"
    return "failed", lines[0]


def main() -> None:
    """Print a result for each top-level module of the named distributions."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    wanted = {normal(name) for name in options["dists"]}
    start = time.monotonic()
    seen: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        for dist in importlib.metadata.distributions():
            name = normal(dist.metadata["Name"] or "")
            if name not in wanted or name in seen:
                continue
            seen.add(name)
            for module in top_modules(dist):
                began = time.monotonic()
                lines, printed = attempt(module, options["timeout"], Path(scratch))
                status, detail = judge(lines, options["gpu"])
                seconds = time.monotonic() - began
                say(f"imports:{name}:{module}", status, detail, seconds, printed)
    say("imports", "passed", f"{len(seen)} packages", time.monotonic() - start)


if __name__ == "__main__":
    main()
