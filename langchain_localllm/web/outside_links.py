"""Find symbolic links that lead out of the folders of an index.

A folder that came from someone else may have them.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from langchain_localllm.rag import Store

_SPECIAL: Final = re.compile(r"([\\*?\[\]!# ])")
_WHITESPACE: Final = re.compile(r"[^\S ]")
"""Characters that are cut from the end of a pattern unless they are in brackets."""


class _Link(NamedTuple):
    path: Path
    target: str
    pattern: str


def outside_links(folders: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the links in some folders that lead outside all of them, and patterns.

    The links lead to files or folders; the patterns are for `exclude`. The patterns leave out these
    links, and links to folders that have such links: these would be reached by another path. Other
    files in such a folder are found by its own path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "secrets").symlink_to("/etc")
        ...     outside_links([Path(folder)])[1]
        ['/secrets']
    """
    real_folders = [os.path.realpath(folder) for folder in folders]
    rest = [link for folder in folders for link in _links(folder)]
    outside = found = [link for link in rest if not is_in_any(link.target, real_folders)]
    patterns: list[str] = []
    while found:
        patterns += (link.pattern for link in found)
        done, holders = set(found), _holders(found)
        rest = [link for link in rest if link not in done]
        found = [link for link in rest if _identity(link.target) in holders]
    return sorted({link.path for link in outside}), patterns


def exclude_outside_links(store: Store, folders: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the links that lead out of some folders, and patterns that exclude them.

    Args:
        store: The index, whose own patterns are kept.
        folders: The folders to index. Those that the index has are added.
    """
    known = (store.setting("roots") or []) if store.exists else []
    links, patterns = outside_links(
        list(dict.fromkeys([*folders, *(store.root / root for root in known)]))
    )
    kept = (store.setting("exclude") or []) if store.exists else []
    # the last one that matches counts
    return links, [*(pattern for pattern in kept if pattern not in patterns), *patterns]


def is_in_any(path: str, folders: Sequence[str]) -> bool:
    """Return whether a path is one of these folders, or in one of them. All are without links."""
    return any(
        path == folder or path.startswith(f"{folder.rstrip(os.sep)}{os.sep}") for folder in folders
    )


def _links(folder: Path) -> Iterator[_Link]:
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    path = Path(entry.path)
                    yield _Link(
                        path,
                        os.path.realpath(path),
                        f"/{_escaped(path.relative_to(folder).as_posix())}",
                    )
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _escaped(path: str) -> str:
    return _WHITESPACE.sub(r"[\g<0>]", _SPECIAL.sub(r"\\\1", path))


def _holders(links: Iterable[_Link]) -> set[tuple[int, int]]:
    """Return the identities of all folders in which links are."""
    folders = {Path(os.path.realpath(link.path.parent)) for link in links}
    return {
        known
        for folder in folders
        for each in (folder, *folder.parents)
        if (known := _identity(each))
    }


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return what a file or folder is known by, or `None` if it does not exist.

    It is the same however its path is spelled.
    """
    try:
        about = os.stat(path)  # noqa: PTH116 - a text or a path
    except OSError:
        return None
    return about.st_dev, about.st_ino
