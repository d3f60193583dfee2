"""Read the header of a remote model file by range requests: megabytes, not the whole file."""

import re
from collections.abc import Mapping
from typing import Final

import requests

from langchain_localllm.errors import ConnectionFailedError, ModelFileError, ModelMissingError
from langchain_localllm.gguf.header import GGUFInfo, read_header

__all__ = ["no_network", "remote_header"]

_FIRST: Final = 2**20
_LARGEST: Final = 128 * 2**20
"""Bytes of the first request, and of the largest one; each request asks for four times as many."""
_SECONDS: Final = 15
_PARTIAL: Final = 206
_LENGTH: Final = re.compile(r"bytes \d+-\d+/(\d+)")


def remote_header(url: str, headers: Mapping[str, str] | None = None) -> GGUFInfo:
    """Return the header of a model file at an http address.

    Raises:
        ModelMissingError: There is no such file.
        ModelFileError: It is not a GGUF file, or the server does not send parts of files.
        ConnectionFailedError: The server cannot be reached, or breaks off.
    """
    data, size, wanted = b"", 0, _FIRST
    with requests.Session() as session:
        while wanted <= _LARGEST and (not data or len(data) < size):
            more, size = _part(session, url, headers or {}, len(data), wanted - 1)
            data += more
            info = read_header(data, size)
            if info is not None:
                return info
            wanted *= 4
    raise ModelFileError(
        f"The header of {url} cannot be read: the file is damaged, or larger than its header says."
    )


def _part(
    session: requests.Session, url: str, headers: Mapping[str, str], first: int, last: int
) -> tuple[bytes, int]:
    try:
        sent = {**headers, "Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        with session.get(url, headers=sent, timeout=_SECONDS, stream=True) as reply:
            if reply.status_code == _PARTIAL and (
                match := _LENGTH.match(reply.headers.get("Content-Range", ""))
            ):
                return reply.content, int(match[1])
            if reply.ok:
                raise ModelFileError(
                    f"The server of {url} does not send parts of files: download it first "
                    "(localllm pull)."
                )
            if reply.status_code in {401, 403}:
                raise ModelMissingError(
                    f"{url} needs permission (HTTP {reply.status_code}): log in, or ask its owner."
                )
            raise ModelMissingError(f"There is no file at {url} (HTTP {reply.status_code}).")
    except requests.RequestException as error:
        raise no_network(url, error) from None


def no_network(url: str, error: BaseException) -> ConnectionFailedError:
    """Return the error for a server that cannot be reached, with what works offline."""
    host = url.split("/")[2] if "://" in url else url
    return ConnectionFailedError(
        f"{host} cannot be reached ({type(error).__name__}). Models on this machine still work: "
        "see `localllm models`."
    )
