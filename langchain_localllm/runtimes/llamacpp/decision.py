"""Decisions by llama.cpp in this process."""

from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.decision import LocalDecisionModel
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.runtimes.llamacpp.chat import ChatLlamaCpp


class LlamaCppDecisionModel(LocalDecisionModel):
    """Answer typed questions with probabilities, by a GGUF file with llama.cpp in this process.

    A decision model answers by itself on the backend `xllamacpp`. For any other chat model, and on
    the backend `llama-cpp-python`, the answers are made from the log probabilities of the options.
    Needs langchain-core 1.8 or later.

    Args:
        method: `"systemone"`, `"logprobs"`, or `"auto"` for what the model can do.
        top_logprobs: Tokens whose log probabilities are used.
        **options: Those of `ChatLlamaCpp`, such as `model_path`.

    Example:
        >>> from langchain_localllm import LlamaCppDecisionModel
        >>> from langchain_core.decisions import Choice
        >>> teams = {"billing": "Invoices.", "technical": "Failures."}
        >>> team = Choice(instructions="Which team handles this?", criteria=teams)
        >>> question = {"state": "My invoice is wrong.", "questions": {"team": team}}
        >>> with LlamaCppDecisionModel(model_path="model.gguf") as model:  # doctest: +SKIP
        ...     response = model.invoke(question)
        >>> response.choices["team"].choice  # doctest: +SKIP
        'billing'
    """

    CHAT: ClassVar[type[LocalChatModel]] = ChatLlamaCpp

    @property
    @override
    def _provider(self) -> str:
        return "llamacpp"

    @classmethod
    @override
    def _name_of(cls, chat: Any) -> str:
        return Path(chat.model_path).name

    @override
    def _ask_systemone(self, body: dict[str, Any]) -> Any:
        engine = self.chat.engine
        if not hasattr(engine, "systemone"):
            raise InvalidRequestError(
                '`systemone` is not supported by the backend "llama-cpp-python". Use '
                '`backend="xllamacpp"`.'
            )
        return engine.systemone(body)
