r"""The names by which an index knows files.

A key is the file's path, relative to the folder that holds the index where the file is in there,
with `/`. A file keeps its key however its path is spelled: relative, absolute, or through a link to
a folder. Bytes of a name that are not UTF-8, as files from an archive of another system have them,
are written `\xfc`.
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
_TRIED: Final = 50
"""Files by which the root of an index is found."""


def readable(path: str | Path) -> str:
    r"""Return a path as text that every terminal, database and JSON file can hold.

    Example:
        >>> readable("Gr\udcfc\udcdfe.txt")
        'Gr\\xfc\\xdfe.txt'
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def absolute(path: str | Path) -> Path:
    """Return an absolute path, with `~` and `..` resolved and links kept.

    The name that was given counts.
    """
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow links


def from_root(root: Path, path: str | Path) -> Path:
    """Return an absolute path that begins with the root of an index, if it is in there.

    It may be spelled in any way.
    """
    place = absolute(path)
    real = Path(os.path.realpath(place.parent), place.name)
    return real if real.is_relative_to(root) else place


def relative_key(root: Path, path: Path) -> str:
    """Return an absolute path as an index keeps it: relative to its root if it is in there."""
    return readable((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())


def root_of(folder: Path, known: Iterable[str]) -> Path:
    """Return the folder to which the keys of an index are relative: the one that the index is in.

    Where the index is given by a link, that is the folder in which the index really is, or the one
    that holds the link. The former is the usual one; the latter is right where the folder of an
    index was moved and replaced by a link.

    Args:
        folder: The folder of the index, absolute.
        known: The keys that the index has.
    """
    real, shown = Path(os.path.realpath(folder)).parent, Path(os.path.realpath(folder.parent))
    if real == shown:
        return real
    relative = [key for key in known if not key.startswith(os.sep)][:_TRIED]
    found = [sum(os.path.lexists(root / key) for key in relative) for root in (real, shown)]
    return shown if found[1] > found[0] else real


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
        # the relative one is kept, since it survives a move of the folder
        for key in sorted(known, key=os.path.isabs):
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
            self._known[real] = relative_key(
                self.root, place if place.is_relative_to(self.root) else from_root(self.root, place)
            )
        return self._known[real]

    def path(self, key: str) -> Path:
        """Return the path of a key."""
        path = self.root / key
        if "\\x" in key and not os.path.lexists(path):
            return self.root / os.fsdecode(
                _ESCAPED.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(key))
            )
        return path

    def below(self, path: str | Path) -> list[str]:
        """Return the known keys of a file, or of all files in a folder, which can be a link."""
        place = absolute(path)
        names = {str(place).rstrip(os.sep), self._real(place).rstrip(os.sep)}
        return self._in_any(names)

    def named(self, name: str, *, follow_links: bool = True) -> list[str]:
        """Return the known keys that a person means.

        They can be named by a key, a file or folder by any path, or a path relative to the root.

        Args:
            name: What was given.
            follow_links: Whether a link means the file or folder that it leads to, where the index
                knows that by another name.

        Raises:
            InvalidOptionError: The name is empty, or no file of the index has it; the message lists
                near ones.
        """
        if not name.strip():
            raise InvalidOptionError(
                "The name of a file or folder is empty. Give a name that `localllm rag list` shows."
            )
        keys = [*self._known.values()]
        if name in keys:
            return [name]
        if found := self.below(name) or self.below(self.path(name)):
            return found
        if found := self._shown_as(readable(absolute(name))):
            return found
        if follow_links and (found := self._in_any({os.path.realpath(absolute(name))})):
            return found
        near = get_close_matches(name, keys, _NEAR) or get_close_matches(
            Path(name).name, {Path(key).name: key for key in keys}, _NEAR
        )
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InvalidOptionError(
            f"The index holds no file {readable(name)}.{meant} `localllm rag list` shows all."
        )

    def _in_any(self, names: set[str]) -> list[str]:
        """Return the known keys that are, or are in, one of these paths.

        A key is compared by its own path and by its real one.
        """
        folders = tuple(f"{name}{os.sep}" for name in names)
        root = str(self.root).rstrip(os.sep)
        found = []
        for real, key in self._known.items():
            spelled = (
                str(self.path(key))
                if "\\" in key or key.startswith(os.sep)
                else f"{root}{os.sep}{key}"
            )
            if (
                real in names
                or spelled in names
                or real.startswith(folders)
                or spelled.startswith(folders)
            ):
                found.append(key)
        return found

    def _shown_as(self, name: str) -> list[str]:
        r"""Return the known keys whose path, or a folder of it, is printed so.

        An example is `/notes/Gr\xfc\xdfe.txt`.
        """
        shown = (
            {key: readable(self.path(key)) for key in self._known.values() if "\\x" in key}
            if "\\x" in name
            else {}
        )
        return [
            key for key, path in shown.items() if path == name or path.startswith(f"{name}{os.sep}")
        ]

    def _real(self, path: Path) -> str:
        """Return a path whose folder is resolved.

        The file's own link is kept, since it is a name of its own.
        """
        folder = str(path.parent)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        return os.path.join(self._real_folders[folder], path.name)  # noqa: PTH118 - thousands of these are made
