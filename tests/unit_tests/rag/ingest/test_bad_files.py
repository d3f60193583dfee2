"""Files and folders as they are: damaged, made to harm, gone in the middle of a run. None ends a
run, and each is named."""

import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import update
from langchain_localllm.rag.ingest import child_reader, load
from langchain_localllm.rag.ingest.file_keys import FileKeys, readable
from langchain_localllm.rag.ingest.formats import Reader, reader_for
from langchain_localllm.rag.ingest.load import load_file
from langchain_localllm.rag.ingest.split import split_documents


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    # it has tests of its own
    monkeypatch.setattr("langchain_localllm.rag.index.update.calibrate", lambda *_: None)
    return Store(tmp_path / ".localllm", DeterministicFakeEmbedding(size=8), vectors="sqlite")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "good.txt").write_text("The boat is blue.")
    return folder


def problems(store: Store) -> dict[str, str]:
    return {path: problem for path, _, problem in store.catalog.files() if problem}


def texts(store: Store) -> set[str]:
    return {passage.page_content for batch in store.catalog.batches() for passage in batch}


def docx(parts: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def blank_pdf(password: str | None = None) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    if password:
        writer.encrypt(password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def many_pages() -> bytes:
    """A PDF of some kilobytes that names one page a million times."""
    kids = b"<< /Type /Pages /Kids [%s] /Count %d >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        kids % (b"4 0 R " * 1000, 1_000_000),
        b"<< /Type /Page /Parent 4 0 R /MediaBox [0 0 9 9] >>",
        kids % (b"3 0 R " * 1000, 1000),
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer\n<< /Size 5 /Root 1 0 R >>\n%%EOF\n"


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "bomb.docx": (
        docx({"word/document.xml": b" " * 60_000_000}),
        r"far larger unpacked than a document is \(60 MB in 1 parts\)",
    ),
    "parts.docx": (docx({f"{number}.xml": b"" for number in range(10_001)}), "10,001 parts"),
    "lies.docx": (
        docx({"word/document.xml": b"<w/>"}).replace(b"word/document.xml", b"../../etc/passwd2"),
        r"broken \.docx",
    ),
    "cut.docx": (docx({"word/document.xml": b"x" * 5000})[:60], r"not a \.docx file"),
    "empty.txt": (b"", "it is empty"),
    "blank.txt": (b" \n\t\n", "holds no text"),
    "mark.txt": (b"\xef\xbb\xbf", "holds no text"),
    "nul.txt": (b"The boat is blue.\0\0\0" * 20, "binary file"),
    "noise.dat": (bytes(range(256)) * 40, "binary file"),
    "locked.pdf": (blank_pdf("secret"), "encrypted"),
    "scan.pdf": (blank_pdf(), "without text, perhaps a scan"),
    "damaged.pdf": (b"%PDF-1.7\n" + b"\xff\x00" * 200, "broken or truncated PDF"),
    "cut.pdf": (blank_pdf()[:150], "broken or truncated PDF"),
    "archive.zip": (docx({"a.txt": b"The boat."}), "a ZIP archive"),
    "deep.json": (b"[" * 100_000, "not valid JSON"),
    "deep.html": (b"<div>" * 20_000, "holds no text"),
    "tables.html": (b"<table>" * 20_000, "holds no text"),
    "spaces.txt": (b" " * 400_000, "holds no text"),
    "keys.json": (b'{"a":' * 150 + b"1" + b"}" * 150, "more than 100 levels deep"),
    "lines.jsonl": (b'{"a":' * 150 + b"1" + b"}" * 150 + b"\n{}", "more than 100 levels deep"),
    "pages.pdf": (
        many_pages(),
        r"it has 1,000,000 pages, which is more than is read of one file \(50,000\)",
    ),
    "table.xlsx": (docx({"xl/workbook.xml": b"<x/>"}), r"broken \.xlsx"),
    "picture.pdf": (b"\xff\xd8\xff" + bytes(400), "it is an image"),
    "notes.pdf": (b"The boat is blue.", "not a PDF file: it does not begin with %PDF"),
    "dump.txt": (b"0123456789abcdef" * 600, "encoded data and no text"),
}


def test_update_bad_files_are_named_with_their_reason_and_the_others_are_read(
    store: Store, notes: Path
) -> None:
    for name, (data, _) in BAD_FILES.items():
        (notes / name).write_bytes(data)
    for _ in range(2):
        report = update(store, [notes])
        found = problems(store)
        assert set(found) == {f"notes/{name}" for name in BAD_FILES}
        assert sorted(report.problems) == sorted(found.values())
        for name, (_, reason) in BAD_FILES.items():
            with pytest.raises(AssertionError, match=reason):
                raise AssertionError(found[f"notes/{name}"])
    assert texts(store) == {"The boat is blue."}
    assert store.catalog.counts().unreadable == len(BAD_FILES)


def test_update_pdf_with_pages_of_pictures_is_read_and_they_are_named(
    store: Store, notes: Path, make_pdf: Callable[..., bytes]
) -> None:
    writer = PdfWriter(
        BytesIO(make_pdf(["The ferry costs 3 marks.", "", "The jetty is new.", "", ""]))
    )
    picture = DecodedStreamObject()
    picture.set_data(b"\0")
    names = {"Type": "XObject", "Subtype": "Image", "ColorSpace": "DeviceGray"}
    picture.update(
        {NameObject(f"/{name}"): NameObject(f"/{value}") for name, value in names.items()}
    )
    picture.update(
        {
            NameObject(f"/{name}"): NumberObject(size)
            for name, size in {"Width": 1, "Height": 1, "BitsPerComponent": 8}.items()
        }
    )
    for number in (1, 3, 4):
        page = writer.pages[number]
        stream = DecodedStreamObject()
        stream.set_data(b"q 500 0 0 700 0 0 cm /I Do Q")
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = DictionaryObject(
            {
                NameObject("/XObject"): DictionaryObject(
                    {NameObject("/I"): writer._add_object(picture)}
                )
            }
        )
    out = BytesIO()
    writer.write(out)
    (notes / "mixed.pdf").write_bytes(out.getvalue())
    for added in (2, 0):
        report = update(store, [notes])
        assert report.added == added
        assert len(report.problems) == 1
        assert (
            "mixed.pdf: 3 of its 5 pages are left out (2, 4-5): 3 pictures without text. "
            "Recognize its text (OCR)" in report.problems[0]
        )
        assert texts(store) == {
            "The boat is blue.",
            "The ferry costs 3 marks.",
            "The jetty is new.",
        }
        assert store.catalog.counts().files == 2
    assert [each.metadata["page"] for each in load_file(notes / "mixed.pdf")] == [1, 3]


def test_update_json_lines_of_which_some_are_cut_are_read_in_part(
    store: Store, notes: Path
) -> None:
    deep = '{"a":' * 150 + "1" + "}" * 150
    lines = ['{"boat": "blue"}', '{"ferry": ', deep, "", '{"key": "red"}', '{"hill": "hi']
    (notes / "log.jsonl").write_text("\n".join(lines))
    for added in (2, 0):
        report = update(store, [notes])
        assert report.added == added
        assert len(report.problems) == 1
        assert (
            "log.jsonl: 3 of its lines are left out (2-3, 6): not valid JSON (Expecting value"
            in report.problems[0]
        )
        assert texts(store) == {"The boat is blue.", "boat: blue", "key: red"}


def test_update_docx_with_large_pictures_is_read(store: Store, notes: Path) -> None:
    document = pytest.importorskip("docx").Document()
    document.add_paragraph("The hill is 143 meters high.")
    out = BytesIO()
    document.save(out)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/picture.bmp", bytes(60_000_000))
    (notes / "pictures.docx").write_bytes(out.getvalue())
    assert update(store, [notes]).problems == []
    assert "The hill is 143 meters high." in texts(store)


def raising(error: BaseException) -> Callable[[bytes], Iterator[Document]]:
    def read(_data: bytes) -> Iterator[Document]:
        yield Document("What was read before.")
        raise error

    return read


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (MemoryError(), ("takes too much memory", False)),
        (RecursionError("too deep"), ("RecursionError: too deep", False)),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), ("UnicodeDecodeError", False)),
        (KeyError("xref"), ("KeyError: 'xref'", False)),
        (
            PermissionError(13, "Permission denied"),
            (r"Permission denied\)\. Check its permissions", True),
        ),
        (OSError(5, "Input/output error"), (r"Input/output error\)\.", True)),
    ],
)
def test_update_reader_that_fails_names_the_file(
    store: Store,
    notes: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    outcome: tuple[str, bool],
) -> None:
    reason, stays = outcome
    bad = notes / "bad.txt"
    bad.write_text("The key is old.")
    update(store, [notes])
    bad.write_text("The key is new.")
    with monkeypatch.context() as patch:
        # a child process does not have this reader
        patch.setattr(child_reader, "is_plain_text", lambda *_: True)
        patch.setattr(
            load,
            "reader_for",
            lambda path, start: raising(error) if path == bad else reader_for(path, start),
        )
        for _ in range(2):
            report = update(store, [notes])
            assert list(problems(store)) == ["notes/bad.txt"]
            assert report.problems == list(problems(store).values())
        with pytest.raises(AssertionError, match=rf"bad\.txt: .*{reason}"):
            raise AssertionError(report.problems[0])
        # what may be readable again keeps its passages
        assert ("The key is old." in texts(store)) is stays
        assert "What was read before." not in texts(store)
    bad.write_text("The key is new again.")
    assert update(store, [notes]).problems == []
    assert problems(store) == {}
    assert texts(store) == {"The boat is blue.", "The key is new again."}


def test_update_splitter_that_fails_names_the_file(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (notes / "bad.txt").write_text("The key is old.")

    def split(documents: Iterator[Document], *sizes: int) -> Iterator[Document]:
        for document in documents:
            if document.metadata["source"].endswith("bad.txt"):
                raise ValueError("no such language")
            yield from split_documents([document], *sizes[:2])

    monkeypatch.setattr("langchain_localllm.rag.index.update.iterate_passages", split)
    assert ["no such language" in each for each in update(store, [notes]).problems] == [True]
    assert texts(store) == {"The boat is blue."}


def test_update_perl_which_the_splitter_does_not_know_is_read(store: Store, notes: Path) -> None:
    (notes / "tide.pl").write_text('print "High tide is at noon.";')
    assert update(store, [notes]).problems == []


def test_update_file_that_vanishes_in_the_run_is_reported_and_removed_by_the_next(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "z.txt"):
        (notes / name).write_text(f"The file {name}.")

    def deleting(path: Path, start: bytes) -> Reader:
        (notes / "z.txt").unlink(missing_ok=True)
        return reader_for(path, start)

    monkeypatch.setattr(load, "reader_for", deleting)
    report = update(store, [notes])
    assert ["it was deleted while the files were read" in each for each in report.problems] == [
        True
    ]
    assert problems(store) == {}
    assert update(store, [notes]).problems == []
    assert texts(store) == {"The boat is blue.", "The file a.txt."}


def test_update_file_that_changes_while_it_is_read_is_read_again_by_the_next_run(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = notes / "good.txt"

    def changing(path: Path, start: bytes) -> Reader:
        good.write_text("The boat is blue.\n\nIt was painted again.")
        return reader_for(path, start)

    with monkeypatch.context() as patch:
        patch.setattr(load, "reader_for", changing)
        update(store, [notes])
    assert update(store, [notes]).changed == 1
    assert "".join(texts(store)) == "The boat is blue.\n\nIt was painted again."
    assert update(store, [notes]).unchanged == 1


def test_update_folder_that_cannot_be_opened_is_listed_until_it_can(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (notes / "locked").mkdir()
    (notes / "locked" / "key.txt").write_text("The key is old.")
    update(store, [notes])
    scandir = os.scandir

    def refusing(path: str | Path = ".") -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        for _ in range(2):
            report = update(store, [notes])
            assert [
                "locked: the folder cannot be opened (Permission denied)" in each
                for each in report.problems
            ] == [True]
            assert list(problems(store)) == ["notes/locked/"]
            assert "The key is old." in texts(store)
            assert FileKeys(store.root, store.catalog.paths()).named("notes/locked") == [
                "notes/locked/",
                "notes/locked/key.txt",
            ]
    assert update(store, [notes]).problems == []
    assert problems(store) == {}


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    place = os.getcwd()  # noqa: PTH109 - a socket's path must be short
    os.chdir(path.parent)
    try:
        listening.bind(path.name)
    finally:
        os.chdir(place)
        listening.close()


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_looping_link(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_fifo, "not a regular file"),
        (make_socket, "not a regular file"),
        (make_device, "not a regular file"),
        (make_looping_link, "a link that leads back to itself"),
    ],
)
def test_update_special_file_is_named(
    store: Store, notes: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(notes / "odd")
    for _ in range(2):
        assert [reason in each for each in update(store, [notes]).problems] == [True]
        assert list(problems(store)) == ["notes/odd"]
    (notes / "odd").unlink()
    assert update(store, [notes]).problems == []
    assert problems(store) == {}


def test_update_links_out_of_the_folder_are_followed_and_loops_are_not(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.txt").write_text("The island is far.")
    (tmp_path / "alone.txt").write_text("The rock is alone.")
    (tmp_path / "unasked.txt").write_text("Not asked for.")
    (notes / "link").symlink_to(outside, target_is_directory=True)
    (notes / "again").symlink_to(outside, target_is_directory=True)
    (notes / "alone.txt").symlink_to(tmp_path / "alone.txt")
    (notes / "up").symlink_to(tmp_path, target_is_directory=True)
    (notes / "self").symlink_to(notes, target_is_directory=True)
    (outside / "back").symlink_to(notes, target_is_directory=True)
    report = update(store, [notes])
    assert (report.added, report.problems) == (3, [])
    assert texts(store) == {"The boat is blue.", "The island is far.", "The rock is alone."}
    assert update(store, [notes]).unchanged == 3


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline.txt",
        b"\x1b[31mred.txt",
        b"tab\there.txt",
        b"\xff\xfe.txt",
        b"\\x41.txt",
        b"\x7f.txt",
    ],
)
def test_update_name_of_any_bytes_is_shown_on_one_line_and_found_again(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    path = Path(os.fsdecode(os.fsencode(notes) + b"/" + name))
    path.write_text("The lamp is lit.")
    assert update(store, [notes]).added == 2
    (key,) = set(store.catalog.paths()) - {"notes/good.txt"}
    assert key.isprintable()
    keys = FileKeys(store.root, [key])
    assert keys.path(key) == path
    monkeypatch.chdir(notes)
    for shown in (key, str(store.root / key), key.removeprefix("notes/"), "../notes", str(path)):
        assert keys.named(shown) == [key]
    assert update(store, [notes]).unchanged == 2
    assert readable("plain name.txt") == "plain name.txt"


LATE: list[tuple[str, bytes]] = [
    ("damaged UTF-8", ("Grüße aus Köln. " * 10).encode() + b"\xfcber"),
    ("end mark of DOS", b"The key is old.\x1a"),
    ("padding", b"The key is old." + bytes(40)),
    ("title of a terminal", b"\x1b]0;title\x07The key is old."),
    ("overstruck", b"N\bNA\bAM\bME\bE: The key is old."),
]


@pytest.mark.parametrize("data", [data for _, data in LATE], ids=[name for name, _ in LATE])
def test_load_file_text_with_a_little_damage_is_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    text = load_file(tmp_path / "a.txt")[0].page_content
    assert "Grüße aus Köln." in text or text.removeprefix("NAME: ") == "The key is old."


@pytest.mark.parametrize("name", ["proc.txt", "empty.txt"])
def test_update_file_of_no_size_is_not_opened(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (notes / name).touch()  # as files in /proc are, of which some block whoever reads them
    opened: Callable[..., object] = Path.open
    names: list[str] = []

    def opening(path: Path, *args: str) -> object:
        names.append(path.name)
        return opened(path, *args)

    monkeypatch.setattr(Path, "open", opening)
    assert ["it is empty" in each for each in update(store, [notes]).problems] == [True]
    assert "good.txt" in names
    assert name not in names


GERMAN = "Die Schlüssel hängen hinter der Tür. Grüße aus Köln! Für 5 € gibt es Äpfel."
CYRILLIC = "Лодка синяя. Ключ висит на двери.\n"
CHINESE = "这条船是蓝色的。钥匙挂在门边。\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize(
    "text", ["The boat is blue, and the key is old.", GERMAN, CYRILLIC, CHINESE]
)
def test_load_file_text_in_any_unicode_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert load_file(tmp_path / "a.txt")[0].page_content == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Grüße",
        GERMAN,
        "L'été dernier, la forêt était très belle. Où ?",
        "El niño comió piñas. ¿Cuándo?",
        "“Really”, it costs 5 €…",
    ],
)
def test_load_file_western_text_of_windows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode("cp1252"))
    assert load_file(tmp_path / "a.txt")[0].page_content == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CYRILLIC * 3, "cp1251"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy. Kdo zná pravdu?", "cp1250"),
        (CHINESE * 2, "gb18030"),
    ],
)
def test_load_file_other_text_is_not_taken_for_western(
    tmp_path: Path, text: str, encoding: str
) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert load_file(tmp_path / "a.txt")[0].page_content == text.strip()


JAPANESE = "船は青いです。鍵はドアのそばです。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        ("钥匙挂在门边。", "gb18030"),
        ("钥匙 hangs 挂在门边的墙上。", "gb2312"),
        ("這條船是藍色的。鑰匙掛在門邊。圖書館星期五關門。", "big5"),
        ("배는 파란색입니다. 열쇠는 문 옆에 걸려 있습니다. " * 2, "euc_kr"),
        (CYRILLIC * 2, "koi8-r"),
    ],
)
def test_load_file_text_in_an_encoding_of_before_unicode(
    tmp_path: Path, text: str, encoding: str
) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert load_file(tmp_path / "a.txt")[0].page_content == text.strip()


def test_load_file_control_characters_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(
        b"\x1b[31mThe boat\x1b[0m is blue.\0\x0cThe key is old." + b" It hangs by the door." * 5
    )
    text = load_file(tmp_path / "a.log")[0].page_content
    assert text.startswith("The boat is blue.\nThe key is old. It hangs")
    (tmp_path / "a.log").write_bytes(b"\x01\x02\x03" * 10 + b"text")
    with pytest.raises(DocumentError, match="binary"):
        load_file(tmp_path / "a.log")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<h1>Bo\x0fats</h1><p>The \x1bboat\x04 is blue.</p>"),
        (
            "a.xml",
            (
                b"<?xml version='1.0'?><d><section><title>Bo\x0fats</title>"
                b"<p>The boat \x1dis\x0cblue.</p></section></d>"
            ),
        ),
        ("a.eml", b"Subject: Bo\x04ats\nMessage-ID: <a>\nReceived: x\n\nThe \x0eboat is blue."),
        ("a.json", b'{"Bo\\u000fats": "The \\u0000boat is\\u000bblue.\\ud800"}'),
    ],
)
def test_load_file_control_characters_of_any_format_are_left_out(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    [document] = load_file(tmp_path / name)
    words = " ".join(document.page_content.split()).replace("\ufffd", "")
    assert words.endswith("The boat is blue.")
    assert "Boats" in document.metadata["heading"]
    assert all(
        letter.isprintable() or letter == "\n"
        for letter in document.page_content + document.metadata["heading"]
    )


def test_load_file_line_of_spaces_takes_no_quadratic_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b" " * 400_000 + b"The boat is blue.")
    assert load_file(tmp_path / "a.txt")[0].page_content == "The boat is blue."


def test_load_file_titles_within_titles_take_no_quadratic_time(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<?xml version='1.0'?><d>" + b"<section><title>Boats " * 6000)
    assert "Boats Boats" in load_file(tmp_path / "a.xml")[0].page_content


def test_load_file_table_of_a_million_columns_is_read_as_text(tmp_path: Path) -> None:
    row = b"<tr>" + b"<td colspan=1000>a</td>" * 1000 + b"</tr>"
    (tmp_path / "a.html").write_bytes(b"<table>" + row * 20 + b"</table><p>The boat is blue.</p>")
    assert load_file(tmp_path / "a.html")[0].page_content.endswith("The boat is blue.")


@pytest.mark.parametrize("unit", ["word and another ", "x", "0x3f,"])
def test_split_long_line_takes_no_quadratic_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    passages = split_documents([Document(text)])
    assert "".join(each.page_content for each in passages).replace(" ", "") == text.replace(" ", "")
    assert all(len(each.page_content) <= 300 for each in passages)


@pytest.mark.parametrize("code", ["#0", "#x110000"])
def test_load_file_characters_that_are_all_lost_are_no_text(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.html").write_text(f"<p>a{f'b&{code};' * 100}</p>")
    with pytest.raises(DocumentError, match=r"a\.html: it holds damaged characters and no text"):
        load_file(tmp_path / "a.html")
    (tmp_path / "b.html").write_text(f"<p>The boat is blue, and has a &{code}; mast.</p>")
    assert "boat" in load_file(tmp_path / "b.html")[0].page_content


def test_load_file_long_reason_is_shortened(tmp_path: Path) -> None:
    content = f'<office:document-content xmlns:office="urn:{"x " * 20_000}'
    with zipfile.ZipFile(tmp_path / "a.odt", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    with pytest.raises(DocumentError, match=r"a\.odt: ") as caught:
        load_file(tmp_path / "a.odt")
    assert len(str(caught.value)) < 700 + len(str(tmp_path))
