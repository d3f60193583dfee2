"""A chat model in one line."""

import pytest

from langchain_localllm import ChatLlamafile, ChatOllama, init_chat_model
from langchain_localllm.errors import InvalidOptionError


def test_the_runtime_stands_before_the_model() -> None:
    chat = init_chat_model("ollama:qwen3:8b", temperature=0.5)
    assert isinstance(chat, ChatOllama)
    assert (chat.model, chat.temperature) == ("qwen3:8b", 0.5)
    server = init_chat_model("llamafile", base_url="http://localhost:9")
    assert isinstance(server, ChatLlamafile)
    assert server.model is None


@pytest.mark.parametrize("name", ["qwen3", "openai:gpt-5", "", ":x"])
def test_an_unknown_runtime_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="llamafile:, ollama:"):
        init_chat_model(name)
