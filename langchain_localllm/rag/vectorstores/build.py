"""Build a vector store from passages."""

from collections.abc import Callable, Sequence
from uuid import NAMESPACE_URL, uuid5

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.extras import pip_install

_BATCH = 64  # passages embedded per call: long enough to be fast, short enough to show progress


def build_index(
    chunks: Sequence[Document],
    embeddings: Embeddings,
    store: VectorStore | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> VectorStore:
    """Embed passages and add them to a vector store.

    Args:
        chunks: What `split_documents` returned.
        embeddings: Any LangChain embeddings.
        store: Where the passages go. Default: a new `InMemoryVectorStore`, which uses `embeddings`;
            a store of your own uses the embeddings that it was made with.
        on_progress: Called after each batch with the number of passages added so far and the number
            of all.

    Returns:
        The store. The same passage of the same source always has the same id (uuid5), so adding it
        twice keeps one.

    Raises:
        MissingDependencyError: numpy, which the in-memory store searches with, is not installed.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> passages = [Document("The boat is blue."), Document("The key hangs by the door.")]
        >>> index = build_index(passages, DeterministicFakeEmbedding(size=8))
        >>> index.similarity_search("The boat is blue.", k=1)[0].page_content
        'The boat is blue.'
    """
    index = store if store is not None else _in_memory(embeddings)
    for start in range(0, len(chunks), _BATCH):
        batch = list(chunks[start : start + _BATCH])
        index.add_documents(batch, ids=[_id(chunk) for chunk in batch])
        if on_progress:
            on_progress(start + len(batch), len(chunks))
    return index


def _in_memory(embeddings: Embeddings) -> VectorStore:
    try:
        import numpy  # noqa: F401, ICN001 - only to say at once that it is missing
    except ImportError as error:
        raise MissingDependencyError(f"Searching needs numpy: {pip_install('rag')}.") from error
    return InMemoryVectorStore(embeddings)


def _id(chunk: Document) -> str:
    place = [chunk.metadata.get(key, "") for key in ("source", "page", "heading")]
    return str(uuid5(NAMESPACE_URL, repr((*place, chunk.page_content))))
