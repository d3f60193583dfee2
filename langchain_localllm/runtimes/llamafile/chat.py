"""The chat model on llama.cpp's server; the server applies the model's own chat template."""

from typing import Any

from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.engine import Handle
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.runtimes.llamafile.api import ChatDecoder, ErrorReader, open_stream, tokenize
from langchain_localllm.runtimes.llamafile.options import LlamafileOptions


class ChatLlamafile(LlamafileOptions, LocalChatModel):
    """A chat model on a llamafile, or on any server that speaks llama.cpp's API.

    Example:
        >>> from langchain_localllm import ChatLlamafile, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LocalServer(tiny_chat_model()) as server:
        ...     chat = ChatLlamafile(base_url=server.base_url, temperature=0)
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-llamafile"

    @override
    def open_answer(self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]) -> Handle:
        payload = {
            **self.payload(),
            **request,
            "messages": messages,
            "stop": stop,
            "stream_options": {"include_usage": True},
        }
        if "n_predict" in payload:  # old llamafiles and other servers know only OpenAI's name here
            payload["max_tokens"] = payload.pop("n_predict")
        if probs := payload.pop("n_probs", None):
            payload |= {"logprobs": True, "top_logprobs": probs}
        opening = open_stream(self, "/v1/chat/completions", payload)
        return HttpHandle(self.client, opening, ChatDecoder(ErrorReader(self.client.address.url)))

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """The text's token ids, by the model's own tokenizer."""
        return self.client.run(tokenize(self, text))
