"""Smoke probe: is what is installed what the lock says?

Runs inside the image; standard library only, Python 3.9 or newer. Reads a JSON file named by the first
argument: ``{"pins": {name: version or null}, "cuda": "12.6", null or "any"}``; a null version means that
only the presence is known (a git dependency). Prints one result a line on stdout, after
``@torchsolve ``: ``{"name", "status", "detail", "seconds"}``.
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import sys
import time

sys.path[:] = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]


def say(name, status, detail, seconds):
    """Print one result."""
    record = {"name": name, "status": status, "detail": detail, "seconds": round(seconds, 3)}
    sys.stdout.write("\n@torchsolve " + json.dumps(record) + "\n")
    sys.stdout.flush()


def normal(name):
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed():
    """PEP 503 name to version; the first on sys.path is what Python imports."""
    found = {}
    for dist in importlib.metadata.distributions():
        if dist.metadata["Name"]:
            found.setdefault(normal(dist.metadata["Name"]), dist.version)
    return found


def torch_cuda():
    """``torch.version.cuda``, read from the file: None for a CPU build. Raises OSError without torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        raise OSError("torch is not installed")
    with open(os.path.join(os.path.dirname(spec.origin), "version.py")) as file:
        match = re.search(r"^cuda[^=\n]*= *['\"]([\d.]+)['\"]", file.read(), re.M)
    return match.group(1) if match else None


def check_cuda(wanted):
    """(status, detail): whether the installed torch is the build that the cell names."""
    try:
        have = torch_cuda()
    except OSError as error:
        return "failed", str(error)
    if have == wanted:
        return "passed", "torch is built for %s" % (have or "the CPU")
    return "failed", "torch is built for %s, the plan says %s" % (have or "the CPU", wanted or "the CPU")


def main():
    """Print a result for each pin, and one for torch's CUDA."""
    with open(sys.argv[1]) as file:
        options = json.load(file)
    start = time.monotonic()
    have = installed()
    for name, version in sorted(options["pins"].items()):
        found = have.get(normal(name))
        if found is None:
            say("versions:" + name, "failed", "not installed, the lock says %s" % version, 0)
        elif version is not None and found != version:
            say("versions:" + name, "failed", "%s is installed, the lock says %s" % (found, version), 0)
        else:
            say("versions:" + name, "passed", found, 0)
    if options["cuda"] != "any":
        status, detail = check_cuda(options["cuda"])
        say("versions:torch-cuda", status, detail, 0)
    further = sorted(set(have) - {normal(n) for n in options["pins"]})
    detail = "beyond the lock: %s" % (", ".join(further) or "nothing")
    say("versions", "passed", detail, time.monotonic() - start)


if __name__ == "__main__":
    main()
