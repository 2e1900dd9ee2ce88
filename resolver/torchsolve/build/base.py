"""A user's own Dockerfile as the base of a layered plan: built, so that it can be looked into."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from torchsolve.build.client import find_client
from torchsolve.build.run import failure


def build_base(dockerfile: Path) -> str:
    """Build it in its own folder, without secrets; the tag of the image.

    The tag names the Dockerfile's bytes: the same file is the same base. Raises UsageError
    ``no-engine``, BuildError where it does not build.
    """
    digest = hashlib.sha256(dockerfile.read_bytes()).hexdigest()
    tag = f"torchsolve-base:{digest[:12]}"
    client = find_client()
    command = [*client.command, *client.plain, "--tag", tag, "--file", str(dockerfile)]
    done = subprocess.run(
        [*command, str(dockerfile.parent)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | dict(client.env),
        check=False,
    )
    if done.returncode:
        raise failure(done.returncode, done.stdout.decode("utf-8", "replace"), dockerfile)
    return tag
