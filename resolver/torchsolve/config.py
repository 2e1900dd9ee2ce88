"""What the user asked for: flags, then environment, then ``[tool.torchsolve]``, as one value.

The names are those of the flags: ``--no-deps`` is ``TORCHSOLVE_NO_DEPS`` in the environment and
``no-deps`` in ``[tool.torchsolve]`` of the ``pyproject.toml`` of the project (a local folder or
file) or, without one, of the working directory. A flag displaces what a lower layer says of the
same thing and of its opposite: ``--standalone`` wins over ``base = "…"`` of the file. Two opposites
in one layer are a contradiction.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import UsageError
from torchsolve.model.target import CellId, Platform
from torchsolve.model.version import CudaTag, PythonVersion

_AMD64 = Platform("linux/amd64")


def _default_cache() -> Path:
    import platformdirs  # only where no cache folder was given

    return platformdirs.user_cache_path("torchsolve")


@dataclass(frozen=True, slots=True)
class Settings:
    """One run's settings. Tuples are alternatives; an empty one means that nothing was asked for.

    Attributes:
        torch: any of these; a bare ``2.7.0`` became ``==2.7.0``, ``2.7`` became ``==2.7.*``.
        gpus: as typed; ``facts.gpus.find`` reads them. All of them must be covered.
        driver: of the host, ``570.26``.
        image: references of base images for a standalone plan, or their OS names.
        base: an image, a Dockerfile or an inventory (``*.json``) to layer on.
        policy: ``newest``, ``oldest`` or ``keep`` (needs ``base``).
        no_deps: PEP 503 ``name`` (all its edges are dropped) or ``name:dep`` (one is).
        overrides: requirements that replace whatever anyone else asks of the same name.
        evidence: how far torch-coupled wheels are read: ``names`` (not even their METADATA),
            ``metadata`` or ``binary``.
        engine: which one answers; ``both``: the core, with resolvelib as a witness.
        comfyui: a version, a path, ``none``, or None: chosen by date for a node.
        index: None is the default index. ``extra_index``: further simple indexes.
        torch_index: ``auto``, ``default`` (never ask the torch index) or its URL.
        exclude_newer: files uploaded at this moment or later do not exist.
        as_of: the same by name: ``commit`` (of the project), ``now``, or a moment; None is ``now``,
            and for a sample its recorded date.
        pins: where to write plain ``name==version`` lines.
        undeclared: whether imports that no requirement declares join the solve.
        verbosity: -1 quiet, 0 normal, 1 and 2 verbose.
    """

    torch: tuple[SpecifierSet, ...] = ()
    cuda: tuple[CudaTag, ...] = ()
    python: tuple[PythonVersion, ...] = ()
    gpus: tuple[str, ...] = ()
    driver: str | None = None
    image: tuple[str, ...] = ()
    base: str | None = None
    standalone: bool = False
    policy: Literal["newest", "oldest", "keep"] = "newest"
    platform: Platform = _AMD64
    no_deps: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    trust_labels: bool = False
    allow_unknown: bool = False
    evidence: Literal["names", "metadata", "binary"] = "binary"
    engine: Literal["core", "resolvelib", "both"] = "both"
    comfyui: str | None = None
    cell: CellId | None = None
    source: Literal["clone", "copy"] = "clone"
    index: str | None = None
    extra_index: tuple[str, ...] = ()
    torch_index: str = "auto"
    rev: str | None = None
    exclude_newer: datetime | None = None
    as_of: Literal["commit", "now"] | datetime | None = None
    pins: Path | None = None
    weights: Literal["mount", "none"] = "mount"
    extras: tuple[str, ...] = ()
    undeclared: bool = True
    offline: bool = False
    cache_dir: Path = field(default_factory=_default_cache)
    verbosity: int = 0

    @property
    def reads_binaries(self) -> bool:
        """Whether what binaries are may rule wheels out."""
        return self.evidence == "binary" and not self.trust_labels

    def allows_torch(self, version: Version) -> bool:
        """Whether ``--torch`` leaves this release; pre-releases only where one was named."""
        return not self.torch or any(spec.contains(version) for spec in self.torch)


def parse_torch(text: str) -> SpecifierSet:
    """``2.7`` → ``==2.7.*``; ``2.7.0`` → ``==2.7.0``; a specifier stays. Raises ValueError."""
    try:
        version = Version(text)
    except InvalidVersion:
        try:
            return SpecifierSet(text)
        except InvalidSpecifier as error:
            raise ValueError(f"not a version or specifier: {text!r}") from error
    if len(version.release) < 3 and version.local is None and not version.is_prerelease:
        return SpecifierSet(f"=={version.public}.*")
    return SpecifierSet(f"=={version}")


def parse_moment(text: str) -> datetime:
    """An ISO date (the whole day counts, UTC) or date and time; UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date and no moment of ISO 8601") from error
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
        moment += timedelta(days=1)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_of(text: str) -> str | datetime:
    return text if text in ("commit", "now") else parse_moment(text)


def _choice(*allowed: str, later: Mapping[str, str] | None = None) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if later and text in later:
            raise ValueError(f"{text!r} is not there in this version: {later[text]}")
        if text not in allowed:
            raise ValueError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def _driver(text: str) -> str:
    if not re.fullmatch(r"\d{3}(\.\d+){0,2}", text):
        raise ValueError(f"not a driver version: {text!r}")
    return text


def _edge(text: str) -> str:
    names = text.split(":")
    if len(names) > 2:
        raise ValueError(f"neither NAME nor NAME:DEP: {text!r}")
    return ":".join(canonicalize_name(name.strip(), validate=True) for name in names)


def _extra(text: str) -> str:
    return canonicalize_name(text, validate=True)


def _requirement(text: str) -> str:
    return str(Requirement(text))


def _index_url(text: str) -> str:
    if not re.match(r"(https?|file)://[^/\s]*/?\S*$", text):
        raise ValueError("not an http, https or file URL")
    return text


def _torch_index(text: str) -> str:
    return text if text in ("auto", "default") else _index_url(text)


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return text


class _Option(NamedTuple):
    """How one setting is read. ``split`` separates several in the environment; None: only one."""

    field: str
    parse: Callable[[str], object]
    split: str | None = None
    flag: bool = False


_OPTIONS: dict[str, _Option] = {
    "torch": _Option("torch", parse_torch, "\n"),
    "cuda": _Option("cuda", CudaTag, ","),
    "python": _Option("python", PythonVersion.parse, ","),
    "gpu": _Option("gpus", _text, ","),
    "driver": _Option("driver", _driver),
    "image": _Option("image", _text, ","),
    "base": _Option("base", _text),
    "standalone": _Option("standalone", bool, flag=True),
    "policy": _Option(
        "policy",
        _choice("newest", "oldest", "keep", later={"tested": "READMEs are not read"}),
    ),
    "platform": _Option("platform", Platform),
    "no-deps": _Option("no_deps", _edge, ","),
    "override": _Option("overrides", _requirement, "\n"),
    "trust-labels": _Option("trust_labels", bool, flag=True),
    "allow-unknown": _Option("allow_unknown", bool, flag=True),
    "evidence": _Option("evidence", _choice("names", "metadata", "binary")),
    "engine": _Option("engine", _choice("core", "resolvelib", "both")),
    "comfyui": _Option("comfyui", _text),
    "cell": _Option("cell", CellId.parse),
    "source": _Option("source", _choice("clone", "copy")),
    "index": _Option("index", _index_url),
    "extra-index": _Option("extra_index", _index_url, " "),
    "torch-index": _Option("torch_index", _torch_index),
    "rev": _Option("rev", _text),
    "exclude-newer": _Option("exclude_newer", parse_moment),
    "as-of": _Option("as_of", _as_of),
    "pins": _Option("pins", Path),
    "weights": _Option(
        "weights", _choice("mount", "none", later={"bake": "use mount, and fill the volume"})
    ),
    "with": _Option("extras", _extra, ","),
    "undeclared": _Option("undeclared", bool, flag=True),
    "offline": _Option("offline", bool, flag=True),
    "cache-dir": _Option("cache_dir", lambda text: Path(text).expanduser()),
}
_OPPOSITES = {"standalone": ("base",), "base": ("standalone",), "exclude-newer": ("as-of",)}
_OPPOSITES |= {"as-of": ("exclude-newer",)}
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def load_settings(
    flags: Mapping[str, object],
    references: Sequence[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    verbosity: int = 0,
) -> Settings:
    """All layers as one value.

    Args:
        flags: name of the flag without dashes → text, list of texts, bool; None or an empty list
            where it was not given.
        references: what the user pointed at; a local folder brings its ``pyproject.toml``.

    Raises:
        UsageError: ``bad-setting``, ``unknown-setting``, ``contradictory-flags``.
    """
    layers = (
        _from_flags(flags),
        _from_environment(os.environ if environ is None else environ),
        _from_file(_settings_file(references, directory or Path.cwd())),
    )
    merged: dict[str, object] = {}
    for layer in layers:
        _refuse_opposites(layer)
        taken = {other for name in merged for other in _OPPOSITES.get(name, ())} | set(merged)
        merged |= {name: value for name, value in layer.items() if name not in taken}
    values = {_OPTIONS[name].field: value for name, value in merged.items()}
    settings = Settings(verbosity=verbosity, **cast("dict[str, Any]", values))
    _refuse_contradictions(settings)
    return settings


def _from_flags(flags: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in flags.items() if value not in (None, [], ())}
    return {name: _value(name, value, f"--{name}") for name, value in given.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    layer: dict[str, object] = {}
    for name, option in _OPTIONS.items():
        variable = "TORCHSOLVE_" + name.upper().replace("-", "_")
        text = environ.get(variable, "").strip()
        if not text:
            continue
        raw: object = text
        if option.split is not None:
            raw = [part.strip() for part in text.split(option.split) if part.strip()]
        elif option.flag:
            raw = _BOOLEANS.get(text.lower(), text)
        layer[name] = _value(name, raw, variable)
    return layer


def _from_file(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("bad-pyproject", f"cannot be read: {error}", origin=str(path)) from error
    tool = table.get("tool", {})
    section = tool.get("torchsolve", {}) if isinstance(tool, dict) else {}
    if not isinstance(section, dict):
        raise UsageError("bad-setting", "[tool.torchsolve] is not a table", origin=str(path))
    origin = f"{path} [tool.torchsolve]"
    return {name: _value(name, value, origin) for name, value in section.items()}


def _settings_file(references: Sequence[str], directory: Path) -> Path | None:
    for reference in references:
        path = directory / reference
        if path.name == "pyproject.toml" and path.is_file():
            return path
        if (path / "pyproject.toml").is_file():
            return path / "pyproject.toml"
    own = directory / "pyproject.toml"
    return own if own.is_file() else None


def _value(name: str, raw: object, origin: str) -> object:
    option = _OPTIONS.get(name)
    if option is None:
        hint = f"known: {', '.join(sorted(_OPTIONS))}"
        raise UsageError(
            "unknown-setting", f"no setting is called {name!r}", origin=origin, hint=hint
        )
    if option.flag:
        if not isinstance(raw, bool):
            raise UsageError("bad-setting", f"{name} is true or false, not {raw!r}", origin=origin)
        return raw
    if option.split is None:
        return _parsed(name, option, raw, origin)
    parts = raw if isinstance(raw, list | tuple) else [raw]
    return tuple(dict.fromkeys(_parsed(name, option, part, origin) for part in parts))


def _parsed(name: str, option: _Option, raw: object, origin: str) -> object:
    if not isinstance(raw, str | Path | date | float | int) or isinstance(raw, bool):
        raise UsageError("bad-setting", f"{name} is a text, not {raw!r}", origin=origin)
    try:
        return option.parse(str(raw))
    except (ValueError, InvalidRequirement) as error:
        raise UsageError(*_bad_value(name, error), origin=origin, hint=_hint(name)) from error


def _bad_value(name: str, error: Exception) -> tuple[str, str]:
    references = {"cuda": "unknown-cuda-tag", "override": "bad-requirement"}
    return references.get(name, "bad-setting"), str(error).splitlines()[0]


def _hint(name: str) -> str:
    examples = {
        "torch": "--torch 2.7.0 or --torch '>=2.6,<2.9'",
        "cuda": "cpu, cu118, cu124, cu126, cu128, cu130, …",
        "python": "--python 3.12",
        "cell": "--cell cp312-cu128-torch2.9.1-ubuntu24.04",
        "platform": "linux/amd64 or linux/arm64",
        "driver": "--driver 570.26",
        "exclude-newer": "--exclude-newer 2025-10-01",
        "as-of": "--as-of commit, --as-of now or --as-of 2025-10-01",
        "evidence": "--evidence metadata",
        "weights": "--weights mount",
    }
    return examples.get(name, "")


def _refuse_opposites(layer: Mapping[str, object]) -> None:
    for name, others in _OPPOSITES.items():
        for other in others:
            if layer.get(name) and layer.get(other):
                _contradict(f"--{name} and --{other} exclude each other")


def _refuse_contradictions(settings: Settings) -> None:
    cell = settings.cell
    if settings.policy == "keep" and settings.base is None:
        _contradict("--policy keep keeps what a base image holds, and there is no --base")
    if settings.gpus and settings.cuda and all(tag.text == "cpu" for tag in settings.cuda):
        _contradict("--gpu asks for GPU code and --cuda cpu has none")
    if cell is None:
        return
    if settings.cuda and cell.cuda not in settings.cuda:
        _contradict(f"--cell is {cell.cuda}, --cuda is not")
    if settings.python and cell.python not in settings.python:
        _contradict(f"--cell is Python {cell.python}, --python is not")
    if settings.torch and (cell.torch is None or not settings.allows_torch(cell.torch)):
        _contradict(f"--cell has torch {cell.torch or 'none'}, which --torch excludes")


def _contradict(message: str) -> None:
    raise UsageError("contradictory-flags", message, hint="leave one of them out")


def setting_names() -> tuple[str, ...]:
    """Every name that flags, environment and ``[tool.torchsolve]`` share, sorted."""
    return tuple(sorted(_OPTIONS))
