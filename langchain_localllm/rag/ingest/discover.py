"""Find the files in a list of files and folders."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.rag.ingest.ignore import IgnoreRules

OnUnreadable = Callable[[DocumentError], None]


def find_files(
    paths: Iterable[str | Path],
    on_unreadable: OnUnreadable | None = None,
    *,
    exclude: Sequence[str] = (),
    gitignore: bool = True,
) -> list[Path]:
    """List the files in `paths`: folders recursively and sorted, each file once.

    Hidden files are left out, and so are those that a `.gitignore` names, and the folders
    `node_modules` and `__pycache__`. Symbolic links are followed, and a link that leads back to a
    folder already seen is left out.

    Args:
        paths: Files and folders. A file that is named here is taken even when it is hidden or
            ignored.
        on_unreadable: Called with the error for each folder that cannot be opened. Default: such an
            error is raised.
        exclude: Patterns as in a `.gitignore` of each folder: `*.log`, `drafts/`, `!a.log`. They
            win over `.gitignore` files.
        gitignore: Whether `.gitignore` files count, as git reads them, also those above a folder in
            its repository.

    Returns:
        The files, in the order of `paths`.

    Raises:
        DocumentError: A path does not exist, or a folder cannot be opened and `on_unreadable` is
            not given.
        InvalidOptionError: A pattern is not valid.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "b.txt").write_text("two")
        ...     _ = (Path(folder) / "a.md").write_text("one")
        ...     [file.name for file in find_files([folder])]
        ['a.md', 'b.txt']
    """

    def report(fault: OSError) -> None:
        advice = " Check its permissions." if isinstance(fault, PermissionError) else ""
        error = DocumentError(
            f"{readable(fault.filename)}: the folder cannot be opened ({fault.strerror}).{advice}"
        )
        error.__cause__ = fault
        if on_unreadable is None:
            raise error
        on_unreadable(error)

    files: dict[str, Path] = {}  # by real path, so that no file comes twice
    for path in map(Path, paths):
        check_path(path)
        for file in (
            _walk(path, report, IgnoreRules(path, exclude, gitignore=gitignore))
            if path.is_dir()
            else [path]
        ):
            real = os.path.realpath(file)
            # a file comes before links to it
            if real not in files or (files[real].is_symlink() and not file.is_symlink()):
                files[real] = file
    return list(files.values())


def check_path(path: Path) -> None:
    """Raise `DocumentError` for a path that does not exist."""
    if not os.path.lexists(path):
        raise DocumentError(f"There is no file or folder {readable(path)}. Check the spelling.")


def unreadable_reason(path: Path, fault: OSError) -> str:
    """Return why a file cannot be read, and what to do."""
    if not os.path.lexists(path):
        return "it was deleted while the files were read."
    if path.is_symlink() and isinstance(fault, FileNotFoundError):
        return "it is a link to a file that does not exist."
    if fault.errno == errno.ELOOP:
        return "it is a link that leads back to itself."
    advice = " Check its permissions." if isinstance(fault, PermissionError) else ""
    return f"it cannot be read ({fault.strerror or fault}).{advice}"


def _walk(folder: Path, report: Callable[[OSError], None], rules: IgnoreRules) -> Iterator[Path]:
    real = os.path.realpath(folder)
    # a link to a folder that this one is in would bring in that one
    seen = {real, *map(str, Path(real).parents)}
    # os.walk calls itself for each level on Python 3.11, which ends at about 1,000
    waiting = [(folder, real)]
    while waiting:
        place, real = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted(
                    (each.name, _is_folder(each), each.is_symlink())
                    for each in entries
                    if each.name[0] != "."
                )
        except OSError as fault:
            fault.filename = str(place)
            report(fault)
            continue
        found = [
            entry for entry in found if not rules.ignores(place / entry[0], is_folder=entry[1])
        ]
        yield from (place / name for name, is_folder, _ in found if not is_folder)
        folders = []
        for path, is_link in (
            (place / name, is_link) for name, is_folder, is_link in found if is_folder
        ):
            real_path = (
                os.path.realpath(path) if is_link else f"{real.rstrip(os.sep)}{os.sep}{path.name}"
            )
            if real_path not in seen:
                seen.add(real_path)
                folders.append((path, real_path))
        waiting += reversed(folders)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # opening it raises the reason
