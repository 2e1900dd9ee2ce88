"""torchsolve proves that a PyTorch container will work before anyone builds it."""

__version__ = "0.1.0"
