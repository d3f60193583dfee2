"""What works on another machine is refused."""

from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.callbacks import CallbackManager
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel
from langchain_core.stores import InMemoryByteStore
from langchain_core.tracers import ConsoleCallbackHandler, LangChainTracer

from langchain_localllm import (
    ChatLlamafile,
    ChatOllama,
    LlamafileEmbeddings,
    LlamafileReranker,
    Ollama,
)
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.answer.privacy import untraced

HERE = DeterministicFakeEmbedding(size=8)
ELSEWHERE = "http://192.0.2.1:8080"


class Hosted(FakeListChatModel):
    """A model of a company: it wants a key, and has no address of its own."""

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"api_key": "HOSTED_API_KEY"}


def cached(embeddings: LlamafileEmbeddings) -> CacheBackedEmbeddings:
    return CacheBackedEmbeddings.from_bytes_store(
        embeddings, InMemoryByteStore(), key_encoder="sha256"
    )


REMOTE: dict[str, tuple[Any, Any]] = {
    "chat": (ChatLlamafile(base_url=ELSEWHERE), HERE),
    "bound": (ChatLlamafile().bind(base_url=ELSEWHERE), HERE),
    "retrying": (ChatLlamafile(base_url=ELSEWHERE).with_retry(), HERE),
    "fallback": (ChatLlamafile().with_fallbacks([ChatLlamafile(base_url=ELSEWHERE)]), HERE),
    "in a sequence": (ChatLlamafile(base_url=ELSEWHERE) | str, HERE),
    "cloud": (ChatOllama(model="gpt-oss:120b-cloud", allow_remote=True), HERE),
    "hosted": (Hosted(responses=["ok"]), HERE),
    "embeddings": (None, LlamafileEmbeddings(base_url=ELSEWHERE)),
    "cached embeddings": (None, cached(LlamafileEmbeddings(base_url=ELSEWHERE))),
}


@pytest.mark.parametrize("name", REMOTE)
def test_privacy_remote_object_is_refused_unless_allowed(name: str) -> None:
    llm, embeddings = REMOTE[name]
    with pytest.raises(
        InvalidOptionError, match=r"your documents would be sent there\..*allow_remote=True"
    ):
        LocalRAG(llm, embeddings)
    LocalRAG(llm, embeddings, allow_remote=True)


def test_privacy_remote_reranker_is_refused_unless_allowed() -> None:
    reranker = LlamafileReranker(base_url=ELSEWHERE)
    with pytest.raises(InvalidOptionError, match="reranker: LlamafileReranker is at"):
        LocalRAG(None, HERE, reranker=reranker)
    LocalRAG(None, HERE, reranker=reranker, allow_remote=True)


def test_privacy_remote_ollama_model_is_refused_by_its_class() -> None:
    with pytest.raises(InvalidOptionError, match="not on your machine"):
        Ollama(model="gpt-oss:120b-cloud")


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:9", "http://127.8.9.1/v1"],
)
def test_this_machine_is_allowed_under_all_its_names(address: str) -> None:
    LocalRAG(ChatLlamafile(base_url=address), LlamafileEmbeddings(base_url=address))


def test_privacy_tracers_that_a_caller_had_are_omitted_and_other_handlers_stay() -> None:
    tracer, console = LangChainTracer(client=object()), ConsoleCallbackHandler()  # type: ignore[arg-type]  # it is never used
    assert untraced({"callbacks": [tracer, console]})["callbacks"] == [console]
    manager = CallbackManager([tracer, console], inheritable_handlers=[tracer, console])
    kept = untraced({"callbacks": manager})["callbacks"]
    assert isinstance(kept, CallbackManager)
    assert (kept.handlers, kept.inheritable_handlers) == ([console], [console])
    assert len(manager.handlers) == 2
