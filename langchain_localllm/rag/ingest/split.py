"""Documents to passages that fit a small model."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.defaults import CHUNK_SIZE
from langchain_localllm.rag.ingest.formats.located import LocatedDocument

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

# Where a text may be cut, best first: paragraphs, lines, sentences (Western, then East Asian), words, anywhere. To cut what has no
# spaces character by character would take minutes for a line of 10 MB.
_CUTS: Final = [r"\n\n", r"\n", r"(?<=[.!?…])\s+", r"(?<=[\u3002\uff01\uff1f])", r"\s+", r"[\s\S]{16}", ""]


def split_documents(documents: Iterable[Document], chunk_size: int = CHUNK_SIZE, chunk_overlap: int = 0) -> list[Document]:
    """Cut documents into passages at paragraphs, else lines, else sentences, else words; source code at its own joints.

    Args:
        documents: What `load_documents` returned, or any other Documents. A passage never spans two of them.
        chunk_size: Longest passage in UTF-8 bytes, so that a Chinese character counts as three letters, which is about
            what it costs in tokens.
        chunk_overlap: How many bytes neighboring passages of one document share at most.

    Returns:
        The passages, each with its document's metadata, and the `line` of the file in which it begins where that is known.

    Raises:
        InvalidOptionError: `chunk_size` is below 1, or `chunk_overlap` is negative or not below `chunk_size`.
        MissingDependencyError: langchain-text-splitters is not installed.

    Example:
        >>> text = Document("The key hangs by the door. The boat is blue.", metadata={"source": "notes.txt"})
        >>> [chunk.page_content for chunk in split_documents([text], chunk_size=30)]
        ['The key hangs by the door.', 'The boat is blue.']
    """
    if chunk_size < 1 or not 0 <= chunk_overlap < chunk_size:
        raise InvalidOptionError(
            f"chunk_size={chunk_size} and chunk_overlap={chunk_overlap}: Use a positive size and a smaller overlap."
        )
    return list(iterate_passages(documents, chunk_size, chunk_overlap))


def iterate_passages(documents: Iterable[Document], chunk_size: int, chunk_overlap: int) -> Iterator[Document]:
    """Work like `split_documents`, one by one."""
    splitters = {"": _splitter("", chunk_size, chunk_overlap)}
    for document in documents:
        language = document.metadata.get("language", "")
        if language not in splitters:
            splitters[language] = _splitter(language, chunk_size, chunk_overlap)
        for chunk in splitters[language].split_documents([Document(document.page_content, metadata=document.metadata)]):
            start = chunk.metadata.pop("start_index")
            if re.search(r"\w", chunk.page_content):  # skip passages without words, such as a rule or a bullet
                if isinstance(document, LocatedDocument) and (line := document.line_at(start)):
                    chunk.metadata["line"] = line
                yield chunk


def _splitter(language: str, chunk_size: int, chunk_overlap: int) -> "RecursiveCharacterTextSplitter":
    try:
        from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingDependencyError(f"Splitting needs langchain-text-splitters: {pip_install('rag')}.") from error
    sizes: dict[str, Any] = {
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "length_function": lambda text: len(text.encode()),
        "add_start_index": True,
    }
    if language in set(Language):
        with contextlib.suppress(ValueError):  # the library names languages, such as Perl, that it cannot split
            return RecursiveCharacterTextSplitter.from_language(Language(language), **sizes)
    return RecursiveCharacterTextSplitter(separators=_CUTS, is_separator_regex=True, keep_separator="end", **sizes)
