"""Every format, encodings, and files that cannot be read."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfWriter

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag import load_documents, load_file


def load_bytes(folder: Path, name: str, data: bytes) -> list[tuple[str, dict[str, object]]]:
    file = folder / name
    file.write_bytes(data)
    return [(document.page_content, document.metadata) for document in load_file(file)]


def test_load_file_text_keeps_its_source(tmp_path: Path) -> None:
    assert load_bytes(tmp_path, "a.txt", b"The key is red.\n") == [
        ("The key is red.", {"source": str(tmp_path / "a.txt")})
    ]


def test_load_file_wrapped_lines_become_one_paragraph_and_short_lines_stay(tmp_path: Path) -> None:
    wrapped = (
        b"The boat leaves from the old jetty behind the station at half past six.\r\nIt waits for "
        b"nobody.\r\n\r\nRed\r\nBlue"
    )
    [(text, _)] = load_bytes(tmp_path, "a.txt", wrapped)
    assert text == (
        "The boat leaves from the old jetty behind the station at half past six. It waits for "
        "nobody.\n\nRed\nBlue"
    )


def test_load_file_heading_as_long_as_a_text_is_also_read_as_a_text(tmp_path: Path) -> None:
    heading = "Everything about boats, " * 20 + "and oars."
    markdown = f"# {heading}\n\n## Prices\n\nA day costs 14.\n\n## Days\n\nFriday.\n"
    found = load_bytes(tmp_path, "a.md", markdown.encode())
    assert [text for text, _ in found] == [f"{heading} > Prices", "A day costs 14.", "Friday."]
    assert [meta.get("heading") for _, meta in found] == [
        None,
        *("\u2026" + f"{heading} > {own}"[-300:] for own in ("Prices", "Days")),
    ]


def test_load_file_markdown_sections_carry_their_headings(tmp_path: Path) -> None:
    markdown = (
        b"---\ntitle: x\n---\nIntro.\n\n# Boats #\n\n## Prices\n\nA day costs 14.\n\n"
        b"```\n# no heading\n```\n\nSafety\n---\nBe careful.\n"
    )
    assert [
        (text, meta.get("heading")) for text, meta in load_bytes(tmp_path, "a.md", markdown)
    ] == [
        ("Intro.", "x"),
        ("A day costs 14.\n\n```\n# no heading\n```", "x > Boats > Prices"),
        ("Be careful.", "x > Boats > Safety"),
    ]


def test_load_file_markdown_lists_and_tables_keep_their_lines(tmp_path: Path) -> None:
    table = (
        "| Boat | A price that is long enough to look like a wrapped line |\n|---|---|\n| Heron | "
        "14 |\n- one\n- two"
    )
    [(text, _)] = load_bytes(tmp_path, "a.md", table.encode())
    assert text == table


def test_load_file_html_sections_without_script_and_style(tmp_path: Path) -> None:
    html = (
        b"<!DOCTYPE html><!-- no text --><html><head><title>T</title><style>p "
        b"{}</style></head><body>"
        b"<script>var x;</script><p>Hello\n <b>big</b>\nworld.</p>"
        b"<h1>Boats</h1><div><h2>Pri<i>ces</i></h2><p>A day&nbsp;costs 14.<br>Pay first.</p>"
        b"<ul><li>no dogs</li><li>no boots</li></ul></div>"
        b"<table><tr><th>Boat</th><th>Price</th></tr><tr><td>Heron</td><td>9</td></tr></table></body></html>"
    )
    assert [(text, meta.get("heading")) for text, meta in load_bytes(tmp_path, "a.html", html)] == [
        ("Hello big world.", None),
        (
            "A day costs 14.\nPay first.\n\n- no dogs\n- no boots\n\nBoat | Price\nHeron | 9",
            "Boats > Prices",
        ),
    ]


def test_load_file_html_in_its_declared_encoding(tmp_path: Path) -> None:
    html = '<html><head><meta charset="gb18030"></head><body><p>船是蓝色的。</p></body></html>'
    [(text, _)] = load_bytes(tmp_path, "a.htm", html.encode("gb18030"))
    assert text == "船是蓝色的。"


def test_load_file_pdf_pages_are_numbered(tmp_path: Path, pdf: bytes) -> None:
    assert [(text, meta["page"]) for text, meta in load_bytes(tmp_path, "a.pdf", pdf)] == [
        ("The ferry costs 3 marks.", 1),
        ("The jetty is new.", 2),
    ]


def test_load_file_pdf_is_known_by_its_first_bytes(tmp_path: Path, pdf: bytes) -> None:
    assert len(load_bytes(tmp_path, "no-ending", pdf)) == 2


def test_load_file_pdf_encrypted_with_an_empty_password_is_read(
    tmp_path: Path, make_pdf: Callable[..., bytes]
) -> None:
    [(text, _)] = load_bytes(tmp_path, "a.pdf", make_pdf(["The jetty is new."], ""))
    assert text == "The jetty is new."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_load_file_encodings_of_western_text(tmp_path: Path, encoding: str) -> None:
    sentence = (
        "Die Schlüssel für die Hütte hängen hinter der Tür, und die Fähre fährt täglich außer "
        "sonntags über den See."
    )
    [(text, _)] = load_bytes(tmp_path, "a.txt", sentence.encode(encoding))
    assert text == sentence


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "utf-16"])
def test_load_file_encodings_of_eastern_text(tmp_path: Path, encoding: str) -> None:
    sentence = "私たちの図書館は毎日午前九時に開きます。子供たちは静かに本を読んでいます。" * 3
    [(text, _)] = load_bytes(tmp_path, "a.txt", sentence.encode(encoding))
    assert text == sentence


def test_load_file_emoji_and_joiners_survive(tmp_path: Path) -> None:
    [(text, _)] = load_bytes(tmp_path, "a.md", "# 船\n\nThe 👩‍🔬 likes می‌خواهم.".encode())
    assert text == "The 👩‍🔬 likes می‌خواهم."


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "it is empty"),
        ("a.txt", b" \n\t\n", "it holds no text"),
        ("a.bin", bytes(range(256)) * 20, "it is a binary file"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10", "it is an image"),
        ("a.html", b"\0\1\2\3<p>no</p>", "it is a binary file"),
        ("a.pdf", b"%PDF-1.7\n", "it is a broken or truncated PDF"),
        ("a.pdf", b"no pdf at all", "it is not a PDF file"),
    ],
)
def test_load_file_unreadable_files_say_why(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(DocumentError, match=rf"{name}: {reason}") as caught:
        load_bytes(tmp_path, name, data)
    assert "\n" not in str(caught.value)


def test_load_file_truncated_pdf_is_refused(tmp_path: Path, pdf: bytes) -> None:
    with pytest.raises(DocumentError, match="broken or truncated"):
        load_bytes(tmp_path, "a.pdf", pdf[: len(pdf) // 3])


def test_load_file_encrypted_pdf_is_refused(tmp_path: Path, make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(DocumentError, match=r"it is encrypted\. Save a copy without a password"):
        load_bytes(tmp_path, "a.pdf", make_pdf(["secret"], "sesame"))


def test_load_file_scanned_pdf_is_refused(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    writer.write(tmp_path / "scan.pdf")
    with pytest.raises(DocumentError, match="without text"):
        load_file(tmp_path / "scan.pdf")


def test_load_file_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DocumentError, match="not a regular file"):
        load_file(tmp_path / "pipe")


def test_load_file_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(
        DocumentError, match=r"link\.txt: it is a link to a file that does not exist"
    ):
        load_file(tmp_path / "link.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_load_file_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(DocumentError, match=r"a\.txt: it cannot be read"):
        load_file(tmp_path / "a.txt")


def test_load_file_others_are_read_when_one_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"no pdf")
    (tmp_path / "good.txt").write_text("The key is red.")
    faults: list[DocumentError] = []
    progress: list[tuple[int, int]] = []
    documents = load_documents(
        [tmp_path], faults.append, lambda done, total: progress.append((done, total))
    )
    assert [document.page_content for document in documents] == ["The key is red."]
    assert "bad.pdf" in str(faults[0])
    assert progress == [(0, 2), (1, 2)]
    with pytest.raises(DocumentError, match=r"bad\.pdf"):
        load_documents([tmp_path])


def test_load_file_nothing_readable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="There is no readable text in"):
        load_documents([tmp_path], lambda _: None)


@pytest.mark.parametrize(
    ("name", "module"), [("a.pdf", "pypdfium2"), ("a.html", "bs4"), ("a.rtf", "striprtf.striprtf")]
)
def test_load_file_missing_library_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-localllm\[rag\]"'):
        load_bytes(tmp_path, name, b"%PDF-1.7" if name.endswith(".pdf") else b"<p>text</p>")
