"""An engine that answers from memory, for tests of what is asked of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torchsolve.errors import UsageError
from torchsolve.model.engine import ImageConfig, Ran, RunRequest

Answer = Callable[[RunRequest], Ran]


@dataclass(slots=True)
class FakeEngine:
    """Knows some images; every run is answered by ``answer`` and kept in ``requests``."""

    answer: Answer
    images: dict[str, ImageConfig] = field(default_factory=dict)
    requests: list[RunRequest] = field(default_factory=list)

    def config(self, ref: str) -> ImageConfig:
        """See Engine."""
        if ref not in self.images:
            raise UsageError("unknown-image", f"no image {ref}")
        return self.images[ref]

    def run(self, request: RunRequest) -> Ran:
        """See Engine."""
        self.requests.append(request)
        return self.answer(request)


def image(ref: str, labels: tuple[tuple[str, str], ...] = (), user: str = "") -> ImageConfig:
    """An image with little to say."""
    return ImageConfig(ref, f"sha256:{'ab' * 32}", None, "linux/amd64", user, (), labels)
