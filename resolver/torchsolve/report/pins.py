"""A plan as plain requirement lines, for ``--pins``."""

from __future__ import annotations

from torchsolve.model.plan import Pin, Plan


def pins_text(plan: Plan) -> str:
    """``name==version`` a line, sorted; folders, and commits of git, as direct references."""
    return "".join(f"{_line(pin)}\n" for pin in plan.pins)


def _line(pin: Pin) -> str:
    if pin.file.is_folder:
        return pin.file.filename
    if pin.vcs is None:
        return f"{pin.name}=={pin.version}"
    url, commit, folder = pin.vcs
    return f"{pin.name} @ git+{url}@{commit}" + (f"#subdirectory={folder}" if folder else "")
