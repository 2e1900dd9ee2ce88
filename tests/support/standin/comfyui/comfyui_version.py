# mypy: ignore-errors
"""As ComfyUI states its version."""

__version__ = "0.3.64"
