"""``torchsolve build``: the image of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_view
from torchsolve.errors import UsageError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of the plan")]
Engine = Annotated[
    str, typer.Option("--engine", metavar="auto|docker|podman", help="which one builds")
]
Tag = Annotated[
    str | None,
    typer.Option(
        "--tag", "-t", metavar="NAME", help="of the image", show_default="torchsolve/CELL"
    ),
]


def _many(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, show_default=False)


def _one(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, show_default=False)


@takes_view()
def build(
    directory: Folder,
    view: View,
    engine: Engine = "auto",
    tag: Tag = None,
    secret: Annotated[
        list[str] | None, _many("--secret", "id=NAME,env=VAR", "for a step; never in the image")
    ] = None,
    ca_bundle: Annotated[
        Path | None, _one("--ca-bundle", "FILE", "authorities to trust while building")
    ] = None,
    base_image: Annotated[
        str | None, _one("--base-image", "REF", "instead of the Dockerfile's own")
    ] = None,
    build_arg: Annotated[
        list[str] | None, _many("--build-arg", "NAME=VALUE", "handed to the engine")
    ] = None,
    network: Annotated[str | None, _one("--network", "NAME", "of the build's steps")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="build every step anew")] = False,
) -> None:
    """Build the image of a plan; its log stays in DIR/build.log."""
    from torchsolve.build.run import BuildOptions, Secret
    from torchsolve.build.run import build as run
    from torchsolve.report.build import build_json, build_screen

    options = BuildOptions(
        engine=engine_name(engine),
        tag=tag,
        secrets=tuple(Secret.parse(text) for text in secret or ()),
        ca_bundle=ca_bundle,
        base_image=base_image,
        build_args=tuple(_pair(text) for text in build_arg or ()),
        network=network,
        no_cache=no_cache,
    )
    result = run(directory, options, view.say if view.streams else None)
    if view.as_json:
        print_json(build_json(result))
    else:
        view.show(build_screen(result))
        view.say(f"next        torchsolve smoke {directory}")


def engine_name(text: str) -> Any:
    """``auto``, ``docker`` or ``podman``. Raises UsageError ``unknown-engine``."""
    if text not in ("auto", "docker", "podman"):
        hint = "--engine docker or --engine podman"
        raise UsageError("unknown-engine", f"no engine is called {text!r}", hint=hint)
    return text


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError("bad-build-arg", f"not NAME=VALUE: {text!r}", origin="--build-arg")
    return name, value
