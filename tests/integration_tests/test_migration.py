"""docs/migration.md: its new lines import, and the guides' old code runs on real engines when its
imports are changed so."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from langchain_localllm.migrate import migrate_code
from tools.engines import pages

PAGE: Final = (pages.ROOT / "docs/migration.md").read_text(encoding="utf-8")
LINES: Final = re.findall(r"^\| `(from [^`]+)` \| `(from [^`]+)` \|", PAGE, re.MULTILINE)
OLD_CODE: Final = re.findall(r"^:caption: Before\n\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_migration_page_tables_are_read_whole() -> None:
    assert len(LINES) == PAGE.count("\n| `from ")
    assert len(OLD_CODE) == 1


@pytest.mark.parametrize("new", sorted({new for _, new in LINES}))
def test_migration_page_new_line_imports(new: str) -> None:
    exec(new, {})  # noqa: S102 - the page's own line


def test_migration_page_old_code_runs_with_only_its_imports_changed(tmp_path: Path) -> None:
    code = OLD_CODE[0]
    for old, new in LINES:
        code = code.replace(f"{old}\n", f"{new}\n")
    assert set(re.findall(r"^from (\w+)", code, re.MULTILINE)) == {
        "langchain_classic",
        "langchain_core",
        "langchain_localllm",
    }
    with pages.place(tmp_path) as place:
        assert pages.run([code], place)[0].strip(), "the handlers print what the models say"


@pytest.mark.parametrize(("old", "new"), LINES)
def test_migration_page_command_changes_an_old_line_into_the_new_one(old: str, new: str) -> None:
    assert migrate_code(f"{old}\n").code == f"{new}\n"


def test_migration_page_command_makes_code_of_the_old_code_that_runs(tmp_path: Path) -> None:
    done = migrate_code(OLD_CODE[0])
    assert [note.text for note in done.notes if note.by_hand] == []
    with pages.place(tmp_path) as place:
        assert pages.run([done.code], place)[0].strip(), "the handlers print what the models say"


def test_migration_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    part = PAGE.partition("## Let the command do it\n")[2].partition("\n## ")[0]
    found = re.search(
        r"^:caption: app\.py\n\n(.*?)^```.*?^```diff\n(.*?)^```.*?^```text\n(.*?)^```",
        part,
        re.MULTILINE | re.DOTALL,
    )
    assert found
    (tmp_path / "app.py").write_text(found[1], encoding="utf-8")
    command = [sys.executable, "-m", "langchain_localllm.cli", "migrate", "app.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == (found[2], found[3])
