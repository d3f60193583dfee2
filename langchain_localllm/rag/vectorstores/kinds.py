"""The vector stores that an index can be made on.

An index needs little of a vector store: `add_documents(documents, ids=...)` that replaces what has
the same id, `delete(ids)` that minds no unknown id, and `similarity_search_with_score(query, k,
filter=...)` that gives Documents with their `id`. Ids are uuid5 texts. A `close()`, where there is
one, is called in the end. So any LangChain `VectorStore` will do; this module makes those that can
be named, and knows how filters and scores differ.

To add one: a function that opens it, a line in `KINDS`, and, where they differ, a line in
`store_filter` and in `similarity_of`.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.vectorstores.filters import Filter, has_metadata


def default_kind() -> str:
    """Return the vector store of a new index on disk: Chroma if installed, else SQLite."""
    return "chroma" if importlib.util.find_spec("langchain_chroma") else "sqlite"


def open_vectors(kind: str, folder: Path | None, embeddings: Embeddings) -> VectorStore:
    """Open a vector store, or make it.

    Args:
        kind: A name in `KINDS`, with `:` and an address after it where the kind wants one.
        folder: The folder of the index; `None` for one in memory.
        embeddings: Makes the vectors.

    Raises:
        InvalidOptionError: There is no such kind.
        MissingDependencyError: Its package is not installed.
    """
    check_kind(kind)
    name, _, address = kind.partition(":")
    return KINDS[name](folder, address, embeddings)


def check_kind(kind: str) -> None:
    """Refuse a vector store that cannot be named.

    Raises:
        InvalidOptionError: There is no such kind.
    """
    name = kind.partition(":")[0]
    if name not in KINDS:
        raise InvalidOptionError(
            f"There is no vector store {name!r}. Use one of: {', '.join(KINDS)}; or give a "
            "VectorStore object."
        )


def _need_numpy() -> None:
    if importlib.util.find_spec("numpy") is None:
        raise MissingDependencyError(f"Searching needs numpy: {pip_install('rag')}.")


def _memory(_folder: Path | None, _address: str, embeddings: Embeddings) -> VectorStore:
    _need_numpy()
    return InMemoryVectorStore(embeddings)


def _sqlite(folder: Path | None, _address: str, embeddings: Embeddings) -> VectorStore:
    _need_numpy()
    from langchain_localllm.rag.vectorstores.sqlite import SQLiteVectors

    if folder is None:
        return SQLiteVectors(embeddings)
    return SQLiteVectors(embeddings, folder / "vectors.sqlite", writable=os.access(folder, os.W_OK))


def _chroma(folder: Path | None, _address: str, embeddings: Embeddings) -> VectorStore:
    try:
        import chromadb
        from chromadb.config import Settings
        from langchain_chroma import Chroma
    except ImportError as error:
        raise MissingDependencyError(
            f"Chroma is not installed: {pip_install('chroma')}."
        ) from error
    settings = Settings(
        anonymized_telemetry=False, chroma_otel_collection_endpoint="", _env_file=None
    )  # type: ignore[call-arg]  # a .env file here is not for us
    client = (
        chromadb.PersistentClient(_writable(folder) / "chroma", settings)
        if folder
        else chromadb.EphemeralClient(settings)
    )
    store = Chroma(
        "passages",
        embeddings,
        client=client,
        collection_configuration={"hnsw": {"space": "cosine"}},
    )
    store.close = client.close  # type: ignore[attr-defined]  # Chroma itself has none, and its files must be let go
    return store


def _writable(folder: Path) -> Path:
    """Return the folder, or a temporary copy if it is not writable: Chroma writes to read.

    The copy is kept until this process ends.
    """
    if os.access(folder, os.W_OK):
        return folder
    copy = tempfile.mkdtemp(prefix="localllm-")
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(folder / "chroma", Path(copy) / "chroma", copy_function=shutil.copyfile)
    for path in Path(copy).rglob("*"):
        path.chmod(0o700)
    return Path(copy)


def _qdrant(folder: Path | None, address: str, embeddings: Embeddings) -> VectorStore:
    try:
        from langchain_localllm.rag.vectorstores.qdrant import open_qdrant
    except ImportError as error:
        raise MissingDependencyError(
            f"The client of Qdrant is not installed: {pip_install('qdrant')}."
        ) from error
    return open_qdrant(folder, address, embeddings)


KINDS: Final[dict[str, Callable[[Path | None, str, Embeddings], VectorStore]]] = {
    "chroma": _chroma,
    "qdrant": _qdrant,
    "sqlite": _sqlite,
    "memory": _memory,
}


def store_filter(store: VectorStore, wanted: Filter) -> Any:
    """Return a filter as this vector store wants it."""
    if isinstance(store, InMemoryVectorStore):
        return lambda document: has_metadata(document.metadata, wanted)
    if type(store).__name__ == "Chroma":
        parts = [
            {name: {"$in": value} if isinstance(value, list) else value}
            for name, value in wanted.items()
        ]
        return parts[0] if len(parts) == 1 else {"$and": parts}
    if type(store).__name__ == "QdrantVectors":
        from langchain_localllm.rag.vectorstores.qdrant import qdrant_filter

        return qdrant_filter(wanted)
    return wanted


def similarity_of(store: VectorStore) -> Callable[[float], float]:
    """Return a function from this store's scores to similarities.

    A larger one is nearer, and 1 means the same.
    """
    if type(store).__name__ == "Chroma":
        return store._select_relevance_score_fn()  # noqa: SLF001 - it depends on the collection's measure, and there is no public method
    return float
