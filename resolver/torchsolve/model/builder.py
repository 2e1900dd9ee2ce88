"""Who learns an sdist's metadata by building it: ``build/`` does, ``index/`` asks."""

from __future__ import annotations

from typing import Protocol


class MetadataBuilder(Protocol):
    """Builds metadata where no line of the sdist's code reaches this machine.

    Attributes:
        key: what the answer depends on beside the sdist: the Python.
    """

    @property
    def key(self) -> str:
        """A safe file name."""
        ...

    def metadata(self, filename: str, content: bytes) -> str:
        """The text of METADATA.

        Raises UnknownError ``no-static-metadata`` where the build fails, UsageError where there is
        no engine or no image.
        """
        ...
