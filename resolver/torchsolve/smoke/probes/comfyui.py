"""Smoke probe: does ComfyUI start, and are the node's classes registered?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the
first argument: ``{"path": folder of main.py, "gpu": bool, "timeout": seconds, "port": number}``.
Prints one line on stdout, after ``@torchsolve ``: ``{"name": "comfyui", "ready": bool,
"exit": code or null, "seconds", "log", "classes": {class: module}, "error"}``. What that means is
judged outside.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

READY = "To see the GUI go to"
LOG = 200_000


def start(options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """ComfyUI as a process group of its own, both outputs in one pipe."""
    command = [sys.executable, "-u", "main.py", "--listen", "127.0.0.1"]
    command += ["--port", str(options["port"])]
    if not options["gpu"]:
        command.append("--cpu")
    return subprocess.Popen(
        command,
        cwd=options["path"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def follow(process: subprocess.Popen[bytes], lines: list[str], ready: threading.Event) -> None:
    """Read the log to its end, in a thread; ``ready`` is set at the line that names the GUI."""
    for raw in process.stdout or ():
        line = raw.decode("utf-8", "replace")
        lines.append(line)
        if READY in line:
            ready.set()


def wait(process: subprocess.Popen[bytes], ready: threading.Event, timeout: float) -> None:
    """Until the GUI line, the end of the process, or the timeout."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        if ready.wait(0.2):
            return


def object_info(port: int, timeout: float) -> dict[str, str]:
    """Class name to the module that registered it. Raises OSError or ValueError."""
    url = f"http://127.0.0.1:{port}/object_info"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        nodes = json.load(answer)
    return {name: str(node.get("python_module", "")) for name, node in nodes.items()}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def run(options: dict[str, Any]) -> dict[str, Any]:
    """The facts of one start."""
    began = time.monotonic()
    lines: list[str] = []
    ready = threading.Event()
    process = start(options)
    reader = threading.Thread(target=follow, args=(process, lines, ready), daemon=True)
    reader.start()
    wait(process, ready, options["timeout"])
    code, error = process.poll(), ""
    classes: dict[str, str] = {}
    if ready.is_set():
        try:
            classes = object_info(options["port"], 60)
        except (OSError, ValueError) as problem:
            error = f"/object_info: {problem}"
    stop(process)
    reader.join(5)
    return {
        "name": "comfyui",
        "ready": ready.is_set(),
        "exit": code,
        "seconds": round(time.monotonic() - began, 3),
        "log": "".join(lines)[-LOG:],
        "classes": classes,
        "error": error,
    }


def main() -> None:
    """Print the facts."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write("\n@torchsolve " + json.dumps(run(options)) + "\n")


if __name__ == "__main__":
    main()
