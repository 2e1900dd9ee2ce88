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
        return _answer(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are still being imported; ``run`` ends with the same
        sys.stderr.write("interrupted\n")
        return 130


def _answer(argv: list[str]) -> int:
    """What an earlier run found, while that holds; else what this one does."""
    from torchsolve.cli.recall import slot

    place = slot(argv)
    kept = place.read() if place is not None else None
    if kept is not None:
        try:
            return kept.give()
        except Exception as error:  # noqa: BLE001 - as it ends any other run
            from torchsolve.cli.app import failed

            return failed(error, argv)
    from torchsolve.cli.app import run

    if place is None:
        return run(argv)
    from torchsolve.cli.recording import recorded

    return recorded(place, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
