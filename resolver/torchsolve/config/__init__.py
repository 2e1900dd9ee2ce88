"""What the user asked for: flags, then environment, then ``[tool.torchsolve]``, as one value.

The names are those of the flags: ``--no-deps`` is ``TORCHSOLVE_NO_DEPS`` in the environment and
``no-deps`` in ``[tool.torchsolve]`` of the ``pyproject.toml`` of the project (a local folder or
file) or, without one, of the working directory. A flag displaces what a lower layer says of the
same thing and of its opposite: ``--standalone`` wins over ``base = "…"`` of the file. Two opposites
in one layer are a contradiction.
"""

from torchsolve.config.layers import load_settings
from torchsolve.config.parse import parse_moment, parse_torch
from torchsolve.config.settings import Settings
from torchsolve.config.table import setting_names

__all__ = ["Settings", "load_settings", "parse_moment", "parse_torch", "setting_names"]
