"""Office files with macros, templates and slide shows, which python-docx and python-pptx refuse."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import docx
import pytest

from tests.unit_tests.rag.ingest.test_office_formats import load, slides

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"


def word() -> bytes:
    document = docx.Document()
    document.add_paragraph("The boat is blue.")
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def with_type(data: bytes, before: str, after: str) -> bytes:
    """Return an Office file whose main part has another type, and that has a picture."""
    out = BytesIO()
    with ZipFile(BytesIO(data)) as given, ZipFile(out, "w") as made:
        for name in given.namelist():
            part = given.read(name)
            if name == "[Content_Types].xml":
                assert before.encode() in part
                part = part.replace(before.encode(), after.encode())
            made.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.docm", "ms-word.document.macroEnabled"),
        ("a.dotm", "ms-word.template.macroEnabledTemplate"),
        ("a.dotx", "openxmlformats-officedocument.wordprocessingml.template"),
        ("a.potm", "ms-powerpoint.template.macroEnabled"),
        ("a.potx", "openxmlformats-officedocument.presentationml.template"),
        ("a.ppsm", "ms-powerpoint.slideshow.macroEnabled"),
        ("a.ppsx", "openxmlformats-officedocument.presentationml.slideshow"),
        ("a.pptm", "ms-powerpoint.presentation.macroEnabled"),
    ],
)
def test_office_file_of_another_type_is_read_as_the_plain_one(
    tmp_path: Path, name: str, kind: str
) -> None:
    plain, before = (word(), WORD) if "word" in kind else (slides(), SLIDES)
    data = with_type(plain, before, f"application/vnd.{kind}.main+xml")
    assert load(tmp_path, name, data) == load(tmp_path, "plain", plain)
