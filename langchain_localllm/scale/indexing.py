"""Index passages in Qdrant from many actors at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableConfig
from typing_extensions import override

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.rag.index.store import passage_id
from langchain_localllm.rag.vectorstores.kinds import open_vectors
from langchain_localllm.scale.worker import Job


class PassageWriter(Runnable[dict[str, Any], str]):
    """Embeds passages and puts them into a collection; what comes out are their ids.

    For `RayMap`, with the columns `text` and any others as input; those become metadata. Ids are
    those of `LocalRAG`, so what is written twice is there once. Each actor has an embedding model
    and a connection of its own, so many write at the same time.

    Args:
        vectors: A vector store as for `LocalRAG`: `qdrant:http://localhost:6333/notes`.
        embeddings: Where the embedding model comes from: `package.module:name`.
        arguments: What that is called with.
        folder: Where a vector store without an address has its files; only one actor can write to
            such a one.

    Raises:
        InvalidOptionError: The vector store or the embedding model cannot be made.

    Example:
        ```python
        RayMap(
            "langchain_localllm.scale.indexing:PassageWriter",
            {
                "vectors": "qdrant:http://localhost:6333/notes",
                "embeddings": "langchain_localllm:LlamafileEmbeddings",
                "arguments": {"base_url": "http://localhost:8081"},
            },
            input=["text", "source"],
            output="passage",
        )
        ```
    """

    def __init__(
        self,
        vectors: str,
        embeddings: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        folder: str | None = None,
    ) -> None:
        place = None if folder is None else Path(folder)
        self._store = open_vectors(vectors, place, Job(embeddings, arguments or {}).build())

    @override
    def invoke(
        self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> str:
        return self._write([input])[0]

    @override
    def batch(
        self,
        inputs: list[dict[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        try:
            return self._write(inputs)
        except Exception as error:
            if not return_exceptions:
                raise
            if len(inputs) == 1:
                return [error]  # type: ignore[list-item]  # what LangChain does
        return [id_ for each in inputs for id_ in self.batch([each], return_exceptions=True)]

    def _write(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        passages = [_passage(row) for row in rows]
        ids = [str(passage.id) for passage in passages]
        self._store.add_documents(passages, ids=ids)
        return ids


def _passage(row: dict[str, Any]) -> Document:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequestError("The row has no text in its column `text`.")
    metadata = {name: value for name, value in row.items() if name != "text" and value is not None}
    return Document(text, id=passage_id(metadata, text), metadata=metadata)
