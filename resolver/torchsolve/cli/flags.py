"""The flags of a solve, as data: for typer (``options``) and for what does without (``plain``)."""

from __future__ import annotations

from typing import NamedTuple

ONE, MANY, SWITCH = "one", "many", "switch"


class Flag(NamedTuple):
    """One flag without its dashes. ``kind``: one text, several of them, or none."""

    name: str
    kind: str
    metavar: str | None
    panel: str
    help: str


RUN_PANEL = "How to run"
_TARGET, _ASK, _INDEX = "What to run on", "What to solve", "Where packages come from"

PROBLEM = (
    Flag("torch", MANY, "SPEC", _TARGET, "torch release or specifier; repeat for alternatives"),
    Flag("cuda", MANY, "TAG", _TARGET, "CUDA tag of the torch build: cpu, cu126, cu128, …"),
    Flag("python", MANY, "X.Y", _TARGET, "Python of the image"),
    Flag("gpu", MANY, "NAME|SM", _TARGET, "GPU that must be covered: RTX5090, H100, 8.6"),
    Flag("driver", ONE, "VERSION", _TARGET, "NVIDIA driver of the host"),
    Flag("image", MANY, "REF", _TARGET, "base image of a standalone plan"),
    Flag("base", ONE, "IMAGE|FILE", _TARGET, "image, Dockerfile or inventory to layer on"),
    Flag("standalone", SWITCH, None, _TARGET, "do not layer, whatever the settings say"),
    Flag("platform", ONE, "OCI", _TARGET, "linux/amd64 or linux/arm64"),
    Flag("cell", ONE, "ID", _TARGET, "exactly this cell"),
    Flag(
        "policy",
        ONE,
        "POLICY",
        _ASK,
        "newest, oldest, tested (as READMEs say) or keep",
    ),
    Flag("comfyui", ONE, "VERSION|PATH|none", _ASK, "the ComfyUI that a node is solved with"),
    Flag("no-deps", MANY, "NAME[:DEP]", _ASK, "drop all edges of NAME, or the one to DEP"),
    Flag("override", MANY, "REQ", _ASK, "replaces what anyone else asks of that name"),
    Flag("exclude", MANY, "NAME", _ASK, "drop every edge to NAME"),
    Flag("prefer", MANY, "NAME", _ASK, "which of two that write one import name stays"),
    Flag("constraint", MANY, "FILE", _ASK, "bounds versions, asks for nothing"),
    Flag("no-binary", MANY, "NAME", _ASK, "take no wheel of NAME, or :all:"),
    Flag("only-binary", MANY, "NAME", _ASK, "take no sdist of NAME, or :all:"),
    Flag("pre", SWITCH, None, _ASK, "pre-releases of everything, not only where asked for"),
    Flag("group", MANY, "NAME", _ASK, "a dependency group of the project"),
    Flag("lock", ONE, "FILE", _ASK, "keep the pins of this lock where they hold"),
    Flag("upgrade", SWITCH, None, _ASK, "keep no earlier pins"),
    Flag("upgrade-package", MANY, "NAME", _ASK, "keep no earlier pin of NAME"),
    Flag("build-metadata", SWITCH, None, _ASK, "build sdists that say nothing in a container"),
    Flag("build-image", ONE, "REF", _ASK, "image of that container"),
    Flag("with", MANY, "EXTRA", _ASK, "an extra of the project, or an optional import of it"),
    Flag(
        "undeclared",
        SWITCH,
        None,
        _ASK,
        "solve imports and scripts that nothing declares",
    ),
    Flag("trust-labels", SWITCH, None, _ASK, "binaries may not refute what labels say"),
    Flag("allow-unknown", SWITCH, None, _ASK, "write files of a plan that is unknown"),
    Flag("evidence", ONE, "LEVEL", _ASK, "how far wheels are read: names, metadata or binary"),
    Flag("engine", ONE, "NAME", _ASK, "core, resolvelib, or both: the core with a witness"),
    Flag("rev", ONE, "REV", _ASK, "revision of a git project"),
    Flag("source", ONE, "HOW", _ASK, "clone the project in the image, or copy it"),
    Flag("weights", ONE, "HOW", _ASK, "bake them in, mount them, or none"),
    Flag("index", MANY, "URL|NAME=URL", _INDEX, "the default index; NAME= for one package"),
    Flag("extra-index", MANY, "URL", _INDEX, "a further index"),
    Flag("find-links", MANY, "URL|DIR", _INDEX, "files beside those of the index"),
    Flag("ca-bundle", ONE, "FILE", _INDEX, "authorities to trust (PEM)"),
    Flag("torch-index", ONE, "auto|default|URL", _INDEX, "where other torch builds come from"),
    Flag("registry", ONE, "URL", _INDEX, "instead of the Comfy registry"),
    Flag("exclude-newer", ONE, "DATE", _INDEX, "ignore files uploaded after this day"),
    Flag("as-of", ONE, "commit|DATE|now", _INDEX, "the same, by name"),
    Flag("snapshot", ONE, "FILE", _INDEX, "record what indexes say, to solve from again"),
    Flag("from-snapshot", ONE, "FILE", _INDEX, "solve from a recording, without an index"),
)
_CLAIMS = Flag("claims", ONE, "FILE", _ASK, "notes or a README to hold against the source")
_MODEL = Flag("model", MANY, "REPO[=PATH]", _ASK, "a model that only you know of")
_PINS = Flag("pins", ONE, "FILE", _ASK, "write plain name==version lines here")
OF_RESOLVE = (_CLAIMS, _MODEL, _PINS)
RUN = (
    Flag("offline", SWITCH, None, RUN_PANEL, "never open a socket"),
    Flag("cache-dir", ONE, "DIR", RUN_PANEL, "instead of the user's cache folder"),
)
