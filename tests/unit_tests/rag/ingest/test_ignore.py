"""Files that are left out: `.gitignore` files as git reads them, patterns that are given, and
folders of programs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.rag import find_files
from langchain_localllm.rag.ingest.ignore import IgnoreRules

FILES = [
    *(
        "a.log",
        "keep.log",
        "a/d.txt",
        "a/b/c.log",
        "a/b/keep.log",
        "build/d.txt",
        "build/x/d.txt",
        "x y/z.md",
        "doc/build/a.txt",
    ),
    *(
        "doc/é.md",
        "out/keep.txt",
        "out/other.txt",
        "tmp/a.txt",
        "#a.txt",
        "!a.txt",
        "b/c/d/e.txt",
        "end ",
        "foo.txt",
    ),
]
RULES: dict[str, list[str]] = {
    "": [
        "# a comment",
        "*.log",
        "!keep.log",
        "/build/",
        "x\\ y",
        "out/**",
        "!out/keep.txt",
        "\\#a.txt",
        "\\!a.txt",
        "end\\ ",
        "!",
    ],
    "a": ["!c.log", "/d.txt"],
    "a/b": ["keep.log", "!*/"],
    "doc": ["é*", "!build/", "*", "!*/", "!a.txt"],
    "b": ["c/**/f.txt"],
    "tmp": ["/*", "!.gitignore", "[f-h]oo.t?t"],
}


def write(folder: Path, files: list[str], rules: dict[str, list[str]]) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    for name, lines in rules.items():
        (folder / name / ".gitignore").write_text("\n".join(lines), encoding="utf-8")


def found(folder: Path, *exclude: str, gitignore: bool = True) -> set[str]:
    return {
        file.relative_to(folder).as_posix()
        for file in find_files([folder], exclude=exclude, gitignore=gitignore)
    }


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("root", ["", "a", "a/b", "doc", "doc/build", "b", "build/x"])
def test_find_files_gitignore_is_read_as_git_reads_it(tmp_path: Path, root: str) -> None:
    write(tmp_path, FILES, RULES)
    git = [shutil.which("git") or "git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "-o", "--exclude-standard"], check=True, capture_output=True
    ).stdout.decode()
    inside = tmp_path / root
    expected = {
        name
        for name in listed.split("\0")
        if name and (tmp_path / name).is_relative_to(inside) and ".gitignore" not in name
    }
    if root == "build/x":  # it is ignored, and it was named, so its files are wanted
        expected = {"build/x/d.txt"}
    assert expected
    assert {file.relative_to(tmp_path).as_posix() for file in find_files([inside])} == expected


def test_find_files_given_patterns_win_and_programs_folders_are_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        ["a.txt", "b.log", "c/d.log", "c/e.txt", "node_modules/f.js", "__pycache__/g.txt"],
        {"": ["*.log", "c/e.txt"]},
    )
    assert found(tmp_path) == {"a.txt"}  # without a repository too
    assert found(tmp_path, gitignore=False) == {"a.txt", "b.log", "c/d.log", "c/e.txt"}
    assert found(tmp_path, "a.*", "!d.log", "!node_modules/") == {"c/d.log", "node_modules/f.js"}
    # what is in a folder that is left out stays out
    assert found(tmp_path, "/c/", "!c/d.log") == {"a.txt"}
    assert find_files([tmp_path / "b.log", tmp_path / "node_modules"]) == [
        tmp_path / "b.log",
        tmp_path / "node_modules" / "f.js",
    ]
    with pytest.raises(InvalidOptionError, match=r"written as in \.gitignore"):
        find_files([tmp_path], exclude=["!"])


def test_ignore_rules_of_any_bytes(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbf*.log\r\nGr\xfc\xdfe.txt\n\xff[\n")
    rules = IgnoreRules(tmp_path)
    assert rules.excludes(tmp_path / "a.log")
    assert rules.excludes(tmp_path / "Gr\udcfc\udcdfe.txt")
    assert not rules.excludes(tmp_path / "Grüße.txt")
    (tmp_path / "sub" / ".gitignore").mkdir(parents=True)  # a folder of that name is no rule
    assert not IgnoreRules(tmp_path / "sub").excludes(tmp_path / "sub" / "a.txt")
