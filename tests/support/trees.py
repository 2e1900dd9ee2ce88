"""What small project trees are made of."""

from __future__ import annotations

from support.wheels import make_wheel
from torchsolve.model.project import ProjectFacts

NODE = "NODE_CLASS_MAPPINGS = {'A': object}\n"
LFS = (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{'ab' * 32}\nsize 123456\n"
)  # fmt: skip


def names(facts: ProjectFacts) -> list[str]:
    """Names of the requirements, in order."""
    return [declared.requirement.name for declared in facts.requirements]


def linux(name: str, folder: str = "wheels") -> tuple[str, bytes]:
    """Path and content of a wheel for Linux that asks for torch."""
    wheel = make_wheel(name, "1.0", ["torch>=2.4"], tag="cp312-cp312-linux_x86_64")
    return f"{folder}/{wheel.filename}", wheel.content
