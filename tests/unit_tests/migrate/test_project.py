"""A project is migrated file by file; a file that cannot be read keeps none of the others from
it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from langchain_localllm.migrate import migrate
from tests.unit_tests.migrate.shapes import SHAPES

OLD = "from langchain_community.llms import Ollama\n"
NEW = "from langchain_localllm.llms import Ollama\n"


def test_migrate_writes_only_with_write(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text(OLD, encoding="utf-8")
    assert [change.path for change in migrate(tmp_path).changes] == [path]
    assert path.read_text(encoding="utf-8") == OLD
    assert [change.after for change in migrate([tmp_path, path], write=True).changes] == [NEW]
    assert path.read_text(encoding="utf-8") == NEW
    assert migrate(tmp_path).changes == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbffrom langchain.llms import Ollama\r\n\r\nx = '\xc3\xbc'",
        b"# coding: latin-1\nfrom langchain.llms import Ollama\nx = '\xfc'\n",
        b"from langchain.llms import Ollama\r",
    ],
)
def test_migrate_keeps_encodings_and_line_ends(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.py").write_bytes(raw)
    done = migrate(tmp_path, write=True)
    assert done.skipped == {}
    assert (tmp_path / "a.py").read_bytes() == raw.replace(
        b"langchain.llms", b"langchain_localllm.llms"
    )


def test_migrate_names_what_it_skips_and_changes_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(OLD, encoding="utf-8")
    (tmp_path / "bad.py").write_text("import langchain\nprint 'x'\n", encoding="utf-8")
    (tmp_path / "binary.py").write_bytes(b"langchain \xff\xfe")
    (tmp_path / "bad.ipynb").write_text("langchain", encoding="utf-8")
    (tmp_path / "notes.md").write_text(OLD, encoding="utf-8")
    done = migrate([tmp_path, tmp_path / "notes.md"], write=True)
    assert {path.name: reason.partition(":")[0] for path, reason in done.skipped.items()} == {
        "bad.py": "Line 2 is not valid Python",
        "binary.py": "It is not text in its encoding",
        "bad.ipynb": "This is not a notebook",
        "notes.md": "It is neither a Python file nor a notebook nor a list of packages.",
    }
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == NEW
    assert done.file_count == 5


def test_migrate_notes_lists_of_packages_and_leaves_them(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("langchain-ollama\n", encoding="utf-8")
    done = migrate(tmp_path, write=True)
    assert [(note.path, note.line, note.by_hand) for note in done.notes] == [(path, 1, True)]
    assert path.read_text(encoding="utf-8") == "langchain-ollama\n"
    assert done.install == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""], ids=["unix", "windows", "no end"])
def test_diffs_are_patches_that_git_applies(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for shape in SHAPES:
        text = shape.before.replace("\n", ending) if ending else shape.before.rstrip("\n")
        Path(f"{shape.name}.py").write_bytes(text.encode())
    done = migrate(".")
    git = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    patch = "".join(change.diff for change in done.changes).encode()
    subprocess.run(git, input=patch, check=True)
    for change in done.changes:
        assert change.path.read_bytes() == change.after.encode()
