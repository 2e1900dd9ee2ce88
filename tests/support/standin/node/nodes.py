# mypy: ignore-errors
"""Doubles a tensor with the compiled extension."""

from __future__ import annotations

import torch
from standin_kernels import twice


class Twice:
    """``value`` times two."""

    CATEGORY = "standin"
    FUNCTION = "run"
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, tuple[str]]]:  # noqa: N802 - ComfyUI's name
        """Inputs."""
        return {"required": {"value": ("IMAGE",)}}

    def run(self, value: torch.Tensor) -> tuple[torch.Tensor]:
        """Run the kernel."""
        return (twice(value),)


NODE_CLASS_MAPPINGS = {"StandinTwice": Twice}
