"""Files to LangChain Documents."""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.find import OnUnreadable, find_files
from langchain_localllm.rag.formats import reader_for


def load_documents(
    paths: Iterable[str | Path],
    on_unreadable: OnUnreadable | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Document]:
    r"""Read text, Markdown, HTML and PDF files, folders recursively.

    Args:
        paths: Files and folders.
        on_unreadable: Called with the error for each file or folder that cannot be read; the others are still read.
            Default: the first such error is raised.
        on_progress: Called before each file with the number of files read so far and the number of all.

    Returns:
        A Document for each page of a PDF, each section of a Markdown or HTML file, and each other file. The metadata
        holds `source` (the path), and `page` (from 1) or `heading` (`"Boats > Prices"`) where there is one.

    Raises:
        DocumentError: A path does not exist, nothing readable is there, or a file cannot be read and no `on_unreadable`
            is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a.md").write_text("# Boats\n\nA day costs 14 marks.")
        ...     document = load_documents([folder])[0]
        >>> document.page_content, document.metadata["heading"]
        ('A day costs 14 marks.', 'Boats')
    """
    paths = list(paths)
    documents: list[Document] = []
    files = find_files(paths, on_unreadable)
    for number, file in enumerate(files):
        if on_progress:
            on_progress(number, len(files))
        try:
            documents += load_file(file)
        except DocumentError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
    if not documents:
        names = ", ".join(map(str, paths))
        raise DocumentError(f"There is no readable text in {names}. Give text, Markdown, HTML or PDF files, or folders of them.")
    return documents


def load_file(path: str | Path) -> list[Document]:
    """Read one file; what it is, is told by its name's ending and its first bytes.

    Args:
        path: A text, Markdown, HTML or PDF file. Any other file is taken as plain text unless it looks binary.

    Returns:
        Documents with metadata `source`, and `page` or `heading` where there is one; at least one.

    Raises:
        DocumentError: The file is missing, not allowed to be read, binary, encrypted, broken or without text.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "notes.txt"
        ...     _ = file.write_text("The key hangs behind the barometer.")
        ...     load_file(file)[0].page_content
        'The key hangs behind the barometer.'
    """
    path = Path(path)
    try:
        data = _read_bytes(path)
        documents = [document for document in reader_for(path, data)(data) if document.page_content]
    except OSError as error:
        raise DocumentError(f"{path}: it cannot be read ({error.strerror}). Check its permissions.") from error
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from error
    if not documents:
        raise DocumentError(f"{path}: it holds no text.")
    for document in documents:
        document.metadata = {"source": str(path), **document.metadata}
    return documents


def _read_bytes(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError("it is not a regular file.")  # reading a pipe or a device could wait for ever
    data = path.read_bytes()
    if not data:
        raise DocumentError("it is empty.")
    return data
