"""Smoke probe: is what is installed what the lock says?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the
first argument: ``{"pins": {name: version or null}, "cuda": "12.6", null or "any"}``; a null version
means that only the presence is known (a git dependency). Prints one result a line on stdout, after
``@torchsolve ``: ``{"name", "status", "detail", "seconds"}``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
import time
from pathlib import Path

sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]


def say(name: str, status: str, detail: str, seconds: float) -> None:
    """Print one result."""
    record = {"name": name, "status": status, "detail": detail, "seconds": round(seconds, 3)}
    sys.stdout.write("\n@torchsolve " + json.dumps(record) + "\n")
    sys.stdout.flush()


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """PEP 503 name to version; the first on sys.path is what Python imports."""
    found: dict[str, str] = {}
    for dist in importlib.metadata.distributions():
        if dist.metadata["Name"]:
            found.setdefault(normal(dist.metadata["Name"]), dist.version)
    return found


def torch_cuda() -> str | None:
    """``torch.version.cuda``, read from its file: None for a CPU build. OSError without torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        raise OSError("torch is not installed")
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    match = re.search(r"^cuda[^=\n]*= *['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return match.group(1) if match else None


def check_cuda(wanted: str | None) -> tuple[str, str]:
    """(status, detail): whether the installed torch is the build that the cell names."""
    try:
        have = torch_cuda()
    except OSError as error:
        return "failed", str(error)
    if have == wanted:
        return "passed", f"torch is built for {have or 'the CPU'}"
    return "failed", f"torch is built for {have or 'the CPU'}, the plan says {wanted or 'the CPU'}"


def main() -> None:
    """Print a result for each pin, and one for torch's CUDA."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    start = time.monotonic()
    have = installed()
    for name, version in sorted(options["pins"].items()):
        found = have.get(normal(name))
        if found is None:
            say("versions:" + name, "failed", f"not installed, the lock says {version}", 0)
        elif version is not None and found != version:
            detail = f"{found} is installed, the lock says {version}"
            say("versions:" + name, "failed", detail, 0)
        else:
            say("versions:" + name, "passed", found, 0)
    if options["cuda"] != "any":
        status, detail = check_cuda(options["cuda"])
        say("versions:torch-cuda", status, detail, 0)
    further = sorted(set(have) - {normal(n) for n in options["pins"]})
    detail = f"beyond the lock: {', '.join(further) or 'nothing'}"
    say("versions", "passed", detail, time.monotonic() - start)


if __name__ == "__main__":
    main()
