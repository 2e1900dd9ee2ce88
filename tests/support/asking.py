"""Requirement lines and a local index → the resolution of one Python without ComfyUI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.index_server import IndexServer
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.outcome import Resolution
from torchsolve.model.version import PythonVersion


def resolve(tmp_path: Path, index: IndexServer, *lines: str, **changes: object) -> Resolution:
    """``changes``: of the settings, by field."""
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    base = Settings(
        cache_dir=tmp_path / "cache",
        index=index.url,
        comfyui="none",
        python=(PythonVersion.parse("3.12"),),
    )
    return pipeline.resolve([str(path)], replace(base, **changes))  # type: ignore[arg-type]
