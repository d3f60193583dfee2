"""The text LLM on GPT4All."""

from functools import partial
from typing import ClassVar

from typing_extensions import override

from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.base.local_engine.stream import WorkerHandle
from langchain_localllm.base.token_stream import TokenStream
from langchain_localllm.runtimes.gpt4all.generation import answer
from langchain_localllm.runtimes.gpt4all.options import GPT4AllOptions


class GPT4All(GPT4AllOptions, LocalLLM):
    """A text LLM in this process, by the gpt4all package or llama.cpp (see `backend`).

    llama.cpp is used where the package cannot load the file. The prompt reaches the model as it is,
    without a chat template. The package makes one answer at a time; others wait for their turn.

    Example:
        >>> from langchain_localllm import GPT4All
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with GPT4All(model=tiny_chat_model(), temperature=0, max_tokens=16) as llm:
        ...     pieces = list(llm.stream("The first man on the moon was"))
        >>> "".join(pieces) != ""
        True
    """

    LLAMACPP: ClassVar[str] = "LlamaCpp"

    @property
    @override
    def _llm_type(self) -> str:
        return "gpt4all"

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        if (model := self.on_llamacpp()) is not None:
            handle: TokenStream = model.open_answer(prompt, stop)
            return handle
        engine, request = self.engine, self.request(prompt, stop)
        return WorkerHandle(lambda box: engine.submit(partial(answer, request, box)), self.timeout)
