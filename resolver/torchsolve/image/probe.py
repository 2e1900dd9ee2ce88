"""What an image holds, found from inside it without importing anything that is installed there.

Standard library only, Python 3.8 or newer. Without arguments it prints one line, after
``@torchsolve ``: what ``image/inspect.py`` makes an inventory of. With ``--describe`` it describes
the interpreter that runs it, which is how the first call asks each interpreter of the image.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

PLACES = (
    "/opt/venv/bin/python", "/venv/bin/python", "/app/.venv/bin/python", "/app/venv/bin/python",
    "/opt/conda/bin/python", "/opt/conda/envs/*/bin/python", "/opt/*/bin/python3",
    "/*/venv/bin/python", "/*/.venv/bin/python", "/*/*/venv/bin/python", "/*/*/.venv/bin/python",
    "/usr/local/bin/python3", "/usr/local/bin/python3.[0-9]*", "/usr/bin/python3",
    "/usr/bin/python3.[0-9]*",
)  # fmt: skip
COMFYUI = (
    "/opt/ComfyUI", "/opt/comfyui", "/ComfyUI", "/comfyui", "/app", "/app/*", "/workspace/*",
    "/root/*", "/home/*/*", "/srv/*", "/data/*", "/opt/*", "/*/ComfyUI", "/*/*/ComfyUI",
)  # fmt: skip
LIBSTDCXX = (
    "/usr/lib/*-linux-gnu/libstdc++.so.6", "/usr/lib64/libstdc++.so.6", "/usr/lib/libstdc++.so.6",
    "/lib/*-linux-gnu/libstdc++.so.6", "/lib64/libstdc++.so.6",
)  # fmt: skip


def interpreters() -> list[str]:
    """Every Python of the image, those on PATH first; a link to one counted before is left out."""
    active = [os.environ.get(name, "") for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    found = [f"{prefix}/bin/python" for prefix in active if prefix]
    found += [shutil.which(name) or "" for name in ("python", "python3")]
    for place in PLACES:
        found += matches(place)
    kept: dict[tuple[str, str], str] = {}
    for path in found:
        if os.access(path, os.X_OK) and not path.endswith("-config"):
            # A virtual environment is a link to its Python, and yet another place to install to.
            kept.setdefault((os.path.realpath(path), environment(path)), path)
    return list(kept.values())


def matches(pattern: str) -> list[str]:
    """Existing paths that an absolute pattern names, sorted."""
    return sorted(map(str, Path("/").glob(pattern[1:])))


def environment(path: str) -> str:
    """The folder of the virtual environment that an interpreter belongs to, else ``""``."""
    home = Path(path).parent.parent
    return str(home) if (home / "pyvenv.cfg").exists() else ""


def ask(path: str) -> dict[str, Any] | None:
    """What an interpreter says of itself; None where it is too old or broken."""
    try:
        done = subprocess.run(
            [path, __file__, "--describe"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return answer


def describe() -> dict[str, Any]:
    """This interpreter: version, what is installed, torch."""
    from importlib.metadata import distributions

    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    dists: dict[str, dict[str, Any]] = {}
    for dist in distributions():
        name = dist.metadata["Name"]
        if name:
            entry = {"name": name, "version": dist.version, "requires": dist.requires or []}
            dists.setdefault(re.sub(r"[-_.]+", "-", name).lower(), entry)
    torch, cuda, abi = torch_facts()
    marker = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "prefixes": [sys.prefix, sys.base_prefix],
        "externally_managed": sys.prefix == sys.base_prefix and marker.exists(),
        "dists": [dists[name] for name in sorted(dists)],
        "torch": torch,
        "cuda": cuda,
        "cxx11_abi": abi,
    }


def torch_facts() -> tuple[str | None, str | None, bool | None]:
    """(version, CUDA, C++ ABI) of the installed torch, read from its files; Nones without it."""
    for folder in (Path(entry, "torch") for entry in sys.path):
        if (folder / "version.py").is_file():
            text = (folder / "version.py").read_text(encoding="utf-8")
            version = re.search(r"^__version__ *= *['\"]([^'\"]+)", text, re.MULTILINE)
            cuda = re.search(r"^cuda[^=\n]*= *['\"]([\d.]+)['\"]", text, re.MULTILINE)
            return version and version[1], cuda and cuda[1], cxx11_abi(folder / "lib/libc10.so")
    return None, None, None


def cxx11_abi(library: Path) -> bool | None:
    """Whether libc10's functions take the newer std::string; None where that cannot be told."""
    try:
        data = library.read_bytes()
    except OSError:
        return None
    if re.search(rb"_ZN3c10\w*__cxx1112basic_string", data):
        return True
    return False if re.search(rb"_ZN3c10\w*(?:RK)?Ss", data) else None


def libstdcxx(prefixes: list[str]) -> str | None:
    """Newest GLIBCXX of the libstdc++ that this interpreter would load (conda brings its own)."""
    own = [f"{prefix}/lib/libstdc++.so.6" for prefix in prefixes]
    for place in (*own, *LIBSTDCXX):
        for path in matches(place):
            versions = re.findall(rb"GLIBCXX_(3\.4(?:\.\d+)?)\0", Path(path).read_bytes())
            if versions:
                return str(max(versions, key=number), "ascii")
    return None


def number(version: bytes) -> list[int]:
    """Order of dotted numbers."""
    return [int(part) for part in version.split(b".")]


def sonames() -> list[str] | None:
    """Libraries that the loader finds by its cache; None where nothing lists them."""
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:" + os.environ.get("PATH", ""))
    if ldconfig is None:
        return None
    try:
        done = subprocess.run(
            [ldconfig, "-p"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return sorted({line.split()[0] for line in lines if " => " in line})


def os_name() -> dict[str, str]:
    """ID and VERSION_ID of /etc/os-release."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        text = ""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value.strip("\"'") for name, _, value in pairs if name in ("ID", "VERSION_ID")}


def glibc() -> str:
    """``2.35``; ``""`` with another C library."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace("glibc ", "")
    except (ValueError, OSError):
        return ""


def comfyui() -> dict[str, str | None] | None:
    """Where ComfyUI is, with its version and commit as far as its files tell."""
    places = [os.environ.get("COMFYUI_PATH", ""), str(Path.cwd())]
    for pattern in COMFYUI:
        places += matches(pattern)
    for place in places:
        if place and Path(place, "main.py").is_file() and Path(place, "nodes.py").is_file():
            folder = Path(place)
            return {"path": place, "version": comfyui_version(folder), "commit": commit(folder)}
    return None


def comfyui_version(folder: Path) -> str | None:
    """From ``comfyui_version.py``, else from ``pyproject.toml``."""
    for name, pattern in (
        ("comfyui_version.py", r"__version__ *= *['\"]([^'\"]+)"),
        ("pyproject.toml", r"(?m)^version *= *['\"]([^'\"]+)"),
    ):
        try:
            match = re.search(pattern, (folder / name).read_text(encoding="utf-8"))
        except OSError:
            continue
        if match:
            return match[1]
    return None


def commit(folder: Path) -> str | None:
    """The commit of a checkout, read without git; None where it has none."""
    try:
        head = (folder / ".git/HEAD").read_text(encoding="utf-8").strip()
        name = head[5:] if head.startswith("ref: ") else ""
        loose = folder / ".git" / name
        if name and loose.is_file():
            head = loose.read_text(encoding="utf-8").strip()
        elif name:
            packed = (folder / ".git/packed-refs").read_text(encoding="utf-8")
            head = next((li[:40] for li in packed.splitlines() if li.endswith(" " + name)), "")
    except OSError:
        return None
    return head if re.fullmatch(r"[0-9a-f]{40}", head) else None


def main() -> None:
    """Print the facts of the image and of each of its Pythons."""
    if "--describe" in sys.argv:
        print(json.dumps(describe()))  # noqa: T201 - read by the caller
        return
    found = [answer for answer in map(ask, interpreters()) if answer]
    for answer in found:
        answer["libstdcxx"] = libstdcxx(answer.pop("prefixes"))
    facts: dict[str, Any] = {"os": os_name(), "glibc": glibc(), "pythons": found}
    facts.update(comfyui=comfyui(), sonames=sonames())
    print("\n@torchsolve " + json.dumps(facts))  # noqa: T201 - read by the host


if __name__ == "__main__":
    main()
