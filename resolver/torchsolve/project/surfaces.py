"""What a tree holds beside its requirements that says how to install it: listed, not followed."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from torchsolve.model.claim import Claim
from torchsolve.model.surface import Surface, SurfaceKind, Trial
from torchsolve.model.values import dataclass
from torchsolve.project import compiled, tested
from torchsolve.project.notes.read import claims_of
from torchsolve.project.scan.sources import Sources

_README = re.compile(r"readme(\.\w+)?\.(md|rst|txt)|readme", re.IGNORECASE)
_DOCKERFILE = re.compile(r"(?:.*\.)?dockerfile(?:\..*)?|containerfile", re.IGNORECASE)
_BUILD = re.compile(
    r"build_?config\.(ya?ml|json|toml)|cmakelists\.txt|environment\.ya?ml|conda.*\.ya?ml"
)
_MOST = 12


@dataclass(frozen=True, slots=True)
class SurfaceReader:
    """Reads one tree; ``paths`` are all its files, sorted."""

    sources: Sources
    paths: tuple[str, ...]

    def surfaces(self) -> tuple[Surface, ...]:
        """All that is listed, by kind and place."""
        found = [
            *self._pyproject(),
            *self._setup(),
            *self._requirements(),
            *self._environments(),
            *self._named(_BUILD, SurfaceKind.BUILD, "a build configuration; not followed"),
            *self._submodules(),
            *compiled.native(self.sources, self.paths),
            *self._named(_DOCKERFILE, SurfaceKind.DOCKERFILE, "a Dockerfile; not followed"),
        ]
        return tuple(found)

    def tested(self) -> tuple[Trial, ...]:
        """What READMEs of the root and Dockerfiles say."""
        found: list[Trial] = []
        for path in self.paths:
            name = PurePosixPath(path).name
            if "/" not in path and _README.fullmatch(name):
                found += tested.in_readme(path, self._text(path))
            elif _DOCKERFILE.fullmatch(name) and path.count("/") < 3:
                found += tested.in_dockerfile(path, self._text(path))
        return tuple(found)

    def readme(self) -> tuple[Claim, ...]:
        """Paths and repositories that the READMEs of the root name."""
        names = (p for p in self.paths if "/" not in p and _README.fullmatch(p))
        texts = ((path, self._text(path)) for path in names)
        return tuple(c for path, text in texts for c in claims_of(path, text, places=True))

    def _text(self, path: str) -> str:
        return (self.sources.load(path) or b"").decode("utf-8", "replace")

    def _table(self, path: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text(path).removeprefix("\ufeff"))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}

    def _pyproject(self) -> Iterator[Surface]:
        if "pyproject.toml" not in self.sources.all_paths:
            return
        table = self._table("pyproject.toml")
        extras = _dict(_dict(table, "project"), "optional-dependencies")
        if extras:
            says = f"extras: {', '.join(extras)}; --with NAME asks for one"
            yield Surface(SurfaceKind.PYPROJECT, "pyproject.toml", says)
        indexes = _dict(_dict(table, "tool"), "uv").get("index")
        for index in indexes if isinstance(indexes, list) else ():
            if isinstance(index, dict) and isinstance(index.get("url"), str):
                name, form = index.get("name", "an index"), index.get("format", "simple")
                says = f"[[tool.uv.index]] {name} ({form}): {index['url']}; not asked"
                yield Surface(SurfaceKind.PYPROJECT, "pyproject.toml", says)

    def _setup(self) -> Iterator[Surface]:
        module = self.sources.module("setup.py") if "setup.py" in self.sources.all_paths else None
        for node in ast.walk(module) if module else ():
            if isinstance(node, ast.keyword) and node.arg in ("install_requires", "setup_requires"):
                place = f"setup.py:{node.value.lineno}"
                says = f"{node.arg} = {_shown(node.value)}; not run"
                yield Surface(SurfaceKind.SETUP, place, says)

    def _requirements(self) -> Iterator[Surface]:
        paths = [p for p in self.paths if _is_requirements(p)]
        for path in paths[:_MOST]:
            lines = [x.strip() for x in self._text(path).splitlines()]
            wanted = [line for line in lines if line and not line.startswith(("#", "-"))]
            where = "beside the project's own" if "/" not in path else "of a vendored project"
            says = f"{len(wanted)} lines, {where}; nothing installs it by itself"
            yield Surface(SurfaceKind.REQUIREMENTS, path, says)
        if len(paths) > _MOST:
            yield Surface(SurfaceKind.REQUIREMENTS, "…", f"{len(paths) - _MOST} more such files")

    def _environments(self) -> Iterator[Surface]:
        for path in self.paths:
            if PurePosixPath(path).name.startswith("comfy-env") and path.endswith(".toml"):
                table = self._table(path)
                cuda = _dict(table, "cuda").get("packages", [])
                plain = list(_dict(table, "pypi-dependencies"))
                parts = [
                    f"CUDA packages {' '.join(map(str, cuda))}" if cuda else "",
                    f"{len(plain)} others: {' '.join(plain)}" if plain else "",
                ]
                says = "; ".join(p for p in parts if p) or "nothing that can be read"
                says += "; comfy_env puts them into an environment of their own"
                yield Surface(SurfaceKind.ENVIRONMENT, path, says)

    def _submodules(self) -> Iterator[Surface]:
        urls = _submodule_urls(self._text(".gitmodules"))
        for path in self.sources.tree.submodules:
            says = f"a git submodule of {urls.get(path, 'an unknown repository')}; not read"
            yield Surface(SurfaceKind.SUBMODULE, path, says)

    def _named(self, pattern: re.Pattern[str], kind: SurfaceKind, says: str) -> Iterator[Surface]:
        for path in self.paths:
            if path.count("/") < 3 and pattern.fullmatch(PurePosixPath(path).name.lower()):
                yield Surface(kind, path, says)


def _dict(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _shown(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 160 else text[:157] + "..."


def _is_requirements(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    named = "require" in name or re.search(r"(?:^|[-_.])reqs?(?:[-_.]|$)", name) is not None
    return path != "requirements.txt" and named and name.endswith(".txt")


def _submodule_urls(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(re.sub(r"(?m)^[ \t]+", "", text))
    except configparser.Error:
        return {}
    rows = (parser[name] for name in parser.sections())
    return {row["path"]: row["url"] for row in rows if "path" in row and "url" in row}
