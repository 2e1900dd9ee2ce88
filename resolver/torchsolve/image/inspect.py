"""``torchsolve image inspect``: one run of a probe in an image becomes its inventory."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from packaging.utils import canonicalize_name

from torchsolve.errors import UsageError
from torchsolve.model.engine import PROBE_DIR, Engine, ImageConfig, Ran, RunRequest
from torchsolve.model.inventory import ImageInventory, InstalledDist

_TIMEOUT = 300.0
_NO_PYTHON = 86
_COMMIT = re.compile(r"[0-9a-f]{40}")


def inspect(ref: str, engine: Engine) -> ImageInventory:
    """What an image holds, from its config and one run of the probe as its own user.

    Of several Pythons the first with torch is meant, in the order of PATH; else the first. What our
    own label says is taken only where files do not tell (the commit of ComfyUI).

    Raises:
        UsageError: ``unknown-image``, ``no-python-in-image``, ``not-glibc``, ``probe-failed``, and
            what the engine raises.
    """
    config = engine.config(ref)
    names = ("probe.sh", "probe.py")
    probe = {name: files("torchsolve.image").joinpath(name).read_bytes() for name in names}
    request = RunRequest(ref, ("/bin/sh", f"{PROBE_DIR}/probe.sh"), probe, _TIMEOUT)
    return _inventory(config, _facts(ref, engine.run(request)))


def _facts(ref: str, ran: Ran) -> dict[str, Any]:
    line = next((li for li in ran.output.splitlines() if li.startswith("@torchsolve ")), None)
    if line:
        facts: dict[str, Any] = json.loads(line.removeprefix("@torchsolve "))
        if facts["pythons"]:
            return facts
    if line or ran.exit == _NO_PYTHON:
        raise UsageError(
            "no-python-in-image",
            f"{ref} has no Python 3.8 or newer, so there is nothing to add to",
            hint="leave --base out for a plan on a base image of ours",
        )
    said = (ran.errors or ran.output).strip().splitlines()[-1:] or [f"exit {ran.exit}"]
    raise UsageError("probe-failed", f"{ref} cannot be looked into: {said[0]}")


def _inventory(config: ImageConfig, facts: dict[str, Any]) -> ImageInventory:
    python = next((p for p in facts["pythons"] if p["torch"]), facts["pythons"][0])
    if not facts["glibc"]:
        raise UsageError(
            "not-glibc",
            f"{config.ref} has another C library than glibc, and no wheel of torch is made for it",
        )
    comfyui = facts["comfyui"] or {}
    return ImageInventory(
        ref=config.ref,
        digest=config.digest,
        platform=config.platform,
        os=os_name(facts["os"].get("ID", ""), facts["os"].get("VERSION_ID", "")),
        glibc=facts["glibc"],
        libstdcxx=python["libstdcxx"],
        python=python["python"],
        executable=python["executable"],
        externally_managed=python["externally_managed"],
        torch=python["torch"],
        cuda=python["cuda"],
        cxx11_abi=python["cxx11_abi"],
        dists=_dists(python["dists"]),
        comfyui=comfyui.get("path"),
        comfyui_version=comfyui.get("version"),
        comfyui_commit=comfyui.get("commit") or (_labelled_commit(config) if comfyui else None),
        user=config.user,
        env=config.env,
        sonames=_sonames(facts),
    )


def _sonames(facts: dict[str, Any]) -> tuple[str, ...] | None:
    found = facts.get("sonames")
    return None if found is None else tuple(sorted(set(found)))


def os_name(ident: str, version: str) -> str:
    """``ubuntu22.04``, ``debian12``, ``rockylinux9``: the names of matrices/os.toml."""
    names = {"rocky": "rockylinux", "almalinux": "almalinux", "rhel": "ubi", "centos": "centos"}
    if ident in names:
        return names[ident] + version.partition(".")[0]
    return (ident or "linux") + version


def _dists(found: list[dict[str, Any]]) -> tuple[InstalledDist, ...]:
    dists = (
        InstalledDist(canonicalize_name(d["name"]), d["version"], tuple(d["requires"]))
        for d in found
    )
    return tuple(sorted(dists, key=lambda dist: dist.name))


def _labelled_commit(config: ImageConfig) -> str | None:
    value = dict(config.labels).get("torchsolve.comfyui", "")
    return value if _COMMIT.fullmatch(value) else None
