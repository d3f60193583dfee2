"""LlamafileEmbeddings, what is particular about it."""

import pytest

from langchain_localllm import LlamafileEmbeddings, LocalServer
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.models import tiny_chat_model

from .conftest import Make
from .texts import cosine


@pytest.fixture
def runtime() -> str:
    return "llamafile"


def test_embeddings_server_without_embeddings_says_so(chat_server: LocalServer) -> None:
    with pytest.raises(InvalidRequestError, match="embeddings"):
        LlamafileEmbeddings(base_url=chat_server.base_url).embed_query("ferry")


def test_embeddings_question_is_near_the_passage_that_answers_it(make: Make) -> None:
    embeddings = make()
    passages = [
        "The ferry leaves at noon.",
        "Bread is baked on Mondays.",
        "The museum has two floors.",
    ]
    vectors = embeddings.embed_documents(passages)
    question = embeddings.embed_query("When does the ferry leave?")
    scores = [cosine(question, vector) for vector in vectors]
    assert scores.index(max(scores)) == 0


def test_embeddings_server_for_a_model_of_another_kind_warns() -> None:
    with pytest.warns(UserWarning, match=r"tiny-chat was not made for embeddings"):
        server = LocalServer(tiny_chat_model(), embedding=True)
    with server:
        assert len(LlamafileEmbeddings(base_url=server.base_url).embed_query("ferry")) == 192


def test_embeddings_model_is_known_by_the_name_that_the_server_reports(make: Make) -> None:
    assert make().cache_namespace().startswith("tiny-embed.gguf-")
