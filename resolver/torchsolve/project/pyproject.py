"""``pyproject.toml``: what it declares without building anything (PEP 621)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from packaging.utils import canonicalize_name

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import IndexOption
from torchsolve.model.values import dataclass
from torchsolve.project.named import Named, RequirementError, parse
from torchsolve.project.uv_sources import UvSources
from torchsolve.wheel.metadata import has_variant_marker


@dataclass(frozen=True, slots=True)
class Pyproject:
    """What torchsolve takes from the file.

    Attributes:
        name: ``[project] name``; None without.
        version: ``[project] version``; None where it is not static.
        requirements: ``dependencies``; extras: of the extras and groups that were asked for.
        dynamic_files: files that setuptools is told to read the dependencies from.
        extra_files: the same for the extras that were asked for.
        declares: whether it says what it depends on, be it nothing.
        indexes: of ``[tool.uv]``.
        comfy: ``[tool.comfy]`` is there: a ComfyUI node.
        notes: what could not be read, and why.
        lacking: extras and groups that were asked for and are not there: ``extra x``, ``group y``.
        untold: why nobody can tell what it depends on without running code; None where it says so.
    """

    name: str | None
    requires_python: str | None
    requirements: tuple[Declared, ...]
    extras: tuple[Declared, ...]
    dynamic_files: tuple[str, ...]
    declares: bool
    comfy: bool
    notes: tuple[str, ...]
    indexes: tuple[IndexOption, ...] = ()
    lacking: frozenset[str] = frozenset()
    extra_files: tuple[str, ...] = ()
    version: str | None = None
    untold: str | None = None


def read(
    data: bytes,
    *,
    path: str,
    subject: str,
    extras: tuple[str, ...],
    strict: bool,
    whole: bool = False,
    groups: tuple[str, ...] = (),
    script: bool = False,
) -> Pyproject:
    """Read the file; with ``script`` the block of a script, whose keys stand at the top (PEP 723).

    With ``strict`` (the user named the file) a bad line, or an extra that is not there, is an
    error, else a note; with ``whole`` (nothing else says what is needed) a bad line is one too.
    Raises UsageError: ``bad-toml``; with ``strict`` or ``whole`` also ``bad-requirement``, with
    ``strict`` ``unknown-extra``, ``unknown-group``.
    """
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "bad-toml", f"this is no TOML: {error}", origin=path, hint="mend the file"
        ) from None
    tool, untold = _table(table, "tool"), None
    if "poetry" in tool and not script:
        table, untold = _with_poetry(table, _table(tool, "poetry"), groups)
        tool = _table(table, "tool")
    project = table if script else _table(table, "project")
    uv = UvSources(_table(tool, "uv"), path)
    reader = _Reader(data.decode("utf-8-sig"), path, subject, strict, strict or whole, [], set())
    found = reader.declared(project.get("dependencies"), "")
    listed = {extra: _extra_files(project, tool, extra) for extra in extras}
    wanted = [extra for extra, files in listed.items() if not files]
    optional = [d for extra in wanted for d in reader.of_extra(project, extra)]
    optional += [d for group in groups for d in reader.of_group(table, group)]
    own = canonicalize_name(str(project.get("name", "")))
    found = uv.applied(reader.expanded(found, project, own))
    optional = uv.applied(reader.expanded(optional, project, own))
    files = _dynamic_files(project, tool)
    declares = script or "dependencies" in project or bool(files)
    return Pyproject(
        _text(project.get("name")),
        _text(project.get("requires-python")),
        tuple(found),
        tuple(optional),
        files,
        declares,
        "comfy" in tool,
        (*reader.notes, *uv.notes),
        tuple(uv.indexes),
        frozenset(reader.lacking),
        tuple(file for files in listed.values() for file in files),
        _text(project.get("version")),
        untold or (None if declares else _left_to_a_build(table, project)),
    )


def _with_poetry(
    table: dict[str, Any], said: dict[str, Any], wanted: tuple[str, ...]
) -> tuple[dict[str, Any], str | None]:
    """The file as if Poetry's table were of the standard form; why that cannot be, where it cannot.

    Poetry takes its own dependencies only where ``[project]`` has none.
    """
    from torchsolve.project import poetry  # few files have the table

    project, tool = _table(table, "project"), _table(table, "tool")
    found = dict(table)
    try:
        if "dependencies" not in project and ("dependencies" in said or not project):
            found["project"] = {**poetry.project_table(said), **project}
            uv = _table(tool, "uv")
            found["tool"] = {**tool, "uv": uv or poetry.sources(said)}
        grouped = poetry.groups(said, wanted)
    except poetry.UntoldError as error:
        return table, f"[tool.poetry] {error}"
    found["dependency-groups"] = {**grouped, **_table(table, "dependency-groups")}
    return found, None


def _left_to_a_build(table: dict[str, Any], project: dict[str, Any]) -> str | None:
    """Why a file that lists no dependencies does not say that there are none (PEP 621)."""
    dynamic = project.get("dynamic")
    if isinstance(dynamic, list) and "dependencies" in dynamic:
        return "[project] calls them dynamic: its build backend alone tells them"
    if not project and "build-system" in table:
        return "there is no [project] table: its build backend alone tells them"
    return None


def doubt(table: Pyproject, subject: str, origin: str) -> tuple[Evidence, ...]:
    """``untold`` as what stands behind an unknown plan."""
    if table.untold is None:
        return ()
    statement = f"has dependencies that are not known: {table.untold}"
    return (Evidence(table.name or subject, statement, Strength.OBSERVED, origin),)


def name_of(data: bytes | None) -> str | None:
    """``[project] name`` of a file that may be anything; None where it states none."""
    try:
        table = tomllib.loads((data or b"").decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return _text(_table(table, "project").get("name"))


def extras_of(data: bytes | None) -> frozenset[str]:
    """PEP 503 names of the extras of a file that may be anything."""
    try:
        table = tomllib.loads((data or b"").decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return frozenset()
    extras = _table(_table(table, "project"), "optional-dependencies")
    return frozenset(canonicalize_name(name) for name in extras)


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _dynamic(project: dict[str, Any], tool: dict[str, Any], key: str) -> dict[str, Any]:
    """Where setuptools is told to read a field from that the project calls dynamic."""
    dynamic = project.get("dynamic")
    if not isinstance(dynamic, list) or key not in dynamic:
        return {}
    return _table(_table(_table(tool, "setuptools"), "dynamic"), key)


def _dynamic_files(project: dict[str, Any], tool: dict[str, Any]) -> tuple[str, ...]:
    return _files_of(_dynamic(project, tool, "dependencies"))


def _extra_files(project: dict[str, Any], tool: dict[str, Any], extra: str) -> tuple[str, ...]:
    extras = _dynamic(project, tool, "optional-dependencies")
    named = (key for key in extras if canonicalize_name(key) == canonicalize_name(extra))
    return tuple(file for key in named for file in _files_of(_table(extras, key)))


def _files_of(table: dict[str, Any]) -> tuple[str, ...]:
    files = table.get("file", [])
    files = [files] if isinstance(files, str) else files
    return tuple(f for f in files if isinstance(f, str))


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    path: str
    subject: str
    strict: bool
    strict_lines: bool
    notes: list[str]
    lacking: set[str]

    def of_extra(self, project: dict[str, Any], extra: str) -> list[Declared]:
        groups = _table(project, "optional-dependencies")
        for name, lines in groups.items():
            if canonicalize_name(name) == canonicalize_name(extra):
                return list(self.declared(lines, f" (extra {name})"))
        why = f"there is no extra {extra} in {self.path}"
        if self.strict:
            hint = "extras: " + ", ".join(groups) if groups else "it declares none"
            raise UsageError("unknown-extra", why, origin=self.path, hint=hint)
        self._lacks("extra", extra, why)
        return []

    def of_group(self, table: dict[str, Any], group: str) -> list[Declared]:
        """What a dependency group asks for, with all that it includes (PEP 735)."""
        groups = _table(table, "dependency-groups")
        known = {canonicalize_name(name) for name in groups}
        if canonicalize_name(group) not in known:
            why = f"there is no group {group} in {self.path}"
            if self.strict:
                hint = "groups: " + ", ".join(groups) if groups else "it has none"
                raise UsageError("unknown-group", why, origin=self.path, hint=hint)
            self._lacks("group", group, why)
            return []
        from packaging.dependency_groups import resolve_dependency_groups  # few ask for one

        try:
            lines = list(resolve_dependency_groups(groups, group))
        except (ValueError, TypeError, LookupError, ExceptionGroup) as error:
            first: BaseException = error
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise UsageError(
                "bad-group", f"group {group}: {first}", origin=self.path, hint="mend the table"
            ) from None
        return list(self.declared(lines, f" (group {group})"))

    def _lacks(self, what: str, name: str, why: str) -> None:
        self.notes.append(why)
        self.lacking.add(f"{what} {name}")

    def expanded(
        self, rows: Iterable[Declared], project: dict[str, Any], own: str
    ) -> list[Declared]:
        """Requirements on the project's own extras (``name[extra]``) by what these ask for."""
        found: list[Declared] = []
        seen: set[str] = set()
        todo = list(rows)
        while todo:
            row = todo.pop(0)
            if not own or canonicalize_name(row.requirement.name) != own:
                found.append(row)
                continue
            for extra in sorted(row.requirement.extras - seen):
                seen.add(extra)
                todo += self.of_extra(project, extra)
        return found

    def declared(self, lines: object, why: str) -> list[Declared]:
        items = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
        return [d for d in (self._one(item, why) for item in items) if d is not None]

    def _one(self, item: str, why: str) -> Declared | None:
        origin = self._origin(item)
        try:
            named = parse(item)
            if not isinstance(named, Named) or named.claimed:
                raise RequirementError("it has no name")  # noqa: TRY301
        except RequirementError as error:
            if has_variant_marker(item):
                self.notes.append(f"{origin}: set aside, variant marker: {item}")
                return None
            if self.strict_lines:
                raise UsageError(
                    "bad-requirement",
                    f"cannot read “{item}”: {error}",
                    origin=origin,
                    hint="mend the line, or take it out",
                ) from None
            self.notes.append(f"{origin}: “{item}” is not a requirement: {error}")
            return None
        if named.redacted:
            self.notes.append(f"{origin}: credentials in the address are left out")
        statement = f"needs {named}{why}"
        evidence = Evidence(self.subject, statement, Strength.DECLARED, origin)
        return Declared(named.requirement, evidence)

    def _origin(self, item: str) -> str:
        # TOML readers give no positions; the quoted string is as good a witness as a parser.
        rows = list(enumerate(self.text.splitlines(), start=1))
        number = next((n for n, row in rows if f'"{item}"' in row or f"'{item}'" in row), None)
        key = re.match(r"[\w.-]+", item)
        if number is None and key is not None:  # a key of Poetry's table
            form = re.compile(rf"\s*[\"']?{re.escape(key[0])}[\"']?\s*=")
            number = next((n for n, row in rows if form.match(row)), None)
        return f"{self.path}:{number}" if number else self.path
