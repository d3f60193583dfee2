"""What a reader raises at the end of a file of which it could not read all."""

from langchain_localllm.errors import DocumentError


class PartlyReadError(DocumentError):
    """Some of a file could not be read; the documents that came before this error are whole."""
