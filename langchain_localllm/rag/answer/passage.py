"""Show a passage in its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from langchain_localllm.errors import StoreError
from langchain_localllm.rag.index.store import Store

_LARGEST: Final = 16_000_000
"""Bytes of a file in which a passage is searched for."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Hold a passage of the index, and where it is in its file.

    Attributes:
        id: Its id.
        text: Its text.
        source: The file, as the index names it.
        path: The file, absolute.
        page: Its page, from 1; `None` if unknown, as for the fields below.
        heading: The headings above it.
        line: The line of the file in which it begins, from 1.
        start: Where it begins in the file's text, in characters; `None` if the file is not plain
            text, or has changed.
        end: Where it ends.
        before: The text of the file before it, or the passage before it where `start` is `None`.
        after: The text after it.
    """

    id: str
    text: str
    source: str
    path: Path
    page: int | None = None
    heading: str | None = None
    line: int | None = None
    start: int | None = None
    end: int | None = None
    before: str = ""
    after: str = ""


def read_passage(store: Store, passage_id: str, text: str = "") -> Passage:
    """Return a passage with the text around it.

    Args:
        store: The index.
        passage_id: The id of the passage.
        text: The section that the model was given, if it is longer than the passage.

    Raises:
        StoreError: The index does not have it.
    """
    document = store.catalog.documents([passage_id]).get(passage_id)
    if document is None:
        raise StoreError(
            f"The index does not have the passage {passage_id}. Its file may have changed "
            "since: ask again."
        )
    metadata, text = document.metadata, text or document.page_content
    source = str(metadata["source"])
    path = store.root / source
    about = {name: metadata.get(name) for name in ("page", "heading", "line")}
    whole = _plain_text(path)
    start = _find(whole, text, metadata.get("line")) if whole else -1
    if start >= 0:
        end = start + len(text)
        return Passage(
            passage_id,
            text,
            source,
            path,
            **about,
            start=start,
            end=end,
            before=whole[:start],
            after=whole[end:],
        )
    near = store.catalog.around(passage_id, 1)
    here = next(number for number, (_, each) in enumerate(near) if each.id == passage_id)
    before, after = (
        "\n".join(each.page_content for _, each in part) for part in (near[:here], near[here + 1 :])
    )
    return Passage(passage_id, text, source, path, **about, before=before, after=after)


def _plain_text(path: Path) -> str:
    """Return the text of a file that is plain UTF-8, else nothing."""
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _find(whole: str, text: str, line: int | None) -> int:
    """Return where a passage begins in a text: at or after its line, as copies may come first."""
    start = 0
    for _ in range((line or 1) - 1):
        start = whole.find("\n", start) + 1
        if not start:
            break
    found = whole.find(text, start)
    return found if found >= 0 else whole.find(text)
