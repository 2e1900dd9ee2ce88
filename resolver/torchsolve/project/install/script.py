"""The scripts of a project → their steps for a target."""

from __future__ import annotations

import ast
import json
import posixpath
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.install import InstallStep, InstallTarget, Phase, Scripted, StepKind
from torchsolve.model.package import Declared
from torchsolve.model.values import dataclass, field
from torchsolve.project.distributions import alternatives_to
from torchsolve.project.install import known
from torchsolve.project.install.commands import Command
from torchsolve.project.install.configs import configured, read_yaml
from torchsolve.project.install.effects import Effects, Files, Lines
from torchsolve.project.install.machine import ExhaustedError, Machine
from torchsolve.project.install.statements import StopError
from torchsolve.project.install.telling import CALLS, Telling
from torchsolve.project.install.values import (
    NOTHING,
    PRESENT,
    Class,
    Config,
    External,
    Function,
    Open,
    Scope,
    text_of,
)
from torchsolve.project.named import Named, RequirementError, parse
from torchsolve.project.scan.sources import Sources
from torchsolve.project.stdlib import is_standard, words

INSTALL = "install.py"
START = "prestartup_script.py"
_THERE = frozenset({"torch", "torchvision", "folder_paths", "comfy", "nodes", "server", "pip"})
_KEPT = (StepKind.PIP, StepKind.CLONE)


@dataclass(slots=True)
class ScriptReader:
    """Reads the scripts of one tree.

    Args:
        modules: files that a node imports, in which pip and git calls are looked for.
        declared: PEP 503 names that the project declares: a script that installs them adds nothing.
    """

    sources: Sources
    name: str
    modules: tuple[str, ...]
    declared: frozenset[str]
    _answers: dict[InstallTarget | None, Scripted] = field(default_factory=dict)

    def read(self, target: InstallTarget) -> Scripted:
        """What the scripts do for ``target``; where nothing depends on it, the same for all."""
        known_answer = self._answers.get(None) or self._answers.get(target)
        if known_answer is not None:
            return known_answer
        run = _Run(self, target)
        found = run.scripted()
        self._answers[target if run.consulted else None] = found
        return found

    @property
    def files(self) -> tuple[str, ...]:
        """Scripts that something runs by themselves."""
        return tuple(f for f in (INSTALL, START) if f in self.sources.all_paths)

    def with_calls(self) -> tuple[str, ...]:
        """Modules that may install or clone."""
        self.sources.prefetch(self.modules)
        return tuple(m for m in self.modules if CALLS.search(self.sources.load(m) or b""))


class _Run:
    """One reading for one target."""

    def __init__(self, reader: ScriptReader, target: InstallTarget) -> None:
        self._reader, self._target = reader, target
        self._paths = known.Paths(reader.name, reader.sources.all_paths)
        self._values = known.attributes(target)
        self._functions = known.functions(target, self._paths)
        self._files = Files(self._paths.inside, reader.sources.load)
        self._effects = Effects(self._functions, self._act, self._files)
        self._steps: dict[InstallStep, None] = {}
        self._notes: list[str] = []
        self._machine = Machine(self, main=True)
        self._phase = Phase.INSTALL
        self._kept: tuple[StepKind, ...] = tuple(StepKind)
        self._reading: list[str] = []
        self._ran: set[str] = set()
        self.consulted = False

    def scripted(self) -> Scripted:
        """All steps in the order of phases."""
        phases = {known_file: phase for known_file, phase in _PHASES if known_file}
        for file in self._reader.files:
            self._script(file, phases[file], calls=False)
        self._kept = _KEPT
        for file in self._reader.with_calls():
            if file not in self._ran:
                self._script(file, Phase.IMPORT, calls=True)
        steps = _once(self._steps)
        wanted = tuple(self._requirements(steps))
        served = (alternatives_to(canonicalize_name(row.requirement.name)) for row in wanted)
        return Scripted(tuple(steps), wanted, frozenset().union(*served), tuple(self._notes))

    def _script(self, file: str, phase: Phase, *, calls: bool) -> None:
        self._machine, self._phase = Machine(self, main=phase is Phase.INSTALL), phase
        before = len(self._steps)
        try:
            scope = self._machine.run(file)
            self._ran |= set(self._machine.modules)
            if scope is None:
                why = self._reader.sources.unread.get(file, "it cannot be read")
                self._notes.append(f"{file}: not read: {why}")
            elif calls:
                self._phase = Phase.CALL
                self._uncalled(file, scope)
        except (ExhaustedError, RecursionError):
            more = len(self._steps) - before
            self._notes.append(f"{file}: read as far as its {more} steps; it goes on too long")

    def _uncalled(self, file: str, scope: Scope) -> None:
        """Functions that nothing at module level calls run when a node does."""
        telling = Telling((self._reader.sources.load(file) or b"").decode("utf-8", "replace"))
        long = 0
        for value in list(scope.names.values()):
            inner = value.scope.names.values() if isinstance(value, Class) else ()
            for function in (value, *inner):
                if isinstance(function, Function) and self._is_new(function, file):
                    long += telling.of(function) and not self._ends(function)
        if long:
            self._notes.append(f"{file}: {long} functions were not read to their end")

    def _is_new(self, function: Function, file: str) -> bool:
        return function.scope.file == file and id(function.node) not in self._machine.called

    def _ends(self, function: Function) -> bool:
        self._machine.left = _IN_FUNCTION
        try:
            self._machine.apply(function, [])
        except StopError:
            pass
        except (ExhaustedError, RecursionError):
            return False
        return True

    def _nested(self, command: Command, folder: object) -> None:
        """``python other.py``: a script of the tree that a script starts."""
        words = command.what.split()
        if len(words) < 2 or words[0] != known.PYTHON or not words[1].endswith(".py"):
            return
        path = posixpath.join(text_of(folder) if folder is not None else "", words[1])
        inner = self._paths.inside(path)
        if inner is None or inner in self._reading or inner not in self._paths.files:
            return
        outer, guards = self._machine, tuple(self._machine.guards)
        self._machine = Machine(self, main=True)
        self._machine.guards += guards
        self._machine.left = outer.left
        self._reading.append(inner)
        try:
            self._machine.run(inner)
            self._ran |= set(self._machine.modules)
        finally:
            outer.left = self._machine.left
            self._reading.pop()
            self._machine = outer

    # What the machine asks for

    def parse(self, path: str) -> ast.Module | None:
        """A file of the tree."""
        return self._reader.sources.module(path)

    def file_of(self, path: str) -> str:
        """Where it will lie in the image."""
        return f"{self._paths.root}/{path}"

    def is_there(self, module: str) -> bool:
        """What an image has that a node is installed into."""
        return module in _THERE or is_standard(module)

    def method(
        self, owner: Any, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """A method of a value."""
        return self._effects.method(owner, name, arguments, named, node)

    def attribute(self, name: str) -> Any:
        """A dotted name outside the tree."""
        if known.is_target_fact(name):
            self.consulted = True
        if name in self._values:
            return self._values[name]
        return External(name)

    def locate(self, module: str, importer: str) -> str | None:
        """The file of a module, by ``sys.path`` as it is by now."""
        level = len(module) - len(module.lstrip("."))
        base = posixpath.dirname(importer)
        for _ in range(level - 1):
            base = posixpath.dirname(base)
        roots = [base] if level else ["", *self._added(), base]
        stem = module.lstrip(".").replace(".", "/")
        for root in roots:
            for option in (f"{stem}.py", f"{stem}/__init__.py") if stem else ("__init__.py",):
                path = posixpath.join(root, option)
                if path in self._paths.files and path != importer:
                    return path
        return None

    def _added(self) -> list[str]:
        found = (self._paths.inside(entry) for entry in self._values["sys.path"])
        return [entry for entry in found if entry]

    def external(
        self, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        """A call outside the tree."""
        if known.is_target_fact(name):
            self.consulted = True
        special = getattr(self, "_" + name.replace(".", "_").lower(), None)
        if special is not None and name in _SPECIAL:
            return special(arguments, named)
        if name in self._functions and not any(
            isinstance(a, Open | External) for a in (*arguments, *named.values())
        ):
            return self._functions[name](*arguments, **named)
        if self._effects.is_effect(name):
            return self._effects.call(name, arguments, named, node)
        return self._unknown(name, arguments, named, node)

    def _unknown(
        self, name: str, arguments: list[Any], named: dict[str, Any], node: ast.Call
    ) -> Any:
        tags = known.tags_of(name)
        tags = tags or next((a.tags for a in arguments if isinstance(a, Open) and a.tags), NOTHING)
        self._machine.asked += bool(tags)
        if name in ("os.path.join", "pathlib.Path"):
            return Open("/".join(map(text_of, arguments)))
        if name.startswith("os.path.") and arguments:
            shown = text_of(arguments[0])
            present = name.endswith(("exists", "isfile", "isdir"))
            return Open(f"{name.rpartition('.')[2]}({shown})", PRESENT if present else NOTHING)
        self._machine.callbacks(arguments, named)
        if name == "shutil.copyfileobj":
            self._effects.copied(arguments)
        return self._machine.expressions.unknown(node, tags)

    def _sys_exit(self, _arguments: list[Any], _named: dict[str, Any]) -> None:
        self._machine.exit()

    _os__exit = _sys_exit

    _exit = _quit = _sys_exit

    def _open(self, arguments: list[Any], named: dict[str, Any]) -> Any:
        mode = [named["mode"]] if "mode" in named else arguments[1:2]
        return self._files.open(arguments[0], mode) if arguments else Open("open()")

    def _hasattr(self, arguments: list[Any], _named: dict[str, Any]) -> Any:
        owner, name = (*arguments, None, None)[:2]
        if isinstance(owner, Config):
            return name in owner
        if owner == External("torch") and name in ("dml", "privateuseone"):
            return False
        return Open(f"hasattr({text_of(owner)}, {text_of(name)})")

    def _yaml_safe_load(self, arguments: list[Any], _named: dict[str, Any]) -> Any:
        return configured(read_yaml, arguments)

    _yaml_load = _yaml_safe_load

    def _omegaconf_omegaconf_load(self, arguments: list[Any], _named: dict[str, Any]) -> Any:
        text = self._files.text(arguments[0]) if arguments else Open("?")
        return configured(read_yaml, [text])

    def _json_load(self, arguments: list[Any], _named: dict[str, Any]) -> Any:
        return configured(json.loads, arguments)

    _json_loads = _json_load

    def _tomllib_load(self, arguments: list[Any], _named: dict[str, Any]) -> Any:
        return configured(tomllib.loads, arguments)

    _tomllib_loads = _toml_load = _tomli_load = _tomllib_load

    def _comfy_env_install(self, _arguments: list[Any], _named: dict[str, Any]) -> None:
        self._act(Command(StepKind.RUN, "comfy_env.install()", None), None)

    # Steps

    def _act(self, command: Command, folder: object) -> None:
        if command.kind not in self._kept and self._phase in (Phase.IMPORT, Phase.CALL):
            return
        if command.file is not None and self._from_file(command, folder):
            return
        file, line = self._machine.origin
        guards = self._machine.guards
        place = self._place(command, folder)
        is_open = "{" in command.what
        step = InstallStep(
            command.kind,
            self._phase,
            self._what(command, folder),
            f"{file}:{line}",
            place,
            tuple(option.replace(known.PYTHON, "python") for option in command.options),
            tuple(dict.fromkeys(g.text for g in guards if g.unless)),
            tuple(dict.fromkeys(g.text for g in guards if not g.unless)),
            "a part of it is not decided" if is_open else None,
        )
        self._steps.setdefault(step)
        if command.kind is StepKind.RUN:
            self._nested(command, folder)

    def _what(self, command: Command, folder: object) -> str:
        text = command.what.replace(known.PYTHON, "python").replace(f"{known.COMFYUI}/", "")
        if command.kind is StepKind.RUN and folder is not None:
            return f"{text} (in {self._paths.shown(folder)})"
        return text

    def _place(self, command: Command, folder: object) -> str | None:
        if command.place is None or command.kind not in (StepKind.CLONE, StepKind.DOWNLOAD):
            return None
        base = text_of(folder) if folder is not None else self._paths.root
        return self._paths.shown(
            command.place if command.place.startswith("{") else posixpath.join(base, command.place)
        )

    def _from_file(self, command: Command, folder: object) -> bool:
        """``pip install -r``: the lines of a requirements file of the tree."""
        path = posixpath.join(text_of(folder) if folder is not None else "", command.file or "")
        inner = self._paths.inside(path)
        if inner is None or inner in self._reading:
            return False
        text = self._files.text(f"{self._paths.root}/{inner}")
        if not isinstance(text, str):
            return False
        if inner == "requirements.txt":
            return False  # the project's own file: read already
        for line in Lines(text):
            wanted = re.sub(r"(^|\s)#.*$", "", line).strip()
            if wanted and not wanted.startswith("-"):
                self._act(Command(StepKind.PIP, wanted, options=command.options), folder)
        return True

    def _requirements(self, steps: list[InstallStep]) -> Iterator[Declared]:
        seen: set[str] = set()
        for step in steps:
            if step.kind is not StepKind.PIP or not step.decided or step.phase is Phase.CALL:
                continue
            try:
                named = parse(step.what)
            except RequirementError:
                continue
            if not isinstance(named, Named) or str(named.requirement) in seen:
                continue
            seen.add(str(named.requirement))
            if canonicalize_name(named.requirement.name) in self._reader.declared:
                continue
            what = f"installs {named.requirement}"
            evidence = Evidence(self._reader.name, what, Strength.CLAIMED, step.origin)
            yield Declared(named.requirement, evidence)


_IN_FUNCTION = 4_000
_PHASES = ((INSTALL, Phase.INSTALL), (START, Phase.START))
_SPECIAL = words("""
    sys.exit os._exit exit quit open hasattr yaml.safe_load yaml.load
    omegaconf.OmegaConf.load json.load json.loads tomllib.load tomllib.loads toml.load
    tomli.load comfy_env.install
""")


def _once(steps: dict[InstallStep, None]) -> list[InstallStep]:
    """Without a step that stands there already under fewer conditions."""
    found: list[InstallStep] = []
    for step in steps:
        same = [s for s in found if (s.kind, s.what, s.place) == (step.kind, step.what, step.place)]
        if not any(set(s.when) <= set(step.when) for s in same):
            found.append(step)
    return found
