"""Word documents, tables, JSON, notebooks and source code; lines; and texts too large to be read at
once."""

import json
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag import load_file, split_documents
from langchain_localllm.rag.ingest.load import iterate_file
from langchain_localllm.rag.ingest.split import iterate_passages


def load(folder: Path, name: str, content: str | bytes) -> list[tuple[str, dict[str, object]]]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [
        (each.page_content, {k: v for k, v in each.metadata.items() if k != "source"})
        for each in load_file(file)
    ]


def test_load_file_word_document_has_headings_lists_and_tables(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Boats", 1)
    document.add_paragraph("The rowing boat is blue.")
    document.add_heading("Prices", 2)
    document.add_paragraph("Pay first.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, values in zip(table.rows, [("boat", "price"), ("Heron", "14")], strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    out = BytesIO()
    document.save(out)
    assert load(tmp_path, "a.docx", out.getvalue()) == [
        ("The rowing boat is blue.", {"heading": "Boats"}),
        ("- Pay first.\n\nboat | price\nHeron | 14", {"heading": "Boats > Prices"}),
    ]


def test_load_file_word_headings_are_found_by_outline_level_and_by_the_style_they_are_based_on(
    tmp_path: Path,
) -> None:
    document = docx.Document()
    for name, base in (("Chapter", "Heading 1"), ("Steps", "List Bullet"), ("Part", "Normal")):
        document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = document.styles[base]
    set_outline_level(document.styles["Part"].element.get_or_add_pPr(), 1)
    for text, style in (
        ("Contents", "TOC Heading"),
        ("Boats", "Chapter"),
        ("Prices", "Part"),
        ("Pay first.", "Steps"),
    ):
        document.add_paragraph(text, style=style)
    set_outline_level(document.add_paragraph("Refunds")._p.get_or_add_pPr(), 2)
    document.add_paragraph("None.")
    out = BytesIO()
    document.save(out)
    assert load(tmp_path, "a.docx", out.getvalue()) == [
        ("Contents", {}),
        ("- Pay first.", {"heading": "Boats > Prices"}),
        ("None.", {"heading": "Boats > Prices > Refunds"}),
    ]


def test_load_file_word_raised_numbers_stay_raised(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("10")
    for text, is_raised in (("6", True), (" people, the 1", False), ("st", True), (" time", False)):
        paragraph.add_run(text).font.superscript = is_raised or None
    out = BytesIO()
    document.save(out)
    assert load(tmp_path, "a.docx", out.getvalue()) == [("10⁶ people, the 1st time", {})]


def test_load_file_notebook_heading_without_a_text_is_that_of_the_code_below(
    tmp_path: Path,
) -> None:
    cells = [
        {"cell_type": kind, "source": source}
        for kind, source in [
            ("markdown", "# Train\nAs usual."),
            ("markdown", "## Evaluate"),
            ("code", "model.evaluate()"),
        ]
    ]
    found = load(tmp_path, "a.ipynb", json.dumps({"cells": cells, "metadata": {}}))
    assert found[-1][0] == "model.evaluate()"
    assert found[-1][1]["heading"] == "Evaluate"


def test_load_file_word_styles_that_are_based_on_each_other_are_read(tmp_path: Path) -> None:
    document = docx.Document()
    one, other = (
        document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH) for name in ("One", "Other")
    )
    one.base_style, other.base_style = other, one
    document.add_paragraph("The boat is blue.", style="One")
    out = BytesIO()
    document.save(out)
    assert load(tmp_path, "a.docx", out.getvalue()) == [("The boat is blue.", {})]


def set_outline_level(properties: Any, level: int) -> None:
    element = OxmlElement("w:outlineLvl")
    element.set(qn("w:val"), str(level))
    properties.append(element)


def test_load_file_csv_row_is_a_passage_with_its_line(tmp_path: Path) -> None:
    table = 'boat;price;note\nHeron;14;"blue;\nold"\n\nTern;9;\n'
    rows = load(tmp_path, "a.csv", table)
    assert [text for text, _ in rows] == [
        "boat: Heron; price: 14; note: blue;\nold",
        "boat: Tern; price: 9",
    ]
    chunks = split_documents(load_file(tmp_path / "a.csv"))
    assert [chunk.metadata["line"] for chunk in chunks] == [2, 5]


def test_load_file_json_is_written_as_words(tmp_path: Path) -> None:
    people = [{"name": "Ann", "age": 40}, {"name": "Bo", "pets": [{"kind": "cat"}], "none": None}]
    assert load(tmp_path, "a.json", json.dumps({"people": people, "place": "hill"})) == [
        ("1.name: Ann; 1.age: 40; 2.name: Bo; 2.pets.1.kind: cat", {"heading": "people"}),
        ("hill", {"heading": "place"}),
    ]
    assert [text for text, _ in load(tmp_path, "a.jsonl", "\n".join(map(json.dumps, people)))] == [
        "name: Ann; age: 40",
        "name: Bo; pets.1.kind: cat",
    ]


def test_load_file_notebook_is_read_cell_by_cell(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Boats\n", "They are blue."]},
        {"cell_type": "code", "source": "print('blue')", "outputs": [{"text": "secret"}]},
    ]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}}
    assert load(tmp_path, "a.ipynb", json.dumps(notebook)) == [
        ("They are blue.", {"heading": "Boats", "cell": 1}),
        ("print('blue')", {"heading": "Boats", "cell": 2, "language": "python"}),
    ]


def test_load_file_source_code_is_cut_at_its_own_joints(tmp_path: Path) -> None:
    code = "".join(
        f"def f{number}():\n    value = {number}\n\n    return value\n\n\n" for number in range(4)
    )
    (tmp_path / "a.py").write_text(code)
    chunks = split_documents(load_file(tmp_path / "a.py"), chunk_size=60)
    assert [chunk.page_content.split("(")[0] for chunk in chunks] == [
        "def f0",
        "def f1",
        "def f2",
        "def f3",
    ]
    assert [chunk.metadata["line"] for chunk in chunks] == [1, 7, 13, 19]


def test_load_file_lines_of_markdown_and_wrapped_text_are_those_of_the_file(tmp_path: Path) -> None:
    markdown = (
        "---\ntitle: x\n---\n# Boats\n\nA day costs 14.\n\nSafety\n------\n\nBe careful\nhere.\n"
    )
    (tmp_path / "a.md").write_text(markdown)
    chunks = split_documents(load_file(tmp_path / "a.md"))
    assert [(chunk.page_content, chunk.metadata["line"]) for chunk in chunks] == [
        ("A day costs 14.", 6),
        ("Be careful\nhere.", 11),
    ]
    wrapped = (
        "The library of the station is open from Monday until\nFriday. It is warm.\n\n\nThe key "
        "is red."
    )
    (tmp_path / "a.txt").write_text(wrapped)
    chunks = split_documents(load_file(tmp_path / "a.txt"), chunk_size=65)
    assert [(chunk.page_content.split()[0], chunk.metadata["line"]) for chunk in chunks] == [
        ("The", 1),
        ("It", 2),
        ("The", 5),
    ]


def bomb() -> bytes:
    out = BytesIO()
    with (
        ZipFile(out, "w", ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(600):
            part.write(b" " * 1_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.docx", b"no zip", "not a .docx file"),
        ("a.docx", b"PK\x03\x04 broken", "not a .docx file"),
        ("a.docx", bomb(), "far larger unpacked"),
        ("a.json", b'{"a": ', "it is not valid JSON"),
        ("a.json", b"[" * 100_000, "it is not valid JSON"),
        ("a.jsonl", b'{"a": \n{"a": 1}', "line 1 is not valid JSON"),
        ("a.ipynb", b"{}", "not a Jupyter notebook"),
        ("a.csv", b"\0\1\2" * 2000, "binary"),
    ],
)
def test_load_file_broken_files_say_why(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(DocumentError, match=reason):
        load(tmp_path, name, content)


@pytest.mark.parametrize("ending", ["txt", "md", "py"])
def test_load_file_large_text_is_read_in_pieces_and_memory_stays_flat(
    tmp_path: Path, ending: str
) -> None:
    line = "Sentence number {} of a long text tells nothing that matters to anybody who reads it.\n"
    file = tmp_path / f"large.{ending}"
    lines = 400_000
    with file.open("w") as out:
        out.writelines(line.format(number) for number in range(lines))
    assert file.stat().st_size > 30_000_000
    tracemalloc.start()
    held = sum(len(document.page_content) for document in iterate_file(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held > 0.98 * file.stat().st_size
    assert peak < 40_000_000 / 3


def test_load_file_large_text_keeps_its_lines_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_localllm.rag.ingest.load._LARGE", 1000)
    monkeypatch.setattr("langchain_localllm.rag.ingest.load._PIECE", 500)
    (tmp_path / "a.txt").write_text(
        "".join(f"Line {number} is short.\n" for number in range(1, 301)), encoding="utf-16"
    )
    chunks = list(iterate_passages(iterate_file(tmp_path / "a.txt"), 100, 0))
    assert "".join(chunk.page_content for chunk in chunks).count("Line") == 300
    assert all(chunk.page_content.startswith(f"Line {chunk.metadata['line']} ") for chunk in chunks)


def test_split_documents_rst_title_stays_with_what_is_below_it(tmp_path: Path) -> None:
    text = "The boat is blue. " * 16
    (tmp_path / "a.rst").write_text(f"Install\n=======\n\n{text}\n\nUsage\n=====\n\n{text}\n")
    chunks = [chunk.page_content for chunk in split_documents(load_file(tmp_path / "a.rst"))]
    assert not any(chunk.endswith("Usage") for chunk in chunks)
    assert any(chunk.startswith("Usage\n=====") for chunk in chunks)


FIRST = (
    "本公司的船只全部停放在北边的码头\uff0c租船的客人请先到管理处登记\uff0c"
    "然后凭登记表领取钥匙\uff0c并在日落之前归还。"
)
SECOND = "第二句说明价格和时间。"


def test_read_text_lines_of_a_chinese_paragraph_are_joined_without_spaces(tmp_path: Path) -> None:
    cut = 39
    (tmp_path / "a.txt").write_text(
        f"价格\n{FIRST[:cut]}\n{FIRST[cut:]}{SECOND}\n第三章 钥匙\n短句"
    )
    [document] = load_file(tmp_path / "a.txt")
    assert document.page_content == f"价格\n{FIRST}{SECOND}\n第三章 钥匙\n短句"


def test_read_text_chinese_paragraphs_of_a_line_each_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{FIRST}\n{FIRST}")
    [document] = load_file(tmp_path / "a.txt")
    assert document.page_content == f"{FIRST}\n{FIRST}"


LONG = "本公司的船只全部停放在北边的码头租船的客人请先到管理处登记并在日落之前归还船只"


@pytest.mark.parametrize(
    ("line", "following"),
    [
        (f"“{LONG}。”", "“那我们走吧"),
        (f"{LONG}\uff1b", "乙方应当支付全部价款"),
        (f"地址\uff1a{LONG}", "电话\uff1a12345"),
        (f"{LONG}…", "次の日"),
        (LONG, "第二条 价款"),
    ],
)
def test_read_text_chinese_and_japanese_lines_of_their_own_stay(
    line: str, following: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(f"{line}\n{following}")
    assert load_file(tmp_path / "a.txt")[0].page_content == f"{line}\n{following}"


@pytest.mark.parametrize("following", ["(2019) and later confirmed", "(12) and find"])
def test_read_text_line_that_begins_with_parentheses_is_joined(
    following: str, tmp_path: Path
) -> None:
    line = "The method that was described for small boats by Smith and Jones"
    (tmp_path / "a.txt").write_text(f"{line}\n{following}")
    assert load_file(tmp_path / "a.txt")[0].page_content == f"{line} {following}"
