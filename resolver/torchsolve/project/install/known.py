"""What the standard library, torch and ComfyUI answer on the target, as far as a script may ask."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from torchsolve.model.install import InstallTarget
from torchsolve.project.install.values import (
    INSTALLED,
    PRESENT,
    External,
    Open,
    TorchVersion,
    text_of,
)

COMFYUI = "/ComfyUI"
PYTHON = "/usr/bin/python3"


class Paths:
    """Which files are there: those of the tree, at their place under ``custom_nodes``."""

    def __init__(self, name: str, paths: Iterable[str]) -> None:
        self.root = f"{COMFYUI}/custom_nodes/{name}"
        self.files = frozenset(paths)
        parents = (str(parent) for path in self.files for parent in PurePosixPath(path).parents)
        self.folders = frozenset({""} | {p for p in parents if p != "."})

    def inside(self, path: object) -> str | None:
        """The path in the tree of an absolute or relative one; None outside."""
        text = posixpath.normpath(posixpath.join(self.root, text_of(path)))
        if text == self.root:
            return ""
        return text.removeprefix(f"{self.root}/") if text.startswith(f"{self.root}/") else None

    def exists(self, path: object, *, folder: bool | None = None) -> bool | Open:
        """True for what the tree holds; not known for what a script may have made elsewhere."""
        if isinstance(path, Open):
            return Open(f"exists({path.text})", PRESENT)
        inner = self.inside(path)
        if inner is not None and inner in self.folders:
            return folder is not False
        if inner is not None and inner in self.files:
            return not folder
        return Open(f"exists({self.shown(path)})", PRESENT)

    def shown(self, path: object) -> str:
        """A path relative to ComfyUI's root where it lies under it."""
        text = text_of(path)
        if not text.startswith("{"):
            text = posixpath.normpath(posixpath.join(self.root, text))
        return text.removeprefix(f"{COMFYUI}/")

    def glob(self, pattern: str) -> list[str] | Open:
        """Files of the tree that match; ``**`` is any depth."""
        inner = self.inside(pattern)
        if inner is None:
            return Open(f"glob({self.shown(pattern)})", PRESENT)
        found = [f for f in self.files if PurePosixPath(f).match(inner.replace("**/", ""))]
        if not found:  # a step before this one may have put files there
            return Open(f"glob({self.shown(pattern)})", PRESENT)
        return sorted(f"{self.root}/{f}" for f in found)


class Version(tuple[Any, ...]):
    """``sys.version_info``."""

    major = property(lambda self: self[0])
    minor = property(lambda self: self[1])
    micro = property(lambda self: self[2])


def attributes(target: InstallTarget) -> dict[str, Any]:
    """Dotted name → value, of everything that is not called."""
    python = (target.python.major, target.python.minor)
    return {
        "sys.platform": "linux",
        "sys.executable": PYTHON,
        "sys.argv": ["install.py"],
        "sys.prefix": "/opt/venv",
        "sys.base_prefix": "/usr",
        "sys.maxsize": 2**63 - 1,
        "sys.version_info": Version((*python, 0, "final", 0)),
        "sys.version": f"{python[0]}.{python[1]}.0",
        "sys.path": [],
        "os.name": "posix",
        "os.sep": "/",
        "os.path.sep": "/",
        "os.linesep": "\n",
        "os.environ": External("os.environ"),
        "folder_paths.models_dir": f"{COMFYUI}/models",
        "folder_paths.base_path": COMFYUI,
        "nvcc.returncode": 0 if target.cuda.dotted else 127,
        "nvcc.stdout": _NVCC.format(cuda=target.cuda.dotted),
        **_torch(target),
    }


# The last two lines of what nvcc --version prints: scripts look for either form.
_NVCC = "Cuda compilation tools, release {cuda}, V{cuda}.0\nBuild cuda_{cuda}.r{cuda}/compiler.0_0"


def _torch(target: InstallTarget) -> dict[str, Any]:
    if target.torch is None:
        return {}
    cuda = target.cuda.dotted or None
    release = TorchVersion(f"{target.torch.public}+{target.cuda}")
    return {
        "torch.__version__": release,
        "torch.version.__version__": release,
        "torch.torch_version.__version__": release,
        "torch.version.cuda": cuda,
        "torch.version.hip": None,
    }


def functions(target: InstallTarget, paths: Paths) -> dict[str, Callable[..., Any]]:
    """Dotted name → what it gives for known arguments."""
    found = dict(_PURE)
    python = f"{target.python.major}.{target.python.minor}.0"
    gpu = target.torch is not None and target.cuda.version is not None
    found |= {
        "platform.system": lambda: "Linux",
        "platform.machine": lambda: target.machine,
        "platform.processor": lambda: target.machine,
        "platform.python_version": lambda: python,
        "platform.python_version_tuple": lambda: tuple(python.split(".")),
        "platform.architecture": lambda *_: ("64bit", "ELF"),
        "platform.python_implementation": lambda: "CPython",
        "os.getcwd": lambda: paths.root,
        "os.path.abspath": lambda p: posixpath.normpath(posixpath.join(paths.root, str(p))),
        "os.path.realpath": lambda p: posixpath.normpath(posixpath.join(paths.root, str(p))),
        "os.path.exists": paths.exists,
        "os.path.isfile": lambda p: paths.exists(p, folder=False),
        "os.path.isdir": lambda p: paths.exists(p, folder=True),
        "os.listdir": lambda p: Open(f"listdir({paths.shown(p)})", PRESENT),
        "glob.glob": lambda p, **_: paths.glob(str(p)),
        "torch.backends.mps.is_available": lambda: False,
        "folder_paths.get_folder_paths": lambda name: [f"{COMFYUI}/models/{name}"],
    }
    if target.torch is not None:
        found["torch.cuda.is_available"] = lambda: gpu
        found["torch.cuda.device_count"] = lambda: Open("torch.cuda.device_count()")
    return found


_PURE: dict[str, Callable[..., Any]] = {
    "os.path.join": lambda *parts: posixpath.join(*map(str, parts)),
    "os.path.dirname": lambda p: posixpath.dirname(str(p)),
    "os.path.basename": lambda p: posixpath.basename(str(p)),
    "os.path.split": lambda p: posixpath.split(str(p)),
    "os.path.splitext": lambda p: posixpath.splitext(str(p)),
    "os.path.normpath": lambda p: posixpath.normpath(str(p)),
    "os.path.expanduser": lambda p: Open(str(p)) if str(p).startswith("~") else str(p),
    "os.path.isabs": lambda p: posixpath.isabs(str(p)),
    "os.fspath": str,
    "pathlib.Path": lambda *parts: PurePosixPath(*map(str, parts)),
    "pathlib.PurePath": lambda *parts: PurePosixPath(*map(str, parts)),
    "os.environ.copy": lambda: Open("os.environ"),
    "os.environ.get": lambda _name, default=None: default,
    "os.getenv": lambda _name, default=None: default,
    "shlex.split": lambda text: str(text).split(),
}

# Calls whose answer is whether something is installed; the rest of a dotted name after these.
_ASKS_INSTALLED = (
    "importlib.metadata.",
    "importlib_metadata.",
    "pkg_resources.",
    "importlib.util.find_spec",
    "importlib.import_module",
    "pkgutil.find_loader",
    "imp.find_module",
    "shutil.which",
    "__import__",
)


def tags_of(name: str) -> frozenset[str]:
    """What a call asks about, by its dotted name."""
    return INSTALLED if name.startswith(_ASKS_INSTALLED) else frozenset()


def is_target_fact(name: str) -> bool:
    """Whether an answer depends on the torch, CUDA or Python of the target."""
    return name.startswith(("torch.", "platform.python", "sys.version", "nvcc"))
