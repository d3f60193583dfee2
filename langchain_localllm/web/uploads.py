"""Save files that the page sends, within one folder."""

import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError, LocalLLMError

MAX_BYTES: Final = 500 << 20
"""The largest file that is accepted, which is the largest that is read as a whole."""
_KEPT_FREE: Final = 200 << 20
"""Bytes that an upload leaves free on the disk."""
_MOST_FOLDERS: Final = 20
_LONGEST_NAME: Final = 255
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f\\:]|[\ud800-\udfff]")


class UploadError(LocalLLMError, RuntimeError):
    """A file cannot be saved."""


class Uploads:
    """Save uploaded files in a folder.

    Args:
        folder: The folder, created with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a file is saved.

        Args:
            name: Its relative path, with `/`, such as `notes/today.md`.

        Raises:
            InvalidOptionError: The name would leave the folder, or is hidden or unusable.

        Example:
            >>> Uploads(Path("uploads")).path("notes/today.md").as_posix()
            'uploads/notes/today.md'
        """
        parts = name.split("/")
        wrong = (
            not name or len(parts) > _MOST_FOLDERS or any(part in {"", ".", ".."} for part in parts)
        )
        if wrong or _FORBIDDEN.search(name):
            raise InvalidOptionError(
                f"The file name {name[:200]!r} cannot be used. Rename the file."
            )
        if any(part.startswith(".") for part in parts):
            raise InvalidOptionError(f"{name}: hidden files are not read.")
        if any(len(part.encode()) > _LONGEST_NAME for part in parts):
            raise InvalidOptionError(
                f"The file name {name[:60]}\u2026 is too long. Rename the file."
            )
        path = self.folder.joinpath(*parts)
        if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(self.folder)):
            raise InvalidOptionError(f"{name} is behind a link that leaves the folder of uploads.")
        return path

    async def save(self, name: str, body: AsyncIterator[bytes]) -> Path:
        """Save a file; one of the same name is replaced when the new one is complete.

        Raises:
            InvalidOptionError: The name is unusable.
            UploadError: The disk is full, or the folder cannot be written.
        """
        path = self.path(name)
        new = self.folder / f".{secrets.token_hex(8)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("xb") as file:
                async for part in body:
                    if shutil.disk_usage(self.folder).free < _KEPT_FREE + len(part):
                        raise UploadError(f"{name} was not saved: the disk is almost full.")
                    file.write(part)
            new.replace(path)
        except OSError as error:
            raise UploadError(f"{name} cannot be saved: {error.strerror}.") from error
        finally:
            new.unlink(missing_ok=True)
        return path

    def delete(self, path: Path) -> None:
        """Delete an uploaded file, and folders that are empty then.

        Files elsewhere are not touched.
        """
        if self.name(path) is None:
            return
        path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder was deleted already, or a file was added meanwhile
            for folder in path.parents:
                if folder.samefile(self.folder) or any(folder.iterdir()):
                    break
                folder.rmdir()

    def name(self, path: Path) -> str | None:
        """Return an uploaded file's name, relative to the folder, or `None` for one elsewhere."""
        real, folder = Path(os.path.realpath(path.parent), path.name), os.path.realpath(self.folder)
        return real.relative_to(folder).as_posix() if real.is_relative_to(folder) else None
