"""Keep an index on Qdrant: a server shared by many machines, or its client's local mode.

The local mode is for trials.
"""

import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient, models
from typing_extensions import override

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.rag.vectorstores.filters import Filter

_COLLECTION: Final = "passages"
_KEY: Final = "QDRANT_API_KEY"


class QdrantVectors(QdrantVectorStore):
    """LangChain's vector store on Qdrant, whose Documents have ids and their own metadata only."""

    @classmethod
    @override
    def _document_from_point(
        cls,
        scored_point: Any,
        collection_name: str,
        content_payload_key: str,
        metadata_payload_key: str,
    ) -> Document:
        payload = scored_point.payload or {}
        return Document(
            payload.get(content_payload_key, ""),
            metadata=payload.get(metadata_payload_key) or {},
            id=str(scored_point.id),
        )

    def close(self) -> None:
        """Close the connection, or the files of local mode."""
        self.client.close()


def open_qdrant(folder: Path | None, address: str, embeddings: Embeddings) -> QdrantVectors:
    """Open a collection, or make it.

    Args:
        folder: The folder of the index, for local mode; `None` keeps that in memory.
        address: The server, with the name of the collection after it:
            `http://localhost:6333/notes`. An empty one is local mode. The key is read from
            QDRANT_API_KEY.
        embeddings: Makes the vectors.

    Raises:
        InvalidOptionError: The address is not valid.
    """
    client, collection = _connected(folder, address)
    if not client.collection_exists(collection):
        size = len(embeddings.embed_documents(["size"])[0])
        try:
            client.create_collection(
                collection,
                vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE),
            )
        except Exception:
            # another writer may have made it meanwhile
            if not client.collection_exists(collection):
                raise
    return QdrantVectors(
        client, collection, embeddings, validate_embeddings=False, validate_collection_config=False
    )


def _connected(folder: Path | None, address: str) -> tuple[QdrantClient, str]:
    if not address:
        return (
            QdrantClient(":memory:")
            if folder is None
            else QdrantClient(path=str(folder / "qdrant"))
        ), _COLLECTION
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidOptionError(
            f"{address!r} is not an address of a Qdrant server. Give one such as "
            "'qdrant:http://localhost:6333'."
        )
    port = parts.port or (443 if parts.scheme == "https" else 6333)
    server = f"{parts.scheme}://{parts.hostname}:{port}"
    return QdrantClient(url=server, api_key=os.environ.get(_KEY)), parts.path.strip(
        "/"
    ) or _COLLECTION


def qdrant_filter(wanted: Filter) -> models.Filter:
    """Return a filter as Qdrant wants it."""
    return models.Filter(
        must=[
            models.FieldCondition(
                key=f"metadata.{name}",
                match=models.MatchAny(any=value)
                if isinstance(value, list)
                else models.MatchValue(value=value),
            )
            for name, value in wanted.items()
        ]
    )
