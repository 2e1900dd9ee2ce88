"""The documents say what is so, and the tree says nothing that it must not."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from torchsolve import config, errors
from torchsolve.cli.commands import make_app
from torchsolve.errors import TorchsolveError

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
_LARGEST_MODULE = 400


def _commands() -> set[str]:
    """``resolve``, ``image inspect``, …: all that the command line knows."""
    found = set()
    for name, command in vars(get_command(make_app()))["commands"].items():
        below = vars(command).get("commands") or {}
        found |= {f"{name} {child}" for child in below} or {name}
    return found


def _options(command: str) -> set[str]:
    current = get_command(make_app())
    for word in command.split():
        current = vars(current)["commands"][word]
    return {name for param in current.params for name in (*param.opts, *param.secondary_opts)}


def _in_readme() -> set[str]:
    groups = {command.split()[0] for command in _commands() if " " in command}
    found = set()
    for first, second in re.findall(r"(?:`|\$ |run: )torchsolve ([a-z]+)(?: ([a-z]+))?", README):
        found.add(f"{first} {second}" if first in groups else first)
    return found


def test_readme_names_every_command_and_no_other() -> None:
    assert _in_readme() == _commands()


def test_flags_in_the_readme_exist() -> None:
    known = {flag for command in _commands() for flag in _options(command)} | {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= known


def test_every_setting_is_a_flag_of_resolve() -> None:
    flags = {flag.removeprefix("--") for flag in _options("resolve")}
    assert set(config.setting_names()) <= flags


def test_exit_codes_are_those_of_the_error_tree() -> None:
    table = re.findall(r"^\| (\d) \| `(\w+)` \|", README, re.MULTILINE)
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    tree = {c.__name__: c.exit_code for c in classes if issubclass(c, TorchsolveError)}
    assert {name: int(code) for code, name in table} == tree


def test_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {f"{p.name}/" for p in _package().iterdir() if (p / "__init__.py").is_file()}
    modules = {p.name for p in _package().glob("*.py") if not p.name.startswith("__")}
    assert {room for room in rooms | modules if f"| `{room}` |" not in text} == set()


def test_changelog_knows_this_version() -> None:
    from torchsolve import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_module_is_too_long() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in _package().rglob("*.py")}
    assert {str(p): n for p, n in lengths.items() if n > _LARGEST_MODULE} == {}


def test_every_room_says_what_it_is_for() -> None:
    empty = [p for p in _package().glob("*/__init__.py") if '"""' not in p.read_text("utf-8")]
    assert empty == []


# Written apart, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a registry's host": re.compile(
        r"\bpy"
        r"pi\.org|\bpython"
        r"hosted\.org|\bregistry\.npm"
        r"js\.org|\bdeb\.deb"
        r"ian\.org"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~-])/(work/|root/\.pyenv|tmp/x\b)"),
}


def _tracked() -> Iterator[Path]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the tree is no git checkout")
    yield from (ROOT / name for name in listed.stdout.decode().split("\0") if name)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_tree_names_no_host_and_no_machine(what: str) -> None:
    found = []
    for path in _tracked():
        if not path.is_file() or path == Path(__file__):
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(lines, 1)
            if FORBIDDEN[what].search(line)
        ]
    assert found == []


def _package() -> Path:
    return ROOT / "resolver" / "torchsolve"


def test_test_files_have_names_of_their_own() -> None:
    """Without packages around them, pytest knows them by their names alone."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
