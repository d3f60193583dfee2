"""The passages that a model is given while its server is too busy to report its context or to count
tokens."""

import re
import warnings
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.prompts import PromptTemplate

from langchain_localllm import ChatLlamafile
from langchain_localllm.model_info import introspect as looking
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.answer.context_budget import count, fit_passages
from langchain_localllm.runtimes.llamafile import model_info as about
from tests.integration_tests.scripted import Answer, Request, Script, ScriptedServer, Wait, as_json

PROMPT = PromptTemplate.from_template("{passages} {question}")
PASSAGES = [
    Document(f"The boat number {number} is old. " * 20, metadata={"source": "a.txt"})
    for number in range(4)
]
PROPS = {
    "default_generation_settings": {"n_ctx": 700},
    "chat_template": "",
    "model_path": "tiny-chat.gguf",
}
SILENT = Answer([Wait(2.0)])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "_SECONDS", 0.2)
    monkeypatch.setattr(looking, "_LOOKS", 3)


def server_script(silent_looks: int) -> Script:
    """llama.cpp's server: silent to so many looks, and a token is a word."""
    looks = 0

    def script(request: Request) -> Answer:
        nonlocal looks
        if request.path.startswith("/props"):
            looks += 1
            return SILENT if looks <= silent_looks else as_json(PROPS)
        if request.path == "/tokenize":
            return as_json({"tokens": list(range(len(request.body["content"].split())))})
        return as_json({"error": {"message": "busy", "code": 500}}, 500)

    return script


def test_fit_server_that_is_late_with_its_context_gets_the_same_passages() -> None:
    kept = []
    for silent_looks in (0, 2):
        with ScriptedServer(server_script(silent_looks)) as server:
            llm = ChatLlamafile(base_url=server.base_url, max_tokens=300)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kept.append(len(fit_passages(PASSAGES, "Which boat?", llm, PROMPT)[0]))
    assert kept == [2, 2]


def test_fit_server_that_never_reports_its_context_gives_a_warning() -> None:
    with ScriptedServer(server_script(99)) as server:
        llm = ChatLlamafile(base_url=server.base_url)
        with pytest.warns(
            UserWarning, match="context is not known, so all passages are given to it"
        ):
            assert fit_passages(PASSAGES, "Which boat?", llm, PROMPT) == (PASSAGES, [])
        assert len(server.requests) == 3


def test_count_server_that_fails_gives_a_warning_and_an_estimate() -> None:
    with ScriptedServer(
        as_json({"error": {"message": "the queue is full", "code": 500}}, 500)
    ) as server:
        llm = ChatLlamafile(base_url=server.base_url, max_retries=0)
        with pytest.warns(UserWarning, match=re.escape("estimated. (") + ".*the queue is full"):
            assert count(llm, "boat " * 30) == 50


def test_count_server_without_a_tokenizer_gives_an_estimate_and_no_warning() -> None:
    with (
        ScriptedServer(as_json({"error": {"message": "Not Found"}}, 404)) as server,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        assert count(ChatLlamafile(base_url=server.base_url, max_retries=0), "boat " * 30) == 50


def test_chain_made_while_the_server_was_away_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "boats.txt").write_text("The boat is old.")
    with ScriptedServer(server_script(3)) as server:
        rag = LocalRAG(ChatLlamafile(base_url=server.base_url), DeterministicFakeEmbedding(size=8))
        away, known = rag.chain, rag.chain  # the first looks are not answered
        assert known is not away
        assert rag.chain is known
