"""Decide which TLS certificates to trust, by the same rules for sync and async code."""

import os
import ssl
from pathlib import Path
from typing import Final

from certifi import where

from langchain_localllm.errors import InvalidOptionError

Verify = bool | str | ssl.SSLContext
"""`True` trusts public authorities, `False` checks nothing, a path names a file or folder of
trusted certificates, and a context is used as it is."""

_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment variables of requests, curl and OpenSSL that name trusted certificates, in the order
in which they are read."""


def trusted(verify: Verify | None) -> Verify:
    """Return what to trust: the option, else what the environment names, else `True`.

    Args:
        verify: The option `verify`; `None` where it is not set.

    Raises:
        InvalidOptionError: The file or folder does not exist.
    """
    if isinstance(verify, bool | ssl.SSLContext):
        return verify
    name = (
        next((name for name in _VARIABLES if os.environ.get(name)), None)
        if verify is None
        else "verify"
    )
    if name is None:
        return True
    path = Path(verify or os.environ[name]).expanduser()
    if not path.exists():
        raise InvalidOptionError(
            f"`{name}` is {path}, which does not exist. Give a PEM file or a folder of "
            "certificates."
        )
    return str(path)


def ssl_context(verify: Verify | None) -> ssl.SSLContext:
    """Return how to check a server's certificate.

    With `True`, both the authorities of the operating system and those of `certifi` are trusted.

    Args:
        verify: The option `verify`.

    Raises:
        InvalidOptionError: The file or folder does not exist, or holds no certificate that can be
            read.
    """
    trust = trusted(verify)
    if isinstance(trust, ssl.SSLContext):
        return trust
    if trust is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if trust is True:
            context = ssl.create_default_context()
            context.load_verify_locations(where())
        else:
            folder = Path(trust).is_dir()
            context = ssl.create_default_context(
                cafile=None if folder else trust, capath=trust if folder else None
            )
    except (OSError, ssl.SSLError) as error:
        raise InvalidOptionError(
            f"{trust} holds no certificates that can be read: {error}. Give a PEM file."
        ) from error
    return context
