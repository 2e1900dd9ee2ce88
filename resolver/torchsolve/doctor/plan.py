"""The folder of a plan, explained: its last build and its last smoke test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from torchsolve.build.run import LOG
from torchsolve.doctor.checks import examine_checks
from torchsolve.doctor.findings import Examined
from torchsolve.doctor.log import examine_log
from torchsolve.errors import UsageError
from torchsolve.smoke.observed import OBSERVED


def examine_plan(directory: Path) -> Iterator[Examined]:
    """What ``build`` and ``smoke`` left in the folder; the build's log first.

    Raises UsageError ``nothing-to-examine`` where neither ran, ``bad-observed``.
    """
    log, observed = directory / LOG, directory / OBSERVED
    if not log.exists() and not observed.exists():
        raise UsageError(
            "nothing-to-examine",
            "the plan was neither built nor tested",
            origin=str(directory),
            hint=f"torchsolve build {directory}, then torchsolve smoke {directory}",
        )
    if log.exists():
        yield examine_log(log.read_text("utf-8", "replace"), str(log))
    if observed.exists():
        yield _smoke(observed)


def _smoke(observed: Path) -> Examined:
    try:
        document = json.loads(observed.read_text("utf-8"))
        status, image = str(document["status"]), str(document["image"])
        failed = [
            (str(check["name"]), str(check["detail"]))
            for check in document["checks"]
            if check["status"] == "failed"
        ]
    except (ValueError, KeyError, TypeError) as error:
        hint = "torchsolve smoke writes it anew"
        message = "it is not what a smoke test writes"
        raise UsageError("bad-observed", message, origin=str(observed), hint=hint) from error
    facts = (("image", image), ("smoke test", status))
    return examine_checks("plan", str(observed), failed, facts)
