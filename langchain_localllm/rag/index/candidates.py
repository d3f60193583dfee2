"""Find candidates for a question: the passages with the nearest vectors."""

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
    """
    if store.catalog.is_empty:
        return {}
    vectors = store.vectors
    options = {"filter": store_filter(vectors, wanted)} if wanted else {}
    found = vectors.similarity_search_with_score(query, k, **options)
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
