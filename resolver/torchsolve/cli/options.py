"""Flags that several commands share, added to a command's own by a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from torchsolve.cli.console import View
from torchsolve.config import load_settings
from torchsolve.errors import UsageError

Command = Callable[..., None]
Projects = Annotated[
    list[str],
    typer.Argument(
        metavar="PROJECT",
        help="A folder, owner/repo\\[@rev], Comfy registry id, git URL, wheel, requirements file, "
        "pyproject.toml, lock, script, "
        "or a bundled sample: trellis2, wanvideo, bria-rmbg.",
        show_default=False,
    ),
]

_PREFIX = "set_"  # ``--with`` could not be a parameter's name without one
_TARGET, _ASK, _INDEX = "What to run on", "What to solve", "Where packages come from"


def _option(flag: str, kind: Any, metavar: str | None, panel: str, text: str) -> inspect.Parameter:
    names = [f"--{flag}"] if flag != "undeclared" else ["--undeclared/--no-undeclared"]
    info = typer.Option(
        *names, metavar=metavar, help=text, rich_help_panel=panel, show_default=False
    )
    return inspect.Parameter(
        _PREFIX + flag.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, info],
    )


_ONE, _MANY, _FLAG = str | None, list[str] | None, bool | None
_PROBLEM = (
    _option("torch", _MANY, "SPEC", _TARGET, "torch release or specifier; repeat for alternatives"),
    _option("cuda", _MANY, "TAG", _TARGET, "CUDA tag of the torch build: cpu, cu126, cu128, …"),
    _option("python", _MANY, "X.Y", _TARGET, "Python of the image"),
    _option("gpu", _MANY, "NAME|SM", _TARGET, "GPU that must be covered: RTX5090, H100, 8.6"),
    _option("driver", _ONE, "VERSION", _TARGET, "NVIDIA driver of the host"),
    _option("image", _MANY, "REF", _TARGET, "base image of a standalone plan"),
    _option("base", _ONE, "IMAGE|FILE", _TARGET, "image, Dockerfile or inventory to layer on"),
    _option("standalone", _FLAG, None, _TARGET, "do not layer, whatever the settings say"),
    _option("platform", _ONE, "OCI", _TARGET, "linux/amd64 or linux/arm64"),
    _option("cell", _ONE, "ID", _TARGET, "exactly this cell"),
    _option(
        "policy",
        _ONE,
        "POLICY",
        _ASK,
        "newest, oldest, tested (as READMEs say) or keep",
    ),
    _option("comfyui", _ONE, "VERSION|PATH|none", _ASK, "the ComfyUI that a node is solved with"),
    _option("no-deps", _MANY, "NAME[:DEP]", _ASK, "drop all edges of NAME, or the one to DEP"),
    _option("override", _MANY, "REQ", _ASK, "replaces what anyone else asks of that name"),
    _option("exclude", _MANY, "NAME", _ASK, "drop every edge to NAME"),
    _option("prefer", _MANY, "NAME", _ASK, "which of two that write one import name stays"),
    _option("constraint", _MANY, "FILE", _ASK, "bounds versions, asks for nothing"),
    _option("no-binary", _MANY, "NAME", _ASK, "take no wheel of NAME, or :all:"),
    _option("only-binary", _MANY, "NAME", _ASK, "take no sdist of NAME, or :all:"),
    _option("pre", _FLAG, None, _ASK, "pre-releases of everything, not only where asked for"),
    _option("group", _MANY, "NAME", _ASK, "a dependency group of the project"),
    _option("lock", _ONE, "FILE", _ASK, "keep the pins of this lock where they hold"),
    _option("upgrade", _FLAG, None, _ASK, "keep no earlier pins"),
    _option("upgrade-package", _MANY, "NAME", _ASK, "keep no earlier pin of NAME"),
    _option("build-metadata", _FLAG, None, _ASK, "build sdists that say nothing in a container"),
    _option("build-image", _ONE, "REF", _ASK, "image of that container"),
    _option("with", _MANY, "EXTRA", _ASK, "an extra of the project, or an optional import of it"),
    _option(
        "undeclared",
        _FLAG,
        None,
        _ASK,
        "solve imports and scripts that nothing declares",
    ),
    _option("trust-labels", _FLAG, None, _ASK, "binaries may not refute what labels say"),
    _option("allow-unknown", _FLAG, None, _ASK, "write files of a plan that is unknown"),
    _option("evidence", _ONE, "LEVEL", _ASK, "how far wheels are read: names, metadata or binary"),
    _option("engine", _ONE, "NAME", _ASK, "core, resolvelib, or both: the core with a witness"),
    _option("rev", _ONE, "REV", _ASK, "revision of a git project"),
    _option("source", _ONE, "HOW", _ASK, "clone the project in the image, or copy it"),
    _option("weights", _ONE, "HOW", _ASK, "bake them in, mount them, or none"),
    _option("index", _MANY, "URL|NAME=URL", _INDEX, "the default index; NAME= for one package"),
    _option("extra-index", _MANY, "URL", _INDEX, "a further index"),
    _option("find-links", _MANY, "URL|DIR", _INDEX, "files beside those of the index"),
    _option("ca-bundle", _ONE, "FILE", _INDEX, "authorities to trust (PEM)"),
    _option("torch-index", _ONE, "auto|default|URL", _INDEX, "where other torch builds come from"),
    _option("registry", _ONE, "URL", _INDEX, "instead of the Comfy registry"),
    _option("exclude-newer", _ONE, "DATE", _INDEX, "ignore files uploaded after this day"),
    _option("as-of", _ONE, "commit|DATE|now", _INDEX, "the same, by name"),
    _option("snapshot", _ONE, "FILE", _INDEX, "record what indexes say, to solve from again"),
    _option("from-snapshot", _ONE, "FILE", _INDEX, "solve from a recording, without an index"),
)
_CLAIMS = _option("claims", _ONE, "FILE", _ASK, "notes or a README to hold against the source")
_MODEL = _option("model", _MANY, "REPO[=PATH]", _ASK, "a model that only you know of")
_PINS = _option("pins", _ONE, "FILE", _ASK, "write plain name==version lines here")
_OF_RESOLVE = (_CLAIMS, _MODEL, _PINS)
_RUN = (
    _option("offline", _FLAG, None, "How to run", "never open a socket"),
    _option("cache-dir", _ONE, "DIR", "How to run", "instead of the user's cache folder"),
)


def _flag_name(parameter: inspect.Parameter) -> str:
    return parameter.name.removeprefix(_PREFIX).replace("_", "-")


def _view_options(formats: tuple[str, ...]) -> tuple[inspect.Parameter, ...]:
    def parameter(
        name: str, kind: Any, default: Any, *flags: str, **info: Any
    ) -> inspect.Parameter:
        option = typer.Option(*flags, rich_help_panel="How to run", show_default=False, **info)
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, option],
        )

    asked = parameter(
        "format_", str, "text", "--format", metavar="|".join(formats), help="of the result"
    )
    return (
        parameter("json_", bool, False, "--json", help="one JSON document on stdout"),
        *((asked,) if len(formats) > 2 else ()),
        parameter("quiet", bool, False, "--quiet", "-q", help="results and errors only"),
        parameter("verbose", int, 0, "--verbose", "-v", count=True, help="say more"),
    )


def takes_view(*formats: str) -> Callable[[Command], Command]:
    """Adds ``--json``, ``-q``, ``-v`` (and ``--format``); the command gets ``view=View``."""
    known = ("text", "json", *formats)
    shared = _view_options(known)

    def decorate(function: Command) -> Command:
        def call(values: dict[str, Any]) -> None:
            function(view=_view(values, known), **values)

        return _command(function, shared, ("view",), call)

    return decorate


def takes_settings(
    *formats: str, problem: bool = True, pins: bool = False
) -> Callable[[Command], Command]:
    """``takes_view``, and every setting of the solve; the command gets ``settings=Settings``."""
    known = ("text", "json", *formats)
    flags = (*(_PROBLEM if problem else ()), *(_OF_RESOLVE if pins else ()), *_RUN)

    def decorate(function: Command) -> Command:
        def call(values: dict[str, Any]) -> None:
            view = _view(values, known)
            given = {_flag_name(flag): values.pop(flag.name) for flag in flags}
            references = values.get("projects", ())
            settings = load_settings(given, references, verbosity=view.verbosity)
            function(settings=settings, view=view, **values)

        return _command(function, (*flags, *_view_options(known)), ("settings", "view"), call)

    return decorate


def _command(
    function: Command,
    shared: tuple[inspect.Parameter, ...],
    given: tuple[str, ...],
    call: Callable[[dict[str, Any]], None],
) -> Command:
    own = inspect.signature(function, eval_str=True).parameters.values()

    @functools.wraps(function)
    def command(**values: Any) -> None:
        call(values)

    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own
        if parameter.name not in given
    ]
    command.__signature__ = inspect.Signature([*kept, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*kept, *shared)}
    del command.__wrapped__  # typer must see the flags, not the function behind them
    return command


def _view(values: dict[str, Any], formats: tuple[str, ...]) -> View:
    asked = values.pop("format_", "text")
    as_json, quiet, verbose = (values.pop(name) for name in ("json_", "quiet", "verbose"))
    if quiet and verbose:
        raise UsageError("contradictory-flags", "--quiet and --verbose exclude each other")
    if as_json and asked not in ("text", "json"):
        raise UsageError("contradictory-flags", f"--json and --format {asked} exclude each other")
    if asked not in formats:
        hint = f"one of {', '.join(formats)}"
        raise UsageError("unknown-format", f"no format is called {asked!r}", hint=hint)
    return View("json" if as_json else asked, -1 if quiet else min(verbose, 2))
