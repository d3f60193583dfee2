"""Jupyter notebooks: text and code, cell by cell, without outputs."""

import json
from collections.abc import Iterator
from typing import Any

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.markdown import last_heading, sections
from langchain_localllm.rag.ingest.formats.text import decode


def read_notebook(data: bytes) -> Iterator[Document]:
    """Yield the sections of Markdown cells and the code of code cells; `cell` counts from 1."""
    try:
        notebook = json.loads(decode(data))
        sheets = notebook.get("worksheets", [notebook])  # of Jupyter's format 3, of before 2015
        found = [cell for sheet in sheets for cell in sheet["cells"]]
        cells = [
            (cell["cell_type"], "".join(cell["source"] if "source" in cell else cell["input"]))
            for cell in found
        ]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DocumentError(
            f"it is not a Jupyter notebook ({error!r}). Save it again with Jupyter."
        ) from error
    language = _language(notebook)
    heading = ""
    for number, (kind, source) in enumerate(cells, 1):
        if kind == "heading":
            heading = source.strip()
        elif kind == "markdown":
            for section in sections(source):
                heading = section.metadata.get("heading", heading)
                yield Document(section.page_content, metadata={**_under(heading), "cell": number})
            heading = last_heading(source) or heading
        elif kind == "code" and source.strip():
            yield Document(
                source, metadata={**_under(heading), "cell": number, "language": language}
            )


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    about = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = str(about.get("name", "python") if isinstance(about, dict) else "python").lower()
    return {"javascript": "js", "typescript": "ts", "c++": "cpp"}.get(name, name)


def _under(heading: str) -> dict[str, Any]:
    return {"heading": heading} if heading else {}
