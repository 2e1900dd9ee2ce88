"""Every way a run can fail, as one clear error and an exit code (DESIGN section 6)."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torchsolve import __version__
from torchsolve.cli.console import STDOUT, View, forget_stdout, print_json, print_screen
from torchsolve.errors import TorchsolveError, UsageError
from torchsolve.report.failure import error_screen
from torchsolve.report.redact import redact

INTERRUPTED = 130
CLOSED_PIPE = 141

_DISK = {
    errno.ENOSPC: ("disk-full", "no space is left on the device"),
    errno.EDQUOT: ("disk-full", "the disk quota is used up"),
    errno.EACCES: ("not-permitted", "permission denied"),
    errno.EPERM: ("not-permitted", "operation not permitted"),
    errno.EROFS: ("not-permitted", "the file system is read-only"),
}


def fail(error: TorchsolveError, view: View, document: dict[str, Any] | None = None) -> int:
    """Print the error; with ``--json`` beside the document of the result, where there is one."""
    if view.as_json and error.origin != STDOUT:
        from torchsolve.report.plan_json import error_json

        try:
            print_json(document | {"error": error_json(error)} if document else error_json(error))
        except UsageError as unwritable:
            error = unwritable
        else:
            return error.exit_code
    print_screen(error_screen(error), sys.stderr)
    return error.exit_code


def disk_error(error: OSError) -> UsageError | None:
    """A full or forbidden disk as an error of the user's machine; None for any other OSError."""
    known = _DISK.get(error.errno or 0)
    if known is None:
        return None
    hint = "name another folder" if error.filename else ""
    return UsageError(*known, origin=str(error.filename or ""), hint=hint)


def defect(error: BaseException, view: View, argv: Sequence[str]) -> int:
    """An unexpected exception: one line, and the traceback in a file or, with ``-v``, here."""
    trace = redact("".join(traceback.format_exception(error)))
    if view.verbosity > 0:
        sys.stderr.write(trace)
    log = _write_log(trace, argv)
    summary = redact(f"{type(error).__name__}: {error}").splitlines()[0]
    where = f"the traceback is in {log}" if log else "-v shows the traceback"
    return fail(
        TorchsolveError("defect", f"a defect of torchsolve: {summary}", hint=f"{where}; report it"),
        view,
    )


def quiet_pipe() -> int:
    """The reader went away: nothing more can be said, and Python must not say it at exit."""
    forget_stdout()
    return CLOSED_PIPE


def _write_log(trace: str, argv: Sequence[str]) -> Path | None:
    import platformdirs

    command = redact(" ".join(argv))
    try:
        path = platformdirs.user_log_path("torchsolve", ensure_exists=True) / "defect.log"
        text = f"torchsolve {__version__}, Python {sys.version}\n$ torchsolve {command}\n{trace}"
        path.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return path
