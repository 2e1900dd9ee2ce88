"""A log, explained: of a build, of a container or of ComfyUI that does not start, a traceback.

A complaint that no row of ``matrices/`` knows is told as unexplained: silence would say that all
is well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from torchsolve.build.triage import known_failures
from torchsolve.doctor.details import details
from torchsolve.doctor.findings import Examined, Finding
from torchsolve.model.failure import diagnosis_of, matches
from torchsolve.model.values import dataclass
from torchsolve.smoke.startup import read_log

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What ComfyUI says of itself while it starts.
_FACTS = (
    ("torch", re.compile(r"^pytorch version: (\S+)", re.MULTILINE | re.IGNORECASE)),
    ("xformers", re.compile(r"^xformers version: (\S+)", re.MULTILINE)),
    ("python", re.compile(r"^(?:\*\* )?Python version: (\S+)", re.MULTILINE)),
    ("comfyui", re.compile(r"^ComfyUI version: (\S+)", re.MULTILINE)),
    ("device", re.compile(r"^Device: (.+)$", re.MULTILINE)),
)
_STARTS = re.compile(r"^(?:Checkpoint files will always be loaded safely|Total VRAM)", re.MULTILINE)
_READY = re.compile(r"^To see the GUI go to: ", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):"
# The last line of a traceback, and how engines, installers and linkers complain.
_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)(?::|$)")
_COMPLAINT = re.compile(
    r"(?:#\d+ )?(?:\d+\.\d+ )?(?:\w+: )?(?:ERROR|Error|error|fatal|FATAL|panic|E):? \S"
)
_NO_MAP = "the lack of NODE_CLASS_MAPPINGS"
_SILENT = (
    "ComfyUI's start ends here without a message: a node ended the process (sys.exit), or it was"
    " killed, as for memory; a start with --quick-test-for-ci ends like this as well"
)
_NOT_DESCRIBED = (
    "the node's INPUT_TYPES or schema does not suit this ComfyUI: take the one that it was"
    " written for (--comfyui VERSION), or a release of the node for this one"
)
_ASK_EXIT = (
    "the exit code tells (137: killed): docker inspect --format"
    " '{{.State.ExitCode}} {{.State.OOMKilled}}' CONTAINER; else leave nodes out one by one"
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A finding with the lines, from 1, that it explains; the first is where it stands."""

    finding: Finding
    lines: tuple[int, ...]


def examine_log(text: str, name: str) -> Examined:
    """Every complaint of a log with its line, cause and fix; those that nothing explains beside."""
    plain = _COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = _Lines(plain)
    seen = [*_known(plain, lines), *_nodes(plain, lines)]
    explained = {number for one in seen for number in one.lines}
    unexplained = tuple(_unexplained(lines, explained))
    if not seen and not unexplained and _STARTS.search(plain) and not _READY.search(plain):
        seen.append(_silent(lines))
    findings = tuple(one.finding for one in sorted(seen, key=lambda one: one.lines[0]))
    return Examined("log", name, tuple(_facts(plain)), findings, unexplained)


def explain(text: str) -> tuple[Finding, ...]:
    """What the rows of ``matrices/`` know of one complaint."""
    return tuple(one.finding for one in _known(text, _Lines(text)))


class _Lines:
    """The lines of a text; numbers start at 1."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines[:-1]:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return enumerate(self._lines, 1)

    def number(self, position: int) -> int:
        """The line of a character."""
        return bisect_right(self._starts, position)

    def at(self, number: int) -> str:
        return self._lines[number - 1].strip()

    def saying(self, words: Iterable[str]) -> tuple[int, ...]:
        """Those that hold all of the words."""
        asked = tuple(words)
        return tuple(number for number, line in self if all(word in line for word in asked))


def _facts(text: str) -> Iterator[tuple[str, str]]:
    for name, pattern in _FACTS:
        if match := pattern.search(text):
            yield name, match.group(1).strip()


def _known(text: str, lines: _Lines) -> Iterator[_Seen]:
    """One for each row and each thing that it says here."""
    for row, found in matches(text, known_failures()):
        said: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
        for match in found:
            first, last = (
                lines.number(match.start()),
                lines.number(max(match.start(), match.end() - 1)),
            )
            diagnosis = diagnosis_of(row, match)
            more = details(f"{lines.at(first)}\n{match.group()}")
            said.setdefault((diagnosis.cause, diagnosis.fix, more), []).extend(
                range(first, last + 1)
            )
        for (cause, fix, more), numbers in said.items():
            finding = Finding(row.id, _where(numbers), lines.at(numbers[0]), cause, fix, more)
            yield _Seen(finding, tuple(numbers))


def _where(numbers: Iterable[int]) -> str:
    unique = sorted(set(numbers))
    if len(unique) == 1:
        return f"line {unique[0]}"
    return f"{len(unique)} lines from {unique[0]} on"


def _nodes(text: str, lines: _Lines) -> Iterator[_Seen]:
    """Nodes of ComfyUI that did not load and classes that it cannot describe."""
    start = read_log(text)
    for folder, why in start.failed.items():
        said = lines.saying((f"/{folder} ", "custom nodes")) or lines.saying((f"/{folder}",))
        reason = why.partition(" (")[0]
        raised = [n for n in lines.saying((reason,)) if _RAISED.match(lines.at(n))]
        fix = f"{folder} does not load until that is mended: torchsolve resolve names what it needs"
        if _NO_MAP in why:
            fix = "a folder that is no node, or a node whose __init__.py does not offer its classes"
        finding = Finding("node-not-loaded", f"line {said[0]}", folder, why, fix)
        yield _Seen(finding, (*said, *raised))
    yield from _undescribed(start.undescribed, lines)


def _undescribed(classes: Iterable[str], lines: _Lines) -> Iterator[_Seen]:
    """Classes that ComfyUI leaves out of /object_info, by what their description raises."""
    by_reason: dict[str, list[tuple[str, int, int]]] = {}
    raised = [number for number, line in lines if _RAISED.match(line.strip())]
    for name in classes:
        said = lines.saying((f"'{name}'",))[0]
        ends = next((number for number in raised if number >= said), said)
        by_reason.setdefault(lines.at(ends), []).append((name, said, ends))
    for reason, group in by_reason.items():
        names = ", ".join(name for name, _, _ in group)
        cause = f"ComfyUI cannot describe {names} and leaves it out of /object_info: {reason}"
        finding = Finding(
            "class-not-described", _where(n for _, n, _ in group), names, cause, _NOT_DESCRIBED
        )
        yield _Seen(finding, tuple(n for _, said, ends in group for n in (said, ends)))


def _unexplained(lines: _Lines, explained: set[int]) -> Iterator[tuple[str, str]]:
    """Ends of tracebacks and complaints of tools that nothing explains, each text once."""
    inside, told = False, set[str]()
    for number, line in lines:
        said = line.strip()
        ends = inside and bool(said) and not line[0].isspace()
        inside = said.endswith(_TRACEBACK) or (inside and not ends)
        wrong = ends or _RAISED.match(said) or _COMPLAINT.match(said)
        if wrong and not inside and number not in explained and said not in told:
            told.add(said)
            yield f"line {number}", said


def _silent(lines: _Lines) -> _Seen:
    number = max((n for n, line in lines if line.strip()), default=1)
    where, text = f"line {number}", lines.at(number)
    return _Seen(Finding("ended-without-a-word", where, text, _SILENT, _ASK_EXIT), (number,))
