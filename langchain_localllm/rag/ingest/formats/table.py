"""Tables as text: a Document for each row."""

import csv
from collections.abc import Iterator
from io import StringIO

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

_SAMPLE = 10_000
_DELIMITERS = ",;\t|"


def read_csv(data: bytes) -> Iterator[Document]:
    r"""Yield the rows of a table, each as `"boat: Heron; price: 14"` with the names in the first row.

    Example:
        >>> [row.page_content for row in read_csv(b"boat,price\nHeron,14\nTern,9")]
        ['boat: Heron; price: 14', 'boat: Tern; price: 9']
    """
    text = normalize(decode(data))
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a long cell is split into passages later
    rows = csv.reader(StringIO(text, newline=""), _dialect(text[:_SAMPLE]))
    try:
        names = [name.strip() for name in next(rows, [])]
        line = rows.line_num + 1
        for row in rows:
            pairs = [f"{name}: {value.strip()}" if name else value.strip() for name, value in _named(names, row) if value.strip()]
            if pairs:
                yield located("; ".join(pairs), [(0, line)])
            line = rows.line_num + 1
    except csv.Error as error:
        raise DocumentError(f"it is not a readable table ({error}). Save it again as CSV.") from error


def _dialect(sample: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(sample, _DELIMITERS)
    except csv.Error:
        return csv.excel


def _named(names: list[str], row: list[str]) -> Iterator[tuple[str, str]]:
    yield from zip([*names, *[""] * (len(row) - len(names))], row, strict=False)
