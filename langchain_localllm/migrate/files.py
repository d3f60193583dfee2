"""Find the files of a project, read them, and write all changes or none."""

import contextlib
import os
import stat
import tempfile
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from langchain_localllm.errors import DocumentError, InvalidRequestError
from langchain_localllm.migrate.dependencies import FILES as DEPENDENCIES
from langchain_localllm.rag.ingest.ignore import IgnoreRules

CODE: Final = frozenset({".py", ".pyi", ".ipynb"})
_ENVIRONMENT: Final = "pyvenv.cfg"
"""The file that makes a folder a virtual environment."""
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_BOM: Final = b"\xef\xbb\xbf"
_LARGEST: Final = 50_000_000
"""Bytes of a file that is read."""


def find_files(path: Path, on_unreadable: Callable[[Path, str], None]) -> Iterator[Path]:
    """Return the Python files, notebooks and lists of packages in a folder, sorted.

    Or the file, if it is one.

    Hidden files and folders, virtual environments, `node_modules` and what a `.gitignore` names are
    left out, and no link in the folder is followed.

    Args:
        path: A folder or file.
        on_unreadable: Called with each folder that cannot be opened, and why.

    Raises:
        DocumentError: The path does not exist.
    """
    if not path.is_dir():
        if not path.exists():
            raise DocumentError(f"There is no file or folder {path}. Check the spelling.")
        yield path
        return
    rules = IgnoreRules(path)
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(
                    (each.name, each.is_dir(follow_symlinks=False))
                    for each in entries
                    if _is_wanted(each)
                )
        except OSError as error:
            on_unreadable(folder, f"the folder cannot be opened ({error.strerror})")
            continue
        if any(name == _ENVIRONMENT for name, _ in found):
            continue
        kept = [
            (folder / name, is_folder)
            for name, is_folder in found
            if not rules.ignores(folder / name, is_folder=is_folder)
        ]
        yield from (place for place, is_folder in kept if not is_folder and _is_known(place))
        waiting += reversed([place for place, is_folder in kept if is_folder])


def _is_wanted(entry: "os.DirEntry[str]") -> bool:
    return (
        not entry.name.startswith(".") and not entry.is_symlink() and entry.name not in _INSTALLED
    )


def _is_known(path: Path) -> bool:
    return path.suffix in CODE or DEPENDENCIES.fullmatch(path.name) is not None


@dataclass(frozen=True)
class SourceFile:
    """A file as it was read: its bytes, and its text with the line ends that it has."""

    path: Path
    raw: bytes
    text: str
    encoding: str

    def encoded(self, text: str) -> bytes:
        """Return a text as the bytes of this file.

        Raises:
            UnicodeEncodeError: The file's encoding lacks a character.
        """
        mark = _BOM if self.raw.startswith(_BOM) else b""
        return mark + text.encode(self.encoding)


def read_file(path: Path) -> SourceFile:
    """Read a file, Python code in the encoding that it declares.

    Raises:
        OSError: It cannot be read.
        InvalidRequestError: It is not a file, is too large, or is not text in its encoding.
    """
    mode = path.stat()
    if not stat.S_ISREG(mode.st_mode):
        raise InvalidRequestError("It is not a file.")
    if mode.st_size > _LARGEST:
        raise InvalidRequestError(f"It is larger than {_LARGEST // 1_000_000} MB.")
    raw = path.read_bytes()
    encoding = "utf-8"
    try:
        if path.suffix in {".py", ".pyi"}:
            encoding = tokenize.detect_encoding(BytesIO(raw).readline)[0].removesuffix("-sig")
        text = raw.removeprefix(_BOM).decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise InvalidRequestError(f"It is not text in its encoding: {error}.") from error
    return SourceFile(path, raw, text, encoding)


def write_files(changes: list[tuple[SourceFile, bytes]]) -> None:
    """Write new contents into files: all of them, or none.

    None is written when one cannot be written or has changed since it was read. Each file is
    replaced in one step, with its permissions; a link that was named stays a link.

    Raises:
        OSError: A file cannot be written. No file is changed, unless replacing one failed after
            others were replaced.
        InvalidRequestError: A file has changed.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for file, new in changes:
            real = Path(os.path.realpath(file.path))
            handle, name = tempfile.mkstemp(prefix=f".{real.name}.", suffix=".tmp", dir=real.parent)
            staged.append((Path(name), real))
            with os.fdopen(handle, "wb") as out:
                out.write(new)
            Path(name).chmod(stat.S_IMODE(real.stat().st_mode))
        for file, _ in changes:
            if file.path.read_bytes() != file.raw:
                raise InvalidRequestError(
                    f"{file.path} has changed while the files were read. Nothing was written: "
                    "run it again."
                )
        while staged:
            new_path, real = staged[0]
            new_path.replace(real)
            staged.pop(0)
    finally:
        for new_path, _ in staged:
            with contextlib.suppress(OSError):
                new_path.unlink()
