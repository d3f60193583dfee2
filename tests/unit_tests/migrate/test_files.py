"""Which files are read, in which encoding, and that they are written whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.errors import DocumentError, InvalidRequestError
from langchain_localllm.migrate import files
from langchain_localllm.migrate.files import find_files, read_file, write_files


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")


def ignore(_path: Path, _reason: str) -> None:
    """Do nothing with what cannot be opened."""


def found(folder: Path) -> list[str]:
    skipped: dict[Path, str] = {}
    names = [
        path.relative_to(folder).as_posix() for path in find_files(folder, skipped.__setitem__)
    ]
    assert not skipped
    return names


def test_find_files_leaves_out_environments_hidden_and_ignored_files(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.ipynb", "c.pyi", "d.txt", "requirements.txt", "deep/er/e.py")
    put(tmp_path, ".venv/x.py", ".git/x.py", ".hidden.py", "node_modules/x.py", "__pycache__/x.py")
    put(
        tmp_path,
        "env/pyvenv.cfg",
        "env/x.py",
        "lib/site-packages/x.py",
        "build/x.py",
        "old/x.py",
        "old/kept.py",
    )
    (tmp_path / ".gitignore").write_text("build/\n", encoding="utf-8")
    (tmp_path / "old/.gitignore").write_text("*\n!kept.py\n", encoding="utf-8")
    assert found(tmp_path) == [
        "a.py",
        "b.ipynb",
        "c.pyi",
        "requirements.txt",
        "deep/er/e.py",
        "old/kept.py",
    ]


def test_find_files_follows_no_link_in_a_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    put(inside, "a.py")
    put(tmp_path, "outside/b.py")
    (inside / "link.py").symlink_to(tmp_path / "outside/b.py")
    (inside / "folder").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to(inside)
    assert found(inside) == ["a.py"]
    (tmp_path / "named").symlink_to(inside)
    assert found(tmp_path / "named") == ["a.py"]


def test_find_files_takes_a_named_file_and_refuses_a_missing_one(tmp_path: Path) -> None:
    put(tmp_path, ".hidden.py")
    assert list(find_files(tmp_path / ".hidden.py", ignore)) == [tmp_path / ".hidden.py"]
    with pytest.raises(DocumentError, match="There is no file or folder"):
        list(find_files(tmp_path / "nothing", ignore))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"x = 1\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xfc'\n", "# -*- coding: latin-1 -*-\nx = 'ü'\n"),
        ("# coding: cp1252\nx = '€'\n".encode("cp1252"), "# coding: cp1252\nx = '€'\n"),
        (b"", ""),
        (b"x = 1\ry = 2\r\n\x0c\nz = 3", "x = 1\ry = 2\r\n\x0c\nz = 3"),
    ],
)
def test_read_file_gives_a_text_that_is_written_as_it_was(
    tmp_path: Path, raw: bytes, text: str
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    file = read_file(path)
    assert file.text == text
    assert file.encoded(file.text) == raw


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"# coding: no-such\n", b"x = '\xfc'\n"])
def test_read_file_refuses_what_is_not_text(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    with pytest.raises(InvalidRequestError, match="It is not text in its encoding"):
        read_file(path)


def test_read_file_refuses_pipes_and_large_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.py")
    with pytest.raises(InvalidRequestError, match="It is not a file"):
        read_file(tmp_path / "a.py")
    put(tmp_path, "b.py")
    monkeypatch.setattr(files, "_LARGEST", -1)
    with pytest.raises(InvalidRequestError, match="It is larger than"):
        read_file(tmp_path / "b.py")


def test_write_files_keeps_permissions_and_links(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    (tmp_path / "a.py").chmod(0o755)
    (tmp_path / "link.py").symlink_to("a.py")
    write_files([(read_file(tmp_path / "link.py"), b"new")])
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "a.py").read_bytes() == b"new"
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "link.py"]


def test_write_files_writes_nothing_when_a_file_has_changed(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py")
    read = [read_file(tmp_path / name) for name in ("a.py", "b.py")]
    (tmp_path / "b.py").write_bytes(b"edited meanwhile")
    with pytest.raises(
        InvalidRequestError,
        match=r"b.py has changed while the files were read. Nothing was written",
    ):
        write_files([(file, b"new") for file in read])
    assert (tmp_path / "a.py").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py"]


def test_write_files_writes_nothing_when_a_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.py", "full/b.py")
    make = tempfile.mkstemp

    def mkstemp(**settings: Any) -> Any:
        if Path(settings["dir"]).name == "full":
            raise OSError(28, "No space left on device", "full")
        return make(**settings)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    with pytest.raises(OSError, match="No space left"):
        write_files([(read_file(tmp_path / name), b"new") for name in ("a.py", "full/b.py")])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.py"]
    assert (tmp_path / "a.py").read_bytes() == b""
