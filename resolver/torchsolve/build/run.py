"""``torchsolve build``: the folder of a plan becomes an image, or an error that names the cause."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from torchsolve.build.client import Client, EngineName, find_client
from torchsolve.build.triage import complaint, diagnose
from torchsolve.emit.lock import plan_from_lock
from torchsolve.emit.naming import image_tag
from torchsolve.errors import BuildError, UsageError
from torchsolve.model.outcome import Diagnosis
from torchsolve.model.values import dataclass

LOG = "build.log"
OnLine = Callable[[str], None]
CA_SECRET = "ca"  # noqa: S105 - a name
_SECRET_ID = re.compile(r"[A-Za-z0-9_.-]+")
_TAIL = 15


@dataclass(frozen=True, slots=True)
class Secret:
    """What a step mounts under ``/run/secrets/ID``, from a variable or a file."""

    id: str
    env: str | None = None
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Secret:
        """``id=hf_token,env=HF_TOKEN`` or ``id=ca,src=FILE``, as docker spells it.

        Raises UsageError ``bad-secret``.
        """
        parts = dict(part.partition("=")[::2] for part in text.split(","))
        name, env = parts.pop("id", ""), parts.pop("env", None)
        path = parts.pop("src", None) or parts.pop("source", None)
        if parts or not _SECRET_ID.fullmatch(name) or bool(env) == bool(path):
            hint = "id=NAME,env=VARIABLE or id=NAME,src=FILE"
            raise UsageError("bad-secret", f"not a secret: {text!r}", origin="--secret", hint=hint)
        return cls(name, env, Path(path) if path else None)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    Attributes:
        engine: ``auto`` prefers docker.
        tag: of the image; None is the one that compose.yaml and docker-bake.hcl name.
        ca_bundle: authorities to trust while building (secret ``ca``).
        base_image: instead of the Dockerfile's own ``BASE_IMAGE``.
        build_args: further pairs.
        network: of the steps: ``host``, ``none``, a name; None is the engine's default.
        no_cache: build every step anew; docker 20.10 then throws cache mounts away too.
    """

    engine: EngineName = "auto"
    tag: str | None = None
    secrets: tuple[Secret, ...] = ()
    ca_bundle: Path | None = None
    base_image: str | None = None
    build_args: tuple[tuple[str, str], ...] = ()
    network: str | None = None
    no_cache: bool = False


@dataclass(frozen=True, slots=True)
class BuildResult:
    """An image that was built. ``status`` is ``built``; ``image_id`` its ``sha256:…``.

    ``diagnosis``: what the log shows although the build went through.
    """

    status: str
    image: str
    image_id: str
    log_path: Path
    diagnosis: tuple[Diagnosis, ...] = ()


def default_tag(directory: Path) -> str:
    """The tag that the folder's compose.yaml uses. Raises what reading its lock raises."""
    return image_tag(plan_from_lock(directory / "pylock.toml"))


def build(directory: Path, options: BuildOptions, on_line: OnLine | None = None) -> BuildResult:
    """Build the image of a plan's folder; the log stays in ``build.log`` beside the files.

    Args:
        directory: with a Dockerfile of ours (or any other).
        on_line: sees each line of the build as it comes.

    Raises:
        UsageError: ``not-a-plan``, ``no-engine``, ``no-buildkit``, ``bad-secret``: nothing was
            tried, the machine or the request is not fit for it.
        BuildError: ``build-failed``, or the reference of what the log shows (triage.py).
    """
    if not (directory / "Dockerfile").is_file():
        hint = "torchsolve resolve PROJECT -o DIR writes one"
        raise UsageError("not-a-plan", "no Dockerfile there", origin=str(directory), hint=hint)
    secrets = _secrets(options)
    tag = options.tag or default_tag(directory)
    client = find_client(options.engine)
    with tempfile.TemporaryDirectory() as scratch:
        id_file = Path(scratch, "id")
        command = _command(client, directory, options, secrets, tag, id_file)
        code, log = _run(client, command, directory / LOG, _Redactor(secrets), on_line)
        image_id = id_file.read_text().strip() if id_file.exists() else ""
    if code:
        raise failure(code, log, directory / LOG)
    return BuildResult("built", tag, image_id, directory / LOG, diagnose(log))


def _secrets(options: BuildOptions) -> tuple[Secret, ...]:
    bundle = (Secret(CA_SECRET, path=options.ca_bundle),) if options.ca_bundle else ()
    for secret in (*bundle, *options.secrets):
        if secret.path and not secret.path.is_file():
            raise UsageError("bad-secret", "no such file", origin=str(secret.path))
        if secret.env and not os.environ.get(secret.env):
            hint = f"export {secret.env}=…"
            message = f"the variable {secret.env} of secret {secret.id} is not set"
            raise UsageError("bad-secret", message, origin="--secret", hint=hint)
    return (*bundle, *options.secrets)


def _command(
    client: Client,
    directory: Path,
    options: BuildOptions,
    secrets: tuple[Secret, ...],
    tag: str,
    id_file: Path,
) -> list[str]:
    command = [*client.command, *client.plain, "--tag", tag, f"--iidfile={id_file}"]
    for secret in secrets:
        source = f"src={secret.path}" if secret.path else f"env={secret.env}"
        command.append(f"--secret=id={secret.id},{source}")
    base = (("BASE_IMAGE", options.base_image),) if options.base_image else ()
    for name, value in (*base, *options.build_args):
        command.append(f"--build-arg={name}={value}")
    command += [f"--network={options.network}"] if options.network else []
    command += ["--no-cache"] if options.no_cache else []
    return [*command, str(directory)]


class _Redactor:
    """Takes the values of secret variables out of what is printed and kept."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        values = (os.environ.get(secret.env or "", "") for secret in secrets)
        self._values = [value for value in values if len(value) >= 6]

    def __call__(self, line: str) -> str:
        for value in self._values:
            line = line.replace(value, "***")
        return line


def _run(
    client: Client, command: list[str], log: Path, redact: _Redactor, on_line: OnLine | None
) -> tuple[int, str]:
    kept: list[str] = []
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **dict(client.env)},
        )
        try:
            for line in map(redact, _lines(process)):
                kept.append(line)
                file.write(line + "\n")
                if on_line:
                    on_line(line)
        except BaseException:
            # Ctrl-C too: the engine ends the build when its client goes.
            process.terminate()
            raise
        finally:
            code = process.wait()
    return code, "\n".join(kept)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None  # noqa: S101 - stdout=PIPE above
    with process.stdout as pipe:
        for raw in pipe:
            yield raw.decode("utf-8", "replace").rstrip("\r\n")


def failure(code: int, log: str, path: Path) -> BuildError:
    """The error of a build that ended with ``code``; ``path`` is where its user looks."""
    causes = diagnose(log)
    said = complaint(log)
    tail = tuple(line for line in log.splitlines() if line.strip())[-_TAIL:]
    if causes:
        first = causes[0]
        others = tuple(f"{other.reference}: {other.cause}" for other in causes[1:])
        facts = (*((said,) if said else ()), *others)
        return BuildError(
            first.reference, first.cause, origin=str(path), hint=first.fix, facts=facts
        )
    message = said or f"the build ended with {code}"
    return BuildError("build-failed", message, origin=str(path), facts=tail)
