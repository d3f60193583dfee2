"""Migrate the files of a project."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.migrate.code import MigratedCode, migrate_code
from langchain_localllm.migrate.dependencies import FILES as DEPENDENCIES
from langchain_localllm.migrate.dependencies import install_command, requirement_notes
from langchain_localllm.migrate.files import CODE, SourceFile, find_files, read_file, write_files
from langchain_localllm.migrate.notebook import migrate_notebook
from langchain_localllm.migrate.notes import Note


@dataclass(frozen=True)
class FileChange:
    """A file that the migration changes: its path, and its text before and after."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff, which `git apply` and `patch -p1` read."""
        name = self.path.as_posix().lstrip("/")
        lines = difflib.unified_diff(
            _lines(self.before), _lines(self.after), f"a/{name}", f"b/{name}"
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )


@dataclass(frozen=True)
class Migration:
    """What a migration changes in some files, or has changed.

    Attributes:
        changes: The files that change.
        notes: What is changed and why, and what a person has to do, by file and line.
        skipped: Files and folders that cannot be read, or are not valid Python, and why. They stay
            as they are.
        file_count: How many files were looked at.
        needs: Our classes that the new code uses, and other packages that its imports need.
    """

    changes: tuple[FileChange, ...]
    notes: tuple[Note, ...]
    skipped: dict[Path, str]
    file_count: int
    needs: frozenset[str]

    @property
    def install(self) -> str:
        """The command that installs what the new code needs; empty if it needs nothing."""
        return install_command(self.needs) if self.needs else ""


def migrate(paths: Iterable[str | Path] | str | Path, *, write: bool = False) -> Migration:
    r"""Rewrite Python files and notebooks with other packages' local models to use this one's.

    See `migrate_code` for what is changed. Lists of packages, such as `requirements.txt`, are read
    and not changed: notes say what to do. Nothing is sent anywhere, and no code runs.

    Args:
        paths: Files and folders. In folders, hidden files, virtual environments, `node_modules` and
            what a `.gitignore` names are left out, and links are not followed.
        write: Whether the files are changed: all of them, or none if one cannot be written.
            Default: they stay as they are.

    Returns:
        The changes, and notes on what a person has to do.

    Raises:
        DocumentError: A path does not exist.
        InvalidRequestError: A file has changed while the files were read; nothing was written.
        MissingDependencyError: The extra `migrate` is not installed.
        OSError: A file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "app.py")
        ...     _ = file.write_text("from langchain_community.llms import Ollama\n")
        ...     done = migrate(folder, write=True)
        ...     file.read_text()
        'from langchain_localllm.llms import Ollama\n'
        >>> done.install
        'pip install langchain-localllm'
    """
    skipped: dict[Path, str] = {}
    wanted = [paths] if isinstance(paths, str | Path) else paths
    files = {
        file: None for path in map(Path, wanted) for file in find_files(path, skipped.__setitem__)
    }
    changes: list[tuple[SourceFile, bytes]] = []
    results: list[FileChange] = []
    notes: list[Note] = []
    needs: set[str] = set()
    for path in files:
        try:
            file = read_file(path)
            done = _migrated(file)
            new = file.encoded(done.code)
        except OSError as error:
            skipped[path] = f"it cannot be read ({error.strerror})"
        except (InvalidRequestError, UnicodeEncodeError) as error:
            skipped[path] = str(error)
        else:
            notes += [replace(note, path=path) for note in done.notes]
            needs |= done.needs
            if new != file.raw:
                changes.append((file, new))
                results.append(FileChange(path, file.text, done.code))
    if write:
        write_files(changes)
    return Migration(tuple(results), tuple(notes), skipped, len(files), frozenset(needs))


def _migrated(file: SourceFile) -> MigratedCode:
    if DEPENDENCIES.fullmatch(file.path.name):
        return MigratedCode(file.text, tuple(requirement_notes(file.text)))
    if file.path.suffix not in CODE:
        raise InvalidRequestError(
            "It is neither a Python file nor a notebook nor a list of packages."
        )
    return migrate_notebook(file.text) if file.path.suffix == ".ipynb" else migrate_code(file.text)


def _lines(text: str) -> list[str]:
    """Return the lines of a text, as git counts them: they end at a line feed and nowhere else."""
    return [line + "\n" for line in text.split("\n")[:-1]] + (
        [text.rpartition("\n")[2]] if not text.endswith("\n") and text else []
    )
