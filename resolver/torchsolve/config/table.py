"""How each setting is read: one row serves the flag, the environment and ``[tool.torchsolve]``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torchsolve.config.parse import (
    one_of,
    parse_as_of,
    parse_driver,
    parse_edge,
    parse_file,
    parse_index_url,
    parse_links,
    parse_model,
    parse_moment,
    parse_name,
    parse_names,
    parse_place,
    parse_requirement,
    parse_text,
    parse_torch,
    parse_torch_index,
)
from torchsolve.model.target import CellId, Platform
from torchsolve.model.version import CudaTag, PythonVersion


class Setting(NamedTuple):
    """How one setting is read. ``split`` separates several in the environment; None: only one."""

    field: str
    parse: Callable[[str], object]
    split: str | None = None
    flag: bool = False


SETTINGS: dict[str, Setting] = {
    "torch": Setting("torch", parse_torch, "\n"),
    "cuda": Setting("cuda", CudaTag, ","),
    "python": Setting("python", PythonVersion.parse, ","),
    "gpu": Setting("gpus", parse_text, ","),
    "driver": Setting("driver", parse_driver),
    "image": Setting("image", parse_text, ","),
    "base": Setting("base", parse_text),
    "standalone": Setting("standalone", bool, flag=True),
    "policy": Setting(
        "policy",
        one_of("newest", "oldest", "tested", "keep"),
    ),
    "platform": Setting("platform", Platform),
    "no-deps": Setting("no_deps", parse_edge, ","),
    "override": Setting("overrides", parse_requirement, "\n"),
    "exclude": Setting("excludes", parse_name, ","),
    "prefer": Setting("prefer", parse_name, ","),
    "constraint": Setting("constraints", parse_file, " "),
    "no-binary": Setting("no_binary", parse_names, ","),
    "only-binary": Setting("only_binary", parse_names, ","),
    "pre": Setting("pre", bool, flag=True),
    "trust-labels": Setting("trust_labels", bool, flag=True),
    "allow-unknown": Setting("allow_unknown", bool, flag=True),
    "evidence": Setting("evidence", one_of("names", "metadata", "binary")),
    "engine": Setting("engine", one_of("core", "resolvelib", "both")),
    "comfyui": Setting("comfyui", parse_text),
    "cell": Setting("cell", CellId.parse),
    "source": Setting("source", one_of("clone", "copy")),
    "index": Setting("index", parse_place, " "),
    "extra-index": Setting("extra_index", parse_index_url, " "),
    "find-links": Setting("find_links", parse_links, " "),
    "ca-bundle": Setting("ca_bundle", parse_file),
    "torch-index": Setting("torch_index", parse_torch_index),
    "registry": Setting("registry", parse_index_url),
    "rev": Setting("rev", parse_text),
    "exclude-newer": Setting("exclude_newer", parse_moment),
    "as-of": Setting("as_of", parse_as_of),
    "snapshot": Setting("snapshot", Path),
    "from-snapshot": Setting("from_snapshot", parse_file),
    "pins": Setting("pins", Path),
    "claims": Setting("claims", parse_file),
    "model": Setting("models", parse_model, "\n"),
    "weights": Setting("weights", one_of("bake", "mount", "none")),
    "with": Setting("extras", parse_name, ","),
    "group": Setting("groups", parse_name, ","),
    "lock": Setting("lock", parse_file),
    "upgrade": Setting("upgrade", bool, flag=True),
    "upgrade-package": Setting("upgrade_packages", parse_name, ","),
    "build-metadata": Setting("build_metadata", bool, flag=True),
    "build-image": Setting("build_image", parse_text),
    "undeclared": Setting("undeclared", bool, flag=True),
    "offline": Setting("offline", bool, flag=True),
    "cache-dir": Setting("cache_dir", lambda text: Path(text).expanduser()),
}
OPPOSITES = {"standalone": ("base",), "base": ("standalone",), "exclude-newer": ("as-of",)}
OPPOSITES |= {"as-of": ("exclude-newer",)}
OPPOSITES |= {"snapshot": ("from-snapshot",), "from-snapshot": ("snapshot",)}
BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def hint(name: str) -> str:
    """An example of a right value; ``""`` for none."""
    examples = {
        "torch": "--torch 2.7.0 or --torch '>=2.6,<2.9'",
        "cuda": "cpu, cu118, cu124, cu126, cu128, cu130, …",
        "python": "--python 3.12",
        "cell": "--cell cp312-cu128-torch2.9.1-ubuntu24.04",
        "platform": "linux/amd64 or linux/arm64",
        "driver": "--driver 570.26",
        "exclude-newer": "--exclude-newer 2025-10-01",
        "as-of": "--as-of commit, --as-of now or --as-of 2025-10-01",
        "evidence": "--evidence metadata",
        "weights": "--weights mount",
        "model": "--model owner/name, --model owner/name@rev=models/checkpoints",
        "index": "--index https://… or, for one package, --index NAME=https://…",
    }
    return examples.get(name, "")


def setting_names() -> tuple[str, ...]:
    """Every name that flags, environment and ``[tool.torchsolve]`` share, sorted."""
    return tuple(sorted(SETTINGS))
