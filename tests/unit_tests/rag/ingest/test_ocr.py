"""Scans and pictures are read by the real Tesseract where it is asked for, and else named with the
advice."""

import random
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from PIL import Image, ImageDraw, ImageFont

from langchain_localllm.errors import DocumentError, InvalidOptionError, MissingDependencyError
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import update
from langchain_localllm.rag.ingest.formats import ocr
from langchain_localllm.rag.ingest.load import load_documents, load_file

BOAT = "The ferry to the island leaves at half past six."
PRICE = "A ticket costs fourteen marks."


def scan(*lines: str) -> Image.Image:
    """Return a page as a scanner makes it: gray, and without any text behind the picture."""
    page = Image.new("L", (1240, 800), 250)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=34)
    for number, line in enumerate(lines):
        draw.text((100, 120 + 60 * number), line, font=font, fill=20)
    return page.rotate(0.5, fillcolor=250)


def strokes() -> Image.Image:
    """Return a drawing in which Tesseract sees letters that it is not sure of."""
    drawing = Image.new("L", (1000, 600), 250)
    draw = ImageDraw.Draw(drawing)
    chance = random.Random(0)  # noqa: S311 - not for secrets
    for y in range(60, 560, 60):
        for x in range(60, 900, 30):
            points = [(x + chance.randint(0, 22), y + chance.randint(0, 30)) for _ in range(4)]
            draw.line(points, fill=20, width=4)
    return drawing


def saved(folder: Path, name: str, *pages: Image.Image) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    if len(pages) > 1:
        pages[0].save(file, save_all=True, append_images=pages[1:])
    else:
        pages[0].save(file)
    return file


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".localllm", DeterministicFakeEmbedding(size=8), vectors="sqlite")


def texts(store: Store) -> set[str]:
    return {passage.page_content for batch in store.catalog.batches() for passage in batch}


@pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not installed")
class TestTesseract:
    @pytest.mark.parametrize(
        "name", ["a.png", "a.jpg", "a.tiff", "a.gif", "a.bmp", "a.webp", "a.pdf"]
    )
    def test_load_file_scan_is_read(self, tmp_path: Path, name: str) -> None:
        [document] = load_file(saved(tmp_path, name, scan(BOAT, PRICE)), ocr="eng")
        assert document.page_content.split() == f"{BOAT} {PRICE}".split()

    @pytest.mark.parametrize("name", ["a.pdf", "a.tiff"])
    def test_load_file_pages_are_numbered(self, tmp_path: Path, name: str) -> None:
        pages = load_file(saved(tmp_path, name, scan(BOAT), scan(PRICE)), ocr="eng")
        assert [(each.page_content, each.metadata["page"]) for each in pages] == [
            (BOAT, 1),
            (PRICE, 2),
        ]

    def test_load_file_page_on_its_side_is_read(self, tmp_path: Path) -> None:
        lines = [
            BOAT,
            PRICE,
            "Ask at the jetty before you board.",
            "Dogs travel for free on weekdays.",
        ]
        [document] = load_file(
            saved(tmp_path, "a.png", scan(*lines).rotate(90, expand=True)), ocr="eng"
        )
        assert document.page_content.split() == " ".join(lines).split()

    def test_load_file_picture_without_text_is_refused(self, tmp_path: Path) -> None:
        noise = Image.effect_noise((600, 400), 120)
        with pytest.raises(DocumentError, match="no text was recognized in it"):
            load_file(saved(tmp_path, "a.png", noise), ocr="eng")

    def test_load_file_picture_of_strokes_like_letters_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DocumentError, match="no text was recognized in it"):
            load_file(saved(tmp_path, "a.png", strokes()), ocr="eng")

    def test_load_file_damaged_picture_is_refused(self, tmp_path: Path) -> None:
        file = saved(tmp_path, "a.png", scan(BOAT))
        file.write_bytes(file.read_bytes()[:900])
        with pytest.raises(DocumentError, match=r"a\.png: "):
            load_file(file, ocr="eng")

    def test_load_documents_unknown_language_is_refused(self, tmp_path: Path) -> None:
        saved(tmp_path, "a.png", scan(BOAT))
        with pytest.raises(InvalidOptionError, match=r"no data for xyz\. Installed: .*eng"):
            load_documents([tmp_path], ocr="eng+xyz")

    def test_load_documents_option_as_language_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidOptionError, match="does not name languages"):
            load_documents([tmp_path], ocr="--psm 7")

    def test_update_with_ocr_reads_what_was_refused_and_keeps_the_setting(
        self, store: Store, tmp_path: Path
    ) -> None:
        notes = saved(tmp_path, "notes/a.png", scan(BOAT)).parent
        saved(tmp_path, "notes/b.pdf", scan(PRICE))
        assert len(update(store, [notes]).problems) == 2
        report = update(store, [notes], ocr="eng")
        assert report.problems == []
        assert texts(store) == {BOAT, PRICE}
        saved(tmp_path, "notes/c.png", scan("The key hangs by the door."))
        assert update(store).added == 1
        assert "The key hangs by the door." in texts(store)

    def test_update_with_ocr_reads_an_unreadable_picture_once(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        notes = saved(tmp_path, "notes/a.png", Image.effect_noise((600, 400), 120)).parent
        assert len(update(store, [notes], ocr="eng").problems) == 1
        monkeypatch.setattr(ocr, "recognize", lambda *_: pytest.fail("it is read again"))
        assert "no text was recognized" in update(store).problems[0]


def test_update_without_ocr_names_the_option(store: Store, tmp_path: Path) -> None:
    notes = saved(tmp_path, "notes/a.png", scan(BOAT)).parent
    saved(tmp_path, "notes/b.pdf", scan(PRICE))
    for problem in update(store, [notes]).problems:
        assert "localllm rag index --ocr eng" in problem
    assert texts(store) == set()


def test_load_file_without_tesseract_names_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(ocr, "_installed", lambda: frozenset({"eng"}))
    with pytest.raises(MissingDependencyError, match="apt install tesseract-ocr"):
        load_file(saved(tmp_path, "a.png", scan(BOAT)), ocr="eng")


def test_load_file_slow_page_of_a_pdf_is_named_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(command: list[str], **options: float) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/tesseract")
    monkeypatch.setattr(ocr, "_installed", lambda: frozenset({"eng"}))
    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(DocumentError, match=r"perhaps a scan\. No text was recognized"):
        load_file(saved(tmp_path, "a.pdf", scan(BOAT)), ocr="eng")
    out = BytesIO()
    scan(BOAT).save(out, "PNG")
    with pytest.raises(DocumentError, match="within 300 seconds"):
        ocr.recognize(out.getvalue(), "eng")
