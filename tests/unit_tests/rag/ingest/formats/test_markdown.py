"""Code in Markdown keeps its lines, and is searched for no headings."""

from pathlib import Path

import pytest

from langchain_localllm.rag import load_file, split_documents

LONG = "    result = library.find(title, with_a_long_argument=True, other=1)"
CODE = f"def answer_the_question(title: str, library: Library) -> str:\n{LONG}\n    return result"


def read(folder: Path, text: str, name: str = "a.md") -> list[tuple[str, str]]:
    (folder / name).write_text(text)
    return [
        (each.metadata.get("heading", ""), each.page_content) for each in load_file(folder / name)
    ]


@pytest.mark.parametrize("name", ["a.md", "a.mdx", "a.qmd", "a.rmd", "README"])
def test_read_markdown_code_between_fences_keeps_its_lines(tmp_path: Path, name: str) -> None:
    text = f"Run this:\n\n```python\n{CODE}\n```\n\nDone."
    assert read(tmp_path, text, name) == [("", text)]


def test_read_markdown_indented_code_keeps_its_lines(tmp_path: Path) -> None:
    indented = "\n".join(f"    {line}" for line in CODE.split("\n"))
    text = f"Run this:\n\n{indented}\n\nDone."
    assert read(tmp_path, text) == [("", text)]


@pytest.mark.parametrize("first", ["- An item.", "1. An item.", "!!! note", "[^1]: A footnote."])
def test_read_markdown_indented_text_of_a_list_is_joined(tmp_path: Path, first: str) -> None:
    text = f"{first}\n\n    The library of the station is open from Monday until\n    Friday."
    assert read(tmp_path, text) == [("", text.replace("until\n    ", "until "))]


def test_read_markdown_code_holds_no_headings(tmp_path: Path) -> None:
    code = "````md\n```sh\n# a comment\n```\nname\n----\n# title\n````"
    assert read(tmp_path, f"# One\n\n{code}\n\nTwo\n---\n\nText.") == [
        ("One", code),
        ("One > Two", "Text."),
    ]


def test_read_markdown_lines_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("One\n===\n\nText.\n\nTwo\n---\n```\nx = 1\n```\n")
    passages = split_documents(load_file(tmp_path / "a.md"))
    assert [each.metadata["line"] for each in passages] == [4, 8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\n\nThe boat.\n\n---\n\nThe key.", [("---\n\nThe boat.\n\n---\n\nThe key.", None)]),
        ("---\n---\nThe boat.\n\n---\nThe key.", [("---\n---\nThe boat.\n\n---\nThe key.", None)]),
        ("---\ntags: [a]\n# why\n- b\n---\nThe boat.", [("The boat.", None)]),
        ("---\ntitle: 'My: boats'\n---\n# My: boats\nBlue.", [("Blue.", "My: boats")]),
        ('+++\ntitle = "Boats"\n+++\n## Price\n14.', [("14.", "Boats > Price")]),
        ("---\ntitle: Boats\n---", [("Boats", None)]),
    ],
)
def test_read_markdown_text_between_rules_is_not_front_matter(
    tmp_path: Path, text: str, expected: list[tuple[str, str | None]]
) -> None:
    (tmp_path / "a.md").write_text(text)
    found = load_file(tmp_path / "a.md")
    assert [(each.page_content, each.metadata.get("heading")) for each in found] == expected


@pytest.mark.parametrize(
    ("line", "heading"),
    [("# C# #", "C#"), ("# Working with C#", "Working with C#"), ("# A ##", "A")],
)
def test_read_markdown_heading_keeps_hashes_of_its_text(
    tmp_path: Path, line: str, heading: str
) -> None:
    (tmp_path / "a.md").write_text(f"{line}\nText.")
    [document] = load_file(tmp_path / "a.md")
    assert document.metadata["heading"] == heading


@pytest.mark.parametrize("heading", ["Home | Docs | Blog", "of seats | price", "Read a | b"])
def test_read_markdown_heading_with_bars_is_one(heading: str, tmp_path: Path) -> None:
    text = f"# {heading}\nStart | Guide | API"
    assert read(tmp_path, text) == [(heading, "Start | Guide | API")]
