"""Which files a list of paths names."""

import os
from pathlib import Path
from typing import Self

import pytest

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag import find_files


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text")
    return path


def test_find_files_folders_are_read_in_order_and_hidden_files_are_skipped(tmp_path: Path) -> None:
    for name in ["b.txt", "a.txt", "c/d.txt", ".git/config", ".hidden"]:
        write(tmp_path / name)
    assert [file.relative_to(tmp_path).as_posix() for file in find_files([tmp_path])] == [
        "a.txt",
        "b.txt",
        "c/d.txt",
    ]


def test_find_files_hidden_file_that_is_named_is_included(tmp_path: Path) -> None:
    hidden = write(tmp_path / ".hidden")
    assert find_files([hidden]) == [hidden]


def test_find_files_symbolic_link_back_to_its_folder_ends(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.txt")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert find_files([tmp_path]) == [tmp_path / "sub" / "a.txt"]


def test_find_files_each_file_comes_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt")
    (tmp_path / "link.txt").symlink_to(file)
    assert find_files([file, tmp_path, str(file)]) == [file]


def test_find_files_linked_folder_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.txt")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert find_files([tmp_path / "notes"]) == [tmp_path / "notes" / "link" / "a.txt"]


def test_find_files_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"There is no file or folder .*nowhere\."):
        find_files([tmp_path / "nowhere"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_find_files_folder_without_permission_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "locked" / "b.txt")
    (tmp_path / "locked").chmod(0)
    faults: list[DocumentError] = []
    try:
        assert find_files([tmp_path], faults.append) == [tmp_path / "a.txt"]
        assert "locked: the folder cannot be opened" in str(faults[0])
        with pytest.raises(DocumentError, match="locked"):
            find_files([tmp_path])
    finally:
        (tmp_path / "locked").chmod(0o755)


def test_find_files_in_a_thousand_folders_within_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        for _ in range(1000):
            Path("d").mkdir()
            os.chdir("d")
        Path("deep.txt").write_text("deep")
        patch.chdir(tmp_path)
        found = find_files([tmp_path])
        assert [file.name for file in found] == ["deep.txt"]
        assert len(found[0].relative_to(tmp_path).parts) == 1001
    # shutil.rmtree, with which pytest cleans up, calls itself for each level
    for folder in found[0].parents:
        if folder == tmp_path:
            break
        for file in folder.glob("*.txt"):
            file.unlink()
        folder.rmdir()


def test_find_files_folder_that_fails_while_it_is_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.txt").write_text("one")
    (tmp_path / "two.txt").write_text("two")

    class Failing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def __iter__(self) -> Self:
            return self

        def __next__(self) -> object:
            raise OSError(5, "Input/output error")

    scandir = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: Failing() if Path(path).name == "a" else scandir(path)
    )
    problems: list[str] = []
    assert find_files([tmp_path], lambda error: problems.append(str(error))) == [
        tmp_path / "two.txt"
    ]
    assert problems == [f"{tmp_path / 'a'}: the folder cannot be opened (Input/output error)."]
