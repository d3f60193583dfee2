"""What the package logs, and what it never logs: prompts, answers and keys."""

import logging
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile, LlamaCpp, LlamaCppEmbeddings
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.rag import LocalRAG
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tests.integration_tests.scripted import ScriptedServer, as_json, in_turn

ROOT = "langchain_localllm"
KEY, PROMPT, REPLY = "sk-very-secret", "What did the doctor say?", "He said nothing."
DONE = as_json(
    {"choices": [{"message": {"role": "assistant", "content": REPLY}, "finish_reason": "stop"}]}
)


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, ROOT)


def own(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith(ROOT)]


async def test_logging_requests_are_logged_without_prompts_answers_and_keys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ScriptedServer(DONE) as server:
        url = server.base_url.replace("://", f"://user:{KEY}@")
        chat = ChatLlamafile(base_url=url, disable_streaming=True)
        assert chat.invoke(PROMPT).text == (await chat.ainvoke(PROMPT)).text == REPLY
        ChatLlamafile(
            base_url=server.base_url, api_key=SecretStr(KEY), disable_streaming=True
        ).invoke(PROMPT)
    text = caplog.text
    assert text.count(f"POST {server.base_url}/v1/chat/completions: HTTP 200") == 3
    for secret in (KEY, PROMPT, REPLY):
        assert secret not in text


def test_logging_retry_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    loading = as_json({"error": {"message": "Loading model", "code": 503}}, 503)
    with ScriptedServer(in_turn([loading, DONE])) as server:
        assert (
            ChatLlamafile(base_url=server.base_url, disable_streaming=True).invoke(PROMPT).text
            == REPLY
        )
    (retry,) = (record for record in own(caplog) if "retrying" in record.getMessage())
    assert retry.levelno == logging.INFO
    assert "still loading its model" in retry.getMessage()


@pytest.mark.parametrize("backend", get_args(Backend))
def test_logging_load_is_logged_and_nothing_of_the_call(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), n_ctx=321, backend=backend, max_tokens=4) as llm:
        answer = llm.invoke(PROMPT)
    (loaded,) = (
        record.getMessage()
        for record in own(caplog)
        if record.levelno == logging.INFO and "Loaded" in record.getMessage()
    )
    assert "tiny-chat.gguf" in loaded
    assert "321 tokens" in loaded
    assert PROMPT not in caplog.text
    assert f"{answer}\n" not in caplog.text


def test_logging_lines_of_llama_cpp_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), n_ctx=322, backend="llama-cpp-python"):
        pass
    lines = [record.getMessage() for record in own(caplog) if record.name.endswith("llamacpp.ffi")]
    assert any("n_ctx" in line for line in lines)


def test_logging_index_run_is_logged_and_no_passage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = tmp_path / "page.txt"
    page.write_text("The lighthouse keeper drinks tea at noon.")
    LocalRAG(None, LlamaCppEmbeddings(model_path=tiny_embedding_model()), tmp_path / "store").index(
        [page]
    )
    assert "1 files added" in caplog.text
    assert "lighthouse" not in caplog.text


def test_logging_nothing_is_printed_without_a_handler(capfd: pytest.CaptureFixture[str]) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), n_ctx=323, backend="llama-cpp-python"):
        pass
    assert capfd.readouterr() == ("", "")
