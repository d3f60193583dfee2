"""Write `docs/handbook/safety.pdf`, the handbook's one PDF.

So it can be changed like the other files. Run: `python tools/handbook_pdf.py`
"""

from pathlib import Path

from pypdf import PdfWriter
from pypdf.generic import ContentStream, DictionaryObject, NameObject

TARGET = Path(__file__).parent.parent / "docs" / "handbook" / "safety.pdf"
WIDTH, HEIGHT = 595, 842  # A4, in points
MARGIN, LINE = 72, 18

PAGES = [
    """Safety

If you find someone hurt, ring the brass bell in the hall three times.
The first-aid box is in the pantry, on the shelf above the flour.
The nearest doctor is Helga Brannick in Port Ansty.
The helicopter lands on the football field beside the chapel.""",
    """Fire and storms

If the smoke alarm sounds, meet at the sundial in front of the house.
The fire blankets hang beside the two stoves. The fire drill is held
every second Monday at 3:35 in the afternoon.
When a storm is forecast, the shutters are closed on the west side
and nobody goes to the nets. Storm lamps are kept under the stairs.""",
]


def text_commands(text: str) -> bytes:
    """Return the PDF operators that put `text` on a page, line by line from the top."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    lines = " T* ".join(f"({line}) Tj" for line in escaped.split("\n"))
    return f"BT /F1 12 Tf {LINE} TL {MARGIN} {HEIGHT - MARGIN} Td {lines} ET".encode("latin-1")


def main() -> None:
    """Write the file."""
    writer = PdfWriter()
    names = {
        "/Type": "/Font",
        "/Subtype": "/Type1",
        "/BaseFont": "/Helvetica",
        "/Encoding": "/WinAnsiEncoding",
    }
    font = DictionaryObject({NameObject(key): NameObject(value) for key, value in names.items()})
    for text in PAGES:
        page = writer.add_blank_page(WIDTH, HEIGHT)
        commands = ContentStream(None, writer)
        commands.set_data(text_commands(text))
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page.replace_contents(commands)
    writer.metadata = {"/Title": "Safety at Corriven"}
    writer.write(TARGET)


if __name__ == "__main__":
    main()
