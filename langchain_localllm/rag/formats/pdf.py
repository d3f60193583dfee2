"""PDF: a Document for each page."""

from collections.abc import Iterator
from io import BytesIO

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag.formats.text import tidy


def read_pdf(data: bytes) -> Iterator[Document]:
    """The pages of a PDF file, numbered from 1 in `page`. An encrypted file is read where it needs no password."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import FileNotDecryptedError
    except ImportError as error:
        raise MissingDependencyError('Reading PDF needs pypdf: pip install "langchain-localllm[rag]".') from error
    try:
        pages = [tidy(page.extract_text()) for page in PdfReader(BytesIO(data)).pages]
    except FileNotDecryptedError:
        raise DocumentError("it is encrypted. Save a copy without a password and give that.") from None
    except Exception as error:  # pypdf raises errors of many types on broken files
        raise DocumentError(f"it is a broken or truncated PDF ({error}). Get a whole copy.") from error
    if not any(pages):
        raise DocumentError("it is a PDF without text, perhaps a scan. Run text recognition (OCR) on it first.")
    yield from (Document(text, metadata={"page": number}) for number, text in enumerate(pages, 1))
