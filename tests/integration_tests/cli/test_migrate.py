"""`localllm migrate`."""

import json
from pathlib import Path

import pytest

from tests.integration_tests.cli.command import check_fault, in_process, localllm, stdout_of

OLD = "from langchain.llms import Ollama\nllm = Ollama(f16_kv=True)\nask(llm)\n"
NEW = "from langchain_localllm.llms import Ollama\nllm = Ollama()\nask(llm)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(OLD, encoding="utf-8")
    return tmp_path


def test_migrate_dry_run_prints_a_diff_and_changes_nothing(project: Path) -> None:
    done = localllm("migrate", ".")
    assert done.returncode == 0
    assert done.stdout.startswith("--- a/app.py\n+++ b/app.py\n@@ ")
    assert done.stderr.splitlines() == [
        (
            "localllm: app.py:2: `f16_kv` of Ollama is removed: Ollama removed it and chooses the "
            "value."
        ),
        "localllm: Files read: 1. To change: 1. Places to change by hand: 0.",
        "localllm: The new code needs: pip install langchain-localllm",
        "localllm: Nothing was written. Add --write to change the files.",
    ]
    assert (project / "app.py").read_text(encoding="utf-8") == OLD


def test_migrate_write_changes_the_files_once(project: Path) -> None:
    assert stdout_of(in_process("migrate", ".", "--write")) == "changed app.py\n"
    assert (project / "app.py").read_text(encoding="utf-8") == NEW
    again = in_process("migrate", ".", "--write")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "localllm: Files read: 1. Changed: 0. Places to change by hand: 0.\n"


def test_migrate_file_that_is_not_python_is_named_and_the_exit_code_is_1(project: Path) -> None:
    (project / "bad.py").write_text("import langchain\nprint 'x'\n", encoding="utf-8")
    done = in_process("migrate", ".", "--write")
    assert done.returncode == 1
    assert done.stdout == "changed app.py\n"
    assert (
        "localllm: bad.py is skipped: Line 2 is not valid Python: Missing parentheses"
        in done.stderr
    )


def test_migrate_json_has_changes_notes_and_skipped_files(project: Path) -> None:
    (project / "bad.py").write_text("langchain(", encoding="utf-8")
    done = in_process("migrate", ".", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [change["path"] for change in found["changes"]] == ["app.py"]
    assert [(note["path"], note["line"], note["by_hand"]) for note in found["notes"]] == [
        ("app.py", 2, False)
    ]
    assert [skipped["path"] for skipped in found["skipped"]] == ["bad.py"]
    assert (found["written"], found["files"], found["install"]) == (
        False,
        2,
        "pip install langchain-localllm",
    )


def test_migrate_path_that_does_not_exist_and_no_path(project: Path) -> None:
    check_fault(in_process("migrate", project / "nothing"), 1, "There is no file or folder")
    check_fault(in_process("migrate"), 2, "PATH")
