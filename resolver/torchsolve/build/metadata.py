"""An sdist's metadata by its own build backend, inside a throw-away container.

pip prepares the metadata (PEP 517) of the one file that lies in the container and reports it as
JSON; nothing of it is installed. The container has a network for what the backend needs, no secret,
no mount, no GPU, and bounds on memory, processes and time. What comes back is text, read as any
METADATA is: a malicious sdist can lie, as a malicious wheel can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torchsolve.errors import UnknownError
from torchsolve.facts.images import OsRow
from torchsolve.model.engine import PROBE_DIR, Engine, Ran, RunRequest
from torchsolve.model.version import PythonVersion

MEMORY = 4 * 1024**3
PROCESSES = 512
PATIENCE = 900.0
_MARK = "@torchsolve "
_HINT = "choose a version that has a wheel, or leave the package out with --exclude"

_SCRIPT = """set -eu
cd {probe}
if [ -f ca.pem ]; then export PIP_CERT={probe}/ca.pem SSL_CERT_FILE={probe}/ca.pem; fi
{index}
python=
for name in {names}; do
    if command -v "$name" >/dev/null; then python=$name; break; fi
done
if [ -z "$python" ]; then
    . /etc/os-release
    case "$ID$VERSION_ID" in
{cases}
    *) echo "the image has no Python, and nothing is known of $ID $VERSION_ID" >&2; exit 1 ;;
    esac
fi
"$python" -m venv /tmp/venv
/tmp/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \\
    --no-cache-dir --dry-run --ignore-installed --no-deps --no-binary :all: \\
    --report /tmp/report.json "$(ls -d {probe}/sdist/*)"
printf '\\n{mark}'
cat /tmp/report.json
"""


@dataclass(frozen=True)
class ContainerBuilder:
    """Implements ``model.builder.MetadataBuilder`` over a container engine.

    Args:
        image: what the containers are made of.
        python: that is asked for; an image that has another one alone uses that.
        systems: what each OS calls its Pythons.
        index: address of the index for the backend's own needs; None for pip's default.
        ca_bundle: authorities that the container is to trust.
    """

    engine: Engine
    image: str
    python: PythonVersion
    systems: tuple[OsRow, ...]
    index: str | None = None
    ca_bundle: Path | None = None

    @property
    def key(self) -> str:
        """See ``MetadataBuilder``."""
        return f"cp{self.python.major}{self.python.minor}"

    def metadata(self, filename: str, content: bytes) -> str:
        """See ``MetadataBuilder``."""
        self._present  # noqa: B018 - pulled once, before the clock of a build runs
        files = {"build.sh": self._script.encode(), f"sdist/{filename}": content}
        if self.ca_bundle is not None:
            files["ca.pem"] = self.ca_bundle.read_bytes()
        command = ("/bin/sh", f"{PROBE_DIR}/build.sh")
        ran = self.engine.run(
            RunRequest(
                self.image,
                command,
                files,
                PATIENCE,
                network=True,
                memory=MEMORY,
                processes=PROCESSES,
                user="0",
            )
        )
        return _text(_report(ran, filename, self.image), filename)

    @cached_property
    def _present(self) -> str:
        return self.engine.config(self.image).id

    @property
    def _script(self) -> str:
        return _SCRIPT.format(
            probe=PROBE_DIR,
            mark=_MARK,
            names=f"python{self.python} python3 python",
            index=f"export PIP_INDEX_URL='{self.index}'" if self.index else ":",
            cases="\n".join(self._cases()),
        )

    def _cases(self) -> Iterator[str]:
        for system in self.systems:
            if not system.pythons:
                continue
            python = self.python if self.python in system.pythons else system.pythons[0]
            packages = " ".join(system.python_packages[python])
            install = f"dnf install -y -q {packages}"
            if system.family == "apt":
                install = (
                    "export DEBIAN_FRONTEND=noninteractive; { apt-get update -qq || :; } && "
                    f"apt-get install -y -qq --no-install-recommends {packages}"
                )
            yield f"    {system.name}) {{ {install}; }} >&2; python=python{python} ;;"


def _report(ran: Ran, filename: str, image: str) -> Mapping[str, Any]:
    _, mark, text = ran.output.rpartition(_MARK)
    if ran.exit == 0 and mark:
        try:
            found: Mapping[str, Any] = json.loads(text)["install"][0]["metadata"]
        except (ValueError, LookupError, TypeError):
            raise _failed(filename, image, "what came back is no report of pip") from None
        return found
    if ran.timed_out:
        raise _failed(filename, image, f"it took more than {PATIENCE:.0f} seconds")
    said = [line for line in ran.errors.splitlines() if line.strip()]
    raise _failed(filename, image, said[-1].strip() if said else f"exit code {ran.exit}")


def _failed(filename: str, image: str, why: str) -> UnknownError:
    return UnknownError(
        "no-static-metadata",
        f"{filename} could not be built in {image}: {why[:300]}",
        origin=filename,
        hint=_HINT,
    )


def _text(report: Mapping[str, Any], filename: str) -> str:
    """The report's fields as METADATA writes them, so that one reader reads both."""
    try:
        rows = [
            ("Metadata-Version", [str(report["metadata_version"])]),
            ("Name", [str(report["name"])]),
            ("Version", [str(report["version"])]),
            ("Requires-Python", [report.get("requires_python") or ""]),
            ("Provides-Extra", list(report.get("provides_extra") or ())),
            ("Requires-Dist", list(report.get("requires_dist") or ())),
        ]
    except (KeyError, TypeError) as error:
        raise _failed(filename, "the container", f"its report lacks {error}") from None
    return "".join(_headers(rows)) + "\n"


def _headers(rows: Iterable[tuple[str, list[Any]]]) -> Iterator[str]:
    for name, values in rows:
        yield from (f"{name}: {' '.join(str(value).split())}\n" for value in values if value)
