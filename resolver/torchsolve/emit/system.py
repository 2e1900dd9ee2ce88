"""What the image's operating system gives: packager, Python, headers (``matrices/os.toml``)."""

from __future__ import annotations

from torchsolve.emit.tools import Tools, tools
from torchsolve.facts import load_facts
from torchsolve.facts.images import OsRow
from torchsolve.model.plan import Plan, Strategy
from torchsolve.model.values import dataclass

_HEADERS = ("-dev", "-devel")


@dataclass(frozen=True, slots=True)
class System:
    """The operating system of a plan's image, as its Dockerfile uses it.

    Attributes:
        family: ``apt`` or ``dnf``.
        python_command: the interpreter that the environment is made with.
        python_packages: to install for it; empty where the image has it.
        headers: packages with ``Python.h``; empty where they come with the interpreter.
        fetch_python: packages that uv needs to bring Python; None where uv is not needed.
        compiler: what triton needs at run time to compile its launchers, headers included.
        tools: what builder stages bring.
    """

    family: str
    python_command: str
    python_packages: tuple[str, ...]
    headers: tuple[str, ...]
    fetch_python: tuple[str, ...] | None
    compiler: tuple[str, ...]
    tools: Tools


def system_of(plan: Plan) -> System:
    """Raises UsageError("unknown-os") where ``matrices/os.toml`` has no row for the image's OS."""
    row = load_facts().images.os(plan.image.os)
    command = f"python{plan.cell.python}"
    packages = row.python_packages.get(plan.cell.python, ())
    if plan.strategy is Strategy.LAYERED:
        command = plan.inventory.executable if plan.inventory else command
        from_os = packages if command.startswith("/usr/bin/") else ()
        return _system(row, command, (), _headers(from_os), None)
    if _brings_python(plan.image.ref):
        return _system(row, command, (), (), None)
    if packages:
        return _system(row, command, _without_headers(packages), _headers(packages), None)
    any_python = row.python_packages[row.pythons[-1]] if row.pythons else ("python3",)
    return _system(row, f"/opt/python/{command}", (), (), _without_headers(any_python))


def _system(
    row: OsRow,
    command: str,
    packages: tuple[str, ...],
    headers: tuple[str, ...],
    fetch: tuple[str, ...] | None,
) -> System:
    found = (load_facts().package_of(need, row) for need in ("compiler", "libc-headers"))
    compiler = tuple(name for name in found if name)
    return System(
        row.family, command, packages, headers, fetch, compiler + headers, tools(row.family)
    )


def _brings_python(ref: str) -> bool:
    """Docker's own ``python`` images have it in /usr/local, headers included."""
    repository = ref.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]
    return repository == "python"


def _headers(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in packages if name.endswith(_HEADERS))


def _without_headers(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in packages if not name.endswith(_HEADERS))
