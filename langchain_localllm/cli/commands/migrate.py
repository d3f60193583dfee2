"""`localllm migrate`: change a project's imports of other packages to this one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.migrate import Migration


def migrate(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Python files, notebooks, and folders with them."),
    ],
    *,
    write: Annotated[
        bool,
        typer.Option("--write", "-w", help="Change the files. Default: only print the changes."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Change code for langchain_community, langchain_ollama and old LangChain to this package.

    It prints the changes as a diff, and on stderr what was taken out and why, and what you have to
    do by hand. Comments and formatting stay. In folders, hidden files, virtual environments and
    what a .gitignore names are left out. The exit code is 1 if a file could not be read; the others
    are changed all the same.
    """
    from langchain_localllm.migrate import migrate as migrate_files

    done = migrate_files(paths, write=write)
    if as_json:
        print_json(_described(done, written=write))
    else:
        _print(done, written=write)
    return 1 if done.skipped else 0


def _print(done: "Migration", *, written: bool) -> None:
    for change in done.changes:
        print(f"changed {change.path}" if written else change.diff, end="\n" if written else "")
    for note in done.notes:
        print_stderr(str(note))
    for path, reason in done.skipped.items():
        print_stderr(f"{path} is skipped: {reason}")
    by_hand = sum(note.by_hand for note in done.notes)
    changed = "Changed" if written else "To change"
    print_stderr(
        f"Files read: {done.file_count}. {changed}: {len(done.changes)}. Places to change by "
        f"hand: {by_hand}."
    )
    if done.install:
        print_stderr(f"The new code needs: {done.install}")
    if done.changes and not written:
        print_stderr("Nothing was written. Add --write to change the files.")


def _described(done: "Migration", *, written: bool) -> dict[str, object]:
    return {
        "written": written,
        "files": done.file_count,
        "changes": [{"path": str(change.path), "diff": change.diff} for change in done.changes],
        "notes": [
            {
                "path": str(note.path),
                "cell": note.cell,
                "line": note.line,
                "by_hand": note.by_hand,
                "text": note.text,
            }
            for note in done.notes
        ],
        "skipped": [{"path": str(path), "reason": reason} for path, reason in done.skipped.items()],
        "install": done.install,
    }
