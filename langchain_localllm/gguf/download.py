"""Getting model files: whole and checked, or not at all. What was stopped resumes where it stopped."""

import hashlib
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import requests

from langchain_localllm.errors import InvalidOptionError, ModelFileError, ModelMissingError, StreamBrokenError
from langchain_localllm.gguf.header import check_gguf, is_llamafile
from langchain_localllm.gguf.remote_header import no_network
from langchain_localllm.transport.address import Address

__all__ = ["check_hash", "check_room", "download_file", "download_from_web", "file_name"]

_LOGGER: Final = logging.getLogger(__name__)
_CHUNK: Final = 2**20
_RECEIVED: Final = 2**16
"""Bytes to check at a time, and to receive: fewer, since what is not written yet is lost when the connection breaks."""
_SECONDS: Final = 30
_SPARE: Final = 200_000_000
"""Bytes that stay free on the disk."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 200
_PARTIAL: Final = 206
_BEYOND: Final = 416
_MISSING: Final = frozenset({401, 403, 404, 410})
Progress = Callable[[int, int], object]
Digest = tuple[str, str]
"""The name of a hash in `hashlib`, and its value in hexadecimal."""
_DIGEST_NAMES: Final = {"md5": "MD5", "sha256": "SHA-256"}


def download_from_web(url: str, sha256: str, folder: Path, progress: Progress | None = None) -> Path:
    """Get a model file from an https address.

    Args:
        url: The address; plain http is taken on this machine only.
        sha256: What its content must hash to, in hexadecimal.
        folder: Where to put it.
        progress: Is given the bytes that are there, and of how many.

    Returns:
        The file's path.

    Raises:
        InvalidOptionError: The address, the file name in it or the hash cannot be used.
        ModelMissingError: There is no such file.
        ModelFileError: There is no room for it, its content has another hash, or it is not a usable model.
        ConnectionFailedError: The server cannot be reached, or broke off; what is there is kept, and the next call resumes.
    """
    if not _SHA256.fullmatch(sha256.lower()):
        raise InvalidOptionError("--sha256 takes the 64 hexadecimal digits that the model's page shows.")
    if urlsplit(url).scheme != "https" and not Address.parse(url).is_loopback:
        raise InvalidOptionError(f"{url} is not encrypted on its way: give an https address.")
    path = folder / file_name(url)
    if path.exists():
        check_hash(path, ("sha256", sha256.lower()), progress or _no_progress, keep=True)
    else:
        download_file(url, path, ("sha256", sha256.lower()), progress)
    return path


def download_file(url: str, path: Path, digest: Digest | None, progress: Progress | None = None) -> None:
    """Get a model file that is not there yet.

    Args:
        url: The address.
        path: Where to put it; its folder is made.
        digest: What its content must hash to, where that is known.
        progress: Is given the bytes that are there, and of how many.

    Raises:
        InvalidOptionError: The folder cannot be made.
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
    _check_model(part, path)
    part.replace(path)
    _LOGGER.info("Downloaded %s from %s", path, urlsplit(url).hostname)


def _no_progress(_done: int, _total: int) -> None:
    pass


def file_name(url: str) -> str:
    """The name under which a file from an address is kept: its last part, if that is one name and no way to elsewhere.

    Raises:
        InvalidOptionError: It is none, or no name of a model file.

    Example:
        >>> file_name("https://example.com/models/tiny%20chat.gguf?download=true")
        'tiny chat.gguf'
    """
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    plain = last and last == PurePosixPath(last).name and not last.startswith(".") and not re.search(r'[\\/:*?"<>|\x00-\x1f]', last)
    if not plain or len(last.encode()) > _LONGEST_NAME or not last.endswith((".gguf", ".llamafile")):
        raise InvalidOptionError(f"{url} does not end in the name of a model file, such as model.gguf.")
    return last


def check_room(folder: Path, wanted: int) -> None:
    """Raises `ModelFileError` where a disk has no room for so many bytes."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if wanted + _SPARE > free:
        raise ModelFileError(
            f"There is no room in {folder}: the model takes {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free. "
            "Remove something (localllm models rm), or name another disk."
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOptionError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _fetch(url: str, part: Path, report: Progress) -> None:
    """Get what is missing of a file."""
    begun = part.stat().st_size if part.exists() else 0
    _LOGGER.info("Downloading %s from %s, from byte %d on", part, urlsplit(url).hostname, begun)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begun}-"} if begun else {})}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_SECONDS) as reply:
            if reply.status_code == _BEYOND:  # all of it is there, or more than that, which its hash will tell
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
        raise ModelMissingError(f"There is no file at {url}, or not for everybody (HTTP {reply.status_code}).")
    if not reply.ok:
        raise _broken(url)


def _broken(url: str) -> StreamBrokenError:
    return StreamBrokenError(
        f"The download from {urlsplit(url).hostname} broke off. Run the same again: it resumes where it stopped."
    )


def check_hash(path: Path, digest: Digest, report: Progress, *, keep: bool = False) -> None:
    """Raises where a file's content has another hash, and removes the file unless it is to be kept."""
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
        raise ModelFileError(f"{path} is there already, with another content than --sha256 says. Move it away, or check the hash.")
    _remove(path)
    raise ModelFileError(
        f"What came is not the file that was announced (its {_DIGEST_NAMES[algorithm]} differs), so it was removed: {path.name}. "
        "Try again."
    )


def _remove(path: Path) -> None:
    """Remove a file, and in the hub's cache also the content that it points to."""
    if path.is_symlink():
        path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _check_model(part: Path, path: Path) -> None:
    """Raises where a file is not a model, and removes it."""
    try:
        if path.suffix == ".gguf" or not is_llamafile(part):
            check_gguf(part)
    except ModelFileError as error:
        part.unlink()
        raise ModelFileError(str(error).replace(str(part), path.name)) from None
