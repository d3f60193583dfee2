"""Symbolic links that lead out of the folders of an index, as a folder that came from someone else may have them."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_SPECIAL: Final = re.compile(r"([\\*?\[\]!# ])")


def outside_links(folders: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return the links in some folders that lead to files or folders outside all of them, each with its pattern for `exclude`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "secrets").symlink_to("/etc")
        ...     [pattern for _, pattern in outside_links([Path(folder)])]
        ['/secrets']
    """
    real_folders = [os.path.realpath(folder) for folder in folders]
    return [
        (link, f"/{_escaped(link.relative_to(folder).as_posix())}")
        for folder in folders
        for link in _links(folder)
        if not is_in_any(os.path.realpath(link), real_folders)
    ]


def _escaped(path: str) -> str:
    return _SPECIAL.sub(r"\\\1", path)


def is_in_any(path: str, folders: Sequence[str]) -> bool:
    """Return whether a path is one of these folders, or in one of them. All are without links."""
    return any(path == folder or path.startswith(f"{folder.rstrip(os.sep)}{os.sep}") for folder in folders)


def _links(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (link for name in (*folders, *files) if (link := Path(place, name)).is_symlink())
