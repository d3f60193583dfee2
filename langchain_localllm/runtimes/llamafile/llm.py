"""The text LLM on llama.cpp's server."""

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from langchain_localllm.base.engine import Handle
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.runtimes.llamafile.api import CompletionDecoder, ErrorReader, open_stream, tokenize
from langchain_localllm.runtimes.llamafile.options import LlamafileOptions


class Llamafile(LlamafileOptions, LocalLLM):
    """A text LLM on a llamafile, or on any server that speaks llama.cpp's API.

    The prompt reaches the model as it is, without a chat template; `ChatLlamafile` applies the model's own.

    Example:
        >>> from langchain_localllm import Llamafile, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LocalServer(tiny_chat_model()) as server:
        ...     llm = Llamafile(base_url=server.base_url, temperature=0, max_tokens=16)
        ...     pieces = list(llm.stream("The first man on the moon was"))
        >>> "".join(pieces) != ""
        True
    """

    RETIRED: ClassVar[Mapping[str, str]] = {
        **LlamafileOptions.RETIRED,
        "streaming": "answers always come as a stream. Use `.stream()`, or a callback, to see tokens as they come.",
    }

    @property
    @override
    def _llm_type(self) -> str:
        return "llamafile"

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> Handle:
        payload = {**self.payload(), "prompt": prompt, "stop": stop}
        opening = open_stream(self, "/completion", payload)
        return HttpHandle(self.client, opening, CompletionDecoder(ErrorReader(self.client.address.url)))

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """The text's token ids, by the model's own tokenizer."""
        return self.client.run(tokenize(self, text))
