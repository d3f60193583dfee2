"""LangChain's standard tests on the small vector store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from langchain_localllm.rag import SQLiteVectors


class TestSQLiteVectors(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = SQLiteVectors(self.get_embeddings(), tmp_path / "vectors.sqlite")
        yield store
        store.close()
