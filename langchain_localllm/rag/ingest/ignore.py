"""Decide which files of a folder are omitted.

They are omitted by `.gitignore` files, as git reads them, and by patterns that a person gives.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.extras import pip_install

_Patterns = list[tuple[bool, re.Pattern[str], bool]]
"""Whether a match leaves a path out, the pattern, and whether it matches only what is below a
folder."""

_GITIGNORE: Final = ".gitignore"
_REPOSITORY: Final = ".git"
_DEFAULT: Final = ("node_modules/", "__pycache__/")
"""Folders of programs; any other pattern wins over these."""
_MOST: Final = 1_000_000
"""Bytes of a `.gitignore` that are read."""
_SLASH: Final = "ps_d"
"""The group of pathspec's patterns that is the slash after a folder that matches."""


class IgnoreRules:
    """Decides for files below a folder whether they are left out.

    A pattern of `exclude` wins over those of `.gitignore` files, and a `.gitignore` wins over those
    of the folders above it. Those above the folder count up to the root of its git repository. What
    is in a folder that is left out cannot be taken in again.

    Args:
        root: The folder.
        exclude: Patterns as lines of a `.gitignore` in that folder: `*.log`, `drafts/`, `/top.txt`,
            `!keep.log`.
        gitignore: Whether `.gitignore` files count.

    Raises:
        InvalidOptionError: A pattern is not valid.

    Example:
        >>> rules = IgnoreRules(Path("docs"), ["*.log", "!keep.log"], gitignore=False)
        >>> rules.ignores(Path("docs/a.log"), is_folder=False)
        True
        >>> rules.ignores(Path("docs/keep.log"), is_folder=False)
        False
    """

    def __init__(self, root: Path, exclude: Sequence[str] = (), *, gitignore: bool = True) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links
        self._gitignore = gitignore
        self._files: dict[Path, _Patterns] = {}
        self._given = _patterns(exclude, strict=True)
        self._default = _patterns(_DEFAULT)
        self._above = self._folders_above() if gitignore else []

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Return whether a file or folder is omitted, provided that its parent folder is not."""
        place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        if (found := _decision(self._given, self._root, place, is_folder=is_folder)) is not None:
            return found
        if self._gitignore:
            depth = max(0, len(place.parts) - len(self._root.parts))
            for folder in [*place.parents[:depth], *self._above]:
                patterns = self._in_folder(folder)
                found = _decision(patterns, folder, place, is_folder=is_folder)
                if found is not None:
                    return found
        return bool(_decision(self._default, self._root, place, is_folder=is_folder))

    def excludes(self, path: Path) -> bool:
        """Return whether a file is left out, or a folder in which it is."""
        place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        folders = [
            folder
            for folder in place.parents
            if folder != self._root and folder.is_relative_to(self._root)
        ]
        return any(
            self.ignores(folder, is_folder=True) for folder in reversed(folders)
        ) or self.ignores(place, is_folder=False)

    def _in_folder(self, folder: Path) -> _Patterns:
        if folder not in self._files:
            self._files[folder] = _patterns(_lines(folder / _GITIGNORE))
        return self._files[folder]

    def _folders_above(self) -> list[Path]:
        """Return the folders between the root and its repository's, unless they omit the root."""
        above: list[Path] = []
        for folder in [self._root, *self._root.parents]:
            above.append(folder)
            if os.path.lexists(folder / _REPOSITORY):
                break
        else:
            return []
        above = above[1:]
        for place in [self._root, *above[:-1]]:
            for folder in [each for each in above if place.is_relative_to(each) and place != each]:
                if (
                    found := _decision(self._in_folder(folder), folder, place, is_folder=True)
                ) is not None:
                    if found:
                        return []  # it is named, so its files are wanted
                    break
        return above


def _decision(patterns: _Patterns, folder: Path, place: Path, *, is_folder: bool) -> bool | None:
    """Return what patterns in a folder say about a path: left out, taken in, or nothing.

    The last one that matches counts.
    """
    if not patterns:
        return None
    path = place.relative_to(folder).as_posix()
    for include, regex, is_below in patterns:
        text = f"{path}/" if is_folder and not is_below else path
        if any(not _is_by_parent(found, text) for found in regex.finditer(text)):
            return include
    return None


def _is_by_parent(found: re.Match[str], text: str) -> bool:
    """Return whether a pattern matches a folder above, which is asked about by itself."""
    return _SLASH in found.re.groupindex and found.start(_SLASH) not in {-1, len(text) - 1}


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            return os.fsdecode(file.read(_MOST).removeprefix(b"\xef\xbb\xbf")).splitlines()
    except OSError:
        return []


def _patterns(lines: Sequence[str], *, strict: bool = False) -> _Patterns:
    """Return the patterns of these lines, the last one first.

    An invalid line is left out, as git does, or raises.
    """
    found: _Patterns = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        try:
            from pathspec import GitIgnoreSpec
        except ImportError as error:
            raise MissingDependencyError(
                f"Patterns of .gitignore files need pathspec: {pip_install('rag')}."
            ) from error
        try:
            pattern: Any = next(iter(GitIgnoreSpec.from_lines([line]).patterns))
        except ValueError as error:
            if strict:
                raise InvalidOptionError(
                    f"{error} Patterns are written as in .gitignore, such as '*.log', 'drafts/' "
                    "or '!keep.log'."
                ) from error
            continue
        if pattern.regex is not None:
            found.append((bool(pattern.include), pattern.regex, line.rstrip().endswith("/**")))
    return found[::-1]
