"""``pylock.toml`` (PEP 751): the plan as a lock that any installer reads, and back.

https://packaging.python.org/en/latest/specifications/pylock-toml/ says what an entry holds. All
that it has no word for stands under ``[tool.torchsolve]`` and ``[packages.tool.torchsolve]``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, cast

from packaging.pylock import Pylock, PylockValidationError
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from torchsolve.emit.codec import decode, encode
from torchsolve.emit.options import EmitOptions
from torchsolve.emit.portable import is_local, portable
from torchsolve.emit.toml import Plain, dumps
from torchsolve.emit.valid import refuse_unsafe
from torchsolve.errors import UnknownError, UsageError
from torchsolve.model.plan import Layer, Pin, Plan

SCHEMA = "torchsolve.lock/1"
_HEADER = (
    "# The plan, as torchsolve solved it. `torchsolve emit` makes all other files of this folder\n"
    "# from it; `uv pip sync pylock.toml` or `pip install --no-deps -r pylock.toml` installs it.\n"
)
# What the standard part of an entry says; the rest of a pin goes to its tool table.
_STANDARD_PIN = ("name", "version", "requires", "vcs")
_STANDARD_FILE = ("filename", "url", "sha256", "size", "upload_time", "requires_python")
_NO_OPTIONS = EmitOptions()


def plan_to_lock(plan: Plan, options: EmitOptions = _NO_OPTIONS) -> bytes:
    """The lock, byte-stable.

    Raises UnknownError("no-hash") naming each file that has no hash or could not be read, and
    what ``portable`` raises.
    """
    refuse_unlockable(plan)
    plan = portable(plan, options)
    document: dict[str, Plain] = {
        "lock-version": "1.0",
        "environments": [_environment(plan)],
        "requires-python": f"=={plan.cell.python}.*",
        "created-by": "torchsolve",
        "packages": [_package(plan, pin) for pin in plan.pins if pin.layer is not Layer.BASE],
        "tool": {"torchsolve": _facts(plan, options)},
    }
    return (_HEADER + dumps(document, arrays=frozenset({"packages"}))).encode()


def plan_from_lock(path: Path) -> Plan:
    """The plan of a lock: ``portable(plan)`` of the plan that it was made of.

    Raises UsageError ``no-lock``, ``bad-lock``, or ``foreign-lock`` for one that another tool made.
    """
    return read_lock(path)[0]


def read_lock(path: Path) -> tuple[Plan, EmitOptions]:
    """The plan, and the options that its files were made with; ``root`` is the lock's folder."""
    document = _read(path)
    facts = document.get("tool", {}).get("torchsolve")
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise UsageError(
            "foreign-lock",
            f"it has no [tool.torchsolve] of schema {SCHEMA}",
            origin=str(path),
            hint="make it with torchsolve resolve -o DIR",
        )
    try:
        return refuse_unsafe(_plan(document, facts)), _options(facts, path.parent)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _bad_lock(path, error) from error


def refuse_unlockable(plan: Plan) -> None:
    """Raises UnknownError("no-hash") where a pin has no hash: such a lock would prove nothing."""
    if plan.unlockable:
        raise UnknownError(
            "no-hash",
            f"{len(plan.unlockable)} of {len(plan.pins)} files cannot be locked",
            hint=_hash_hint(plan.unlockable),
            facts=tuple(
                f"{pin.file.filename} → {pin.unread or _no_hash(pin)}" for pin in plan.unlockable
            ),
        )


def _no_hash(pin: Pin) -> str:
    if _is_unseen(pin):
        return "was not read: the torch index was out of reach"
    if pin.file.is_folder:
        return "is a folder of this machine, which no image has"
    if pin.file.index == "direct":
        return "its address gives no #sha256=…"
    return "its index gives no sha256"


def _is_unseen(pin: Pin) -> bool:
    """Whether only a table speaks of the file: no page that lists it was read."""
    return pin.file.url is None and pin.file.index == "torch"


def _hash_hint(pins: Iterable[Pin]) -> str:
    pins = tuple(pins)
    if any(pin.file.is_folder for pin in pins):
        return "solve the folder as a project of its own, or name it as git+https://…"
    if any(map(_is_unseen, pins)):
        return "resolve again with the torch index in reach, or with --torch-index default"
    if any(pin.file.index == "direct" and pin.vcs is None for pin in pins):
        return "write #sha256=… behind the address of the file, and resolve again"
    return "fetch the files, or use an index that gives hashes, and resolve again"


def _environment(plan: Plan) -> str:
    machine = plan.cell.platform.machine
    return f"sys_platform == 'linux' and platform_machine == '{machine}'"


def _package(plan: Plan, pin: Pin) -> dict[str, Any]:
    indexes = dict(plan.indexes)
    index = indexes.get(pin.file.index)
    entry: dict[str, Any] = {"name": pin.name, "version": pin.version}
    if pin.file.requires_python:
        entry["requires-python"] = pin.file.requires_python
    if pin.requires:
        entry["dependencies"] = [{"name": name} for name in pin.requires]
    if pin.vcs is not None:
        entry["vcs"] = _vcs(pin.vcs)
    else:
        if index:
            entry["index"] = index
        entry.update({"wheels": [_file(pin)]} if pin.file.is_wheel else {"sdist": _file(pin)})
    entry["tool"] = {"torchsolve": _pin_facts(pin)}
    return entry


def _vcs(vcs: tuple[str, str, str | None]) -> dict[str, str]:
    url, commit, subdirectory = vcs
    entry = {"type": "git", "path" if is_local(url) else "url": url, "commit-id": commit}
    return entry | ({"subdirectory": subdirectory} if subdirectory else {})


def _file(pin: Pin) -> dict[str, Any]:
    file = pin.file
    entry: dict[str, Any] = {"name": file.filename}
    if file.upload_time is not None:
        entry["upload-time"] = file.upload_time
    if file.url is not None:
        entry["path" if is_local(file.url) else "url"] = file.url
    if file.size is not None:
        entry["size"] = file.size
    return entry | {"hashes": {"sha256": file.sha256}}


def _pin_facts(pin: Pin) -> dict[str, Any]:
    facts: dict[str, Any] = encode(pin)
    file = facts.pop("file")
    if pin.vcs is None:
        for name in _STANDARD_FILE:
            file.pop(name, None)
        file.pop("name")
        if _version_of(pin.file.filename) == file["version"]:
            file.pop("version")
    return {key: facts[key] for key in facts if key not in _STANDARD_PIN} | {"file": file}


def _version_of(filename: str) -> str | None:
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except ValueError:
        return None


def _facts(plan: Plan, options: EmitOptions) -> dict[str, Any]:
    facts: dict[str, Any] = encode(plan)
    facts["pins"] = [pin for pin in facts["pins"] if pin["layer"] == Layer.BASE.value]
    emit = {"source": options.source, "weights": options.weights}
    return {"schema": SCHEMA, "emit": emit, **{k: v for k, v in facts.items() if v != []}}


def _read(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        Pylock.from_dict(document)
    except FileNotFoundError as error:
        raise UsageError(
            "no-lock", "there is no lock here", origin=str(path), hint="torchsolve resolve -o DIR"
        ) from error
    except (OSError, ValueError, PylockValidationError) as error:
        raise _bad_lock(path, error) from error
    return document


def _bad_lock(path: Path, error: Exception) -> UsageError:
    return UsageError("bad-lock", f"the lock cannot be read: {error}", origin=str(path))


def _plan(document: dict[str, Any], facts: dict[str, Any]) -> Plan:
    pins = [_pin_data(entry) for entry in document["packages"]] + facts.get("pins", [])
    data = facts | {"pins": sorted(pins, key=lambda pin: cast("str", pin["name"]))}
    return decode(Plan, data, "tool.torchsolve")


def _options(facts: dict[str, Any], root: Path) -> EmitOptions:
    source, weights = facts["emit"]["source"], facts["emit"]["weights"]
    if source not in ("clone", "copy") or weights not in ("bake", "mount", "none"):
        raise ValueError("tool.torchsolve.emit: unknown source or weights")
    return EmitOptions(
        cast("Literal['clone', 'copy']", source),
        cast("Literal['bake', 'mount', 'none']", weights),
        root,
    )


def _pin_data(entry: dict[str, Any]) -> dict[str, Any]:
    facts = entry["tool"]["torchsolve"]
    pin: dict[str, Any] = {"name": entry["name"], "version": entry["version"]} | facts
    pin["requires"] = [dependency["name"] for dependency in entry.get("dependencies", [])]
    if "vcs" in entry:
        vcs = entry["vcs"]
        pin["vcs"] = [vcs.get("url") or vcs["path"], vcs["commit-id"], vcs.get("subdirectory")]
        return pin
    pin["file"] = _file_data(entry, pin["file"])
    return pin


def _file_data(entry: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    file = entry["wheels"][0] if "wheels" in entry else entry["sdist"]
    data: dict[str, Any] = {
        "name": entry["name"],
        "filename": file["name"],
        "version": _version_of(file["name"]),
        "url": file.get("url") or file.get("path"),
        "sha256": file["hashes"]["sha256"],
        "size": file.get("size"),
        "upload_time": file.get("upload-time"),
        "requires_python": entry.get("requires-python"),
    }
    return data | facts
