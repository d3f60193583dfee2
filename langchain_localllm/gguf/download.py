"""Download model files: complete and verified, or not at all. An interrupted download resumes."""

import hashlib
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import requests

from langchain_localllm.errors import (
    InvalidOptionError,
    ModelFileError,
    ModelMissingError,
    StreamBrokenError,
)
from langchain_localllm.gguf.header import check_gguf, is_llamafile
from langchain_localllm.gguf.remote_header import no_network
from langchain_localllm.transport.address import Address

__all__ = [
    "check_hash",
    "check_model",
    "check_room",
    "download_file",
    "download_from_web",
    "file_name",
]

_LOGGER: Final = logging.getLogger(__name__)
_CHUNK: Final = 2**20
_RECEIVED: Final = 2**16
"""Bytes that are hashed at a time, and received at a time: few, since unwritten bytes are lost when
the connection breaks."""
_SECONDS: Final = 30
_SPARE: Final = 200_000_000
"""Bytes to leave free on the disk."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 200
_PARTIAL: Final = 206
_BEYOND: Final = 416
_MISSING: Final = frozenset({401, 403, 404, 410})
Progress = Callable[[int, int], object]
Digest = tuple[str, str]
"""The name of a hash in `hashlib`, and its value in hexadecimal."""
_DIGEST_NAMES: Final = {"md5": "MD5", "sha256": "SHA-256"}


def download_from_web(
    url: str, sha256: str, folder: Path, progress: Progress | None = None
) -> Path:
    """Get a model file from an https address.

    Args:
        url: The address; plain http is accepted for this machine only.
        sha256: The SHA-256 of its content, in hexadecimal.
        folder: The folder to put it in.
        progress: Called with the bytes received so far and the total.

    Returns:
        The file's path.

    Raises:
        InvalidOptionError: The address, the file name in it or the hash cannot be used.
        ModelMissingError: There is no such file.
        ModelFileError: The disk is full, the content has another hash, or it is not a usable model.
        ConnectionFailedError: The server cannot be reached, or the connection broke; the next call
            resumes.
    """
    if not _SHA256.fullmatch(sha256.lower()):
        raise InvalidOptionError(
            "--sha256 must be the 64 hexadecimal digits that the model's page shows."
        )
    if urlsplit(url).scheme != "https" and not Address.parse(url).is_loopback:
        raise InvalidOptionError(
            f"{url} is not an https address, so the download would not be encrypted: pass an "
            "https address."
        )
    path = folder / file_name(url)
    if path.exists():
        check_hash(path, ("sha256", sha256.lower()), progress or _no_progress, keep=True)
    else:
        download_file(url, path, ("sha256", sha256.lower()), progress)
    return path


def download_file(
    url: str, path: Path, digest: Digest | None, progress: Progress | None = None
) -> None:
    """Download a model file that does not exist yet.

    Args:
        url: The address.
        path: The path of the new file; its folder is created.
        digest: The expected hash of its content, if known.
        progress: Called with the bytes received so far and the total.

    Raises:
        InvalidOptionError: The folder cannot be created.
        ModelMissingError: There is no such file.
        ModelFileError: As `download_from_web`.
        ConnectionFailedError: As `download_from_web`.
    """
    report = progress or _no_progress
    _make_folder(path.parent)
    part = path.with_name(f"{path.name}.part")
    _fetch(url, part, report)
    if digest:
        check_hash(part, digest, report)
    check_model(part, path)
    part.replace(path)
    _LOGGER.info("Downloaded %s from %s", path, urlsplit(url).hostname)


def _no_progress(_done: int, _total: int) -> None:
    pass


def file_name(url: str) -> str:
    """Return the file name for an address: its last part, if that is a plain file name.

    Raises:
        InvalidOptionError: The last part is not the name of a model file.

    Example:
        >>> file_name("https://example.com/models/tiny%20chat.gguf?download=true")
        'tiny chat.gguf'
    """
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    plain = (
        last
        and last == PurePosixPath(last).name
        and not last.startswith(".")
        and not re.search(r'[\\/:*?"<>|\x00-\x1f]', last)
    )
    if (
        not plain
        or len(last.encode()) > _LONGEST_NAME
        or not last.endswith((".gguf", ".llamafile"))
    ):
        raise InvalidOptionError(
            f"{url} does not end in the name of a model file, such as model.gguf."
        )
    return last


def check_room(folder: Path, wanted: int) -> None:
    """Raise `ModelFileError` if the disk has no room for `wanted` bytes."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if wanted + _SPARE > free:
        raise ModelFileError(
            f"There is not enough space in {folder}: the model needs {wanted / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free. Remove a model (localllm models rm), or choose a "
            "folder on another disk."
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOptionError(
            f"The folder {folder} cannot be created: {error.strerror}."
        ) from None


def _fetch(url: str, part: Path, report: Progress) -> None:
    """Download the missing part of a file."""
    begun = part.stat().st_size if part.exists() else 0
    _LOGGER.info("Downloading %s from %s, from byte %d on", part, urlsplit(url).hostname, begun)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begun}-"} if begun else {})}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_SECONDS) as reply:
            # it is complete, or too long, which the hash check finds
            if reply.status_code == _BEYOND:
                return
            _check_status(url, reply)
            begun = begun if reply.status_code == _PARTIAL else 0
            total = begun + int(reply.headers.get("Content-Length") or 0)
            check_room(part.parent, total - begun)
            done = begun
            with part.open("ab" if begun else "wb") as file:
                for data in reply.iter_content(_RECEIVED):
                    file.write(data)
                    done += len(data)
                    report(done, max(total, done))
    except requests.ConnectionError as error:
        if not part.exists():
            raise no_network(url, error) from None
        raise _broken(url) from None
    except requests.RequestException:
        raise _broken(url) from None
    except OSError as error:
        raise ModelFileError(f"{part} cannot be written: {error.strerror}.") from None
    if done < total:
        raise _broken(url)


def _check_status(url: str, reply: requests.Response) -> None:
    if reply.status_code in _MISSING:
        raise ModelMissingError(
            f"There is no file at {url}, or it needs permission (HTTP {reply.status_code})."
        )
    if not reply.ok:
        raise _broken(url)


def _broken(url: str) -> StreamBrokenError:
    return StreamBrokenError(
        f"The download from {urlsplit(url).hostname} was interrupted. Run the same command again "
        "to resume it."
    )


def check_hash(path: Path, digest: Digest, report: Progress, *, keep: bool = False) -> None:
    """Raise if a file's content has another hash, and remove the file unless `keep` is set."""
    algorithm, expected = digest
    found, size, done = hashlib.new(algorithm, usedforsecurity=False), path.stat().st_size, 0
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            found.update(data)
            done += len(data)
            report(done, size)
    if found.hexdigest() == expected:
        return
    if keep:
        raise ModelFileError(
            f"{path} exists already, and its content does not match --sha256. Move it away, or "
            "check the hash."
        )
    _remove(path)
    raise ModelFileError(
        f"The downloaded file {path.name} has another {_DIGEST_NAMES[algorithm]} than expected, "
        "so it was removed. Try again."
    )


def _remove(path: Path) -> None:
    """Remove a file, and in the hub's cache also the content that it points to."""
    if path.is_symlink():
        path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def check_model(part: Path, path: Path) -> None:
    """Raise `ModelFileError` if a file just written is not a model, and remove it.

    The error has the name that the file was to get.
    """
    try:
        if path.suffix == ".gguf" or not is_llamafile(part):
            check_gguf(part)
    except ModelFileError as error:
        part.unlink()
        raise ModelFileError(str(error).replace(str(part), path.name)) from None
