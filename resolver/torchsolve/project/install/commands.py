"""A command line → what it does: pip, git, a download, or a command to name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from torchsolve.model.install import StepKind
from torchsolve.model.values import dataclass
from torchsolve.project.install.values import Open, text_of
from torchsolve.project.stdlib import words

# pip options that take a value; https://pip.pypa.io/en/stable/cli/pip_install/
_WITH_VALUE = words("""
    -r --requirement -c --constraint -i --index-url --extra-index-url -f --find-links -t
    --target --platform --python-version --implementation --abi --root --prefix --src
    --upgrade-strategy --no-binary --only-binary --progress-bar --cache-dir --timeout
    --retries --proxy --cert --trusted-host --log --report --config-settings --global-option
    --root-user-action --python --group
""")
_FILES = ("-r", "--requirement")
_TELLING = words("""
    -i --index-url --extra-index-url -f --find-links --no-deps --no-build-isolation -t
    --target --pre --force-reinstall -c --constraint
""")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*(?:\.exe)?")
_GIT_VALUES = ("-b", "--branch", "--depth", "-o", "--origin", "-c", "--config", "-j", "--jobs")


@dataclass(frozen=True, slots=True)
class Command:
    """One effect of a command line.

    Attributes:
        what: as in ``InstallStep``; ``file``: a requirements file to read in its place.
        place: where a clone or download lands, as written.
    """

    kind: StepKind
    what: str
    place: str | None = None
    options: tuple[str, ...] = ()
    file: str | None = None


def read(arguments: object) -> tuple[Command, ...]:
    """What a command does; nothing for one that only asks (``pip --version``, ``nvidia-smi``)."""
    return tuple(c for words in _commands(arguments) if words for c in _one(words))


def words_of(arguments: object) -> list[str]:
    """The words of a command as a text, of an argument list or of a line for a shell."""
    return next(iter(_commands(arguments)), [])


def _commands(arguments: object) -> Iterator[list[str]]:
    if isinstance(arguments, list | tuple):
        yield [text_of(word) for word in arguments]
        return
    for line in re.split(r"&&|\|\||[;\n]", text_of(arguments)):
        try:
            yield shlex.split(line)
        except ValueError:
            yield line.split()


def _one(words: Sequence[str]) -> tuple[Command, ...]:
    words = [word for word in words if word != "sudo"]
    program = PurePosixPath(words[0]).name.removesuffix(".exe") if words else ""
    rest = words[1:]
    if _PYTHON.fullmatch(words[0]) if words else False:
        rest = _without_switches(rest)
        if rest[:1] != ["-m"]:
            return _named(words)
        program, rest = (rest[1] if len(rest) > 1 else ""), rest[2:]
    if program == "uv":
        program, rest = (rest[0] if rest else ""), rest[1:]
    if re.fullmatch(r"pip[\d.]*", program):
        return _pip(rest)
    if program == "git":
        return _git(rest, words)
    if program in ("wget", "curl", "aria2c", "axel"):
        return _download(rest)
    if program in _ASKING or any(f"{word}" in ("--version", "-V") for word in rest):
        return ()
    return _named(words)


_ASKING = words("""
    nvidia-smi nvcc where which uname lspci ldd lsb_release
""")


def _without_switches(words: Sequence[str]) -> list[str]:
    for number, word in enumerate(words):
        if word == "-m" or not re.fullmatch(r"-[sSEIBuOq]+", word):
            return list(words[number:])
    return []


def _named(words: Sequence[str]) -> tuple[Command, ...]:
    return (Command(StepKind.RUN, shlex.join(words)),) if words else ()


def _pip(words: Sequence[str]) -> tuple[Command, ...]:
    if "install" not in words:
        return () if set(words) & _QUESTIONS else _named(["pip", *words])
    words = list(words[list(words).index("install") + 1 :])
    options, files, wanted = _split(words)
    found = [Command(StepKind.PIP, text, options=options) for text in wanted]
    found += [Command(StepKind.PIP, f"-r {f}", options=options, file=f) for f in files]
    return tuple(found)


_QUESTIONS = words("""
    list show freeze check --version config debug cache index
""")


def _split(words: Sequence[str]) -> tuple[tuple[str, ...], list[str], list[str]]:
    """Options that matter, requirements files, requirements."""
    options: list[str] = []
    files: list[str] = []
    wanted: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE:
            value = value if equals else next(waiting, "")
            if name in _FILES:
                files.append(value)
            elif name in _TELLING:
                options += [name, value]
        elif word in ("-e", "--editable"):
            wanted.append(next(waiting, ""))
        elif word.startswith("-"):
            options += [word] if word in _TELLING else []
        else:
            wanted.append(word)
    return tuple(options), files, wanted


def _git(words: Sequence[str], whole: Sequence[str]) -> tuple[Command, ...]:
    plain = _plain(words, _GIT_VALUES)
    if plain[:1] == ["clone"] and len(plain) > 1:
        name = plain[2] if len(plain) > 2 else repository_name(plain[1])
        return (Command(StepKind.CLONE, plain[1], name),)
    if plain[:1] == ["submodule"]:
        return (Command(StepKind.CLONE, "git submodules of this repository"),)
    return _named(whole) if plain[:1] in (["pull"], ["checkout"], ["fetch"], ["lfs"]) else ()


def repository_name(url: str) -> str:
    """The folder that ``git clone`` makes."""
    return PurePosixPath(url.rstrip("/")).name.removesuffix(".git")


def _plain(words: Iterable[str], with_value: Sequence[str]) -> list[str]:
    found, waiting = [], iter(words)
    for word in waiting:
        if word in with_value:
            next(waiting, "")
        elif not word.startswith("-"):
            found.append(word)
    return found


def _download(words: Sequence[str]) -> tuple[Command, ...]:
    urls = [word for word in words if re.match(r"https?://|ftp://|\{", word)]
    place = _value(words, ("-O", "-o", "--output", "--output-document", "--out"))
    folder = _value(words, ("-P", "--directory-prefix", "-d", "--dir"))
    found = []
    for url in urls:
        name = place or PurePosixPath(url.partition("?")[0]).name
        found.append(Command(StepKind.DOWNLOAD, url, f"{folder}/{name}" if folder else name))
    return tuple(found)


def _value(words: Sequence[str], names: Sequence[str]) -> str | None:
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else next(iter(words[number + 1 :]), None)
    return None


def is_open(arguments: object) -> bool:
    """Whether a part of a command is not known."""
    parts = arguments if isinstance(arguments, list | tuple) else [arguments]
    return any(isinstance(part, Open) for part in parts)
