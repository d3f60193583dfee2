"""Move an index to another vector store."""

import shutil
from collections.abc import Callable
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.store import Store, lasting
from langchain_localllm.rag.vectorstores.kinds import open_vectors

_FILES: Final = {"chroma": "chroma", "sqlite": "vectors.sqlite", "qdrant": "qdrant"}
"""The files of each kind of vector store in the folder of an index."""


def move(store: Store, kind: str, on_progress: Callable[[int, int], None] | None = None) -> int:
    """Move an index to another vector store.

    Ids, texts and metadata are kept, and vectors are computed again. The old vector store is used
    until the new one is complete, and its files are then deleted. An interrupted move can be run
    again.

    Args:
        store: The index, with its embedding model.
        kind: The vector store to move to, as for `LocalRAG`: `sqlite`, `chroma`, `qdrant`, or
            `qdrant:http://localhost:6333/notes`.
        on_progress: Called with the number of passages moved so far and the number of all.

    Returns:
        How many passages were moved.

    Raises:
        StoreError: There is no index, another process writes to it, or it was made with another
            embedding model.
        InvalidOptionError: There is no such vector store.
    """
    store.catalog.settings()  # raises if there is no index
    with store.writing():
        old = str(store.setting("vectors"))
        if old == kind:
            return 0
        store.check_model()
        target = open_vectors(kind, store.folder, store.embeddings)
        total = store.catalog.counts().passages
        moved = 0
        for batch in store.catalog.batches():
            passages = [
                Document(
                    store.embedded_text(each.page_content, each.metadata),
                    id=each.id,
                    metadata=lasting(each.metadata),
                )
                for each in batch
            ]
            target.add_documents(passages, ids=[each.id for each in passages])
            moved += len(passages)
            if on_progress:
                on_progress(moved, total)
        store.catalog.write_settings(vectors=kind)
        if close := getattr(target, "close", None):
            close()
    _clean(store, old, kind)
    return moved


def _clean(store: Store, old: str, new: str) -> None:
    name = _FILES.get(old)  # a remote store has no files in the folder
    if store.folder is not None and name and name != _FILES.get(new):
        path = store.folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
