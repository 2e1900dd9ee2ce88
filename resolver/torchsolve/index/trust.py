"""Which authorities are trusted: the user's bundle, else the system's store, else certifi's.

A bundle is named by ``--ca-bundle``, ``SSL_CERT_FILE``, ``PIP_CERT`` or ``REQUESTS_CA_BUNDLE``, in
this order. One context serves all connections: making it takes longer than most requests.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from torchsolve.errors import UsageError

if TYPE_CHECKING:
    import ssl

_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")


def tls_context(bundle: Path | None) -> ssl.SSLContext:
    """The context of a client. Raises UsageError ``bad-ca-bundle``."""
    named = [(str(bundle), "--ca-bundle")] if bundle else []
    named += [(os.environ[name], name) for name in _VARIABLES if os.environ.get(name)]
    if named:
        return _of_file(*named[0])
    import ssl

    import truststore

    if _system_has_any():
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def ca_bundle_of_environment() -> Path | None:
    """The bundle that a variable names; None without one that is a file."""
    named = (Path(os.environ[name]) for name in _VARIABLES if os.environ.get(name))
    return next((path for path in named if path.is_file()), None)


def _of_file(path: str, origin: str) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if isinstance(error, FileNotFoundError) else "no certificate in PEM"
        raise UsageError(
            "bad-ca-bundle",
            f"{path} holds no authorities to trust: {why}",
            origin=origin,
            hint="name a file with certificates in PEM form",
        ) from None


def _system_has_any() -> bool:
    """Whether the system has a store at all: slim images often have none."""
    import ssl

    paths = ssl.get_default_verify_paths()
    if paths.cafile and Path(paths.cafile).is_file():
        return True
    folder = Path(paths.capath) if paths.capath else None
    return folder is not None and folder.is_dir() and any(folder.iterdir())
