"""Find candidates for a question: the passages with the nearest vectors."""

from langchain_localllm.errors import ContextLengthError
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.vectorstores.filters import Filter
from langchain_localllm.rag.vectorstores.kinds import similarity_of, store_filter


def nearest(
    store: Store, query: str, k: int, wanted: Filter | None = None, *, mmr: bool = False
) -> dict[str, float]:
    """Return ids and similarities of the passages with the nearest vectors, nearest first.

    Args:
        store: The index.
        query: What to search for.
        k: How many passages to return at most.
        wanted: Metadata that a passage must have.
        mmr: Whether to prefer passages that differ from each other (maximal marginal relevance).

    Returns:
        For most vector stores, cosines. A store whose scores are distances gives them with a minus
        sign, so larger is nearer.

    Raises:
        ContextLengthError: The query is longer than the embedding model's window.
    """
    if store.catalog.is_empty:
        return {}
    vectors = store.vectors
    options = {"filter": store_filter(vectors, wanted)} if wanted else {}
    try:
        found = vectors.similarity_search_with_score(query, k, **options)
    except ContextLengthError as error:
        has = f"has {error.prompt_tokens:,} tokens" if error.prompt_tokens else "is too long"
        takes = f" takes {error.context_tokens:,}" if error.context_tokens else " takes fewer"
        raise ContextLengthError(
            f"The question {has}, and the embedding model of the index{takes}. Ask a shorter one.",
            prompt_tokens=error.prompt_tokens,
            context_tokens=error.context_tokens,
        ) from error
    similarity = similarity_of(vectors)
    near = {document.id: similarity(score) for document, score in found if document.id}
    scores = list(near.values())
    if scores and scores[0] < scores[-1]:
        near = {key: -distance for key, distance in near.items()}
    if not mmr:
        return near
    varied = vectors.max_marginal_relevance_search(query, k, k * 2, **options)
    return {
        document.id: near.get(document.id, min(near.values())) for document in varied if document.id
    }
