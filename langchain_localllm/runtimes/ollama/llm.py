"""The text LLM on Ollama."""

from typing_extensions import override

from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.base.token_stream import TokenStream
from langchain_localllm.runtimes.ollama.answer_decoder import GenerateDecoder
from langchain_localllm.runtimes.ollama.client import OllamaModels
from langchain_localllm.runtimes.ollama.options import NOT_IN_A_COUNT, OllamaOptions
from langchain_localllm.runtimes.ollama.request import open_stream
from langchain_localllm.runtimes.ollama.token_count import count_text


class Ollama(OllamaModels, OllamaOptions, LocalLLM):
    """A text LLM on Ollama.

    Ollama puts the prompt into the model's own template, unless `raw=True`.

    Example:
        >>> from langchain_localllm import Ollama
        >>> llm = Ollama(model="llama3.2", temperature=0, max_tokens=32)
        >>> llm.model
        'llama3.2'
    """

    system: str | None = None
    """Replaces the system message of the Modelfile."""
    template: str | None = None
    """Replaces the prompt template of the Modelfile, in Go's template language."""
    suffix: str | None = None
    """Text after the answer, for models that fill a gap in code."""
    images: list[str] | None = None
    """Images for vision models, each as base64."""
    raw: bool | None = None
    """Send the prompt as it is, without a template."""
    context: list[int] | None = None
    """Tokens of an earlier answer to continue from; `[]` begins a conversation. Results then hold
    the next `context`."""

    @property
    @override
    def _llm_type(self) -> str:
        return "ollama"

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        payload = self.payload()
        if stop:  # an empty list would replace those of the Modelfile
            payload["options"]["stop"] = stop
        opening = open_stream(self, "/api/generate", {**payload, "prompt": prompt})
        return HttpHandle(
            self.client, opening, GenerateDecoder(self, keeps_context=self.context is not None)
        )

    @override
    def token_count(self, text: str) -> int:
        return count_text(self, self.payload(NOT_IN_A_COUNT), text)


OllamaLLM = Ollama
"""The name that `langchain_ollama` gives it."""
