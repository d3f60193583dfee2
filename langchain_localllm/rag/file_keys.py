r"""The names by which an index knows files.

A key is the file's path, relative to the folder that holds the index where the file is in there, with `/`. A file keeps its key
however its path is spelled: relative, absolute, or through a link to a folder. Bytes of a name that are not UTF-8, as files from an
archive of another system have them, are written `\xfc`.
"""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED: Final = re.compile(rb"\\x([89a-f][0-9a-f]|[01][0-9a-f]|7f)")
"""A control character, or a byte that is not part of a UTF-8 character, as `readable` writes it."""
_NEAR: Final = 3


def readable(path: str | Path) -> str:
    r"""Return a path as text that every terminal, database and JSON file can hold.

    Example:
        >>> readable("Gr\udcfc\udcdfe.txt")
        'Gr\\xfc\\xdfe.txt'
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def absolute(path: str | Path) -> Path:
    """Return an absolute path, with `~` and `..` resolved and links kept: the name that was given counts."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow links


class FileKeys:
    """Finds the key of a path, and the path of a key.

    Args:
        root: The folder to which keys are relative.
        known: The keys that the index has.
    """

    def __init__(self, root: Path, known: Iterable[str] = ()) -> None:
        self.root = root
        self._real_folders: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self.duplicates: list[str] = []
        """Known keys of files that have an earlier key already."""
        for key in sorted(known, key=os.path.isabs):  # the relative one is kept, since it survives a move of the folder
            real = self._real(self.path(key))
            if real in self._known:
                self.duplicates.append(key)
            else:
                self._known[real] = key

    def key(self, path: str | Path) -> str:
        """Return the key of a path: the known one of the same file, else a new one."""
        place = absolute(path)
        real = self._real(place)
        if real not in self._known:
            inside = place.relative_to(self.root) if place.is_relative_to(self.root) else place
            self._known[real] = readable(inside.as_posix())
        return self._known[real]

    def path(self, key: str) -> Path:
        """Return the path of a key."""
        path = self.root / key
        if "\\x" in key and not os.path.lexists(path):
            return self.root / os.fsdecode(_ESCAPED.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(key)))
        return path

    def below(self, path: str | Path) -> list[str]:
        """Return the known keys of a file, or of all files in a folder."""
        real = self._real(absolute(path))
        return [key for each, key in self._known.items() if each == real or each.startswith(f"{real.rstrip(os.sep)}{os.sep}")]

    def named(self, name: str) -> list[str]:
        """Return the known keys that a person means: a key, a file or folder by any path, or a path relative to the root.

        Raises:
            InvalidOptionError: No file of the index has this name; the message lists near ones.
        """
        keys = [*self._known.values()]
        if name in keys:
            return [name]
        if found := self.below(name) or self.below(self.path(name)):
            return found
        near = get_close_matches(name, keys, _NEAR) or get_close_matches(
            Path(name).name, {Path(key).name: key for key in keys}, _NEAR
        )
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InvalidOptionError(f"The index holds no file {readable(name)}.{meant} `localllm rag list` shows all.")

    def _real(self, path: Path) -> str:
        """Return a path whose folder is resolved; the file's own link is kept, since it is a name of its own."""
        folder = str(path.parent)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        return os.path.join(self._real_folders[folder], path.name)  # noqa: PTH118 - thousands of these are made
