# mypy: ignore-errors
"""A node of the tests' own: one class, on one compiled extension."""

from .nodes import NODE_CLASS_MAPPINGS  # noqa: TID252 - the way custom nodes are written

__all__ = ["NODE_CLASS_MAPPINGS"]
