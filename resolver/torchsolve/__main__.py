"""The console script. ``--version`` alone is answered before anything else is imported."""

import gc
import sys

from torchsolve import __version__


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        try:
            sys.stdout.write(f"torchsolve {__version__}\n")
            sys.stdout.flush()
        except OSError:
            pass  # a full disk or a closed pipe: below it becomes an error like any other
        else:
            return 0
    # A run makes values that live to its end; looking for cycles among them takes a tenth of it.
    gc.set_threshold(200_000)
    try:
        from torchsolve.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are still being imported; ``run`` ends with the same
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
