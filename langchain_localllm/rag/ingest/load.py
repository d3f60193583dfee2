"""Load files as LangChain Documents."""

import contextlib
import logging
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag.ingest.discover import OnUnreadable, find_files, unreadable_reason
from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.rag.ingest.formats import Reader, reader_for
from langchain_localllm.rag.ingest.formats.attachment import Attachment
from langchain_localllm.rag.ingest.formats.code import code_reader
from langchain_localllm.rag.ingest.formats.located import as_it_is
from langchain_localllm.rag.ingest.formats.markdown import read_markdown
from langchain_localllm.rag.ingest.formats.ocr import is_image, read_image, require_languages
from langchain_localllm.rag.ingest.formats.partly import PartlyReadError
from langchain_localllm.rag.ingest.formats.pdf import read_pdf
from langchain_localllm.rag.ingest.formats.text import (
    encoding_of,
    read_lines,
    read_text,
    tidied,
    without_controls,
)

_LARGE: Final = 16_000_000
"""Bytes above which a text is read piece by piece, so that memory stays flat."""
_MOST: Final = 500_000_000
"""Bytes above which a file is refused that can only be read as a whole."""
_PIECE: Final = 1_000_000
"""Characters of a piece."""
_CONTROL: Final = re.compile("\r\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
"""Control characters, halves of surrogate pairs, which JSON can hold and UTF-8 cannot, and byte
order marks, which stay between files that were joined."""
_LINE_BREAKS: Final = "\x0b\x0c\r\x85"
_MOST_ATTACHED: Final = 10
"""How deep files may be attached to attached files."""
_LOGGER: Final = logging.getLogger(__name__)
_LONGEST_HEADING: Final = 300
"""Characters of a heading. A longer one, such as a paragraph that is marked as a heading, is also
read as a text."""
_LONGEST_REASON: Final = 400
"""Characters of a reason why a file cannot be read."""
_MOST_LOST: Final = 0.2
_FEW_CHARACTERS: Final = 20
"""The share of lost characters above which a text is damaged, and the length of the shortest one of
which shares are taken."""
_LONGEST_LINE: Final = 100_000
"""Characters of a line after which a piece may end within it."""


def load_documents(
    paths: Iterable[str | Path],
    on_unreadable: OnUnreadable | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    ocr: str = "",
) -> list[Document]:
    r"""Read documents of all formats that `load_file` reads, folders recursively.

    Args:
        paths: Files and folders.
        on_unreadable: Called with the error for each file or folder that cannot be read; the others
            are still read. Default: the first such error is raised.
        on_progress: Called before each file with the number of files read so far and the number of
            all.
        ocr: Languages of scans and pictures, by the names of the program Tesseract: `"eng"`,
            `"deu+eng"`. Default: these are not read, and named with the reason.

    Returns:
        A Document for each page of a PDF, slide, row of a table, section of a text with headings,
        and each other file. The metadata holds `source` (the path), and `page` (from 1) or
        `heading` (`"Boats > Prices"`) where there is one.

    Raises:
        DocumentError: A path does not exist, nothing readable is there, or a file cannot be read
            and no `on_unreadable` is given.
        InvalidOptionError: Tesseract does not have a language of `ocr`.
        MissingDependencyError: A library, or the program Tesseract, is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a.md").write_text("# Boats\n\nA day costs 14 marks.")
        ...     document = load_documents([folder])[0]
        >>> document.page_content, document.metadata["heading"]
        ('A day costs 14 marks.', 'Boats')
    """
    require_languages(ocr)
    paths = list(paths)
    documents: list[Document] = []
    files = find_files(paths, on_unreadable)
    for number, file in enumerate(files):
        if on_progress:
            on_progress(number, len(files))
        found: list[Document] = []
        try:
            for document in iterate_file(file, ocr):
                found.append(document)  # noqa: PERF402 - they are kept when the rest of the file cannot be read
        except PartlyReadError as error:
            if on_unreadable:
                on_unreadable(error)
        except DocumentError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
            continue
        documents += found
    if not documents:
        names = ", ".join(map(str, paths))
        raise DocumentError(
            f"There is no readable text in {names}. Give text, Markdown, HTML, PDF or Office "
            "files, or folders."
        )
    return documents


def load_file(path: str | Path, *, ocr: str = "") -> list[Document]:
    """Read one file. Its format is detected by its extension and its first bytes.

    Args:
        path: A text, Markdown, HTML, XML, PDF, Office, OpenDocument, EPUB, RTF, mail, CSV, JSON or
            notebook file, or source code. Any other file is read as plain text unless it looks
            binary.
        ocr: Languages of scans and pictures, as of `load_documents`.

    Returns:
        Documents with metadata `source`, and `page`, `heading`, `cell` or `language` where there is
        one; at least one.

    Raises:
        DocumentError: The file is missing, not allowed to be read, binary, encrypted, broken or
            without text.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "notes.txt"
        ...     _ = file.write_text("The key hangs behind the barometer.")
        ...     load_file(file)[0].page_content
        'The key hangs behind the barometer.'
    """
    found: list[Document] = []
    # parts that cannot be read; `load_documents` and an index name them
    with contextlib.suppress(PartlyReadError):
        for document in iterate_file(path, ocr):
            found.append(document)  # noqa: PERF402 - they are kept when the rest of the file cannot be read
    return found


def iterate_file(path: str | Path, ocr: str = "") -> Iterator[Document]:
    """Work like `load_file`, one by one: a large text is never in memory as a whole."""
    path = Path(path)
    empty = True
    try:
        for document in _short_headings(_undamaged(_documents(path, ocr))):
            if document.page_content:
                empty = False
                document.page_content = _without_controls(document.page_content)
                document.metadata = {"source": readable(path), **document.metadata}
                if heading := document.metadata.get("heading"):
                    document.metadata["heading"] = _without_controls(heading)
                yield document
    except OSError as error:
        raise DocumentError(f"{readable(path)}: {unreadable_reason(path, error)}") from error
    except DocumentError as error:
        raise type(error)(f"{readable(path)}: {_shortened(str(error))}") from error
    except MissingDependencyError:
        raise
    except MemoryError as error:
        raise DocumentError(
            f"{readable(path)}: reading it takes too much memory. Split it."
        ) from error
    # The readers' libraries raise errors of any type on damaged or malicious files.
    except Exception as error:
        reason = _shortened(f"{type(error).__name__}: {error}".rstrip(": "))
        raise DocumentError(
            f"{readable(path)}: it cannot be read ({reason}). Is the file whole?"
        ) from error
    if empty:
        raise DocumentError(f"{readable(path)}: it holds no text.")


def _undamaged(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents, but none of which many characters are replacements of lost ones."""
    found = lost = False
    for document in documents:
        text = document.page_content
        if text.count("\ufffd") > _MOST_LOST * max(len(text), _FEW_CHARACTERS):
            lost = True
        else:
            found |= bool(text)
            yield document
    if lost and not found:
        raise DocumentError("it holds damaged characters and no text.")


def _shortened(reason: str) -> str:
    """Return a reason that may repeat a part of the file, without the middle of a long one."""
    half = _LONGEST_REASON // 2
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:half]} … {reason[-half:]}"


def _short_headings(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents; a long heading is one of them, and the others have the end of it."""
    text = ""  # the last heading that was read as a text
    for document in documents:
        heading = document.metadata.get("heading") or ""
        if len(heading) > _LONGEST_HEADING and document.page_content:
            if not text.startswith(heading[:-_LONGEST_HEADING]):
                text = heading
                yield Document(heading)
            document.metadata["heading"] = f"\u2026{heading[-_LONGEST_HEADING:]}"
        yield document


def _without_controls(text: str) -> str:
    """Return a text without control characters, which markup, mails and JSON can hold as codes."""
    return _CONTROL.sub(_replacement, text)


def _replacement(control: re.Match[str]) -> str:
    if control[0][0] in _LINE_BREAKS:
        return "\n"
    return "\ufffd" if "\ud800" <= control[0] <= "\udfff" else ""


def _documents(path: Path, ocr: str) -> Iterator[Document]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        # reading a pipe or a device could wait forever
        raise DocumentError("it is not a regular file.")
    if not status.st_size:
        raise DocumentError("it is empty.")
    with path.open("rb") as file:
        start = file.read(_PIECE)
        reader = _reader(path, start, ocr)
        if status.st_size > _LARGE and _is_text(reader):
            file.seek(0)
            yield from _pieces(file, encoding_of(start), keep_lines=reader is not read_text)
        elif status.st_size > _MOST:
            raise DocumentError(
                f"it has {status.st_size / 1e6:.0f} MB, which is too much to read at once. "
                "Split it."
            )
        else:
            yield from _opened(reader(start + file.read()), ocr)


def is_plain_text(path: Path, ocr: str = "") -> bool:
    """Return whether a file is plain text, Markdown or source code, or cannot be read at all.

    These are read quickly, whatever they hold.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return True
        with path.open("rb") as file:
            return _is_text(_reader(path, file.read(_PIECE), ocr))
    except (OSError, DocumentError):
        return True


def _reader(path: Path, start: bytes, ocr: str) -> Reader:
    """Return the reader of a file, with the languages of its scans."""
    if ocr and is_image(start):
        return partial(read_image, languages=ocr)
    reader = reader_for(path, start)
    return partial(read_pdf, ocr=ocr) if ocr and reader is read_pdf else reader


def _opened(documents: Iterable[Document], ocr: str, depth: int = 0) -> Iterator[Document]:
    """Yield documents, and those of attached files in their place.

    An attached file that cannot be read is left out.
    """
    for document in documents:
        if not isinstance(document, Attachment):
            yield document
            continue
        if depth >= _MOST_ATTACHED:
            continue
        try:
            for each in _opened(
                _reader(Path(document.name), document.data, ocr)(document.data), ocr, depth + 1
            ):
                heading = " > ".join(
                    filter(None, [document.metadata.get("heading"), each.metadata.get("heading")])
                )
                each.metadata = {**each.metadata, **({"heading": heading} if heading else {})}
                yield each
        except MissingDependencyError:
            raise
        except Exception as error:  # noqa: BLE001 - readers' libraries raise errors of any type; the file around it is readable
            _LOGGER.info("The attachment %s was not read: %s", document.name, error)


def _is_text(reader: Reader) -> bool:
    """Return whether any part of such a file can be read alone.

    Of a large Markdown file, headings are read as text.
    """
    return (
        reader in {read_lines, read_text, read_markdown}
        or getattr(reader, "__qualname__", "") == code_reader("").__qualname__
    )


def _pieces(file: IO[bytes], encoding: str, *, keep_lines: bool) -> Iterator[Document]:
    text = TextIOWrapper(file, encoding, errors="replace")
    first = 1
    while piece := text.read(_PIECE):
        piece += text.readline(_LONGEST_LINE)
        piece = without_controls(piece)
        yield as_it_is(piece, first) if keep_lines else tidied(enumerate(piece.split("\n"), first))
        first += piece.count("\n")
