"""A file within a file, such as a mail's attachment, which has a format of its own."""

from langchain_core.documents import Document
from pydantic import PrivateAttr


class Attachment(Document):
    """A Document without text that represents a file.

    `load_file` reads it and puts its documents in this place.
    """

    _data: bytes = PrivateAttr(default=b"")
    _name: str = PrivateAttr(default="")

    @property
    def data(self) -> bytes:
        """The file."""
        return self._data

    @property
    def name(self) -> str:
        """Its name, which says what format it has."""
        return self._name


def attachment(name: str, data: bytes, heading: str) -> Attachment:
    """Make one; `heading` is the first part of the heading of its documents."""
    document = Attachment(page_content="", metadata={"heading": heading} if heading else {})
    document._name, document._data = name, data  # noqa: SLF001 - our own
    return document
