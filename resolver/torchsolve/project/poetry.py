"""``[tool.poetry]`` as requirements of the standard form, without running Poetry.

Poetry writes its own constraints (``^1.2``, ``~1.2``, ``1.*``, ``>=1 <2``, ``^1 || ^2``) and turns
them into Requires-Dist when it builds; the same is done here. What has no such form (a folder, a
union with a gap) makes the whole of them unknown: see ``UntoldError``.
Source: https://python-poetry.org/docs/dependency-specification/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_CLAUSE = re.compile(r"(\^|~(?!=)|[<>=!~]=?=?)?\s*v?([0-9][^\s,|]*|\*)")
_PARTS = re.compile(r"\s*\|\|?\s*")
_GIT_SSH = re.compile(r"^(?P<user>[\w.-]+@[\w.-]+):(?P<path>.+)$")
_UNTOLD = ("path", "file", "directory")


class UntoldError(Exception):
    """A dependency whose meaning the file alone does not tell; the text says which and why."""


def project_table(poetry: dict[str, Any]) -> dict[str, Any]:
    """What ``[project]`` would say: name, version, requires-python, dependencies and extras.

    Raises UntoldError.
    """
    rows = _table(poetry, "dependencies")
    python = rows.get("python")
    needed = {name: rows[name] for name in rows if name != "python"}
    fixed = {name: row for name, row in needed.items() if not _is_optional(row)}
    found: dict[str, Any] = {key: poetry[key] for key in ("name", "version") if key in poetry}
    if python is not None:
        found["requires-python"] = specifier(_version_of(python), "python")
    found["dependencies"] = lines(fixed)
    found["optional-dependencies"] = {
        extra: [line for name in names for line in _of_name(needed, name)]
        for extra, names in _table(poetry, "extras").items()
    }
    return found


def groups(poetry: dict[str, Any], wanted: Iterable[str]) -> dict[str, list[str]]:
    """The groups that were asked for and are there, ``dev-dependencies`` as ``dev`` with them.

    Raises UntoldError.
    """
    names = {canonicalize_name(name) for name in wanted}
    found = {
        name: lines(_table(table, "dependencies"))
        for name, table in _table(poetry, "group").items()
        if canonicalize_name(name) in names and isinstance(table, dict)
    }
    if "dev" in names and "dev-dependencies" in poetry:
        found["dev"] = [*found.get("dev", []), *lines(_table(poetry, "dev-dependencies"))]
    return found


def sources(poetry: dict[str, Any]) -> dict[str, Any]:
    """``[[tool.poetry.source]]`` and what is tied to one, as ``[tool.uv]`` would say it."""
    listed = poetry.get("source")
    known = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    tied = {
        name: {"index": str(row["source"])}
        for name, row in _table(poetry, "dependencies").items()
        if isinstance(row, dict) and "source" in row
    }
    indexes = [
        {"name": row["name"], "url": row["url"], "explicit": row.get("priority") == "explicit"}
        for row in known
        if isinstance(row.get("name"), str) and isinstance(row.get("url"), str)
    ]
    return {"index": indexes, "sources": tied}


def lines(table: dict[str, Any]) -> list[str]:
    """Requirements of a table of names and constraints. Raises UntoldError."""
    return [line for name, row in table.items() for line in _lines_of(name, row)]


def specifier(text: object, name: str) -> str:
    """A constraint as PEP 440 has it; empty for any version. Raises UntoldError."""
    parts = [list(_clauses(part, name)) for part in _PARTS.split(str(text).strip())]
    return ",".join(parts[0] if len(parts) == 1 else _union(parts, name))


def _clauses(text: str, name: str) -> Iterator[str]:
    if not text or _CLAUSE.sub("", text).strip(" ,"):
        raise UntoldError(f"{name}: “{text}” is no constraint")
    for operator, version in _CLAUSE.findall(text):
        if version == "*":
            continue
        try:
            yield from _clause(operator, version)
        except (InvalidVersion, InvalidSpecifier):
            raise UntoldError(f"{name}: “{text}” is no constraint") from None


def _clause(operator: str, text: str) -> Iterator[str]:
    if operator in ("^", "~"):
        version = Version(text)
        yield f">={text}"
        yield f"<{_above(version, _caret(version) if operator == '^' else _tilde(version))}"
        return
    if text.endswith(".*") and operator not in ("", "=", "==", "!="):
        text = text.removesuffix(".*")
    yield str(Specifier(f"{'==' if operator in ('', '=') else operator}{text}"))


def _caret(version: Version) -> int:
    """The position that may not change: the first that is not zero, else the last."""
    release = version.release
    return next((at for at, number in enumerate(release) if number), len(release) - 1)


def _tilde(version: Version) -> int:
    return min(1, len(version.release) - 1)


def _above(version: Version, position: int) -> str:
    """The least release that differs at a position: 1.2.3 at 0 → 2.0.0."""
    release = version.release
    raised = (*release[:position], release[position] + 1)
    numbers = raised + (0,) * (len(release) - len(raised))
    return (f"{version.epoch}!" if version.epoch else "") + ".".join(map(str, numbers))


def _union(parts: list[list[str]], name: str) -> list[str]:
    """Ranges that meet or overlap as one: ``>=1,<2`` and ``>=2,<3`` are ``>=1,<3``."""
    ranges = sorted((_range(part, name) for part in parts), key=lambda pair: Version(pair[0]))
    top = ranges[0][1]
    for _, (low, high) in pairwise(ranges):
        if Version(low) > Version(top):
            raise UntoldError(f"{name}: its ranges leave a gap between {top} and {low}")
        top = max(top, high, key=Version)
    return [f">={ranges[0][0]}", f"<{top}"]


def _range(clauses: list[str], name: str) -> tuple[str, str]:
    if len(clauses) == 2 and clauses[0].startswith(">=") and re.match("<[0-9]", clauses[1]):
        return clauses[0][2:], clauses[1][1:]
    if len(clauses) == 1 and clauses[0].startswith("==") and clauses[0].endswith(".*"):
        low = clauses[0][2:-2]
        version = Version(low)
        return low, _above(version, len(version.release) - 1)
    raise UntoldError(f"{name}: a union of “{','.join(clauses)}” has no form of the standard")


def _lines_of(name: str, row: object) -> Iterator[str]:
    rows: list[Any] = row if isinstance(row, list) else [row]
    for one in rows:
        table: dict[str, Any] = one if isinstance(one, dict) else {"version": one}
        extras = ",".join(map(str, table.get("extras", ())))
        head = f"{name}[{extras}]" if extras else name
        marker = _marker(table, name)
        yield f"{head}{_what(table, name)}" + (f" ; {marker}" if marker else "")


def _what(table: dict[str, Any], name: str) -> str:
    untold = next((key for key in _UNTOLD if key in table), None)
    if untold is not None:
        raise UntoldError(f"{name} is a {untold} of the author's machine: {table[untold]}")
    if "git" in table:
        return f" @ {_git(table)}"
    return f" @ {table['url']}" if "url" in table else specifier(_version_of(table), name)


def _git(table: dict[str, Any]) -> str:
    url = str(table["git"])
    ssh = _GIT_SSH.match(url)
    if ssh is not None:
        url = f"ssh://{ssh['user']}/{ssh['path']}"
    rev = next((table[key] for key in ("rev", "tag", "branch") if key in table), None)
    folder = table.get("subdirectory")
    return f"git+{url}{f'@{rev}' if rev else ''}{f'#subdirectory={folder}' if folder else ''}"


def _marker(table: dict[str, Any], name: str) -> str:
    parts = [str(table["markers"])] if "markers" in table else []
    if "python" in table:
        parts.append(_any_of(_python(table["python"], name)))
    if "platform" in table:
        said = [re.fullmatch(r"(!=|==)?\s*(\w+)", p) for p in _PARTS.split(str(table["platform"]))]
        if None in said:
            raise UntoldError(f"{name}: “{table['platform']}” is no platform")
        parts.append(_any_of(f"sys_platform {p[1] or '=='} '{p[2]}'" for p in said if p))
    return " and ".join(f"({p})" if len(parts) > 1 and " or " in p else p for p in parts if p)


def _any_of(parts: Iterable[str]) -> str:
    return " or ".join(parts)


def _python(text: object, name: str) -> Iterator[str]:
    for part in _PARTS.split(str(text).strip()):
        clauses = [Specifier(c) for c in _clauses(part, f"{name}, python")]
        yield " and ".join(_of_python(clause) for clause in clauses)


def _of_python(clause: Specifier) -> str:
    """``python_version`` is X.Y alone: ``>3.8`` and ``>=3.8.1`` are of the whole version."""
    number = clause.version.removesuffix(".*")
    if number.count(".") == 1 and clause.operator in (">=", "<", "==", "!="):
        return f"python_version {clause.operator} '{number}'"
    return f"python_full_version {clause.operator} '{clause.version}'"


def _version_of(row: object) -> object:
    return row.get("version", "*") if isinstance(row, dict) else row


def _is_optional(row: object) -> bool:
    rows = row if isinstance(row, list) else [row]
    return any(isinstance(one, dict) and one.get("optional") is True for one in rows)


def _of_name(rows: dict[str, Any], name: object) -> list[str]:
    wanted = canonicalize_name(str(name))
    return [
        line
        for known, row in rows.items()
        if canonicalize_name(known) == wanted
        for line in _lines_of(known, row)
    ]


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UntoldError(f"[tool.poetry] {key} is no table")
    return value
