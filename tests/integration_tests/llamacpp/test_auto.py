"""`n_ctx="auto"` and `n_gpu_layers="auto"`."""

import pytest
from pydantic import ValidationError

from langchain_localllm import ChatLlamaCpp, LlamaCpp
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.memory import Settings, estimate
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp import sizing as memory


def test_n_ctx_auto_is_the_trained_context_where_it_fits() -> None:
    with LlamaCpp(
        model_path=tiny_chat_model(), n_ctx="auto", n_gpu_layers="auto", max_tokens=4
    ) as llm:
        assert llm.engine.n_ctx == llm.engine.model.trained_context
        assert llm.invoke("The lamp on the table is")


def test_n_ctx_auto_is_the_longest_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    info = check_gguf(tiny_chat_model())
    free = int(estimate(info, 1024, Settings(sequences=32, outputs=128)).total / 0.9) + 1
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    monkeypatch.setattr("langchain_localllm.runtimes.llamacpp.engine.free_memory", lambda: free)
    with LlamaCpp(model_path=tiny_chat_model(), n_ctx="auto") as llm:
        assert llm.engine.n_ctx == 1024


def test_n_ctx_auto_chat_model_reports_its_context() -> None:
    with ChatLlamaCpp(model_path=tiny_chat_model(), n_ctx="auto", max_tokens=8) as chat:
        assert chat.invoke("Hello!").text


@pytest.mark.parametrize(
    "arguments", [{"n_ctx": "most"}, {"n_gpu_layers": "most"}, {"n_ctx": -1}, {"n_gpu_layers": -2}]
)
def test_n_ctx_auto_other_words_are_refused(arguments: dict[str, str | int]) -> None:
    with pytest.raises((InvalidOptionError, ValidationError)):
        LlamaCpp(model_path=tiny_chat_model(), **arguments)  # type: ignore[arg-type]  # that is the point
