"""Show a page of a PDF file as a picture."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from langchain_localllm.errors import DocumentError

_DRAWING: Final = Path(__file__).with_name("pdf_drawing.py")
_SECONDS: Final = 30


def draw_page(path: Path, page: int, quote: str = "") -> bytes:
    """Return a page as a PNG picture.

    Args:
        path: The PDF file.
        page: The page, from 1.
        quote: Text on the page to highlight, if it is found.

    Raises:
        DocumentError: The page cannot be drawn.
    """
    command = [sys.executable, "-P", str(_DRAWING), str(path), str(page)]
    text = quote.encode("utf-8", "replace")
    try:
        done = subprocess.run(  # noqa: S603 - our own
            command, input=text, capture_output=True, check=True, timeout=_SECONDS
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise DocumentError(f"Page {page} of {path.name} cannot be drawn.") from error
    return done.stdout
