"""The text LLM on GPT4All."""

from functools import partial

from typing_extensions import override

from langchain_localllm.base.engine import Handle
from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.base.worker import WorkerHandle
from langchain_localllm.runtimes.gpt4all.answers import answer
from langchain_localllm.runtimes.gpt4all.options import GPT4AllOptions


class GPT4All(GPT4AllOptions, LocalLLM):
    """A text LLM on GPT4All, in this process.

    The prompt reaches the model as it is, without a chat template. One answer is made at a time; others wait for their turn.

    Example:
        >>> from langchain_localllm import GPT4All
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with GPT4All(model=tiny_chat_model(), temperature=0, max_tokens=16) as llm:
        ...     pieces = list(llm.stream("The first man on the moon was"))
        >>> "".join(pieces) != ""
        True
    """

    @property
    @override
    def _llm_type(self) -> str:
        return "gpt4all"

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> Handle:
        engine, request = self.engine, self.request(prompt, stop)
        return WorkerHandle(lambda box: engine.submit(partial(answer, request, box)), self.timeout)
