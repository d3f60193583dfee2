"""Access the documents of an index, for programs that reach them over a protocol.

Such a program is trusted with these documents only.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from langchain_core.documents import Document
from pydantic import BaseModel, Field

from langchain_localllm.errors import DocumentError, InvalidOptionError, StoreError
from langchain_localllm.rag import LocalRAG, Progress, Report
from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.web.outside_links import exclude_outside_links, is_in_any

OnProgress = Callable[[Progress], None]
_SECONDS_BETWEEN_REPORTS: Final = 0.2
_PASSAGE_FIELDS: Final = ("source", "page", "heading", "line", "score", "similarity")


class Passage(BaseModel):
    """A part of a document, as it is in the index."""

    id: str = Field(description="Its id, with which read_passage reads it again.")
    text: str
    source: str = Field(description="The file, as list_documents names it.")
    page: int | None = None
    heading: str | None = None
    line: int | None = Field(None, description="The line of the file in which it begins.")
    score: float | None = Field(
        None, description="How well it fits what was searched for; 1 is best."
    )
    similarity: float | None = Field(
        None, description="The cosine similarity of its vector and that of the question."
    )

    @classmethod
    def of(cls, found: Document) -> "Passage":
        """Make it from a Document of the index."""
        fields = {name: found.metadata[name] for name in _PASSAGE_FIELDS if name in found.metadata}
        return cls(id=str(found.id), text=found.page_content, **fields)


class DocumentEntry(BaseModel):
    """A file of the index."""

    source: str = Field(
        description="Its path, relative to the folder that holds the index, if it is in there."
    )
    passages: int = Field(description="How many passages of it are in the index.")
    problem: str | None = Field(None, description="Why it could not be read.")


class Documents:
    """Search, read and update an index.

    What is not in the index, or outside its folders, is refused.

    Args:
        rag: The index and its models.
        folders: Folders whose files may be indexed, besides the paths that the index has.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> rag = LocalRAG(None, DeterministicFakeEmbedding(size=8))
        >>> documents = Documents(rag, ["docs/handbook"])
        >>> documents.index().added
        6
        >>> [each.source for each in documents.entries()][0]
        'docs/handbook/arriving.md'
    """

    def __init__(self, rag: LocalRAG, folders: Sequence[str | Path] = ()) -> None:
        self.rag: Final = rag
        self._given: Final = [Path(folder).absolute() for folder in folders]
        self._progress: Progress | None = None
        self._updating: Final = threading.Lock()

    @property
    def folders(self) -> list[Path]:
        """The files and folders whose contents may be indexed."""
        store = self.rag.store
        known = (store.setting("roots") or []) if store.exists else []
        return list(dict.fromkeys([*self._given, *(store.root / root for root in known)]))

    @property
    def indexing_note(self) -> str | None:
        """A sentence for readers of answers while the index is being made or updated.

        Else `None`.
        """
        if (now := self._progress) is None:
            return None if self.rag.store.exists else "There is no index yet."
        done = f" ({now.files} of {now.all_files} files are done)" if now.all_files else ""
        return f"The index is being updated{done}, so some documents may be missing."

    def entries(self) -> list[DocumentEntry]:
        """Return the files of the index. Before it is made, there are none."""
        store = self.rag.store
        files = store.catalog.files() if store.exists else []
        return [
            DocumentEntry(source=path, passages=passages, problem=problem)
            for path, passages, problem in files
        ]

    def search(self, query: str, limit: int) -> list[Passage]:
        """Return the passages that fit a question or some words, best first.

        Raises:
            InvalidOptionError: The query is empty.
        """
        if not query.strip():
            raise InvalidOptionError("The query is empty. Pass a question or words to search for.")
        if not self.rag.store.exists:
            return []
        retriever = self.rag.retriever.model_copy(update={"k": limit})
        return [Passage.of(found) for found in retriever.invoke(query)]

    def passage(self, key: str) -> Passage:
        """Return a passage by its id.

        Raises:
            DocumentError: The index has none with this id.
        """
        found = self.rag.store.catalog.documents([key]).get(key)
        if found is None:
            raise DocumentError(
                f"There is no passage {key!r} in the index. Search again: files may have "
                "changed since."
            )
        return Passage.of(found)

    def passages_of(self, source: str) -> list[Passage]:
        """Return the passages of a file in their order.

        Args:
            source: The file, as `entries` names it. Other files of the machine are not read.

        Raises:
            DocumentError: The index has no such file, or none of it could be read.
        """
        catalog = self.rag.store.catalog
        if found := catalog.passages_of(source):
            return [Passage.of(each) for each in found]
        entry = catalog.file(source)
        raise DocumentError(
            entry.problem
            if entry and entry.problem
            else f"There is no document {source!r} in the index."
        )

    def index(self, paths: Iterable[str] = (), on_progress: OnProgress | None = None) -> Report:
        """Update the index with new, changed and deleted files of its folders.

        Links that lead out of these are left out.

        If an update is in progress, this one waits for it, and reports its progress.

        Args:
            paths: Update only the folders that these files and folders are in. Default: all.
            on_progress: Called with the progress; what it raises stops the update, which resumes at
                the next one.

        Raises:
            InvalidOptionError: A path is outside the folders, also by a link.
            StoreError: Another process is writing to the index, or it has no folders.
        """
        chosen = list(dict.fromkeys(map(self._folder_of, paths))) or self._all()

        def watch(now: Progress) -> None:
            self._progress = now
            if on_progress:
                on_progress(now)

        while not self._updating.acquire(timeout=_SECONDS_BETWEEN_REPORTS):
            if on_progress and (now := self._progress):
                on_progress(now)
        try:
            self._progress = Progress(0, 0, 0, 0, 0)
            return self._update(chosen, watch)
        finally:
            self._progress = None
            self._updating.release()

    def _update(self, paths: list[Path], on_progress: OnProgress) -> Report:
        store = self.rag.store
        links, exclude = exclude_outside_links(store, self.folders)
        if store.folder is None:
            report = self.rag.index(paths, exclude=exclude, on_progress=on_progress)
        else:
            # Its own connections: an update closes those that it began with. The models were
            # checked when `rag` was made.
            with LocalRAG(None, store.embeddings, store.folder, allow_remote=True) as writer:
                writer.store.embedding_source = store.embedding_source
                report = writer.index(paths, exclude=exclude, on_progress=on_progress)
        report.problems += [
            f"{readable(link)}: it is a link that leads out of the folders." for link in links
        ]
        return report

    def _all(self) -> list[Path]:
        """Return the folders to pass for an update of all: new ones only.

        The index knows the others.
        """
        store = self.rag.store
        known = (
            {store.root / root for root in store.setting("roots") or ()} if store.exists else set()
        )
        new = [folder for folder in self._given if folder not in known]
        if not known and not new:
            raise StoreError(
                "The index has no folders yet. Start this server with the folder of your documents."
            )
        return new

    def _folder_of(self, path: str) -> Path:
        """Return the folder that a path is in."""
        folders = self.folders
        bases = [Path()] if os.path.isabs(path) else [self.rag.store.root, *folders]  # noqa: PTH117 - a text
        for real in (os.path.realpath(base / path) for base in bases):
            if found := next(
                (folder for folder in folders if is_in_any(real, [os.path.realpath(folder)])), None
            ):
                return found
        raise InvalidOptionError(
            f"{path!r} is outside the folders of this index, which are: "
            f"{', '.join(map(str, folders))}."
        )


def document_uri(source: str) -> str:
    """Return the address of a document as a resource.

    Example:
        >>> document_uri("notes/über uns.md")
        'document:///notes/%C3%BCber%20uns.md'
    """
    return f"document:///{quote(source, safe='/')}"
